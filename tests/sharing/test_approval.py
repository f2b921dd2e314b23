"""How a request is approved: by the flow of each side, online or on paper, with what is missing told once."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.cast import NOON, PERMITS, Cast, assemble, need, publish_permits

from guantong.bundle.types import Condition
from guantong.identity.actions import register_person
from guantong.identity.models import CalendarDay, Person
from guantong.journal.models import Alert, Entry
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.notices.models import Notice
from guantong.sharing import actions, flows, papers, queries
from guantong.sharing.actions.watching import watch_deadlines
from guantong.sharing.errors import (
    ExtendedAlready,
    FlowUnfit,
    GroundUnknown,
    NarrowingWidens,
    NotYourDecision,
    NotYourRequest,
    OwnResource,
    PaperIncomplete,
    PaperUnfit,
    RequestClosed,
    ReviewerMissing,
    ToldAlready,
)
from guantong.sharing.models import Grant, Request, RequestState
from guantong.sharing.types import Narrowing, Particulars, Supplement
from guantong.workflow.errors import DiagramRefused

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n" + b"scan" * 10


@pytest.fixture
def cast() -> Cast:
    cast = assemble()
    publish_permits(cast)
    return cast


def filed(cast: Cast, at: datetime = NOON, **changes: object) -> Request:
    return actions.file_request(need(**changes), consumer=cast.education, by=cast.as_actor(cast.xu), at=at)


def an_approver(cast: Cast) -> Person:
    """Wen of the education bureau, who reviews what it asks for."""
    return register_person(
        "wen",
        "文批",
        password="wen-password-1",
        roles=["approver", "data_officer"],
        organisation=cast.education,
        by=SYSTEM,
        at=NOON,
    )


def waiting_on(request: Request) -> list[str]:
    return list(request.steps.filter(decision="").values_list("kind", flat=True))


# ── the way ──


def test_a_department_with_an_approver_reviews_its_own_requests_first(cast: Cast) -> None:
    wen = an_approver(cast)
    asked = filed(cast)
    assert waiting_on(asked) == ["consumer"]
    with pytest.raises(NotYourDecision):
        actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(wen), at=NOON)
    assert waiting_on(asked) == ["provider"]
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    assert waiting_on(asked) == ["bureau"]
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    assert Grant.objects.get().request == asked.uuid


def test_who_filed_it_does_not_review_it(cast: Cast) -> None:
    wen = an_approver(cast)
    with pytest.raises(ReviewerMissing):  # nobody else could
        actions.file_request(need(), consumer=cast.education, by=cast.as_actor(wen), at=NOON)
    other = register_person(
        "li",
        "李批",
        password="li-password-12",
        roles=["approver"],
        organisation=cast.education,
        by=SYSTEM,
        at=NOON,
    )
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(wen), at=NOON)
    with pytest.raises(NotYourDecision):
        actions.decide(asked, "approved", by=cast.as_actor(wen), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(other), at=NOON)
    with pytest.raises(NotYourDecision):  # nor has the department a say in the provider's step
        actions.decide(asked, "approved", by=cast.as_actor(other), at=NOON)


def test_a_bureau_does_not_oversee_what_it_asks_for_itself(cast: Cast) -> None:
    app = cast.counter
    app.organisation = cast.bureau
    app.save()
    by = Actor("person", "someone", "某人", cast.bureau.code)
    asked = actions.file_request(need(), consumer=cast.bureau, by=by, at=NOON)
    # Tian of the bureau is another person, and reviews it as the department that asks.
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    assert Grant.objects.count() == 1


def test_nobody_asks_for_their_own_data(cast: Cast) -> None:
    with pytest.raises(OwnResource):
        actions.file_request(need(), consumer=cast.police, by=cast.as_actor(cast.luo), at=NOON)


def test_requests_filed_together_go_their_own_ways(cast: Cast) -> None:
    needs = [need(), need(fields=["valid_to"])]
    both = actions.file_together(needs, consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert both[0].batch == both[1].batch is not None
    actions.decide(both[1], "approved", by=cast.as_actor(cast.jiang), at=NOON)
    assert (waiting_on(both[0]), waiting_on(both[1])) == (["provider"], ["bureau"])
    with pytest.raises(Exception, match="blood_type"):
        actions.file_together(
            [need(), need(fields=["blood_type"])], consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON
        )
    assert Request.objects.count() == 2


# ── what an approver may do ──


def test_a_refusal_names_a_ground_in_law(cast: Cast) -> None:
    asked = filed(cast)
    with pytest.raises(GroundUnknown):
        actions.decide(asked, "refused", reason="不想给", by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(
        asked, "refused", reason="与义务教育无关", ground="no_duty", by=cast.as_actor(cast.jiang), at=NOON
    )
    asked.refresh_from_db()
    assert (asked.state, asked.steps.get().ground) == (RequestState.REFUSED, "no_duty")
    assert Notice.objects.get(code="request_refused").organisation == cast.education.code


def test_an_approver_may_take_away(cast: Cast) -> None:
    asked = filed(cast, fields=["residence_division", "valid_to", "id_number"], per_day=500, days=365)
    less = Narrowing(
        fields=["residence_division", "id_number"],
        per_day=100,
        days=30,
        masks={"id_number": "null"},
        condition=[Condition(item="residence_division", op="eq", value="511602")],
    )
    actions.decide(asked, "approved", narrowing=less, by=cast.as_actor(cast.jiang), at=NOON)
    asked.refresh_from_db()
    wider = Narrowing(fields=["valid_to"])
    with pytest.raises(NarrowingWidens):
        actions.decide(asked, "approved", narrowing=wider, by=cast.as_actor(cast.tian), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    terms = Grant.objects.get().terms
    assert terms["fields"] == ["residence_division", "id_number"]
    assert (terms["per_day"], terms["masks"]) == (100, {"id_number": "null"})
    assert terms["condition"] == [{"item": "residence_division", "op": "eq", "value": "511602"}]
    assert Grant.objects.get().not_after == NOON + timedelta(days=30)


@pytest.mark.parametrize(
    "wider",
    [
        Narrowing(fields=["id_number"]),
        Narrowing(fields=[]),
        Narrowing(modes=["batch"]),
        Narrowing(per_day=10_001),
        Narrowing(days=366),
        Narrowing(masks={"id_number": "none"}),
        Narrowing(masks={"id_number": "keep_tail:8"}),
        Narrowing(masks={"blood_type": "null"}),
        Narrowing(condition=[Condition(item="blood_type", op="eq", value="A")]),
    ],
)
def test_an_approver_cannot_add(cast: Cast, wider: Narrowing) -> None:
    asked = filed(cast)
    with pytest.raises(NarrowingWidens):
        actions.decide(asked, "approved", narrowing=wider, by=cast.as_actor(cast.jiang), at=NOON)
    asked.refresh_from_db()
    assert (asked.narrowing, waiting_on(asked)) == ({}, ["provider"])


# ── told once ──


def added(request: Request, **changes: object) -> Supplement:
    values: dict[str, object] = {
        "uuid": str(request.uuid),
        "purpose_text": "核验随迁子女监护人的居住情况",
        "legal_basis": "《义务教育法》第十二条第二款",
        "particulars": {"scenario": "入学一件事"},
        "fields": request.fields,
    }
    return msgspec.convert({**values, **changes}, Supplement)


def test_what_is_missing_is_told_once_and_added(cast: Cast) -> None:
    asked = filed(cast)
    back = actions.send_back(asked, missing="请写明应用场景", by=cast.as_actor(cast.jiang), at=NOON)
    assert back.state == RequestState.RETURNED
    assert list(queries.to_supplement(cast.education.code)) == [back]
    assert not queries.to_decide(cast.police.code)
    with pytest.raises(NotYourRequest):
        actions.supplement(back, added(back), by=cast.as_actor(cast.jiang), at=NOON)
    more = added(back, fields=[*back.fields, "id_number"])
    with pytest.raises(NarrowingWidens):
        actions.supplement(back, more, by=cast.as_actor(cast.xu), at=NOON)
    later = NOON + timedelta(days=5)
    again = actions.supplement(back, added(back), by=cast.as_actor(cast.xu), at=later)
    assert again.state == RequestState.WAITING
    assert again.steps.get().due_on > date(2026, 12, 4)
    with pytest.raises(ToldAlready):
        actions.send_back(again, missing="还缺一样", by=cast.as_actor(cast.jiang), at=later)


def test_a_request_is_withdrawn_while_nothing_is_decided(cast: Cast) -> None:
    asked = filed(cast)
    with pytest.raises(NotYourRequest):
        actions.withdraw(asked, reason="x", by=cast.as_actor(cast.jiang), at=NOON)
    actions.withdraw(asked, reason="改用证照", by=cast.as_actor(cast.xu), at=NOON)
    assert not queries.to_decide(cast.police.code)
    with pytest.raises(RequestClosed):
        actions.withdraw(asked, reason="again", by=cast.as_actor(cast.xu), at=NOON)


# ── on paper ──


def scan(cast: Cast, person: Person, **changes: object) -> papers.Paper:
    values: dict[str, object] = {
        "content": PDF,
        "file_name": "批复.pdf",
        "number": "广公数[2026]12号",
        "signed_by": "王局长",
        "signed_on": date(2026, 11, 19),
    }
    values.update(changes)
    content = values.pop("content")
    return papers.register(content, **values, by=cast.as_actor(person), at=NOON)  # type: ignore[arg-type]


def test_a_signed_paper_makes_the_same_record(cast: Cast) -> None:
    asked = filed(cast)
    paper = scan(cast, cast.jiang)
    actions.decide(asked, "approved", paper=paper, by=cast.as_actor(cast.jiang), at=NOON)
    step = asked.steps.get(kind="provider")
    assert (step.decided_by, step.paper_number) == ("王局长", "广公数[2026]12号")
    assert step.paper_digest == paper.digest
    entry = Entry.objects.get(act="request.approved")
    assert (entry.actor_name, entry.details["paper"]) == ("蒋批", paper.number)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    assert Grant.objects.count() == 1


def test_a_request_filed_on_paper_names_who_signed_it(cast: Cast) -> None:
    paper = scan(cast, cast.xu, number="广安区教[2026]7号", signed_by="郑局长")
    asked = actions.file_request(
        need(), consumer=cast.education, paper=paper, by=cast.as_actor(cast.xu), at=NOON
    )
    assert (asked.pledged_by, asked.paper) == ("郑局长", paper)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"content": b"<html>"}, PaperUnfit),
        ({"content": PDF + b"x" * papers.LARGEST}, PaperUnfit),
        ({"number": " "}, PaperIncomplete),
        ({"signed_by": ""}, PaperIncomplete),
        ({"signed_on": date(2026, 11, 21)}, PaperIncomplete),
    ],
)
def test_a_bad_scan_is_refused(cast: Cast, changes: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        scan(cast, cast.jiang, **changes)


# ── deadlines ──


def test_days_are_working_days_across_spring_festival(cast: Cast) -> None:
    # 2026: New Year's Eve on 16 February; off from 15 to 23 February, worked on 14 and 28 February.
    friday = datetime(2026, 2, 13, 2, 0, tzinfo=UTC)
    asked = filed(cast, at=friday)
    # Sat 14 (made up), Tue 24 to Fri 27, Sat 28 (made up), Mon 2 to Thu 5 March: ten.
    assert asked.steps.get().due_on == date(2026, 3, 5)


def test_the_operator_can_say_that_a_day_is_off(cast: Cast) -> None:
    CalendarDay.objects.create(
        day=date(2026, 11, 23), is_workday=False, name="停电", noted_at=NOON, noted_by="田批"
    )
    assert filed(cast).steps.get().due_on == date(2026, 12, 7)


def test_reminded_before_reported_after_each_once(cast: Cast) -> None:
    asked = filed(cast)
    due = asked.steps.get().due_on
    assert due == date(2026, 12, 4)
    assert watch_deadlines(by=SYSTEM, at=NOON) == 0
    wednesday = datetime(2026, 12, 2, 2, 0, tzinfo=UTC)
    assert [watch_deadlines(by=SYSTEM, at=wednesday) for _ in range(2)] == [1, 0]
    assert Notice.objects.get(code="request_due_soon").organisation == cast.police.code
    monday = datetime(2026, 12, 7, 2, 0, tzinfo=UTC)
    assert [watch_deadlines(by=SYSTEM, at=monday) for _ in range(2)] == [1, 0]
    assert Notice.objects.get(code="request_late").organisation == cast.bureau.code
    assert Alert.objects.get().code == "request_late"
    with clock.frozen(monday):
        cast.bureau.refresh_from_db()
        late = queries.late_steps(cast.bureau).get()
        assert late.is_late
    actions.urge(late, words="请三日内办结", by=cast.as_actor(cast.tian), at=monday)
    assert Notice.objects.get(code="request_urged").details["words"] == "请三日内办结"
    with pytest.raises(NotYourDecision):
        actions.urge(late, words="快点", by=cast.as_actor(cast.xu), at=monday)


def test_a_decision_is_put_off_once_with_a_reason(cast: Cast) -> None:
    step = filed(cast).steps.get()
    actions.extend(step, reason="需会签", by=cast.as_actor(cast.jiang), at=NOON)
    step.refresh_from_db()
    assert step.due_on == date(2026, 12, 18)
    assert Notice.objects.get(code="request_extended").organisation == cast.education.code
    with pytest.raises(ExtendedAlready):
        actions.extend(step, reason="再等等", by=cast.as_actor(cast.jiang), at=NOON)


# ── flows that a node makes its own ──


def test_a_node_changes_its_flow_and_running_requests_keep_theirs(cast: Cast) -> None:
    before = filed(cast)
    text = flows.shipped("arriving").decode()
    quick = text.replace('<gt:decision role="bureau"/>', '<gt:decision role="bureau" days="1"/>')
    flows.publish("arriving", quick.encode(), by=SYSTEM, at=NOON)
    after = filed(cast)
    assert (before.flow.version, after.flow.version) == (1, 2)
    actions.decide(after, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    assert after.steps.get(kind="bureau").due_on == date(2026, 11, 23)


def flow(side: str, was: str, then: str) -> bytes:
    text = flows.shipped(side).decode()  # type: ignore[arg-type]
    assert was in text
    return text.replace(was, then).encode()


@pytest.mark.parametrize(
    ("side", "was", "then"),
    [
        ("arriving", 'role="provider"', 'role="consumer"'),
        ("arriving", 'role="provider"', 'role="bureau"'),
        (
            "arriving",
            "sharing_type == &quot;unconditional&quot;",
            "sharing_type != &quot;unconditional&quot;",
        ),
        ("arriving", "sharing_type == &quot;unconditional&quot;", "has_bureau == true"),
        (
            "arriving",
            '<gt:fact name="has_bureau" type="boolean"/>',
            '<gt:fact name="is_friend" type="boolean"/>',
        ),
        ("leaving", 'role="consumer"', 'role="provider"'),
    ],
)
def test_a_flow_that_could_pass_over_the_provider_is_refused(
    cast: Cast, side: str, was: str, then: str
) -> None:
    before = flows.current(side, at=NOON).version  # type: ignore[arg-type]
    with pytest.raises((FlowUnfit, DiagramRefused)):
        flows.publish(side, flow(side, was, then), by=SYSTEM, at=NOON)  # type: ignore[arg-type]
    assert flows.current(side, at=NOON).version == before  # type: ignore[arg-type]


def test_the_shipped_flows_are_where_the_package_looks_for_them() -> None:
    folder = Path(flows.__file__).with_name("diagrams")
    assert sorted(path.name for path in folder.iterdir()) == ["request-arriving.bpmn", "request-leaving.bpmn"]


def test_the_form_of_the_national_platform_fits_in(cast: Cast) -> None:
    particulars = Particulars(
        scenario="入学一件事", system="一窗受理系统", contact="许数", phone="0826-1234567"
    )
    asked = actions.file_request(
        msgspec.structs.replace(need(), particulars=particulars),
        consumer=cast.education,
        by=cast.as_actor(cast.xu),
        at=NOON,
    )
    assert asked.particulars["phone"] == "0826-1234567"
    assert asked.resource == PERMITS
