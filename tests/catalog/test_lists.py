"""The lists: needs met and unmet as entries come and go, sent on, answered, escalated; chains from service items; lateness."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from tests.cast import NOON, PERMITS, Cast, assemble, publish_permits

from guantong.catalog import actions, deadlines
from guantong.catalog.errors import ContentWrong, NeedAnswerWrong, NotTheBureau, NotTheProvider, ReasonMissing
from guantong.catalog.models import Element, Need, NeedMove, Resource, ResourceVersion, Yield
from guantong.catalog.needs.queries import (
    late_lines,
    needs_to_answer,
    needs_to_judge,
    needs_to_send,
    stale_of,
)
from guantong.catalog.types import ItemNeeds, Wanted
from guantong.journal.types import SYSTEM
from guantong.kit import clock

pytestmark = pytest.mark.django_db
ID = {
    "name": "id_number",
    "label": "公民身份号码",
    "type": "C",
    "length": 18,
    "level": 3,
    "is_key": True,
    "element": "DE00001",
}


def state(cast: Cast, *lines: tuple[str, str, str]) -> Need:
    actions.state_needs(lines, organisation=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    return Need.objects.order_by("pk").last()  # type: ignore[return-value]


def visitor(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(getattr(cast, name))
    return client


def test_a_need_is_met_when_an_entry_that_fits_is_published_and_unmet_when_it_goes() -> None:
    cast = assemble()
    need = state(cast, ("居住证信息", "入学", "义务教育法"))
    assert (need.state, need.provider) == ("routed", cast.bureau)
    permits = publish_permits(cast)
    need.refresh_from_db()
    assert (need.state, need.resource, need.provider, need.due_on) == ("met", permits, cast.police, None)
    actions.withdraw(permits, by=cast.as_actor(cast.jiang), at=NOON)
    need.refresh_from_db()
    assert (need.state, need.resource, need.provider) == ("routed", None, cast.bureau)
    actions.undo(permits, by=cast.as_actor(cast.jiang), at=NOON)
    need.refresh_from_db()
    assert need.state == "met"
    acts = list(NeedMove.objects.filter(need=need).values_list("act", flat=True))
    assert acts == ["stated", "sent", "met", "unmet", "sent", "met"]


def test_what_other_nodes_publish_meets_needs_too() -> None:
    cast = assemble()
    permits = publish_permits(cast)
    need = state(cast, ("居住信息", "入学", ""))
    Need.objects.filter(pk=need.pk).update(state="routed", resource=None, wanted="居住证信息")
    ResourceVersion.objects.update(number=7)
    assert actions.tend_needs(by=SYSTEM, at=NOON) == 1
    need.refresh_from_db()
    assert (need.state, need.resource) == ("met", permits)
    assert actions.tend_needs(by=SYSTEM, at=NOON) == 0
    assert actions.tend_conformance(by=SYSTEM, at=NOON) == 1


def test_an_entry_found_by_search_waits_for_the_departments_word() -> None:
    cast = assemble()
    publish_permits(cast)
    need = state(cast, ("居住证", "入学", ""))
    assert need.state == "matched"
    assert list(needs_to_judge(cast.education.pk)) == [need]
    permits = Resource.objects.get(code=PERMITS)
    by = cast.as_actor(cast.xu)
    with pytest.raises(NotTheProvider):
        actions.confirm_fit(need, permits, is_it=True, by=cast.as_actor(cast.luo), at=NOON)
    turned_down = actions.confirm_fit(need, permits, is_it=False, by=by, at=NOON)
    assert (turned_down.state, turned_down.provider) == ("routed", cast.bureau)
    assert actions.confirm_fit(need, permits, is_it=True, by=by, at=NOON).state == "met"
    with pytest.raises(NeedAnswerWrong):
        actions.confirm_fit(need, permits, is_it=True, by=by, at=NOON)


def test_what_is_not_shared_by_law_meets_nothing_and_says_so() -> None:
    cast = assemble()
    publish_permits(cast, sharing_type="not_shared", sharing_basis="《某法》第一条", sharing_condition="")
    assert state(cast, ("居住证信息", "入学", "")).state == "barred"
    rows = visitor(cast, "xu").get("/find/duties/?list=negative&format=json").json()["rows"]
    assert [row["needed_by"] for row in rows] == ["广安区教科体局 入学"]


def test_the_elements_one_source_is_asked_before_the_bureau() -> None:
    cast = assemble()
    actions.load_standards(revision="2026", by=SYSTEM, at=NOON)
    permits = publish_permits(cast, items=[ID])
    actions.claim("DE00001", permits, by=cast.as_actor(cast.luo), at=NOON)
    actions.withdraw(permits, by=cast.as_actor(cast.jiang), at=NOON)
    need = state(cast, ("身份证号", "入学", ""))
    assert (need.state, need.provider) == ("routed", cast.police)
    assert "公民身份号码" in need.sent_because
    assert list(needs_to_answer(cast.police.pk)) == [need]


def test_answers_promises_and_refusals() -> None:
    cast = assemble()
    need = state(cast, ("不动产登记", "入学", ""))
    luo, tian, xu = (cast.as_actor(p) for p in (cast.luo, cast.tian, cast.xu))
    with pytest.raises(NotTheBureau):
        actions.route(need, provider=cast.police, law="条例", by=xu, at=NOON)
    need = actions.route(need, provider=cast.police, law="《不动产登记暂行条例》", by=tian, at=NOON)
    with pytest.raises(NotTheProvider):
        actions.answer(need, says="not_held", reason="无", by=xu, at=NOON)
    with pytest.raises(ReasonMissing):
        actions.answer(need, says="not_held", by=luo, at=NOON)
    for day in (None, NOON.date() - timedelta(days=1), NOON.date() + timedelta(days=900)):
        with pytest.raises(NeedAnswerWrong):
            actions.answer(need, says="provide", on=day, by=luo, at=NOON)
    with pytest.raises(NeedAnswerWrong):
        actions.answer(need, says="elsewhere", reason="不是我们", by=luo, at=NOON)
    promised = actions.answer(need, says="provide", on=date(2026, 12, 1), by=luo, at=NOON)
    assert (promised.state, promised.due_on) == ("promised", date(2026, 12, 1))
    declined = actions.answer(
        need, says="elsewhere", reason="自然资源部门掌握", other=cast.education, by=luo, at=NOON
    )
    assert (declined.state, declined.suggested) == ("declined", cast.education)
    assert list(needs_to_send(cast.bureau)) == [need]
    assert not needs_to_send(cast.police)
    with pytest.raises(NeedAnswerWrong):
        actions.answer(need, says="not_held", reason="无", by=luo, at=NOON)
    assert actions.drop_need(need, by=xu, at=NOON).state == "dropped"


def test_what_lies_too_long_is_told_to_the_bureau_once() -> None:
    cast = assemble()
    need = state(cast, ("不动产登记", "入学", ""))
    actions.route(need, provider=cast.police, law="条例", by=cast.as_actor(cast.tian), at=NOON)
    later = NOON + timedelta(days=30)
    assert actions.escalate_needs(by=SYSTEM, at=NOON) == 0
    assert actions.escalate_needs(by=SYSTEM, at=later) == 1
    assert actions.escalate_needs(by=SYSTEM, at=later) == 0
    assert list(needs_to_send(cast.bureau)) == [need]
    on = (later + timedelta(days=9)).date()
    actions.answer(need, says="provide", on=on, by=cast.as_actor(cast.luo), at=later)
    assert not needs_to_send(cast.bureau)
    assert actions.escalate_needs(by=SYSTEM, at=later + timedelta(days=20)) == 1


def test_service_items_state_needs_and_say_what_they_make() -> None:
    cast = assemble()
    publish_permits(cast)
    item = ItemNeeds(
        cast.education.code,
        "511A1",
        "入学",
        [Wanted("居住证明", resource=PERMITS), Wanted("出生证明")],
        ["入学通知书"],
    )
    for _ in range(2):
        actions.declare_item_needs([item], by=SYSTEM, at=NOON)
    assert {n.wanted: n.state for n in Need.objects.all()} == {"居住证明": "met", "出生证明": "routed"}
    assert Yield.objects.get().resource is None
    hospital = ItemNeeds(cast.police.code, "511A2", "出生登记", [], ["出生证明"])
    actions.declare_item_needs([hospital], by=SYSTEM, at=NOON)
    assert state(cast, ("出生证明", "托幼", "")).provider == cast.police
    less = ItemNeeds(cast.education.code, "511A1", "入学", [Wanted("居住证明", resource=PERMITS)], [])
    actions.declare_item_needs([less], by=SYSTEM, at=NOON)
    assert Need.objects.get(wanted="出生证明", service_item="入学").state == "dropped"
    assert [y.name for y in Yield.objects.all()] == ["出生证明"]
    actions.declare_item_needs([item], by=SYSTEM, at=NOON)
    assert Need.objects.get(wanted="出生证明", service_item="入学").state == "routed"


def test_updates_fall_due_by_the_cycle_and_are_told() -> None:
    cast = assemble()
    permits = publish_permits(cast, update_cycle="monthly")
    assert permits.stale_on == date(2026, 12, 21)
    assert deadlines.next_update("irregular", date(2026, 1, 1)) is None
    assert deadlines.next_update("daily", date(2026, 11, 20)) == date(2026, 11, 23)
    # Published before such days were kept.
    Resource.objects.update(stale_on=None)
    ResourceVersion.objects.update(number=1)
    actions.tend_conformance(by=SYSTEM, at=NOON)
    assert Resource.objects.get().stale_on == date(2026, 12, 21)
    Resource.objects.filter(pk=permits.pk).update(stale_on=date(2026, 1, 5))
    assert list(stale_of(cast.police.pk)) == [permits]
    assert [line.kind for line in late_lines(organisation=cast.police.code)] == ["update"]
    assert late_lines(organisation="没有") == []
    luo = visitor(cast, "luo")
    assert "居住证信息" in luo.get("/todo/").content.decode()
    assert luo.post("/find/updated", {"code": [PERMITS], "on": "2026-11-20"}).status_code == 302
    permits.refresh_from_db()
    assert (permits.updated_on, permits.stale_on) == (date(2026, 11, 20), date(2026, 12, 21))
    with pytest.raises(ContentWrong):
        actions.tell_updated([permits], on=NOON.date() + timedelta(days=2), by=SYSTEM, at=NOON)
    with pytest.raises(NotTheProvider):
        actions.tell_updated([permits], on=NOON.date(), by=cast.as_actor(cast.xu), at=NOON)
    actions.withdraw(permits, by=cast.as_actor(cast.jiang), at=NOON)
    permits.refresh_from_db()
    assert permits.stale_on is None


def test_every_list_and_its_exports(client: Client) -> None:
    cast = assemble()
    actions.load_standards(revision="2026", by=SYSTEM, at=NOON)
    publish_permits(cast, items=[ID])
    need = state(cast, ("居住证", "入学", "法"), ("不动产登记", "入学", ""))
    actions.declare_item_needs(
        [ItemNeeds(cast.education.code, "511A1", "入学", [Wanted("出生证明")], ["入学通知书"])],
        by=SYSTEM,
        at=NOON,
    )
    Resource.objects.update(stale_on=date(2026, 1, 5))
    Yield.objects.update(due_on=date(2026, 1, 5))
    Need.objects.update(due_on=date(2026, 1, 5))
    who = visitor(cast, "tian")
    for language in ("zh-hans", "en"):
        who.cookies["django_language"] = language
        for kind in ("responsibility", "yields", "demand", "negative", "late"):
            for more in ("", "&q=没有这个", "&organisation=广安&state=missing"):
                assert who.get(f"/find/duties/?list={kind}{more}").status_code == 200
            for form in ("csv", "xlsx", "json"):
                assert who.get(f"/find/duties/?list={kind}&format={form}").status_code == 200
        assert who.get(f"/find/needs/{need.pk}/").status_code == 200
        assert who.get("/todo/").status_code == 200
    rows: list[dict[str, Any]] = who.get("/find/duties/?list=late&format=json").json()["rows"]
    assert {row["kind"] for row in rows} == {"update", "need", "yield"}
    assert client.get("/find/duties/").status_code == 302


def test_a_need_on_its_page() -> None:
    cast = assemble()
    publish_permits(cast)
    need = state(cast, ("居住证", "入学", ""))
    xu, luo, tian = (visitor(cast, name) for name in ("xu", "luo", "tian"))
    page = f"/find/needs/{need.pk}/"
    assert "正是所需" in xu.get(page).content.decode()
    assert "正是所需" not in luo.get(page).content.decode()
    assert luo.post(f"{page}judge", {"resource": PERMITS, "verdict": "yes"}).status_code == 403
    xu.post(f"{page}judge", {"resource": PERMITS, "verdict": "no"})
    tian.post(f"{page}route", {"provider": "广安市公安局", "law": "《居住证暂行条例》"})
    assert "本部门答复" in luo.get(page).content.decode()
    assert luo.post(f"{page}answer", {"says": "what"}).status_code == 404
    luo.post(f"{page}answer", {"says": "provide", "on": "不是日期"})
    on = (clock.now() + timedelta(days=30)).date()
    luo.post(f"{page}answer", {"says": "provide", "on": on.isoformat()})
    need.refresh_from_db()
    assert (need.state, need.due_on) == ("promised", on)
    xu.post(f"{page}drop")
    need.refresh_from_db()
    assert need.state == "dropped"
    assert Element.objects.count() == 0
