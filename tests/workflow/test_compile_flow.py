"""What is published and what is refused, with hostile diagrams."""

from itertools import pairwise

import pytest
from tests.workflow.diagrams import BPMN, DMN, END, arrow, choice, flow, line

from guantong.workflow import errors
from guantong.workflow.specification import compile_flow
from guantong.workflow.types import Specification


def test_the_enrolment_flow_is_accepted_and_survives_storing():
    spec = compile_flow(BPMN, [DMN])
    assert [step.id for step in spec.steps][:2] == ["verify_child", "verify_guardian"]
    assert spec.steps[0].lookup.claims["guardian"] == "guardian_id_number"
    assert Specification.from_json(spec.as_json()) == spec


LOOKUP = (
    '<gt:lookup resource="a/1" mode="query" result="r">'
    '<gt:key item="k" input="{0}"/><gt:field item="f"/></gt:lookup>'
)
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{("&" + a + ";") * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'


def task(kind: str, name: str, inside: str = "") -> str:
    return f'<bpmn:{kind} id="{name}">{inside}</bpmn:{kind}>'


def extended(inside: str) -> str:
    return f"<bpmn:extensionElements>{inside}</bpmn:extensionElements>"


REFUSED = {
    "not XML": ("<bpmn", "diagram_unreadable"),
    "not BPMN": ("<html/>", "diagram_unreadable"),
    "billion laughs": (flow("&i;", head=BOMB), "diagram_declares_entities"),
    "external entity": (flow("&secret;", head=OUTSIDE), "diagram_declares_entities"),
    "external document type": (
        flow("", head='<!DOCTYPE x SYSTEM "http://evil.example/x.dtd">'),
        "diagram_declares_entities",
    ),
    "undeclared entity": (flow("&nbsp;"), "diagram_unreadable"),
    "processing instruction": (flow("<?php echo 1 ?>"), "element_outside_subset"),
    "too long": (" " * 500_000, "diagram_too_large"),
    "too many elements": (flow("<a/>" * 5_000), "diagram_too_large"),
    "script task": (line(task("scriptTask", "n0", "<bpmn:script>import os</bpmn:script>")), "script_refused"),
    "script in an extension": (
        flow(task("serviceTask", "n0", extended('<s:preScript xmlns:s="s">import os</s:preScript>'))),
        "script_refused",
    ),
    "somebody else's extension": (
        flow(task("serviceTask", "n0", extended('<c:field xmlns:c="http://camunda.org/schema/1.0/bpmn"/>'))),
        "element_outside_subset",
    ),
    "foreign attribute": (
        flow('<bpmn:startEvent id="s" xmlns:c="http://camunda.org/schema/1.0/bpmn" c:initiator="x"/>'),
        "element_outside_subset",
    ),
    "timer": (
        flow(
            '<bpmn:intermediateCatchEvent id="n0"><bpmn:timerEventDefinition><bpmn:timeDuration>PT3D'
            "</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>"
        ),
        "timer_refused",
    ),
    "timer at the start": (
        flow('<bpmn:startEvent id="s"><bpmn:timerEventDefinition/></bpmn:startEvent>'),
        "timer_refused",
    ),
    "a user task that says nothing of who decides": (line(task("userTask", "n0")), "declaration_incomplete"),
    "a user task in a flow that looks things up": (
        line(task("userTask", "n0", extended('<gt:decision role="provider"/>'))),
        "element_outside_subset",
    ),
    "a user task with days that are none": (
        line(task("userTask", "n0", extended('<gt:decision role="provider" days="-1"/>'))),
        "declaration_incomplete",
    ),
    "call activity": (line('<bpmn:callActivity id="n0" calledElement="x"/>'), "element_outside_subset"),
    "loop": (
        line(task("serviceTask", "n0", "<bpmn:standardLoopCharacteristics/>")),
        "element_outside_subset",
    ),
    "data association": (
        line(task("serviceTask", "n0", "<bpmn:dataInputAssociation/>")),
        "element_outside_subset",
    ),
    "a second process": (
        BPMN.replace("</bpmn:process>", '</bpmn:process><bpmn:process id="q"/>', 1),
        "declaration_incomplete",
    ),
    "a task without a lookup": (line(task("serviceTask", "n0")), "declaration_incomplete"),
    "a lookup by an undeclared field": (
        line(task("serviceTask", "n0", extended(LOOKUP.format("nobody")))),
        "name_undeclared",
    ),
    "a fact with a dunder": (
        flow("", extensions='<gt:fact name="__class__" type="text"/>'),
        "declaration_incomplete",
    ),
    "a fact of no type": (flow("", extensions='<gt:fact name="a" type="object"/>'), "declaration_incomplete"),
    "dunder in a condition": (choice("age.__class__ == 1"), "expression_refused"),
    "call in a condition": (choice("exec('1') == 1"), "expression_refused"),
    "comprehension bomb": (choice("[a for a in [1,2] for b in [1,2]] == 1"), "expression_refused"),
    "big power": (choice("9 ** 9 ** 9 == age"), "expression_refused"),
    "undeclared name": (choice("salary > 1"), "name_undeclared"),
    "two starts": (
        flow(
            '<bpmn:startEvent id="a"/><bpmn:startEvent id="b"/>'
            + END.format("e")
            + arrow("f", "a", "e")
            + arrow("g", "b", "e")
        ),
        "flow_unsound",
    ),
    "a dangling flow": (line().replace('targetRef="end"', 'targetRef="gone"'), "flow_unsound"),
    "no default way": (choice("age > 1").replace(' default="f_no"', ""), "flow_unsound"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_code_and_a_sentence(name):
    text, code = REFUSED[name]
    with pytest.raises(errors.DiagramRefused) as refusal:
        compile_flow(text)
    assert refusal.value.code == code
    assert refusal.value.status == 422
    assert "{" not in refusal.value.sentence("zh")
    assert "{" not in refusal.value.sentence("en")


def test_a_flow_that_turns_back_is_refused():
    turning = flow(
        '<bpmn:startEvent id="start"/><bpmn:exclusiveGateway id="a"/>'
        '<bpmn:exclusiveGateway id="b" default="out"/>'
        + END.format("end")
        + arrow("f1", "start", "a")
        + arrow("f2", "a", "b")
        + arrow("out", "b", "end")
        + arrow("back", "b", "a", "<bpmn:conditionExpression>true</bpmn:conditionExpression>")
    )
    with pytest.raises(errors.FlowUnsound):
        compile_flow(turning)


def test_a_flow_with_more_ways_through_than_memory_is_refused():
    names = [f"n{i}" for i in range(40)]
    nodes = "".join(f'<bpmn:parallelGateway id="{name}"/>' for name in names)
    ways = "".join(arrow(f"{a}_{side}", a, b) for a, b in pairwise(names) for side in ("left", "right"))
    text = flow(
        '<bpmn:startEvent id="start"/>'
        + nodes
        + END.format("end")
        + arrow("in", "start", "n0")
        + ways
        + arrow("out", "n39", "end")
    )
    with pytest.raises(errors.DiagramTooLarge):
        compile_flow(text)


DMN_REFUSED = {
    "call in an entry": ('"missing"', "__import__('os')", "expression_refused"),
    "closing the bracket": ('"missing"', "1) or (1", "expression_refused"),
    "the engine's own variable": ('"missing"', "? == 1", "expression_refused"),
    "call in an output": ('<text>"refuse"</text>', "<text>open('x')</text>", "expression_refused"),
    "a fact as output": ('<text>"refuse"</text>', "<text>home</text>", "name_undeclared"),
    "wrong type of output": ('<text>"refuse"</text>', "<text>1</text>", "declaration_incomplete"),
    "undeclared input": ("<text>home</text>", "<text>hobby</text>", "name_undeclared"),
    "undeclared output": ('name="reason"', 'name="hobby"', "name_undeclared"),
    "another hit policy": ('hitPolicy="FIRST"', 'hitPolicy="COLLECT"', "element_outside_subset"),
    "unknown element": ("</decisionTable>", "<annotation/></decisionTable>", "element_outside_subset"),
    "entities": ("<!--", "<!DOCTYPE x []><!--", "diagram_declares_entities"),
    "no such decision": ('decision id="enrolment_conditions"', 'decision id="other"', "name_undeclared"),
    "an open table": (
        '<inputEntry id="rule_8_1"><text>-',
        '<inputEntry id="rule_8_1"><text>"x"',
        "rule_table_open",
    ),
}


@pytest.mark.parametrize("name", DMN_REFUSED)
def test_a_table_is_refused_in_the_same_way(name):
    before, after, code = DMN_REFUSED[name]
    assert before in DMN
    with pytest.raises(errors.DiagramRefused) as refusal:
        compile_flow(BPMN, [DMN.replace(before, after, 1)])
    assert refusal.value.code == code
