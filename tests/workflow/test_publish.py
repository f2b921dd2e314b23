"""Versions of a flow in the database."""

import pytest
from tests.workflow.diagrams import BPMN, DMN, flow

from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.workflow import actions, queries
from guantong.workflow.errors import FlowUnknown, TimerRefused
from guantong.workflow.models import FlowVersion

pytestmark = [pytest.mark.control, pytest.mark.django_db]


def test_publishing_makes_a_version_and_leaves_a_trace():
    version = actions.publish("enrolment", BPMN, [DMN], by=SYSTEM, at=clock.now())
    assert version.version == 1
    assert queries.newest("enrolment") == version
    assert queries.specification(version).steps[0].id == "verify_child"
    assert Entry.objects.get().act == "flow.published"


def test_the_same_texts_again_change_nothing():
    first = actions.publish("enrolment", BPMN, [DMN], by=SYSTEM, at=clock.now())
    assert actions.publish("enrolment", BPMN, [DMN], by=SYSTEM, at=clock.now()) == first
    changed = DMN.replace("&lt; 6", "&lt; 12")
    assert actions.publish("enrolment", BPMN, [changed], by=SYSTEM, at=clock.now()).version == 2
    assert Entry.objects.count() == 2


def test_a_refused_diagram_leaves_nothing():
    timer = flow('<bpmn:startEvent id="s"><bpmn:timerEventDefinition/></bpmn:startEvent>')
    with pytest.raises(TimerRefused):
        actions.publish("enrolment", timer, by=SYSTEM, at=clock.now())
    assert not FlowVersion.objects.exists()
    assert not Entry.objects.exists()


def test_an_unknown_flow_is_named():
    with pytest.raises(FlowUnknown) as refusal:
        queries.newest("nothing")
    assert "nothing" in refusal.value.sentence("en")
