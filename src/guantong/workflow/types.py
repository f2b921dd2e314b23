"""What a published flow is made of, and what a running one shows."""

from typing import Any, Literal

import msgspec

State = Literal["done", "active", "pending"]
FactType = Literal["boolean", "integer", "text", "date"]
Mode = Literal["query", "verify"]


class Lookup(msgspec.Struct, frozen=True):
    """What one service task asks of another department.

    ``keys`` and ``claims`` go from the resource's item to the form's field; ``result`` names the mapping
    from the answer to facts.
    """

    resource: str
    mode: Mode
    result: str
    keys: dict[str, str]
    claims: dict[str, str] = {}
    fields: list[str] = []


class Step(msgspec.Struct, frozen=True):
    """A service task that is ready: ``id`` is the BPMN element's."""

    id: str
    name: str
    lookup: Lookup


class Approval(msgspec.Struct, frozen=True):
    """A user task: a decision of people. ``role`` says whose; whoever runs the flow knows which organisation that is.

    ``days`` are the working days they have; 0: as the node's settings say.
    """

    id: str
    name: str
    role: str
    days: int = 0


class Input(msgspec.Struct, frozen=True):
    """One field of the form. ``type``: text, person_name, resident_id, division, date or phone.

    ``role`` marks the names of the ``applicant`` and of the ``holder`` of the result. ``source`` is the
    resident ID from which a date of birth follows, so that it is not asked for.
    """

    name: str
    type: str
    label: str
    label_en: str
    required: bool = True
    role: str = ""
    source: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How a flow ended, and the reason's code."""

    name: str
    reason: str


class Shape(msgspec.Struct, frozen=True):
    """One element of the drawing, in the diagram's own coordinates."""

    kind: str
    name: str
    x: float
    y: float
    width: float
    height: float


class Edge(msgspec.Struct, frozen=True):
    """One sequence flow of the drawing: the points that it passes."""

    source: str
    target: str
    name: str
    points: list[tuple[float, float]]


class Specification(msgspec.Struct, frozen=True):
    """A diagram that passed every check, in the form that runs. ``machine`` is the engine's own notation."""

    process: str
    name: str
    facts: dict[str, FactType]
    inputs: list[Input]
    steps: list[Step]
    english: dict[str, str]
    """Names of elements in English, by id, where the diagram gives them."""
    outcomes: dict[str, Outcome]
    shapes: dict[str, Shape]
    edges: dict[str, Edge]
    machine: dict[str, Any]
    approvals: list[Approval] = []

    @property
    def waits(self) -> set[str]:
        """The tasks at which the flow waits for somebody outside."""
        return {step.id for step in self.steps} | {approval.id for approval in self.approvals}

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, for storing."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, plain: object) -> "Specification":
        """The specification that :meth:`as_json` wrote."""
        return msgspec.convert(plain, cls)
