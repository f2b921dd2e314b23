"""A flow from start to end, with a night in the database between any two steps."""

import json

import pytest
from tests.workflow.diagrams import BPMN, DMN, choice

from guantong.workflow.drawing import svg
from guantong.workflow.engine import Run
from guantong.workflow.errors import FactUndeclared, StepNotWaiting
from guantong.workflow.specification import compile_flow

SPEC = compile_flow(BPMN, [DMN])
GOOD = {
    "verify_child": {"child_identity": "match", "guardianship": "match"},
    "verify_guardian": {"guardian_identity": "match"},
    "query_residence": {"residence_permit": "valid"},
    "query_insurance": {"insured_months": 9},
    "query_housing": {"home": "rented"},
    "query_licence": {"licence_running": False},
}


def overnight(run: Run) -> Run:
    """Through JSON with its keys in another order, as a database may give them back."""
    return Run.resume(SPEC, json.loads(json.dumps(run.state(), sort_keys=True)))


def walk(**changes: dict[str, object]) -> Run:
    run = Run.start(SPEC)
    while not run.finished:
        step = run.waiting()[-1]
        run.complete(step.id, {**GOOD, **changes}[step.id])
        run = overnight(run)
    return run


def test_a_family_that_meets_every_condition_is_admitted():
    run = walk()
    assert (run.outcome.name, run.outcome.reason) == ("admitted", "conditions_met")
    assert run.data["insured_months"] == 9


def test_identity_is_checked_before_anything_else_is_asked():
    run = Run.start(SPEC)
    assert [step.id for step in run.waiting()] == ["verify_child", "verify_guardian"]
    run.complete("verify_child", GOOD["verify_child"])
    assert [step.id for step in run.waiting()] == ["verify_guardian"]
    run.complete("verify_guardian", {"guardian_identity": "mismatch"})
    assert run.finished
    assert (run.outcome.name, run.outcome.reason) == ("refused", "identity_not_matched")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"query_residence": {"residence_permit": "missing"}}, "residence_permit_missing"),
        ({"query_residence": {"residence_permit": "expired"}}, "residence_permit_expired"),
        ({"query_residence": {"residence_permit": "elsewhere"}}, "residence_permit_elsewhere"),
        ({"query_insurance": {"insured_months": 5}}, "work_not_established"),
        ({"query_housing": {"home": "missing"}}, "home_missing"),
        ({"query_housing": {"home": "contract_ended"}}, "home_contract_ended"),
        # the first condition that fails is the reason
        (
            {"query_residence": {"residence_permit": "missing"}, "query_housing": {"home": "missing"}},
            "residence_permit_missing",
        ),
        # nothing that the table does not know admits anybody
        ({"query_housing": {"home": "castle"}}, "conditions_not_established"),
        ({"query_residence": {}}, "conditions_not_established"),
    ],
)
def test_the_first_condition_that_fails_is_the_reason(changes, reason):
    outcome = walk(**changes).outcome
    assert (outcome.name, outcome.reason) == ("refused", reason)


def test_a_running_licence_stands_in_for_insurance():
    run = walk(query_insurance={"insured_months": 0}, query_licence={"licence_running": True})
    assert run.outcome.name == "admitted"


def test_a_step_is_completed_once():
    run = Run.start(SPEC)
    run.complete("verify_child", GOOD["verify_child"])
    with pytest.raises(StepNotWaiting):
        run.complete("verify_child", GOOD["verify_child"])
    with pytest.raises(StepNotWaiting):
        overnight(run).complete("verify_child", GOOD["verify_child"])
    with pytest.raises(StepNotWaiting):
        run.complete("query_housing", {})


@pytest.mark.parametrize("facts", [{"hobby": "chess"}, {"insured_months": "9"}, {"insured_months": True}])
def test_a_fact_must_be_declared_and_of_its_type(facts):
    run = Run.start(SPEC)
    with pytest.raises(FactUndeclared):
        run.complete("verify_child", facts)
    assert [step.id for step in run.waiting()] == ["verify_child", "verify_guardian"]


def test_facts_of_the_beginning_decide_too():
    spec = compile_flow(choice("age >= 6"))
    assert Run.start(spec, {"age": 6}).outcome.name == "yes"
    assert Run.start(spec, {"age": 5}).outcome.name == "no"
    assert Run.start(spec).outcome.name == "no"


def test_the_picture_shows_where_the_case_is():
    run = Run.start(SPEC)
    picture = run.picture()
    assert picture["start"] == picture["f_child"] == "done"
    assert picture["verify_child"] == "active"
    assert picture["decide"] == picture["f_rule"] == "pending"
    picture = walk().picture()
    assert picture["admitted"] == picture["f_admitted"] == "done"
    assert picture["refused"] == picture["f_refused"] == picture["refused_identity"] == "pending"


def test_the_drawing_is_well_formed_and_escapes_what_it_shows():
    from lxml import etree

    text = svg(SPEC, walk().picture(), 'a "title" <b>')
    root = etree.fromstring(text)
    assert root.get("aria-label") == 'a "title" <b>'
    assert len(root.findall("{*}rect")) == 7
    assert "<script" not in text


def test_the_drawing_speaks_english_to_readers_of_english():
    text = svg(SPEC, Run.start(SPEC).picture(), "progress", SPEC.english)
    assert "Housing" in text
    assert ">yes<" in text
    assert not any("\u4e00" <= character <= "\u9fff" for character in text)
