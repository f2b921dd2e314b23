"""From diagrams to a specification that runs: every check, then the engine's notation."""

from collections.abc import Sequence

from guantong.workflow import diagrams, machine, soundness, tables
from guantong.workflow.errors import DeclarationIncomplete, ElementOutsideSubset, NameUndeclared
from guantong.workflow.types import Specification, Step


def compile_flow(bpmn: str, dmn: Sequence[str] = (), *, is_decided: bool = False) -> Specification:
    """Check a BPMN text and the DMN texts that it uses; raises a DiagramRefused that says what is wrong.

    A flow that people decide (``is_decided``) has user tasks and looks nothing up; a case's flow the other way round.
    """
    diagram = diagrams.read_diagram(bpmn)
    if unfit := next(iter(diagram.lookups if is_decided else diagram.approvals), None):
        raise ElementOutsideSubset(element=diagram.kinds[unfit], where=unfit)
    soundness.check(diagram)
    decisions = dict(tables.read_table(text, diagram.facts) for text in dmn)
    if len(decisions) != len(dmn):
        raise DeclarationIncomplete(where="DMN", part="decision/@id")
    for task, decision in diagram.rules.items():
        if decision not in decisions:
            raise NameUndeclared(name=decision, where=task)
    return Specification(
        process=diagram.process,
        name=diagram.name,
        facts=diagram.facts,
        inputs=diagram.inputs,
        steps=[Step(step, diagram.names[step], lookup) for step, lookup in diagram.lookups.items()],
        english=diagram.english,
        outcomes=diagram.outcomes,
        shapes=diagram.shapes,
        edges=diagram.edges,
        machine=machine.parse(diagram.process, diagram.root, decisions),
        approvals=list(diagram.approvals.values()),
    )
