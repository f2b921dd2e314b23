"""Limits that a grant may have or not, and what its service is called in the national convention."""

from typing import Any

import msgspec
import pytest
from tests.cast import NOON, PERMITS, Cast, assemble, need, publish_permits
from tests.sharing.test_grant_pages import as_
from tests.sharing.test_life import compiled, granted, moved

from guantong.identity.actions import register_application
from guantong.journal.types import SYSTEM
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing import actions
from guantong.sharing.agreements.words import limit_words
from guantong.sharing.errors import NarrowingWidens, NotYourGrant, SidTaken, SidWrong
from guantong.sharing.models import Grant, Request
from guantong.sharing.types import GrantTerms, Narrowing, Standing

pytestmark = pytest.mark.django_db
LIMITS = {"concurrent": 4, "rows_per_day": 5000, "per_key_per_day": 10}


def limited(cast: Cast) -> Grant:
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    first = Narrowing(**LIMITS)
    actions.decide(asked, "approved", narrowing=first, by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "approved", narrowing=Narrowing(concurrent=2), by=cast.as_actor(cast.tian), at=NOON)
    return Grant.objects.get()


def test_the_provider_limits_what_it_grants_and_the_bundle_says_so() -> None:
    grant = limited(assemble())
    found = compiled(grant)
    assert (found.concurrent, found.rows_per_day, found.per_key_per_day) == (2, 5000, 10)
    said = limit_words(msgspec.convert(grant.terms, GrantTerms))
    assert said.endswith("同时至多 2 次，每日至多 5000 行，同一查询键每日至多 10 次")


def test_a_grant_without_them_does_not_speak_of_them() -> None:
    grant = granted(assemble())
    assert not set(LIMITS) & set(grant.terms)
    assert compiled(grant).concurrent == 0
    assert "同时" not in limit_words(msgspec.convert(grant.terms, GrantTerms))


def test_an_approver_cannot_give_more_than_one_before() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    actions.decide(asked, "approved", narrowing=Narrowing(**LIMITS), by=cast.as_actor(cast.jiang), at=NOON)
    for name, limit in LIMITS.items():
        more = Narrowing(**{name: limit + 1})
        with pytest.raises(NarrowingWidens):
            actions.decide(asked, "approved", narrowing=more, by=cast.as_actor(cast.tian), at=NOON)


def test_limits_are_set_later_and_only_become_tighter() -> None:
    cast = assemble()
    grant = granted(cast)
    by = cast.as_actor(cast.jiang)
    for n, (name, limit) in enumerate(LIMITS.items(), 1):
        actions.narrow(grant, Narrowing(**{name: limit}), reason="异常", by=by, at=NOON)
        change = grant.changes.get(revision=n)
        assert (change.before, change.after) == ({name: 0}, {name: limit})
        with pytest.raises(NarrowingWidens):
            actions.narrow(grant, Narrowing(**{name: limit + 1}), reason="多", by=by, at=NOON)
    actions.narrow(grant, Narrowing(per_day=9), reason="再减", by=cast.as_actor(cast.jiang), at=NOON)
    grant.refresh_from_db()
    assert {name: grant.terms[name] for name in LIMITS} == LIMITS


def told(grant: Grant, revision: int, **changes: Any) -> Standing:
    names = set(Standing.__struct_fields__) & set(grant.terms)
    said = {
        **{name: grant.terms[name] for name in names}, "revision": revision, "act": "narrowed", "state": "active",
        "reason": "", "said_by": "x", "said_at": "2026-11-20T12:00:00Z", **changes,
    }  # fmt: skip
    return msgspec.convert(said, Standing)


def test_another_node_cannot_take_its_limits_back() -> None:
    grant = moved(granted(assemble()), provider_node="511000")
    actions.receive_standing(told(grant, 1, **LIMITS), by=SYSTEM, at=NOON)
    grant.refresh_from_db()
    assert grant.terms["concurrent"] == 4
    for changes in ({"concurrent": 0}, {"concurrent": 5}, {"rows_per_day": 5001}):
        with pytest.raises(NarrowingWidens):
            actions.receive_standing(told(grant, 2, **changes), by=SYSTEM, at=NOON)
    # A message that names no limit says there is none: that is wider, too.
    silent = msgspec.json.decode(
        msgspec.json.encode(told(grant, 2, concurrent=0, rows_per_day=0, per_key_per_day=0))
    )
    assert "concurrent" not in silent
    with pytest.raises(NarrowingWidens):
        actions.receive_standing(msgspec.convert(silent, Standing), by=SYSTEM, at=NOON)


def test_a_renewal_keeps_the_limits() -> None:
    cast = assemble()
    grant = limited(cast)
    by = cast.as_actor(cast.xu)
    asked = actions.renew(grant, days=30, purpose_text="", consumer=cast.education, by=by, at=NOON)
    less = Narrowing(concurrent=50, per_key_per_day=3)
    actions.decide(asked, "approved", narrowing=less, by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    grant.refresh_from_db()
    assert {name: grant.terms[name] for name in LIMITS} == {**LIMITS, "concurrent": 2, "per_key_per_day": 3}


def test_limits_on_the_pages() -> None:
    cast = assemble()
    grant = granted(cast)
    page = f"/share/grants/{grant.code}/"
    kept = {"kept": grant.terms["fields"], "reason": "异常"}
    as_(cast.jiang).post(
        f"{page}narrow", {**kept, "concurrent": "3", "rows_per_day": "", "per_key_per_day": "7"}
    )
    grant.refresh_from_db()
    assert (grant.terms["concurrent"], grant.terms["rows_per_day"], grant.terms["per_key_per_day"]) == (
        3,
        0,
        7,
    )
    shown = as_(cast.jiang).get(page).content.decode()
    assert "— → 3" in shown
    assert 'name="concurrent" min="1" max="3" value="3"' in shown
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    address = f"/share/requests/{asked.uuid}/"
    assert 'name="rows_per_day"' in as_(cast.jiang).get(address).content.decode()
    form = {"decision": "approved", "narrowed": "1", "kept": asked.fields, "rows_per_day": "900"}
    as_(cast.jiang).post(f"{address}decide", form)
    assert Request.objects.get(pk=asked.pk).narrowing["rows_per_day"] == 900
    assert "900" in as_(cast.tian).get(address).content.decode()


def test_a_grant_is_named_after_its_resource_and_by_its_consumer() -> None:
    cast = assemble()
    grant = granted(cast)
    assert grant.sids == compiled(grant).sids == ["s_" + PERMITS.replace("/", "_")]
    by = cast.as_actor(cast.xu)
    actions.name_services(grant, ["s_370000000000_1234", "old.name"], by=by, at=NOON)
    assert compiled(grant).sids == ["s_370000000000_1234", "old.name"]
    for stranger in (cast.jiang, cast.tian, cast.gao):
        with pytest.raises(NotYourGrant):
            actions.name_services(grant, [], by=cast.as_actor(stranger), at=NOON)
    for wrong in (["a b"], ["名称"], ["x" * 101], [f"s_{n}x" for n in range(11)], ["a\r\nb"]):
        with pytest.raises(SidWrong):
            actions.name_services(grant, wrong, by=by, at=NOON)


def test_an_application_calls_two_grants_by_two_names() -> None:
    cast = assemble()
    first = granted(cast)
    by = cast.as_actor(cast.xu)

    def another(**changes: Any) -> Grant:
        asked = actions.file_request(need(**changes), consumer=cast.education, by=by, at=NOON)
        actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
        actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
        return Grant.objects.get(request=asked.uuid)

    second = another()
    assert second.sids == [f"{first.sids[0]}_2"]
    with pytest.raises(SidTaken):
        actions.name_services(second, first.sids, by=by, at=NOON)
    register_application(
        "other-desk", "另一系统", organisation=cast.education, clearance=3, by=SYSTEM, at=NOON,
        public_key=INTERNATIONAL.generate("other-desk").public.to_text(),
    )  # fmt: skip
    third = another(applications=["other-desk"])
    assert third.sids == first.sids  # another application's names are its own
    actions.give_back(first, by=by, at=NOON)
    actions.name_services(second, first.sids, by=by, at=NOON)


def test_service_names_on_the_page() -> None:
    cast = assemble()
    grant = granted(cast)
    page = f"/share/grants/{grant.code}/"
    as_(cast.xu).post(f"{page}sids", {"sids": "s_one\ns_two，s_one"})
    grant.refresh_from_db()
    assert grant.sids == ["s_one", "s_two"]
    shown = as_(cast.xu).get(page).content.decode()
    assert "<code>s_one</code>" in shown
    assert f"{page}sids" in shown
    assert f"{page}sids" not in as_(cast.jiang).get(page).content.decode()
