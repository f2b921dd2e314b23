"""Corrections and disputes at one node: who may say what when, what it changes, and who hears."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from tests.cast import NOON, PERMITS, Cast, need, publish_permits
from tests.federation import test_messages as town

from guantong.federation.actions import messages
from guantong.federation.errors import MessageNotEntitled
from guantong.federation.queries import common_superior
from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.models import Alert, Entry, OutboxMessage
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.notices.models import Notice
from guantong.sharing import actions, papers
from guantong.sharing.actions import Report
from guantong.sharing.errors import (
    CorrectionIncomplete,
    NothingToDispute,
    NotYoursToCorrect,
    NotYourVoice,
    ReopenedAlready,
    ToldAlready,
    VoiceStateWrong,
    WordsTellTooMuch,
)
from guantong.sharing.models import Correction, Dispute, Grant, Paper, Request
from guantong.sharing.voices import queries
from guantong.sharing.voices.naming import key_digest
from guantong.sharing.voices.telling import terms_of

pytestmark = pytest.mark.django_db
KEY = "511602199003078811"


def furnished() -> Cast:
    """The town, with residence permits granted to the education bureau."""
    cast = town.tree()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for person in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(person), at=NOON)
    return cast


def proof(by: Actor) -> Paper:
    return papers.register(
        b"%PDF-1.7\n",
        file_name="证明.pdf",
        number="证2026-1",
        signed_by="社区",
        signed_on=date(2026, 11, 2),
        by=by,
        at=NOON,
    )


def reported(cast: Cast, **changes: Any) -> Correction:
    by = cast.as_actor(cast.xu)
    values = {
        "kind": "content",
        "resource": PERMITS,
        "item": "valid_to",
        "words": "有效期止与证件不符",
        "key": KEY,
    }
    with clock.frozen(NOON + timedelta(minutes=1)):
        return actions.file_correction(Report(**{**values, **changes}), paper=proof(by), by=by, at=NOON)


def answered(
    correction: Correction, cast: Cast, decision: Any, words: str = "已在人口系统更正"
) -> Correction:
    with clock.frozen(NOON + timedelta(minutes=2)):
        return actions.answer_correction(
            correction, decision, words=words, by=cast.as_actor(cast.luo), at=NOON
        )


def refused(cast: Cast, reason: str = "与义务教育无关") -> Request:
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    return actions.decide(
        asked, "refused", reason=reason, ground="no_duty", by=cast.as_actor(cast.jiang), at=NOON
    )


def test_a_wrong_value_is_put_right_and_every_consumer_hears() -> None:
    cast = furnished()
    found = reported(cast)
    assert (found.due_on, found.number[:8]) == (date(2026, 12, 4), "JH511600")
    answered(found, cast, "corrected")
    heard = Notice.objects.get(code="value_corrected")
    assert (heard.organisation, heard.details["item"]) == (cast.education.code, "valid_to")
    assert Notice.objects.get(code="correction_corrected").organisation == cast.education.code
    actions.judge_correction(found, is_satisfied=True, words="", by=cast.as_actor(cast.xu), at=NOON)
    found.refresh_from_db()
    assert (found.state, found.is_satisfied) == ("closed", True)


def test_neither_key_nor_value_is_kept() -> None:
    cast = furnished()
    found = reported(cast)
    kept = [
        *Correction.objects.values(),
        *Entry.objects.values(),
        *Notice.objects.values(),
        *OutboxMessage.objects.values(),
    ]
    assert KEY not in str(kept)
    assert found.key_tail == "8811"
    assert found.key_digest == key_digest(KEY, str(found.uuid)) != key_digest(KEY, "another")
    with pytest.raises(WordsTellTooMuch):
        reported(cast, words=f"{KEY} 的有效期不对")
    with pytest.raises(WordsTellTooMuch):
        reported(cast, words="请电 13912345678")


def test_everything_that_is_missing_is_told_at_once() -> None:
    cast = furnished()
    by = cast.as_actor(cast.xu)
    with pytest.raises(CorrectionIncomplete) as caught:
        actions.file_correction(Report("content", PERMITS, ""), by=by, at=NOON)
    assert all(word in caught.value.sentence("zh") for word in ("问题说明", "信息项", "主键", "证明材料"))


def test_only_who_uses_the_data_or_whom_they_are_about_may_say_so() -> None:
    cast = furnished()
    Grant.objects.update(state="revoked")
    with pytest.raises(NotYoursToCorrect):
        reported(cast)
    # Whoever works with entries may say that an entry is wrong.
    reported(cast, kind="catalogue", item="", key="")
    citizen = register_person("bai", "百姓", password="x" * 12, roles=["citizen"], by=SYSTEM, at=NOON)
    by = cast.as_actor(citizen)
    with pytest.raises(NotYoursToCorrect):
        actions.file_correction(
            Report("content", PERMITS, "不对", item="valid_to", key=KEY, subjects=["0" * 64]),
            paper=proof(by),
            by=by,
            at=NOON,
        )


def test_the_provider_alone_answers_and_asks_once_for_more() -> None:
    cast = furnished()
    found = reported(cast)
    for person in (cast.xu, cast.tian, cast.gao):
        with pytest.raises(NotYourVoice):
            actions.answer_correction(found, "corrected", words="x", by=cast.as_actor(person), at=NOON)
    answered(found, cast, "returned", "请补充证件号码所在页")
    actions.add_to_correction(found, words="已附", by=cast.as_actor(cast.xu), at=NOON)
    with pytest.raises(ToldAlready):
        answered(found, cast, "returned", "再补")
    answered(found, cast, "rejected", "与原始档案一致")
    with pytest.raises(VoiceStateWrong):
        answered(found, cast, "corrected")


def test_an_answer_is_looked_at_again_once() -> None:
    cast = furnished()
    found, xu = reported(cast), cast.as_actor(cast.xu)
    answered(found, cast, "rejected", "一致")
    actions.judge_correction(found, is_satisfied=False, words="证件在此", look_again=True, by=xu, at=NOON)
    found.refresh_from_db()
    assert (found.state, found.reopened_because) == ("waiting", "证件在此")
    answered(found, cast, "rejected", "仍一致")
    with pytest.raises(ReopenedAlready):
        actions.judge_correction(found, is_satisfied=False, words="不服", look_again=True, by=xu, at=NOON)
    actions.judge_correction(found, is_satisfied=False, words="不服", by=xu, at=NOON)
    found.refresh_from_db()
    dispute = actions.raise_dispute(found, words="请核对", by=xu, at=NOON)
    actions.speak(dispute, "conceded", words="重新核实", by=cast.as_actor(cast.luo), at=NOON)
    found.refresh_from_db()
    assert (found.state, found.due_on) == ("waiting", date(2026, 12, 4))
    answered(found, cast, "corrected")
    actions.watch_voices(by=SYSTEM, at=NOON)
    dispute.refresh_from_db()
    assert dispute.state == "carried_out"


def test_late_answers_are_told_to_the_bureau_once() -> None:
    cast = furnished()
    found = reported(cast)
    actions.watch_voices(by=SYSTEM, at=NOON + timedelta(days=12))
    assert Notice.objects.get(code="correction_due_soon").organisation == cast.police.code
    for _ in range(2):
        actions.watch_voices(by=SYSTEM, at=NOON + timedelta(days=15))
    assert Notice.objects.get(code="correction_late").organisation == cast.bureau.code
    assert Alert.objects.filter(code="correction_late").count() == 1
    assert list(queries.corrections_to_answer(cast.police.code)) == [found]


def test_talk_authority_and_the_request_is_answered_anew() -> None:
    cast = furnished()
    asked, xu, tian = refused(cast), cast.as_actor(cast.xu), cast.as_actor(cast.tian)
    dispute = actions.raise_dispute(asked, words="义务教育法规定", by=xu, at=NOON)
    assert (dispute.superior_node, dispute.due_on) == ("510000", date(2026, 12, 4))
    with pytest.raises(NothingToDispute):
        actions.raise_dispute(asked, words="再来", by=xu, at=NOON)
    with clock.frozen(NOON), pytest.raises(VoiceStateWrong):
        actions.speak(dispute, "taken_up", words="不谈", by=xu, at=NOON)
    with pytest.raises(VoiceStateWrong):
        actions.rule(dispute, "asker", words="早了", by=tian, at=NOON)
    actions.speak(dispute, "said", words="数据不相关", by=cast.as_actor(cast.jiang), at=NOON)
    actions.speak(dispute, "taken_up", words="协商不成", by=xu, at=NOON)
    for stranger in (xu, cast.as_actor(cast.jiang), cast.as_actor(cast.gao)):
        with pytest.raises(NotYourVoice):
            actions.rule(dispute, "asker", words="越权", by=stranger, at=NOON)
    actions.rule(dispute, "asker", words="属于法定职责，应当共享", by=tian, at=NOON)
    asked.refresh_from_db()
    assert asked.state == "waiting"
    assert [step.decision for step in asked.steps.all()] == ["refused", ""]
    for person in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(person), at=NOON)
    actions.watch_voices(by=SYSTEM, at=NOON)
    dispute.refresh_from_db()
    assert (dispute.state, dispute.ruling) == ("carried_out", "asker")
    assert Grant.objects.filter(request=asked.uuid).exists()
    assert [each.act for each in dispute.statements.all()] == [
        "raised",
        "said",
        "taken_up",
        "ruled",
        "carried_out",
    ]


def test_a_decision_that_is_not_carried_out_is_reported() -> None:
    cast = furnished()
    asked, xu = refused(cast), cast.as_actor(cast.xu)
    dispute = actions.raise_dispute(asked, words="义务教育法规定", by=xu, at=NOON)
    actions.speak(dispute, "conceded", words="重办", by=cast.as_actor(cast.jiang), at=NOON)
    actions.watch_voices(by=SYSTEM, at=NOON)
    assert not Alert.objects.exists()
    asked.refresh_from_db()
    actions.decide(
        asked, "refused", reason="仍不同意", ground="no_duty", by=cast.as_actor(cast.jiang), at=NOON
    )
    actions.watch_voices(by=SYSTEM, at=NOON)
    assert Alert.objects.get().code == "ruling_not_carried_out"
    dispute.refresh_from_db()
    assert dispute.state == "ruled"


def test_what_the_bureau_itself_refused_goes_past_it_to_the_node_above() -> None:
    cast = furnished()
    xu, tian = cast.as_actor(cast.xu), cast.as_actor(cast.tian)
    asked = actions.file_request(need(), consumer=cast.education, by=xu, at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "refused", reason="不妥", ground="beyond_need", by=tian, at=NOON)
    dispute = actions.raise_dispute(asked, words="必要", by=xu, at=NOON)
    actions.speak(dispute, "said", words="赞成共享", by=cast.as_actor(cast.jiang), at=NOON)
    actions.speak(dispute, "taken_up", words="请省里定", by=xu, at=NOON)
    dispute.refresh_from_db()
    assert dispute.stage == "superior"
    told = OutboxMessage.objects.get(payload__topic="dispute.raised", payload__to="510000")
    assert [each["act"] for each in told.payload["payload"]["statements"]] == ["raised", "said", "taken_up"]
    province = Actor("node", "510000", "四川", "510000")
    statement = {
        "uuid": "0f0e0d0c-0b0a-4908-8706-050403020100", "side": "superior", "act": "ruled", "organisation_name": "省数据局",
        "person": "省审", "words": "应当共享", "at": clock.rfc3339(NOON),
    }  # fmt: skip
    said = {"uuid": str(dispute.uuid), "statement": statement, "ruling": "asker", "due_on": "2026-12-10"}
    with pytest.raises(NotYourVoice):
        messages.receive(town.message(town.NATION, "dispute.said", said), own="511600", at=NOON)
    for _ in range(2):
        messages.receive(town.message(town.PROVINCE, "dispute.said", said), own="511600", at=NOON)
    del province
    asked.refresh_from_db()
    dispute.refresh_from_db()
    assert (asked.state, dispute.ruled_node, dispute.carry_due_on) == (
        "waiting",
        "510000",
        date(2026, 12, 10),
    )
    assert asked.steps.filter(decision="").count() == 1


def test_the_lowest_node_above_both() -> None:
    town.tree()
    town.edge()
    assert common_superior("511602", "511600") == "510000"
    assert common_superior("511600", "511600") == "510000"
    assert common_superior("511602", "000000") == ""
    assert common_superior("511602", "999999") == ""


def test_another_node_speaks_for_itself_only() -> None:
    cast = furnished()
    found = reported(cast)
    told = {"uuid": str(found.uuid), "state": "corrected"}
    with pytest.raises(MessageNotEntitled):
        messages.receive(town.message(town.PROVINCE, "correction.answered", told), own="511600", at=NOON)
    moved = {"uuid": str(found.uuid), "act": "withdrawn"}
    with pytest.raises(MessageNotEntitled):
        messages.receive(town.message(town.PROVINCE, "correction.moved", moved), own="511600", at=NOON)
    heard = {"uuid": str(found.uuid), "number": found.number, "resource": PERMITS, "item": "valid_to"}
    with pytest.raises(MessageNotEntitled):
        messages.receive(town.message(town.PROVINCE, "correction.heard", heard), own="511600", at=NOON)
    asked = refused(cast)
    dispute = actions.raise_dispute(asked, words="x", by=cast.as_actor(cast.xu), at=NOON)
    terms = msgspec.to_builtins(terms_of(dispute))
    with pytest.raises(MessageNotEntitled):
        messages.receive(town.message(town.PROVINCE, "dispute.raised", terms), own="511600", at=NOON)
    assert Dispute.objects.count() == 1


def test_a_citizen_hears_what_became_of_it(settings: Any) -> None:
    cast = furnished()
    citizen = register_person("bai", "百姓", password="x" * 12, roles=["citizen"], by=SYSTEM, at=NOON)
    found = reported(cast)
    Correction.objects.filter(pk=found.pk).update(asker="", asked_by_id=str(citizen.uuid))
    answered(found, cast, "corrected")
    heard = Notice.objects.get(code="correction_corrected")
    assert (heard.person, heard.organisation) == (str(citizen.uuid), "")
    person = Person.objects.get(username="bai")
    assert list(queries.visible_corrections(person)) == [found]
    assert not queries.visible_disputes(person).exists()
