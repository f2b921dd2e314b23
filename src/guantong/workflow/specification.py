"""From diagrams to a specification that runs: every check, then the engine's notation."""

from collections.abc import Sequence

from guantong.workflow import diagrams, machine, soundness, tables
from guantong.workflow.errors import DeclarationIncomplete, NameUndeclared
from guantong.workflow.types import Specification, Step


def compile_flow(bpmn: str, dmn: Sequence[str] = ()) -> Specification:
    """Check a BPMN text and the DMN texts that it uses; raises a DiagramRefused that says what is wrong."""
    diagram = diagrams.read_diagram(bpmn)
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
    )
