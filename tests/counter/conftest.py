"""A counter with one open item, its gateway's stand-in, and a family."""

import dataclasses
from datetime import UTC, datetime

import pytest
from django.conf import settings
from tests.counter.gateway import Refusal, StandIn
from tests.workflow.diagrams import BPMN, DMN

from guantong.counter import actions, node
from guantong.counter.models import ServiceItem
from guantong.identity.models import Organisation
from guantong.journal.types import Actor
from guantong.kit.suites import suite
from guantong.workflow.actions import publish

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CLERK = Actor("person", "clerk-1", "窗口 周敏", "115113010833722043")
ITEM = "512B0156000000-511602000000-000-115113010833722043-1-00"
CHILD, GUARDIAN = "510902201805120011", "510902199003070024"
POPULATION = "1010010000001/000001"
RESIDENCE, INSURANCE = "3070511600001/000001", "3070511600002/000001"
HOUSING, LICENCE = "3070511600003/000001", "3070511600004/000001"


def form(**changes: str) -> dict[str, str]:
    """The one form of the family that everything goes well for."""
    return {
        "child_name": "吴小满",
        "child_id_number": CHILD,
        "child_birthplace": "510902",
        "guardian_name": "吴建国",
        "guardian_id_number": GUARDIAN,
        "guardian_birthplace": "510902",
        **changes,
    }


def refusing(status: int, code: str, zh: str = "不行。") -> object:
    def answer(_: object) -> None:
        raise Refusal(status, code, zh)

    return answer


def rows(**row: object) -> object:
    return lambda _: {"rows": [row]}


@pytest.fixture
def item(db) -> ServiceItem:
    bureau = Organisation.objects.create(
        code="115113010833722043",
        uscc="115113010833722043",
        name="区教科体局",
        node="511600",
        division="511602000000",
    )
    item = ServiceItem.objects.create(
        code=ITEM, name="进城务工人员随迁子女接受义务教育入学申请办理", department=bureau, task_type="20",
        division="511602000000",
    )  # fmt: skip
    publish("enrolment", BPMN, [DMN], by=CLERK, at=AT)
    return actions.open_item(
        item, flow="enrolment", certificate_name="义务教育入学资格证明", materials=[], by=CLERK, at=AT
    )


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """A node folder with keys; settings that point at it."""
    folder = tmp_path / "keys"
    folder.mkdir()
    made = {
        "node": suite("international").generate("511600.guantong.example/node"),
        "counter": suite("international").generate("guangan-one-window"),
    }
    for name, key in made.items():
        (folder / f"{name}.key").write_text(key.to_text() + "\n")
    return made


@pytest.fixture
def gateway(keys, tmp_path, monkeypatch):
    """The stand-in, answering as the departments do when every condition is met."""
    stand_in = StandIn(keys["node"], keys["counter"])
    stand_in.answers = {
        POPULATION: lambda asked: {"matched": dict.fromkeys(asked["claims"], "match")},
        RESIDENCE: rows(residence_division="511602 ", valid_from="2025/1/5", valid_to="2027-01-04"),
        INSURANCE: rows(insured_months=" 9", last_paid_month="202610", status="参保"),
        HOUSING: rows(kind="租赁　", contract_to="2027/6/30"),
        LICENCE: lambda _: {"rows": []},
        "-": refusing(403, "grant_unknown"),
    }
    here = dataclasses.replace(settings.NODE, home=tmp_path, gateway_url=stand_in.url, call_budget_s=1.0)
    monkeypatch.setattr(settings, "NODE", here)
    monkeypatch.setattr("guantong.counter.asking.grant_for", lambda **_: "G-1")
    yield stand_in
    node.gateway().close()
    stand_in.close()
