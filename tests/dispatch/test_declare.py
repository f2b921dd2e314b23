"""What may be declared, and what the data plane is told of it."""

from datetime import timedelta
from typing import Any

import pytest

from guantong.bundle.refusals import FieldsNotGranted, GrantUnknown, LevelAboveClearance, ModeNotGranted
from guantong.dispatch import actions, queries
from guantong.dispatch.errors import (
    ApplicationNotGranted,
    CheckWrong,
    JobIncomplete,
    JobItemsUnknown,
    NotYourJob,
    ScheduleWrong,
    TargetNotYours,
    TargetWrong,
    WritingWrong,
)
from guantong.dispatch.models import Job, Target
from guantong.exchange.decide import permit
from guantong.federation.actions.publishing import compile_bundle
from guantong.identity.models import Application
from guantong.journal.models import Entry, OutboxMessage
from guantong.journal.types import SYSTEM
from guantong.kit.errors import GuantongError
from guantong.sharing import actions as sharing
from guantong.sharing.errors import GrantNotInForce
from guantong.site.node import node_settings
from tests.cast import NOON
from tests.dispatch.cast import COLUMNS, Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return Desk(NOON)


def test_a_declared_job_is_in_the_bundle_and_the_data_plane_permits_it(desk: Desk) -> None:
    job = desk.declare(
        writing="upsert",
        fields=["residence_division", "valid_to"],
        key=["residence_division"],
        checks=[{"rule": "not_null", "items": ["residence_division"]}],
        schedule={"kind": "interval", "every_s": 600},
    )
    bundle = compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=NOON)
    allowed = permit(bundle, job.code, at=NOON)
    assert allowed.job.every_s == 600
    assert allowed.target.columns == COLUMNS
    assert allowed.grant.id == desk.grant.code
    assert [check.rule for check in allowed.job.checks] == ["not_null"]
    assert bundle.bindings[allowed.resource.code].source == "police"


def test_declaring_leaves_a_trace_and_a_wish_for_a_new_bundle(desk: Desk) -> None:
    job = desk.declare()
    assert Entry.objects.filter(act="job.declared", subject_id=job.code, actor_name="许数").exists()
    assert Entry.objects.filter(act="target.declared", subject_id=desk.target.code).exists()
    stale = OutboxMessage.objects.filter(topic="bundle.stale", payload__because="job.declared")
    assert stale.exists()


def test_a_job_that_waits_for_another_is_timed_by_the_control_plane(desk: Desk) -> None:
    first = desk.declare()
    second = desk.declare(schedule={"kind": "interval", "every_s": 60}, depends_on=[first.code])
    assert queries.compiled_jobs(at=NOON)[second.code].every_s == 0
    assert list(second.depends_on.all()) == [first]


def test_jobs_of_ended_grants_leave_the_bundle(desk: Desk) -> None:
    desk.declare()
    assert len(queries.compiled_jobs(at=NOON)) == 1
    assert queries.compiled_jobs(at=NOON + timedelta(days=366)) == {}


def test_a_paused_job_is_in_the_bundle_and_not_active(desk: Desk) -> None:
    job = actions.pause(desk.declare(), by=desk.xu, at=NOON)
    assert queries.compiled_jobs(at=NOON)[job.code].active is False


WRONG: list[tuple[type[GuantongError], dict[str, Any]]] = [
    (GrantUnknown, {"grant": "GX-none"}),
    (ApplicationNotGranted, {"application": "stranger"}),
    (FieldsNotGranted, {"fields": ["residence_division", "phone"]}),
    (WritingWrong, {"fields": ["valid_to", "valid_to"]}),
    (JobItemsUnknown, {"writing": "upsert", "key": ["phone"]}),
    (JobItemsUnknown, {"checks": [{"rule": "not_null", "items": ["phone"]}]}),
    (JobItemsUnknown, {"conversions": {"phone": {"1": "2"}}}),
    (JobItemsUnknown, {"watermark": "phone"}),
    (WritingWrong, {"writing": "upsert"}),
    (WritingWrong, {"writing": "upsert", "key": ["id_number"]}),
    (WritingWrong, {"writing": "upsert", "fields": list(COLUMNS), "key": ["id_number"]}),
    (WritingWrong, {"reading": "watermark", "writing": "append"}),
    (WritingWrong, {"reading": "watermark", "watermark": "valid_to"}),
    (WritingWrong, {"reading": "watermark", "watermark": "valid_to", "writing": "append", "overlap_s": 60}),
    (WritingWrong, {"reading": "compare", "writing": "append"}),
    (CheckWrong, {"checks": [{"rule": "pattern", "items": ["valid_to"]}]}),
    (CheckWrong, {"checks": [{"rule": "pattern", "items": ["valid_to"], "pattern": "(?=a)"}]}),
    (CheckWrong, {"checks": [{"rule": "codes", "items": ["valid_to"]}]}),
    (CheckWrong, {"checks": [{"rule": "range", "items": ["valid_to"]}]}),
    (CheckWrong, {"checks": [{"rule": "order", "items": ["valid_to"]}]}),
    (CheckWrong, {"checks": [{"rule": "unique", "items": []}]}),
    (ScheduleWrong, {"schedule": {"kind": "interval", "every_s": 5}}),
    (ScheduleWrong, {"depends_on": ["ZY-none"]}),
    (JobIncomplete, {"target": "LD-none"}),
]


@pytest.mark.parametrize(("refusal", "changes"), WRONG)
def test_what_does_not_hold_together_is_refused(
    desk: Desk, refusal: type[GuantongError], changes: dict[str, Any]
) -> None:
    with pytest.raises(refusal) as told:
        desk.declare(**changes)
    assert told.value.sentence("zh")
    assert told.value.sentence("en")
    assert not Job.objects.exists()


def test_a_grant_for_queries_is_none_for_batches() -> None:
    desk = Desk(NOON, modes=["query", "verify"])
    with pytest.raises(ModeNotGranted):
        desk.declare()


def test_neither_a_revoked_nor_an_ended_grant_carries_a_job(desk: Desk) -> None:
    with pytest.raises(GrantNotInForce):
        actions.declare_job(desk.declaration(), by=desk.xu, at=NOON + timedelta(days=366))
    sharing.revoke(desk.grant, reason="x", by=SYSTEM, at=NOON)
    with pytest.raises(GrantNotInForce):
        desk.declare()


def test_no_grant_lifts_an_application_above_its_clearance(desk: Desk) -> None:
    Application.objects.update(clearance=2)
    with pytest.raises(LevelAboveClearance):
        desk.declare(fields=["id_number"])


def test_others_declare_nothing_under_our_grant(desk: Desk) -> None:
    with pytest.raises(NotYourJob):
        actions.declare_job(desk.declaration(), by=desk.cast.as_actor(desk.cast.luo), at=NOON)


def test_data_lands_with_the_grantee_alone(desk: Desk) -> None:
    Target.objects.update(organisation=desk.cast.police.code)
    with pytest.raises(TargetNotYours):
        desk.declare()


def test_a_target_needs_a_column_for_each_field(desk: Desk) -> None:
    narrow = desk.declare_target(columns={"valid_to": "valid_to"})
    with pytest.raises(TargetWrong):
        desk.declare(target=narrow.code)
    for columns in ({}, {"valid_to": " "}, {"valid_to": "a", "id_number": "a"}):
        with pytest.raises(TargetWrong):
            desk.declare_target(columns=columns)
