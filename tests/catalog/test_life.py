"""From draft to publication: two reviews, reasons, deadlines, bulk acts, steps taken back."""

from datetime import date
from typing import Any

import pytest
from django.test import Client
from tests.cast import EDUCATION, NODE, NOON, PERMITS, Cast, assemble, content, need, publish_permits

from guantong.catalog import actions, deadlines, queries
from guantong.catalog.codes import rule
from guantong.catalog.comparing import differences
from guantong.catalog.errors import (
    ContentWrong,
    NothingToUndo,
    NotTheBureau,
    NotTheProvider,
    OwnSubmission,
    ReasonMissing,
    ResourceStateWrong,
    TermsNotMet,
)
from guantong.catalog.models import ExtensionField, Resource, ResourceVersion, State
from guantong.identity.models import Organisation, Person
from guantong.journal.types import SYSTEM
from guantong.kit.workdays import is_workday
from guantong.sharing.actions.filing import file_request

pytestmark = pytest.mark.django_db


def drafted(cast: Cast, **changes: Any) -> Resource:
    words = actions.read_content(content(**changes))
    return actions.draft(words, node=NODE, by=cast.as_actor(cast.luo), at=NOON)


def reviewed(cast: Cast, **changes: Any) -> Resource:
    submitted = actions.submit(drafted(cast, **changes), by=cast.as_actor(cast.luo), at=NOON)
    return actions.approve(submitted, by=cast.as_actor(cast.jiang), at=NOON)


def client(person: Person) -> Client:
    visitor = Client()
    visitor.force_login(person)
    return visitor


def test_the_department_reviews_first_and_the_bureau_publishes() -> None:
    cast = assemble()
    resource = reviewed(cast)
    assert resource.state == State.REVIEWED
    assert list(queries.to_publish(cast.bureau)) == [resource]
    assert not queries.to_publish(cast.police).exists()
    with pytest.raises(NotTheBureau):
        actions.publish(resource, by=cast.as_actor(cast.jiang), at=NOON)
    published = actions.publish(resource, by=cast.as_actor(cast.tian), at=NOON)
    assert (published.state, published.due_on, published.live_version) == (State.PUBLISHED, None, 1)
    assert list(published.moves.values_list("act", flat=True)) == [
        "drafted", "submitted", "approved", "published"
    ]  # fmt: skip


def test_where_there_is_no_bureau_the_department_publishes() -> None:
    cast = assemble()
    Organisation.objects.update(is_bureau=False)
    resource = reviewed(cast)
    assert list(queries.to_publish(Organisation.objects.get(pk=cast.police.pk))) == [resource]
    assert actions.publish(resource, by=cast.as_actor(cast.jiang), at=NOON).is_live


def test_nobody_approves_what_they_submitted() -> None:
    cast = assemble()
    submitted = actions.submit(drafted(cast), by=cast.as_actor(cast.luo), at=NOON)
    with pytest.raises(OwnSubmission):
        actions.approve(submitted, by=cast.as_actor(cast.luo), at=NOON)
    with pytest.raises(NotTheProvider):
        actions.approve(submitted, by=cast.as_actor(cast.xu), at=NOON)


def test_a_draft_is_returned_with_a_reason_while_the_live_version_serves() -> None:
    cast = assemble()
    publish_permits(cast)
    resource = reviewed(cast, name="改名")
    with pytest.raises(ReasonMissing):
        actions.send_back(resource, reason="  ", by=cast.as_actor(cast.tian), at=NOON)
    returned = actions.send_back(resource, reason="摘要不全", by=cast.as_actor(cast.tian), at=NOON)
    assert (returned.state, returned.is_live, returned.name) == (State.PUBLISHED, True, "居住证信息")
    assert queries.to_submit(cast.police.pk).get() == returned
    page = client(cast.luo).get(f"/find/{PERMITS}/").content.decode()
    assert "摘要不全" in page
    again = actions.submit(returned, by=cast.as_actor(cast.luo), at=NOON)
    assert again.state == State.SUBMITTED


def test_what_is_at_rest_cannot_be_returned() -> None:
    cast = assemble()
    with pytest.raises(ResourceStateWrong):
        actions.send_back(drafted(cast), reason="x", by=cast.as_actor(cast.jiang), at=NOON)


def test_deadlines_count_working_days() -> None:
    # 2026-11-20 is a Friday.
    assert deadlines.after(NOON, 2) == date(2026, 11, 24)
    assert is_workday(date(2026, 10, 1)) is False
    assert is_workday(date(2099, 1, 3)) is False
    cast = assemble()
    assert drafted(cast).due_on == date(2026, 12, 4)
    assert reviewed(cast).due_on == date(2026, 11, 24)


def test_late_drafts_are_shown_as_late() -> None:
    cast = assemble()
    resource = reviewed(cast)
    Resource.objects.update(due_on=date(2026, 1, 5))
    page = client(cast.tian).get("/find/drafts/?late=1")
    assert resource.name in page.content.decode()
    assert "已超期" in page.content.decode()
    assert "已超期" in client(cast.tian).get("/todo/").content.decode()
    Resource.objects.update(due_on=date(2999, 1, 5))
    assert resource.name not in client(cast.tian).get("/find/drafts/?late=1").content.decode()


def test_bulk_acts_tell_each_result() -> None:
    cast = assemble()
    codes = [f"3070511600001/00000{n}" for n in range(1, 4)]
    for code in codes[:2]:
        drafted(cast, code=code, name=f"目录{code[-1]}")
    outcomes = actions.together(actions.submit, [*codes, codes[0]], by=cast.as_actor(cast.luo), at=NOON)
    assert [outcome.error is None for outcome in outcomes] == [True, True, False]
    assert Resource.objects.filter(state=State.SUBMITTED).count() == 2
    page = client(cast.jiang).post("/find/drafts/together", {"verb": "approve", "code": codes})
    assert page.context["done"] == 2
    assert "没有代码为" in page.content.decode()
    page = client(cast.tian).post("/find/drafts/together", {"verb": "publish", "code": codes[:2]})
    assert page.context["done"] == 2
    assert queries.published().count() == 2


def test_a_bulk_act_needs_its_permission() -> None:
    cast = assemble()
    drafted(cast)
    answer = client(cast.luo).post("/find/drafts/together", {"verb": "publish", "code": [PERMITS]})
    assert answer.status_code == 403
    assert client(cast.luo).post("/find/drafts/together", {"verb": "explode"}).status_code == 404


def test_every_step_can_be_taken_back_until_it_has_left() -> None:
    cast = assemble()
    luo, jiang, tian = (cast.as_actor(person) for person in (cast.luo, cast.jiang, cast.tian))
    resource = actions.publish(reviewed(cast), by=tian, at=NOON)
    with pytest.raises(NothingToUndo):
        actions.undo(resource, by=luo, at=NOON)
    resource = actions.undo(resource, by=tian, at=NOON)
    assert (resource.state, resource.live_version, resource.is_live) == (State.REVIEWED, 0, False)
    assert not ResourceVersion.objects.exists()
    assert actions.undo(resource, by=jiang, at=NOON).state == State.SUBMITTED
    assert actions.undo(resource, by=luo, at=NOON).state == State.DRAFT
    actions.undo(resource, by=luo, at=NOON)
    assert not Resource.objects.exists()


def test_a_version_in_the_feed_cannot_be_taken_back() -> None:
    cast = assemble()
    tian = cast.as_actor(cast.tian)
    resource = actions.publish(reviewed(cast), by=tian, at=NOON)
    actions.number_changes(by=SYSTEM, at=NOON)
    with pytest.raises(NothingToUndo):
        actions.undo(resource, by=tian, at=NOON)
    assert "撤销上一步" not in client(cast.tian).get(f"/find/{PERMITS}/").content.decode()


def test_a_withdrawal_is_taken_back() -> None:
    cast = assemble()
    jiang = cast.as_actor(cast.jiang)
    resource = actions.withdraw(publish_permits(cast), reason="误发", by=jiang, at=NOON)
    back = actions.undo(resource, by=jiang, at=NOON)
    assert (back.is_live, back.live_version, back.state) == (True, 1, State.PUBLISHED)
    assert queries.published().count() == 1


def test_an_edit_is_taken_back_to_the_wording_before() -> None:
    cast = assemble()
    publish_permits(cast)
    drafted(cast, summary="甲")
    resource = drafted(cast, summary="乙")
    luo = cast.as_actor(cast.luo)
    assert actions.undo(resource, by=luo, at=NOON).draft["summary"] == "甲"
    resource.refresh_from_db()
    assert actions.undo(resource, by=luo, at=NOON).draft is None
    assert Resource.objects.get().is_live


def test_the_difference_is_told_item_by_item() -> None:
    before = actions.read_content(content())
    items = content()["items"]
    after = actions.read_content(
        content(
            name="居住证",
            items=[
                {**items[0], "level": 4},
                {"name": "issued_on", "label": "签发日期", "type": "D"},
                items[2],
            ],
            lookups=[["id_number"]],
        )
    )
    told = [(d.kind, d.field, d.item) for d in differences(before, after)]
    assert told == [
        ("changed", "name", ""),
        ("changed", "level", "公民身份号码 id_number"),
        ("removed", "", "居住地 residence_division"),
        ("added", "", "签发日期 issued_on"),
    ]
    swapped = actions.read_content(content(items=items[::-1]))
    assert [d.field for d in differences(before, swapped)] == ["order"]
    assert differences(before, before) == []


def test_drafts_are_compared_inside_only() -> None:
    cast = assemble()
    publish_permits(cast)
    drafted(cast, name="新名字")
    inside = client(cast.luo).get(f"/find/{PERMITS}/changes").content.decode()
    assert "新名字" in inside
    outside = client(cast.xu).get(f"/find/{PERMITS}/changes")
    assert "新名字" not in outside.content.decode()
    assert client(cast.xu).get(f"/find/{PERMITS}/changes?to=draft").status_code == 404
    move = Resource.objects.get().moves.filter(act="drafted").last()
    assert move is not None
    assert client(cast.xu).get(f"/find/{PERMITS}/changes?to=m{move.pk}").status_code == 404
    assert client(cast.luo).get(f"/find/{PERMITS}/changes?to=m{move.pk}").status_code == 200


def test_codes_follow_the_nodes_rule() -> None:
    cast = assemble()
    with pytest.raises(ContentWrong) as refused:
        drafted(cast, code="9070511600001/000001")
    assert refused.value.details["field"] == "code"
    assert rule("guide").next("3070511600001", ["3070511600001/000041", "3070511600002/000099"]) == (
        "3070511600001/000042"
    )
    assert rule("loose").check("3070A11600001/7") == "3070A11600001/7"


def test_extension_fields_are_typed() -> None:
    cast = assemble()
    ExtensionField.objects.create(name="secrecy", label="涉密属性", kind="choice", choices=["非涉密", "内部"])
    ExtensionField.objects.create(name="rows", label="数据量", kind="number", is_required=True)
    assert drafted(cast, extension={"secrecy": "内部", "rows": 12}).draft["extension"] == {
        "secrecy": "内部",
        "rows": 12,
    }
    for wrong in ({}, {"rows": True}, {"rows": "12"}, {"rows": 1, "secrecy": "绝密"}, {"rows": 1, "x": "y"}):
        with pytest.raises(ContentWrong):
            drafted(cast, extension=wrong)


@pytest.mark.parametrize(
    "terms",
    [
        [{"scenario": " "}],
        [{"scenario": "入学", "who": "named"}],
        [{"scenario": "入学", "organisations": ["x"]}],
    ],
)
def test_terms_of_sharing_say_whom_and_what_for(terms: list[dict[str, Any]]) -> None:
    with pytest.raises(ContentWrong):
        actions.read_content(content(sharing_terms=terms))


def test_terms_of_sharing_decide_who_may_ask() -> None:
    words = actions.read_content(
        content(
            sharing_condition="",
            sharing_terms=[
                {"scenario": "入学", "who": "named", "organisations": [EDUCATION], "purposes": ["512B"]},
                {"scenario": "市内核验", "who": "division", "organisations": ["5116"]},
            ],
        )
    )
    named, local = words.sharing_terms
    assert named.admits(consumer=EDUCATION, division="510000000000", purpose="512B0156")
    assert not named.admits(consumer=EDUCATION, division="510000000000", purpose="999")
    assert local.admits(consumer="x", division="511602000000", purpose="999")
    assert not local.admits(consumer="x", division="510000000000", purpose="999")
    with pytest.raises(ContentWrong):
        actions.read_content(content(sharing_type="unconditional", sharing_terms=[{"scenario": "入学"}]))


def test_a_request_outside_the_terms_is_told_so() -> None:
    cast = assemble()
    term = {"scenario": "入学", "who": "named", "organisations": [EDUCATION], "purposes": ["512B"]}
    publish_permits(cast, sharing_terms=[term])
    with pytest.raises(TermsNotMet):
        file_request(need(purpose="999"), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON).number
