"""Carrying a case on: what is asked, what waits, what is decided, and that nothing happens twice."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from tests.counter.conftest import (
    AT,
    CLERK,
    GUARDIAN,
    HOUSING,
    INSURANCE,
    ITEM,
    POPULATION,
    RESIDENCE,
    form,
    refusing,
    rows,
)

from guantong.counter import actions, asking, certificates, queries
from guantong.counter.errors import CaseClosed
from guantong.counter.models import Case, Certificate
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock, codes
from guantong.kit.keyrings import NodeKeys

pytestmark = [pytest.mark.control, pytest.mark.django_db(transaction=True)]


def take_in(item, **changes):
    return actions.accept(form(**changes), item, by=CLERK, at=clock.now())


def later(seconds):
    return clock.now() + timedelta(seconds=seconds)


def test_a_family_is_admitted_and_gets_a_certificate(item, gateway, keys):
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert (case.state, case.reason, case.waiting_for) == ("admitted", "conditions_met", {})
    assert len(gateway.asked) == 6
    first = gateway.asked[0]
    assert (first["path"], first["resource"], first["purpose"]) == ("/v1/verify", POPULATION, ITEM)
    guardian = next(asked for asked in gateway.asked if asked["resource"] == RESIDENCE)
    assert guardian["keys"] == {"id_number": GUARDIAN}
    assert guardian["fields"] == ["residence_division", "valid_from", "valid_to"]

    certificate = case.certificate
    assert codes.check_certificate_identifier(certificate.identifier).issuer == "115113010833722043"
    assert certificate.holder == "吴小满"
    assert certificates.holds(bytes(certificate.raw), NodeKeys(keys["node"].public))
    assert not certificates.holds(
        bytes(certificate.raw).replace("吴".encode(), "伍".encode()), NodeKeys(keys["node"].public)
    )
    acts = list(Entry.objects.filter(act__startswith="certificate").values_list("act", flat=True))
    assert acts == ["certificate.issued"]
    for lookup in case.lookups.all():
        assert lookup.receipt["body"]["trace"] == lookup.trace.hex
        assert lookup.countersign["body"]["provider_receipt"].startswith("sha-256:")


def test_identity_that_does_not_match_is_refused_before_the_city_is_asked(item, gateway):
    gateway.answers[POPULATION] = lambda asked: {
        "matched": {name: "no_match" if name == "birthplace" else "match" for name in asked["claims"]}
    }
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert (case.state, case.reason) == ("refused", "identity_not_matched")
    assert len(gateway.asked) == 2
    assert not Certificate.objects.exists()


def test_a_condition_that_fails_is_the_reason(item, gateway):
    gateway.answers[INSURANCE] = rows(insured_months=None)
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert (case.state, case.reason) == ("refused", "work_not_established")


@pytest.mark.parametrize("status", [502, 504])
def test_a_node_that_cannot_be_reached_is_waited_for(item, gateway, status):
    good = gateway.answers[POPULATION]
    gateway.answers[POPULATION] = refusing(status, "peer_unreachable", "无法连接节点 510000。")
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert case.state == "waiting"
    assert "510000" in case.waiting_for["zh"]
    assert not case.waiting_for["needs_person"]
    # nobody asks before the pause is over, and each pause is longer than the last
    assert actions.resume_waiting(by=SYSTEM, at=clock.now()) == 0
    moment = clock.now()
    for attempts, seconds in ((2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30)):
        moment += timedelta(seconds=31)
        assert actions.resume_waiting(by=SYSTEM, at=moment) == 1
        lookup = case.lookups.first()
        assert lookup.attempts == attempts
        assert lookup.next_attempt_at == moment + timedelta(seconds=seconds)
    # it went on being the same question, and the journal is not filled with the same line
    assert len({asked["trace"] for asked in gateway.asked}) == 2
    assert Entry.objects.filter(act="lookup.postponed").count() == 2

    gateway.answers[POPULATION] = good
    assert actions.resume_waiting(by=SYSTEM, at=moment + timedelta(seconds=31)) == 1
    case.refresh_from_db()
    assert case.state == "admitted"


def test_a_gateway_that_is_down_is_waited_for_too(item, gateway):
    gateway.close()
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert case.state == "waiting"
    assert case.waiting_for["code"] == "peer_unreachable"
    assert "511600" in case.waiting_for["zh"]


def test_a_refusal_waits_for_a_person_and_can_be_retried(item, gateway):
    good = gateway.answers[HOUSING]
    gateway.answers[HOUSING] = refusing(403, "grant_revoked", "授权 G-1 已撤销。")
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert case.state == "waiting"
    assert case.waiting_for["needs_person"]
    assert case.waiting_for["code"] == "grant_revoked"
    refused = case.lookups.get(step="query_housing")
    assert refused.receipt["body"]["decision"] == "refuse"
    asked = len(gateway.asked)
    assert actions.resume_waiting(by=SYSTEM, at=later(3600)) == 0

    gateway.answers[HOUSING] = good
    case = actions.retry(case, by=CLERK, at=clock.now())
    assert case.state == "admitted"
    # only what was refused was asked again
    assert len(gateway.asked) == asked + 1


def test_without_a_grant_the_call_still_leaves_its_receipt(item, gateway, monkeypatch):
    monkeypatch.setattr("guantong.counter.asking.grant_for", lambda **_: None)
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert case.state == "waiting"
    assert case.waiting_for["code"] == "no_grant"
    assert {asked["grant"] for asked in gateway.asked} == {"-"}
    assert case.lookups.first().receipt["body"]["decision"] == "refuse"


def spoil_answer(said):
    said["answer"] = {"matched": dict.fromkeys(said["answer"].get("matched", {}), "no_match")}


def spoil_countersign(said):
    said["countersign"] = said["receipt"]


@pytest.mark.parametrize("spoil", [spoil_answer, spoil_countersign, lambda said: said.pop("receipt")])
def test_an_answer_whose_proof_does_not_fit_is_not_believed(item, gateway, spoil):
    gateway.spoil = spoil
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert case.waiting_for["code"] == "gateway_answer_not_trusted"
    assert not case.lookups.filter(state="answered").exists()


def test_an_answer_signed_by_a_stranger_is_not_believed(item, gateway, keys):
    gateway.node_key = keys["counter"]
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    assert case.waiting_for["code"] == "gateway_answer_not_trusted"


def test_a_worker_that_died_with_a_claim_is_replaced(item, gateway):
    case = take_in(item)
    assert len(asking.claim(case.pk, at=clock.now(), patience_s=1)) == 2
    assert asking.claim(case.pk, at=clock.now(), patience_s=1) == []
    assert actions.resume_waiting(by=SYSTEM, at=clock.now()) == 0
    assert actions.resume_waiting(by=SYSTEM, at=later(60)) == 1
    case.refresh_from_db()
    assert case.state == "admitted"


def test_a_case_that_nobody_began_is_begun_by_the_worker(item, gateway):
    case = take_in(item)
    assert actions.resume_waiting(by=SYSTEM, at=clock.now()) == 1
    case.refresh_from_db()
    assert case.state == "admitted"


def test_a_backlog_is_worked_off_in_one_beat(item, gateway):
    cases = [take_in(item) for _ in range(20)]
    assert actions.resume_waiting(by=SYSTEM, at=clock.now()) == 20
    assert {Case.objects.get(pk=case.pk).state for case in cases} == {"admitted"}


def test_workers_that_advance_the_same_case_together_ask_once_and_issue_once(item, gateway):
    gateway.delay_s = 0.05
    case = take_in(item)
    faults = []

    def work():
        try:
            actions.advance(Case.objects.get(pk=case.pk), by=SYSTEM, at=clock.now())
        except Exception as fault:  # noqa: BLE001 - whatever it is, the test shows it
            faults.append(fault)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert faults == []
    case.refresh_from_db()
    if case.state != "admitted":
        case = actions.advance(case, by=SYSTEM, at=clock.now())
    assert case.state == "admitted"
    assert Certificate.objects.count() == 1
    assert set(gateway.count.values()) == {1}
    assert Entry.objects.filter(act="certificate.issued").count() == 1


def test_a_withdrawn_case_stays_closed(item, gateway):
    case = actions.withdraw(take_in(item), by=CLERK, at=AT)
    assert actions.advance(case, by=CLERK, at=clock.now()).state == "withdrawn"
    assert gateway.asked == []
    for act in (actions.withdraw, actions.retry):
        with pytest.raises(CaseClosed):
            act(case, by=CLERK, at=AT)


def test_a_revoked_certificate_says_so(item, gateway):
    case = actions.advance(take_in(item), by=CLERK, at=clock.now())
    actions.revoke_certificate(case.certificate, reason="错发", by=CLERK, at=AT)
    assert queries.certificate(case.certificate.identifier).state == "revoked"
