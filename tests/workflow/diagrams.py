"""Diagrams for tests: a small sound one, and ways to spoil it."""

from itertools import pairwise
from pathlib import Path

FLOWS = Path(__file__).parents[2] / "examples" / "guangan" / "flows"
BPMN = (FLOWS / "enrolment.bpmn").read_text(encoding="utf-8")
DMN = (FLOWS / "enrolment.dmn").read_text(encoding="utf-8")


def flow(inside: str, *, extensions: str = '<gt:fact name="age" type="integer"/>', head: str = "") -> str:
    """A BPMN text around the given nodes and flows."""
    return f"""{head}<bpmn:definitions id="d" xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:gt="https://guantong.example/bpmn">
      <bpmn:process id="p" isExecutable="true">
        <bpmn:extensionElements>{extensions}</bpmn:extensionElements>
        {inside}
      </bpmn:process>
    </bpmn:definitions>"""


END = (
    '<bpmn:endEvent id="{0}"><bpmn:extensionElements><gt:outcome name="{0}" reason="r"/>'
    "</bpmn:extensionElements></bpmn:endEvent>"
)


def arrow(name: str, source: str, target: str, inside: str = "") -> str:
    """A sequence flow."""
    ends = f'sourceRef="{source}" targetRef="{target}"'
    return f'<bpmn:sequenceFlow id="{name}" {ends}>{inside}</bpmn:sequenceFlow>'


def choice(condition: str) -> str:
    """start → exclusive gateway → yes (under the condition) or no."""
    text = condition.replace("&", "&amp;").replace("<", "&lt;")
    return flow(
        '<bpmn:startEvent id="start"/><bpmn:exclusiveGateway id="gate" default="f_no"/>'
        + END.format("yes")
        + END.format("no")
        + arrow("f_in", "start", "gate")
        + arrow("f_no", "gate", "no")
        + arrow("f_yes", "gate", "yes", f"<bpmn:conditionExpression>{text}</bpmn:conditionExpression>")
    )


def line(*middle: str) -> str:
    """start → the given nodes (as XML with their ids n0, n1, …) → end."""
    names = ["start", *(f"n{i}" for i in range(len(middle))), "end"]
    arrows = "".join(arrow(f"f{i}", a, b) for i, (a, b) in enumerate(pairwise(names)))
    return flow('<bpmn:startEvent id="start"/>' + "".join(middle) + END.format("end") + arrows)
