"""Running a published flow, one step at a time. Pure: no database, no network, no clock."""

# SpiffWorkflow is not annotated; see machine.py.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Self

from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from guantong.workflow import machine
from guantong.workflow.errors import FactUndeclared, StepNotWaiting
from guantong.workflow.expressions import Value
from guantong.workflow.types import Approval, Outcome, Specification, State, Step

_PYTHON_TYPES = {"boolean": bool, "integer": int, "text": str, "date": str}


class Run:
    """One case on its way through a flow.

    The caller does the work of each waiting step and hands back *facts*: flat values under names that the
    diagram declares. Gateways and rules read nothing else.
    """

    def __init__(self, spec: Specification, workflow: BpmnWorkflow) -> None:
        self._spec = spec
        self._workflow = workflow

    @classmethod
    def start(cls, spec: Specification, data: Mapping[str, Value] | None = None) -> Self:
        """A new run with facts that are known from the beginning; raises FactUndeclared."""
        run = cls(spec, machine.start(deepcopy(spec.machine), spec.facts))
        for task in run._workflow.get_tasks(state=TaskState.READY):
            task.data.update(run._admitted(data or {}))
        run._workflow.do_engine_steps()
        return run

    @classmethod
    def resume(cls, spec: Specification, state: Mapping[str, Any]) -> Self:
        """The run that :meth:`state` wrote down."""
        return cls(spec, machine.thaw(deepcopy(spec.machine), deepcopy(dict(state)), spec.facts))

    def state(self) -> dict[str, Any]:
        """The run as JSON, without the specification."""
        return machine.freeze(self._workflow)

    def waiting(self) -> list[Step]:
        """The service tasks that are ready, in the order of the diagram."""
        ready = {task.task_spec.name for task in self._workflow.get_tasks(state=TaskState.READY)}
        return [step for step in self._spec.steps if step.id in ready]

    def undecided(self) -> list[Approval]:
        """The user tasks that are ready, in the order of the diagram."""
        ready = {task.task_spec.name for task in self._workflow.get_tasks(state=TaskState.READY)}
        return [each for each in self._spec.approvals if each.id in ready]

    def complete(self, step: str, facts: Mapping[str, Value] | None = None) -> None:
        """Hand in what a step found, or that it was approved, and go on; raises StepNotWaiting, FactUndeclared."""
        tasks = self._workflow.get_tasks(state=TaskState.READY, spec_name=step)
        if not tasks or step not in self._spec.waits:
            raise StepNotWaiting(step=step)
        tasks[0].data.update(self._admitted(facts or {}))
        tasks[0].run()
        self._workflow.do_engine_steps()

    def _admitted(self, facts: Mapping[str, Value]) -> dict[str, Value]:
        for name, value in facts.items():
            kind = self._spec.facts.get(name)
            if kind is None or (value is not None and type(value) is not _PYTHON_TYPES[kind]):
                raise FactUndeclared(name=name)
        # an unknown fact is left out: at a join it must not hide what another branch has found
        return {name: value for name, value in facts.items() if value is not None}

    @property
    def finished(self) -> bool:
        """Whether every branch has come to an end."""
        return bool(self._workflow.is_completed())

    @property
    def data(self) -> dict[str, Value]:
        """The facts established so far."""
        found: dict[str, Value] = {}
        for task in self._workflow.get_tasks(state=TaskState.FINISHED_MASK | TaskState.READY):
            found.update({name: value for name, value in task.data.items() if name in self._spec.facts})
        return found

    @property
    def outcome(self) -> Outcome | None:
        """How the flow ended; None while it runs."""
        if not self.finished:
            return None
        for end, outcome in self._spec.outcomes.items():
            if self._workflow.get_tasks(state=TaskState.COMPLETED, spec_name=end):
                reason = outcome.reason or str(self.data.get("reason") or "")
                return Outcome(outcome.name, reason)
        return None

    def picture(self) -> dict[str, State]:
        """For each node and sequence flow of the drawing, whether it is done, active or pending."""
        picture: dict[str, State] = dict.fromkeys((*self._spec.shapes, *self._spec.edges), "pending")
        walked: set[tuple[str, str]] = set()
        for task in self._workflow.get_tasks():
            name = task.task_spec.name
            if task.has_state(TaskState.COMPLETED) and name in picture:
                picture[name] = "done"
            elif task.has_state(TaskState.READY | TaskState.STARTED) and picture.get(name) == "pending":
                picture[name] = "active"
            parent = task.parent
            if parent is not None and parent.has_state(TaskState.COMPLETED):
                walked.add((parent.task_spec.name, name))
        for name, edge in self._spec.edges.items():
            if (edge.source, edge.target) in walked:
                picture[name] = "done"
        return picture
