"""Whether a flow can come to its end: no turning back, no dead ends, no explosion of ways."""

from typing import Final

from guantong.workflow.diagrams import Diagram, Flow
from guantong.workflow.errors import DiagramTooLarge, FlowUnsound

MAX_NODES: Final = 200
MAX_WAYS: Final = 256
"""The engine keeps a tree of tasks, so ways through the diagram cost memory."""


def check(diagram: Diagram) -> None:
    """Refuse a flow that could hang, dangle or explode; raises FlowUnsound or DiagramTooLarge."""
    if len(diagram.kinds) > MAX_NODES:
        raise DiagramTooLarge(measure="nodes", found=len(diagram.kinds), limit=MAX_NODES)
    out: dict[str, list[Flow]] = {node: [] for node in diagram.kinds}
    into: dict[str, list[Flow]] = {node: [] for node in diagram.kinds}
    for flow in diagram.flows:
        if flow.source not in out or flow.target not in into:
            raise FlowUnsound(where=flow.id, fault="leads from or to nothing")
        out[flow.source].append(flow)
        into[flow.target].append(flow)
    starts = [node for node, kind in diagram.kinds.items() if kind == "startEvent"]
    if len(starts) != 1:
        raise FlowUnsound(where=diagram.process, fault=f"{len(starts)} start events instead of one")
    for node, kind in diagram.kinds.items():
        _check_node(node, kind, len(into[node]), out[node])
    _check_ways(starts[0], into, out)


def _check_node(node: str, kind: str, ways_in: int, ways_out: list[Flow]) -> None:
    fault = None
    if kind == "startEvent":
        fault = "something leads into the start" if ways_in else None
    elif not ways_in:
        fault = "nothing leads here"
    if kind == "endEvent":
        fault = "something follows the end" if ways_out else fault
    elif not ways_out:
        fault = "nothing follows"
    elif kind not in {"exclusiveGateway", "parallelGateway"} and len(ways_out) > 1:
        fault = "branches without a gateway"
    if kind == "exclusiveGateway" and len(ways_out) > 1:
        fault = fault or _fault_of_choice(ways_out)
    elif any(flow.condition is not None for flow in ways_out):
        fault = fault or "a condition where nothing is chosen"
    if fault:
        raise FlowUnsound(where=node, fault=fault)


def _fault_of_choice(ways_out: list[Flow]) -> str | None:
    defaults = [flow for flow in ways_out if flow.is_default]
    if len(defaults) != 1:
        return "a choice without a default way"
    if defaults[0].condition is not None:
        return "a condition on the default way"
    if any(not flow.condition for flow in ways_out if not flow.is_default):
        return "a way without a condition"
    return None


def _check_ways(start: str, into: dict[str, list[Flow]], out: dict[str, list[Flow]]) -> None:
    """Walk in topological order; whatever stays unwalked sits on a circle."""
    missing = {node: len(flows) for node, flows in into.items()}
    ways = dict.fromkeys(into, 0)
    ways[start] = 1
    ready = [start]
    while ready:
        node = ready.pop()
        del missing[node]
        for flow in out[node]:
            ways[flow.target] += ways[node]
            if ways[flow.target] > MAX_WAYS:
                raise DiagramTooLarge(measure="ways through", found=ways[flow.target], limit=MAX_WAYS)
            missing[flow.target] -= 1
            if not missing[flow.target]:
                ready.append(flow.target)
    if missing:
        raise FlowUnsound(where=min(missing), fault="the flow turns back on itself")
