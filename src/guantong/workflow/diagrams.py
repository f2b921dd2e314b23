"""What a BPMN text declares, checked against the subset (see the package's docstring)."""

from dataclasses import dataclass
from dataclasses import field as part
from typing import Final

from lxml import etree

from guantong.workflow import expressions
from guantong.workflow.documents import BPMN, DRAWING, GT, XSI, place, read, tag
from guantong.workflow.errors import (
    DeclarationIncomplete,
    DiagramUnreadable,
    ElementOutsideSubset,
    NameUndeclared,
    ScriptRefused,
    TimerRefused,
)
from guantong.workflow.types import Approval, Edge, FactType, Input, Lookup, Mode, Outcome, Shape

NODES: Final = frozenset(
    {
        "startEvent",
        "endEvent",
        "serviceTask",
        "userTask",
        "businessRuleTask",
        "exclusiveGateway",
        "parallelGateway",
    }
)
_INSIDE: Final = {
    "definitions": frozenset({"process"}),
    "process": NODES | {"sequenceFlow", "extensionElements", "documentation"},
    "sequenceFlow": frozenset({"conditionExpression", "extensionElements", "documentation"}),
    "conditionExpression": frozenset[str](),
    "documentation": frozenset[str](),
    "incoming": frozenset[str](),
    "outgoing": frozenset[str](),
} | {kind: frozenset({"incoming", "outgoing", "extensionElements", "documentation"}) for kind in NODES}
_EXTENSIONS: Final = {kind: frozenset({"english"}) for kind in NODES} | {
    "process": frozenset({"fact", "input"}),
    "sequenceFlow": frozenset({"english"}),
    "serviceTask": frozenset({"lookup", "english"}),
    "businessRuleTask": frozenset({"rule", "english"}),
    "userTask": frozenset({"decision", "english"}),
    "endEvent": frozenset({"outcome", "english"}),
}
_ATTRIBUTES: Final = {
    "definitions": {
        "id",
        "name",
        "targetNamespace",
        "exporter",
        "exporterVersion",
        "expressionLanguage",
        "typeLanguage",
    },
    "process": {"id", "name", "isExecutable", "processType", "isClosed"},
    "sequenceFlow": {"id", "name", "sourceRef", "targetRef"},
    "exclusiveGateway": {"id", "name", "default", "gatewayDirection"},
    "parallelGateway": {"id", "name", "gatewayDirection"},
    "conditionExpression": {"id", f"{{{XSI}}}type", "language"},
}
INPUT_TYPES: Final = frozenset({"text", "person_name", "resident_id", "division", "date", "phone"})


@dataclass(frozen=True)
class Flow:
    """One sequence flow."""

    id: str
    source: str
    target: str
    name: str
    condition: str | None
    is_default: bool


@dataclass
class Diagram:
    """Everything that a BPMN text declares."""

    process: str
    name: str
    root: etree._Element
    kinds: dict[str, str] = part(default_factory=dict)
    names: dict[str, str] = part(default_factory=dict)
    english: dict[str, str] = part(default_factory=dict)
    flows: list[Flow] = part(default_factory=list)
    facts: dict[str, FactType] = part(default_factory=dict)
    inputs: list[Input] = part(default_factory=list)
    lookups: dict[str, Lookup] = part(default_factory=dict)
    rules: dict[str, str] = part(default_factory=dict)
    approvals: dict[str, Approval] = part(default_factory=dict)
    outcomes: dict[str, Outcome] = part(default_factory=dict)
    shapes: dict[str, Shape] = part(default_factory=dict)
    edges: dict[str, Edge] = part(default_factory=dict)


def read_diagram(text: str) -> Diagram:
    """Read and check one BPMN text; raises a DiagramRefused that says what is wrong and where."""
    root = read(text, "BPMN")
    if tag(root) != (BPMN, "definitions"):
        raise DiagramUnreadable(what="BPMN", fault=f"root element {tag(root)[1]}")
    _check_elements(root)
    processes = root.findall(f"{{{BPMN}}}process")
    if len(processes) != 1 or processes[0].get("isExecutable") != "true":
        raise DeclarationIncomplete(where="definitions", part="exactly one executable process is wanted")
    process = processes[0]
    diagram = Diagram(_attribute(process, "id"), process.get("name") or _attribute(process, "id"), root)
    _read_process(process, diagram)
    _check_names(diagram)
    _read_drawing(root, diagram)
    return diagram


def _check_elements(node: etree._Element) -> None:
    kind = tag(node)[1]
    for name in map(str, node.attrib):
        if name not in _ATTRIBUTES.get(kind, {"id", "name"}):
            raise ElementOutsideSubset(element=f"@{etree.QName(name).localname}", where=place(node))
    for child in node:
        namespace, inner = tag(child)
        if namespace in DRAWING and kind == "definitions":
            continue
        if namespace != BPMN or inner not in _INSIDE[kind]:
            raise _refusal(child)
        if inner == "extensionElements":
            _check_extensions(child, kind)
        else:
            _check_elements(child)


def _refusal(node: etree._Element) -> ElementOutsideSubset | ScriptRefused | TimerRefused:
    inner = tag(node)[1]
    if inner in {"scriptTask", "script"}:
        return ScriptRefused(where=place(node))
    if any(tag(part)[1] == "timerEventDefinition" for part in node.iter()):
        return TimerRefused(where=place(node))
    return ElementOutsideSubset(element=inner, where=place(node))


def _check_extensions(holder: etree._Element, kind: str) -> None:
    for child in holder:
        namespace, inner = tag(child)
        if inner in {"script", "preScript", "postScript"}:
            raise ScriptRefused(where=place(child))
        if namespace != GT or inner not in _EXTENSIONS.get(kind, ()):
            raise ElementOutsideSubset(element=inner, where=place(child))


def _attribute(node: etree._Element, name: str) -> str:
    value = (node.get(name) or "").strip()
    if not value:
        raise DeclarationIncomplete(where=place(node), part=f"{tag(node)[1]}/@{name}")
    return value


def _identifier(node: etree._Element, name: str) -> str:
    value = _attribute(node, name)
    if not (value.isidentifier() and value.isascii()) or value.startswith("_") or value in expressions.WORDS:
        raise DeclarationIncomplete(where=place(node), part=f"{tag(node)[1]}/@{name}={value}")
    return value


def _extensions(node: etree._Element, name: str) -> list[etree._Element]:
    return node.findall(f"{{{BPMN}}}extensionElements/{{{GT}}}{name}")


def _only(node: etree._Element, name: str) -> etree._Element:
    found = _extensions(node, name)
    if len(found) != 1:
        raise DeclarationIncomplete(where=place(node), part=f"gt:{name} × {len(found)}")
    return found[0]


def _read_process(process: etree._Element, diagram: Diagram) -> None:
    for node in _extensions(process, "fact"):
        diagram.facts[_identifier(node, "name")] = _fact_type(node)
    for node in _extensions(process, "input"):
        diagram.inputs.append(_input(node))
    defaults = {str(node.get("default")) for node in process if node.get("default")}
    for node in process:
        kind = tag(node)[1]
        if kind == "sequenceFlow":
            diagram.flows.append(_flow(node, defaults))
            _read_english(node, diagram.flows[-1].id, diagram)
        elif kind in NODES:
            _read_node(node, kind, diagram)


def _fact_type(node: etree._Element) -> FactType:
    match _attribute(node, "type"):
        case "boolean" | "integer" | "text" | "date" as kind:
            return kind
        case kind:
            raise DeclarationIncomplete(where=place(node), part=f"gt:fact/@type={kind}")


def _mode(node: etree._Element) -> Mode:
    match _attribute(node, "mode"):
        case "query" | "verify" as mode:
            return mode
        case mode:
            raise DeclarationIncomplete(where=place(node), part=f"gt:lookup/@mode={mode}")


def _input(node: etree._Element) -> Input:
    kind = _attribute(node, "type")
    if kind not in INPUT_TYPES:
        raise DeclarationIncomplete(where=place(node), part=f"gt:input/@type={kind}")
    return Input(
        name=_identifier(node, "name"),
        type=kind,
        label=_attribute(node, "label"),
        label_en=_attribute(node, "label-en"),
        required=node.get("required", "true") == "true",
        role=node.get("role") or "",
        source=node.get("from") or "",
    )


def _flow(node: etree._Element, defaults: set[str]) -> Flow:
    condition = node.find(f"{{{BPMN}}}conditionExpression")
    identifier = _attribute(node, "id")
    return Flow(
        id=identifier,
        source=_attribute(node, "sourceRef"),
        target=_attribute(node, "targetRef"),
        name=node.get("name") or "",
        condition=None if condition is None else (condition.text or "").strip(),
        is_default=identifier in defaults,
    )


def _read_node(node: etree._Element, kind: str, diagram: Diagram) -> None:
    identifier = _attribute(node, "id")
    if identifier in diagram.kinds:
        raise DeclarationIncomplete(where=identifier, part="@id")
    diagram.kinds[identifier] = kind
    diagram.names[identifier] = node.get("name") or identifier
    _read_english(node, identifier, diagram)
    if kind == "serviceTask":
        diagram.lookups[identifier] = _lookup(_only(node, "lookup"))
    elif kind == "businessRuleTask":
        diagram.rules[identifier] = _attribute(_only(node, "rule"), "decision")
    elif kind == "userTask":
        diagram.approvals[identifier] = _approval(node, diagram.names[identifier])
    elif kind == "endEvent":
        outcome = _only(node, "outcome")
        diagram.outcomes[identifier] = Outcome(_attribute(outcome, "name"), outcome.get("reason") or "")


def _approval(node: etree._Element, name: str) -> Approval:
    decision = _only(node, "decision")
    days = decision.get("days", "0")
    if not (days.isascii() and days.isdecimal() and len(days) < 4):
        raise DeclarationIncomplete(where=place(node), part=f"gt:decision/@days={days}")
    return Approval(_attribute(node, "id"), name, _identifier(decision, "role"), int(days))


def _read_english(node: etree._Element, identifier: str, diagram: Diagram) -> None:
    if _extensions(node, "english"):
        diagram.english[identifier] = _attribute(_only(node, "english"), "name")


def _lookup(node: etree._Element) -> Lookup:
    mode = _mode(node)
    parts: dict[str, list[etree._Element]] = {"key": [], "claim": [], "field": []}
    for child in node:
        namespace, inner = tag(child)
        if namespace != GT or inner not in parts or len(child):
            raise ElementOutsideSubset(element=inner, where=place(child))
        parts[inner].append(child)
    lookup = Lookup(
        resource=_attribute(node, "resource"),
        mode=mode,
        result=_identifier(node, "result"),
        keys={_identifier(key, "item"): _identifier(key, "input") for key in parts["key"]},
        claims={_identifier(claim, "item"): _identifier(claim, "input") for claim in parts["claim"]},
        fields=[_identifier(wanted, "item") for wanted in parts["field"]],
    )
    wanted, unwanted = (lookup.claims, lookup.fields) if mode == "verify" else (lookup.fields, lookup.claims)
    if not lookup.keys or not wanted or unwanted:
        raise DeclarationIncomplete(
            where=place(node), part="a key, and claims to verify or fields to query, not both"
        )
    return lookup


def _check_names(diagram: Diagram) -> None:
    inputs = {field.name: field for field in diagram.inputs}
    for field in diagram.inputs:
        source = inputs.get(field.source)
        if field.source and (field.type != "date" or source is None or source.type != "resident_id"):
            raise NameUndeclared(name=field.source, where=field.name)
    for step, lookup in diagram.lookups.items():
        for name in (*lookup.keys.values(), *lookup.claims.values()):
            if name not in inputs:
                raise NameUndeclared(name=name, where=step)
    for flow in diagram.flows:
        if flow.condition is not None:
            expressions.check(flow.condition, diagram.facts)


def _read_drawing(root: etree._Element, diagram: Diagram) -> None:
    flows = {flow.id: flow for flow in diagram.flows}
    for node in root.iter():
        element = node.get("bpmnElement") or ""
        if tag(node)[1] == "BPMNShape" and element in diagram.kinds:
            box = next((part for part in node if tag(part)[1] == "Bounds"), None)
            if box is not None:
                x, y, width, height = (_number(box, side) for side in ("x", "y", "width", "height"))
                diagram.shapes[element] = Shape(
                    diagram.kinds[element], _caption(diagram, element), x, y, width, height
                )
        elif tag(node)[1] == "BPMNEdge" and element in flows:
            flow = flows[element]
            points = [(_number(p, "x"), _number(p, "y")) for p in node if tag(p)[1] == "waypoint"]
            diagram.edges[element] = Edge(flow.source, flow.target, flow.name, points)


def _caption(diagram: Diagram, element: str) -> str:
    """The name that the diagram shows; an element without one shows none, not its id."""
    name = diagram.names[element]
    return "" if name == element else name


def _number(node: etree._Element, name: str) -> float:
    try:
        value = float(node.get(name) or "")
    except ValueError as fault:
        raise DeclarationIncomplete(where=place(node), part=f"@{name}") from fault
    if not -100_000 < value < 100_000:
        raise DeclarationIncomplete(where=place(node), part=f"@{name}={value}")
    return value
