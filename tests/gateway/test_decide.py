"""Each rule of the order, once, by name."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.gateway import cast

from guantong.gateway.call import Consumer
from guantong.gateway.decide import Allow, Refuse, decide

KEYS = cast.Keys()
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def judged(*, grant: Any = None, call: Any = None) -> Allow | Refuse:
    given = cast.grant(**(grant or {}))
    return decide(cast.bundle(KEYS, grants={given.id: given}), cast.call(**(call or {})), at=AT)


def by(*consumer: str) -> dict[str, Any]:
    return {"call": {"consumer": Consumer(*consumer)}}


def test_the_plain_case_is_allowed() -> None:
    verdict = judged(
        call={"fields": ["name", "phone", "birthplace"]}, grant={"masks": {"name": "keep_head:1"}}
    )
    assert isinstance(verdict, Allow)
    assert verdict.rule == "grant:GA-2026-1"
    assert verdict.masks == {"name": "keep_head:1", "phone": "keep_tail:4", "birthplace": "division"}


@pytest.mark.parametrize(
    ("changes", "code", "rule"),
    [
        (
            {"call": {"consumer": Consumer("110000", cast.EDUCATION, cast.ENROLMENT)}},
            "caller_node_unknown",
            "identity",
        ),
        (
            {"call": {"consumer": Consumer(cast.CITY, cast.EDUCATION, "x")}},
            "application_unknown",
            "application",
        ),
        (
            {"call": {"consumer": Consumer(cast.CITY, cast.HOUSING, cast.ENROLMENT)}},
            "application_not_of_caller",
            "identity",
        ),
        ({"call": {"resource": "x"}}, "resource_unknown", "resource"),
        ({"call": {"grant": "x"}}, "grant_unknown", "grant"),
        ({"grant": {"applications": []}}, "grant_not_for_call", "grant"),
        ({"call": {"resource": cast.RESIDENCE}}, "grant_not_for_call", "grant"),
        ({"grant": {"state": "revoked"}}, "grant_revoked", "grant.state"),
        ({"grant": {"state": "suspended"}}, "grant_suspended", "grant.state"),
        ({"grant": {"not_before": "2026-11-22T16:00:01+08:00"}}, "grant_not_started", "grant.validity"),
        ({"grant": {"not_after": "2026-11-22T16:00:00+08:00"}}, "grant_expired", "grant.validity"),
        ({"call": {"purpose": "curiosity"}}, "purpose_not_granted", "purpose"),
        ({"grant": {"modes": ["verify"]}}, "mode_not_granted", "mode"),
        ({"call": {"fields": ["name", "secret"]}}, "fields_not_granted", "fields"),
        ({"call": {"fields": ["secret"]}, "grant": {"fields": ["secret"]}}, "level_above_clearance", "label"),
        ({"call": {"keys": {"phone": "1"}}}, "keys_not_declared", "keys"),
    ],
)
def test_each_rule_refuses_with_its_code(changes: dict[str, Any], code: str, rule: str) -> None:
    verdict = judged(**changes)
    assert isinstance(verdict, Refuse)
    assert (verdict.reason.code, verdict.rule) == (code, rule)


def test_an_application_that_is_switched_off_is_refused() -> None:
    bundle = cast.bundle(KEYS)
    off = msgspec.structs.replace(bundle.applications[cast.ENROLMENT], active=False)
    bundle = msgspec.structs.replace(bundle, applications={off.id: off})
    verdict = decide(bundle, cast.call(), at=AT)
    assert isinstance(verdict, Refuse)
    assert verdict.reason.code == "application_inactive"
