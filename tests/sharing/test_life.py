"""A grant after it was issued: less of it, suspended, resumed, given back, renewed; here and at the other nodes."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.conf import settings as django_settings
from tests.cast import EDUCATION, NOON, POLICE, Cast, assemble, need, publish_permits

from guantong.bundle.types import Condition
from guantong.federation.actions import publishing
from guantong.identity.actions import add_key, drop_key
from guantong.identity.models import Organisation
from guantong.journal.models import Entry, OutboxMessage, Receipt
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.suites import INTERNATIONAL, VerifyKey
from guantong.notices.models import Notice
from guantong.sharing import actions, queries
from guantong.sharing.errors import (
    GrantNotInForce,
    GrantStateWrong,
    NarrowingWidens,
    NotYourGrant,
    ReasonMissing,
    RenewalWaits,
    RenewalWrong,
    TermsWrong,
)
from guantong.sharing.models import Grant, Request
from guantong.sharing.types import Narrowing, Standing, Wish
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)
ABOVE = Actor("node", "510000", "四川省节点", "510000")


def granted(cast: Cast, **changes: Any) -> Grant:
    publish_permits(cast)
    wanted = need(**{"fields": ["id_number", "residence_division", "valid_to"], **changes})
    decided(cast, actions.file_request(wanted, consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON))
    return Grant.objects.get()


def decided(cast: Cast, asked: Request, *, at: datetime = NOON) -> None:
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=at)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=at)


def compiled(grant: Grant, at: datetime = LATER) -> Any:
    return publishing.compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=at).grants[grant.code]


def moved(grant: Grant, *, provider_node: str = "511600", consumer_node: str = "511600") -> Grant:
    """The same grant as another node's: its other party lives there."""
    other = POLICE if provider_node != "511600" else EDUCATION
    Organisation.objects.filter(code=other).update(
        node=max(provider_node, consumer_node, key="511600".__ne__)
    )
    nodes = {"provider_node": provider_node, "consumer_node": consumer_node}
    code = f"GX{provider_node}{grant.code[8:]}"
    terms = {**grant.terms, **nodes, "code": code}
    Grant.objects.filter(pk=grant.pk).update(terms=terms, code=code, **nodes)
    if provider_node != "511600":
        from guantong.catalog.models import Resource

        Resource.objects.update(node=provider_node)
    grant.refresh_from_db()
    return grant


def standing(grant: Grant, revision: int, **changes: Any) -> Standing:
    names = (
        "fields",
        "modes",
        "masks",
        "per_second",
        "per_day",
        "max_rows",
        "condition",
        "not_after",
        "agreement",
    )
    values = {
        **{name: grant.terms[name] for name in names},
        "code": grant.code,
        "revision": revision,
        "act": "narrowed",
        "state": "active",
        "reason": "",
        "said_by": "蒋批",
        "said_at": clock.rfc3339(LATER),
    }
    return msgspec.convert({**values, **changes}, Standing)


def test_the_provider_leaves_less_with_a_reason_and_the_bundle_says_so() -> None:
    cast = assemble()
    grant, jiang = granted(cast), cast.as_actor(cast.jiang)
    left = Narrowing(
        fields=["id_number", "valid_to"],
        masks={"id_number": "keep_tail:2"},
        per_day=10,
        max_rows=3,
        condition=[Condition(item="residence_division", op="eq", value="511602")],
        days=30,
    )
    with pytest.raises(ReasonMissing):
        actions.narrow(grant, left, reason=" ", by=jiang, at=LATER)
    grant = actions.narrow(grant, left, reason="按最小必要原则", by=jiang, at=LATER)
    told = compiled(grant)
    assert (told.fields, told.masks) == (["id_number", "valid_to"], {"id_number": "keep_tail:2"})
    assert (told.per_day, told.max_rows, told.state) == (10, 3, "active")
    assert told.condition == left.condition
    assert told.not_after == clock.rfc3339(LATER + timedelta(days=30))
    change = grant.changes.get()
    assert (change.revision, change.act, change.reason) == (1, "narrowed", "按最小必要原则")
    assert change.before["per_day"] == 10_000
    assert change.after["per_day"] == 10
    assert Entry.objects.filter(act="grant.narrowed").count() == 1
    assert Notice.objects.get(code="grant_narrowed").organisation == EDUCATION


@pytest.mark.parametrize(
    "more",
    [
        Narrowing(fields=["blood_type"]),
        Narrowing(fields=[]),
        Narrowing(modes=["verify"]),
        Narrowing(per_day=20_000),
        Narrowing(max_rows=21),
        Narrowing(masks={"id_number": "keep_tail:6"}),
        Narrowing(masks={"id_number": "none"}),
        Narrowing(masks={"blood_type": "null"}),
        Narrowing(days=366),
        Narrowing(condition=[Condition(item="blood_type", op="eq", value="A")]),
    ],
)
def test_nothing_that_is_called_less_gives_more(more: Narrowing) -> None:
    cast = assemble()
    grant = granted(cast)
    with pytest.raises(NarrowingWidens):
        actions.narrow(grant, more, reason="放宽", by=cast.as_actor(cast.jiang), at=LATER)
    grant.refresh_from_db()
    assert grant.revision == 0


def test_who_may_do_what_with_a_grant() -> None:
    cast = assemble()
    grant = granted(cast)
    less = Narrowing(per_day=10)
    for person in (cast.luo, cast.gao):
        with pytest.raises(NotYourGrant):
            actions.narrow(grant, less, reason="因为", by=cast.as_actor(person), at=LATER)
    for person in (cast.xu, cast.luo, cast.gao):
        with pytest.raises(NotYourGrant):
            actions.suspend(grant, reason="因为", by=cast.as_actor(person), at=LATER)
    for person in (cast.jiang, cast.tian, cast.luo):
        with pytest.raises(NotYourGrant):
            actions.give_back(grant, by=cast.as_actor(person), at=LATER)
    with pytest.raises(NotYourGrant):
        actions.suspend(grant, reason="因为", by=Actor("person", "stranger", "路人", POLICE), at=LATER)
    assert actions.narrow(grant, less, reason="", by=cast.as_actor(cast.xu), at=LATER).terms["per_day"] == 10


def test_suspended_and_in_force_again() -> None:
    cast = assemble()
    grant, jiang, tian = granted(cast), cast.as_actor(cast.jiang), cast.as_actor(cast.tian)
    with pytest.raises(GrantStateWrong):
        actions.resume(grant, reason="恢复", by=jiang, at=LATER)
    grant = actions.suspend(grant, reason="疑似超范围使用", by=tian, at=LATER)
    assert compiled(grant).state == "suspended"
    with clock.frozen(LATER):
        assert queries.grant_for(
            consumer=cast.education, resource=grant.resource, purpose=grant.purpose, mode="query"
        ) is None  # fmt: skip
    with pytest.raises(GrantStateWrong):
        actions.suspend(grant, reason="再次", by=tian, at=LATER)
    grant = actions.resume(grant, reason="已核实", by=jiang, at=LATER)
    assert compiled(grant).state == "active"
    assert [each.act for each in grant.changes.all()] == ["suspended", "resumed"]


@pytest.mark.parametrize("fulfilled", [True, False])
def test_what_was_given_back_never_comes_back(fulfilled: bool) -> None:
    cast = assemble()
    grant, jiang = granted(cast), cast.as_actor(cast.jiang)
    grant = actions.give_back(
        grant, fulfilled=fulfilled, reason="秋季入学已办结", by=cast.as_actor(cast.xu), at=LATER
    )
    assert (grant.state, compiled(grant).state) == ("ended", "revoked")
    for act in (actions.suspend, actions.resume, actions.revoke):
        with pytest.raises(GrantNotInForce):
            act(grant, reason="因为", by=jiang, at=LATER)
    with pytest.raises(GrantNotInForce):
        actions.renew(grant, days=30, consumer=cast.education, by=cast.as_actor(cast.xu), at=LATER)
    assert Notice.objects.get(code="grant_ended").organisation == POLICE


def test_a_suspended_grant_can_be_revoked_and_history_says_both() -> None:
    cast = assemble()
    grant, jiang = granted(cast), cast.as_actor(cast.jiang)
    actions.suspend(grant, reason="核查", by=jiang, at=LATER)
    grant = actions.revoke(grant, reason="查实违规", by=jiang, at=LATER)
    assert [each.state for each in grant.changes.all()] == ["suspended", "revoked"]


def test_a_change_is_told_to_every_node_of_the_route() -> None:
    cast = assemble()
    grant = moved(granted(cast), consumer_node="510000")
    actions.suspend(grant, reason="核查", by=cast.as_actor(cast.jiang), at=LATER)
    message = OutboxMessage.objects.get(topic="route.message")
    assert (message.payload["to"], message.payload["topic"]) == ("510000", "grant.changed")
    told = msgspec.convert(message.payload["payload"], Standing)
    assert (told.revision, told.state, told.said_by) == (1, "suspended", "蒋批")


def test_older_revisions_and_repeats_change_nothing() -> None:
    cast = assemble()
    grant = moved(granted(cast), provider_node="510000")
    for told in (
        standing(grant, 3, state="suspended", act="suspended"),
        standing(grant, 3, state="suspended", act="suspended"),
        standing(grant, 2, state="active", act="resumed"),
    ):
        actions.receive_standing(told, by=ABOVE, at=LATER)
    grant.refresh_from_db()
    assert (grant.state, grant.revision, grant.changes.count()) == ("suspended", 3, 1)
    actions.receive_grant(grant.terms, by=ABOVE, at=LATER)
    actions.receive_standing(standing(grant, 4, state="revoked", act="revoked"), by=ABOVE, at=LATER)
    actions.receive_standing(standing(grant, 5), by=ABOVE, at=LATER)
    grant.refresh_from_db()
    assert (grant.state, grant.revision) == ("revoked", 4)


def test_the_first_message_is_known_again_after_changes() -> None:
    cast = assemble()
    grant = granted(cast)
    first = dict(grant.terms)
    actions.narrow(grant, Narrowing(per_day=5), reason="少", by=cast.as_actor(cast.jiang), at=LATER)
    assert actions.receive_grant(first, by=ABOVE, at=LATER).terms["per_day"] == 5


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"fields": ["id_number", "residence_division", "valid_to", "blood_type"]}, NarrowingWidens),
        ({"masks": {}}, None),
        ({"masks": {"id_number": "none"}}, NarrowingWidens),
        ({"per_day": 10_001}, NarrowingWidens),
        ({"not_after": "2099-01-01T00:00:00.000Z"}, TermsWrong),
        ({"not_after": "soon"}, TermsWrong),
    ],
)
def test_another_node_cannot_widen_what_it_gave(
    changes: dict[str, Any], error: type[GuantongError] | None
) -> None:
    cast = assemble()
    grant = moved(granted(cast), provider_node="510000")
    told = standing(grant, 1, **changes)
    if error is None:
        actions.receive_standing(told, by=ABOVE, at=LATER)
        return
    with pytest.raises(error):
        actions.receive_standing(told, by=ABOVE, at=LATER)
    grant.refresh_from_db()
    assert grant.revision == 0


def test_what_the_consumer_gives_back_is_refused_here_before_the_provider_has_heard() -> None:
    cast = assemble()
    grant = moved(granted(cast), provider_node="510000")
    with pytest.raises(NotYourGrant):
        actions.suspend(grant, reason="核查", by=cast.as_actor(cast.jiang), at=LATER)
    grant = actions.give_back(grant, reason="不再需要", by=cast.as_actor(cast.xu), at=LATER)
    assert (grant.state, grant.revision, compiled(grant).state) == ("ended", 0, "revoked")
    message = OutboxMessage.objects.filter(topic="node.message").latest("pk")
    assert (message.payload["to"], message.payload["topic"]) == ("510000", "grant.wished")
    actions.receive_standing(standing(grant, 1, act="suspended", state="suspended"), by=ABOVE, at=LATER)
    actions.receive_standing(standing(grant, 2, act="ended", state="ended"), by=ABOVE, at=LATER)
    grant.refresh_from_db()
    assert (grant.state, grant.revision) == ("ended", 2)


def test_what_the_consumers_node_wishes_is_done_once() -> None:
    cast = assemble()
    grant = moved(granted(cast), consumer_node="510000")
    for _ in range(2):
        wish = Wish(grant.code, "narrow", Narrowing(per_day=9), "够了", "许数")
        actions.receive_wish(wish, by=ABOVE, at=LATER)
    wish = Wish(grant.code, "narrow", Narrowing(per_day=10), "", "许数")
    with pytest.raises(NarrowingWidens):
        actions.receive_wish(wish, by=ABOVE, at=LATER)
    for _ in range(2):
        actions.receive_wish(Wish(grant.code, "return", Narrowing(), "", "许数"), by=ABOVE, at=LATER)
    grant.refresh_from_db()
    assert (grant.state, grant.terms["per_day"], grant.revision) == ("ended", 9, 2)
    assert grant.changes.first().said_by == "许数"


def test_a_renewal_goes_by_the_same_flow_and_the_same_grant_goes_on() -> None:
    cast = assemble()
    grant = granted(cast, days=30)
    actions.narrow(grant, Narrowing(per_day=100), reason="少", by=cast.as_actor(cast.jiang), at=LATER)
    before = grant.not_after
    asked = actions.renew(grant, days=60, consumer=cast.education, by=cast.as_actor(cast.xu), at=LATER)
    assert (asked.renews, asked.per_day, asked.fields) == (grant.code, 100, grant.terms["fields"])
    with pytest.raises(RenewalWaits):
        actions.renew(grant, days=60, consumer=cast.education, by=cast.as_actor(cast.xu), at=LATER)
    decided(cast, asked, at=LATER)
    grant = Grant.objects.get()
    assert grant.not_after == before + timedelta(days=60)
    assert grant.changes.last().act == "prolonged"
    assert compiled(grant).not_after == clock.rfc3339(grant.not_after)
    asked.refresh_from_db()
    assert asked.state == "granted"


def test_an_application_with_another_key_is_the_same_application() -> None:
    cast = assemble()
    grant = granted(cast, days=30)
    by, key = cast.as_actor(cast.xu), INTERNATIONAL.generate("one-window").public.to_text()
    former = VerifyKey.from_text(cast.counter.public_key)
    add_key(cast.counter, key, by=by, at=LATER)
    drop_key(cast.counter, former.key_id, by=by, at=LATER)
    asked = actions.renew(grant, days=60, consumer=cast.education, by=by, at=LATER)
    assert [each["public_key"] for each in asked.applications] == [key]
    decided(cast, asked, at=LATER)
    asked.refresh_from_db()
    assert asked.state == "granted"


def test_a_renewal_that_waits_keeps_the_grant_for_its_days_of_grace_once() -> None:
    cast = assemble()
    grant = granted(cast, days=30)
    ends = grant.not_after
    asked = actions.renew(grant, days=60, consumer=cast.education, by=cast.as_actor(cast.xu), at=LATER)
    assert actions.keep_in_grace(by=SYSTEM, at=ends - timedelta(days=2)) == 0
    for _ in range(2):
        actions.keep_in_grace(by=SYSTEM, at=ends - timedelta(hours=2))
    grant.refresh_from_db()
    assert grant.not_after == ends + timedelta(days=7)
    assert actions.keep_in_grace(by=SYSTEM, at=grant.not_after - timedelta(hours=2)) == 0
    decided(cast, asked, at=ends + timedelta(days=1))
    grant = Grant.objects.get()
    assert grant.not_after == ends + timedelta(days=61), "the days of grace are not added"


def test_a_refused_renewal_ends_the_grace() -> None:
    cast = assemble()
    grant = granted(cast, days=30)
    ends = grant.not_after
    asked = actions.renew(grant, days=60, consumer=cast.education, by=cast.as_actor(cast.xu), at=LATER)
    actions.keep_in_grace(by=SYSTEM, at=ends - timedelta(hours=2))
    then, by = ends + timedelta(days=1), cast.as_actor(cast.jiang)
    actions.decide(asked, "refused", reason="用途已完成", ground="no_duty", by=by, at=then)
    grant.refresh_from_db()
    assert grant.not_after == then


def test_a_renewal_that_comes_after_the_end_is_a_new_grant() -> None:
    cast = assemble()
    grant = granted(cast, days=30)
    asked = actions.renew(grant, days=60, consumer=cast.education, by=cast.as_actor(cast.xu), at=LATER)
    decided(cast, asked, at=grant.not_after + timedelta(days=1))
    assert Grant.objects.count() == 2
    grant.refresh_from_db()
    assert grant.revision == 0


def test_a_renewal_asks_for_no_more_than_the_grant_gives() -> None:
    cast = assemble()
    grant = granted(cast, fields=["valid_to"])
    for changes in ({"fields": ["id_number"]}, {"modes": ["verify"]}, {"purpose": "another"}):
        wanted = need(**{"fields": ["valid_to"], **changes})
        with pytest.raises(RenewalWrong):
            actions.file_request(
                wanted, consumer=cast.education, renews=grant, by=cast.as_actor(cast.xu), at=LATER
            )


def test_warnings_before_the_end_are_told_once_each() -> None:
    cast = assemble()
    grant = granted(cast, days=100)
    for days, told in ((31, 0), (29, 1), (20, 0), (7, 1), (1, 1), (0.5, 0), (-1, 0)):
        at = grant.not_after - timedelta(days=days)
        Receipt.objects.all().delete()
        before = Notice.objects.filter(code="grant_expiring").count()
        for _ in range(2):
            actions.watch_grants(by=SYSTEM, at=at)
        assert Notice.objects.filter(code="grant_expiring").count() - before == told, days


def test_grants_that_nobody_uses_are_offered_for_return_once() -> None:
    cast = assemble()
    grant = granted(cast)
    for days, told in ((89, 0), (91, 1)):
        for _ in range(2):
            actions.watch_grants(by=SYSTEM, at=NOON + timedelta(days=days))
        assert Notice.objects.filter(code="grant_unused").count() == told
    assert list(queries.unused_grants(at=NOON + timedelta(days=91))) == [grant]
    Receipt.objects.create(
        digest="sha-256:1", at=NOON + timedelta(days=50), call="c", role="provider", grant=grant.code,
        decision="allow", raw=b"",
    )  # fmt: skip
    assert not queries.unused_grants(at=NOON + timedelta(days=91))
    assert django_settings.NODE.grant_unused_days == 90
