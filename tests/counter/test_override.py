"""While a correction runs, a citizen with valid proof is served all the same: by a clerk, with a reason, on the record."""

import pytest
from tests.counter.conftest import AT, CLERK, POPULATION, form

from guantong.counter import actions
from guantong.counter.errors import CaseClosed, OverrideReasonMissing, ProofMissing
from guantong.counter.models import Case
from guantong.identity.actions import register_person
from guantong.identity.models import Organisation
from guantong.identity.queries import actor
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.sharing.models import Correction

pytestmark = [pytest.mark.control, pytest.mark.django_db(transaction=True)]


def someone(role: str) -> Actor:
    place = Organisation.objects.get(code="115113010833722043")
    person = register_person(
        role, "周敏", password=f"{role}-password-1", roles=[role], organisation=place, by=SYSTEM, at=AT
    )
    return actor(person)


@pytest.fixture
def turned_away(item, gateway, keys) -> Case:
    """A family whose birthplace the population base has wrongly."""
    gateway.answers[POPULATION] = lambda asked: {
        "matched": {name: "no_match" if name == "birthplace" else "match" for name in asked["claims"]}
    }
    case = actions.advance(actions.accept(form(), item, by=CLERK, at=clock.now()), by=CLERK, at=clock.now())
    assert (case.state, case.reason) == ("refused", "identity_not_matched")
    return case


def correction(of: Case, **changes: object) -> Correction:
    values = {
        "number": f"JH{Correction.objects.count():04d}",
        "kind": "content",
        "resource": POPULATION,
        "resource_name": "人口基本信息",
        "words": "出生地登记有误",
        "proof_number": "户口簿第 3 页",
        "proof_digest": "sha-256:" + "0" * 64,
        "case": of.number,
        "asker_name": "区教科体局",
        "asker_node": "511600",
        "provider": "11100000MX0000001",
        "provider_name": "公安部",
        "provider_node": "000000",
        "filed_at": AT,
    }
    return Correction.objects.create(**{**values, **changes})


def test_proof_admits_while_the_correction_runs(turned_away: Case) -> None:
    correction(turned_away)
    clerk = someone("clerk")
    with pytest.raises(OverrideReasonMissing):
        actions.admit_on_proof(turned_away, reason=" ", by=clerk, at=clock.now())
    case = actions.admit_on_proof(turned_away, reason="户口簿与出生证明一致", by=clerk, at=clock.now())
    assert (case.state, case.reason) == ("admitted", "admitted_on_proof")
    assert case.certificate.holder == "吴小满"
    entry = Entry.objects.get(act="case.overridden")
    assert entry.details["was"] == "identity_not_matched"
    assert entry.details["reason"] == "户口簿与出生证明一致"
    assert entry.details["correction"] == "JH0000"
    with pytest.raises(CaseClosed):
        actions.admit_on_proof(case, reason="再来一次", by=clerk, at=clock.now())


@pytest.mark.parametrize(
    "changes",
    [
        None,
        {"proof_number": "", "proof_digest": ""},
        {"state": "rejected"},
        {"state": "corrected"},
        {"case": "51160220261122999999"},
        {"resource": "3070511600099/000001"},
    ],
    ids=["no correction", "no proof", "rejected", "done", "another case", "data not looked up"],
)
def test_nothing_else_admits(turned_away: Case, changes: dict[str, object] | None) -> None:
    if changes is not None:
        correction(turned_away, **changes)
    with pytest.raises(ProofMissing):
        actions.admit_on_proof(turned_away, reason="材料齐全", by=someone("clerk"), at=clock.now())
    turned_away.refresh_from_db()
    assert turned_away.state == "refused"


def test_only_a_clerk_admits_on_proof(turned_away: Case) -> None:
    correction(turned_away)
    for by in (someone("approver"), SYSTEM, Actor("application", "one-window", "一窗", "115113010833722043")):
        with pytest.raises(ProofMissing):
            actions.admit_on_proof(turned_away, reason="材料齐全", by=by, at=clock.now())
