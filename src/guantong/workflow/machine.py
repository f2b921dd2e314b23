"""The one module that knows SpiffWorkflow: parsing a checked diagram, and an engine that executes nothing."""

# SpiffWorkflow is not annotated; its untyped calls stay in this file.
# mypy: disable-error-code="no-untyped-call,no-untyped-def,misc,abstract,no-any-return"

from collections.abc import Collection
from typing import Any, Final

from lxml import etree
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.parser.util import full_tag
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.script_engine.python_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
from SpiffWorkflow.bpmn.serializer.workflow import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.bpmn_task_spec import BpmnTaskSpec
from SpiffWorkflow.bpmn.specs.defaults import ManualTask
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.dmn.parser.BpmnDmnParser import BpmnDmnParser
from SpiffWorkflow.dmn.serializer.task_spec import BaseBusinessRuleTaskConverter
from SpiffWorkflow.dmn.specs.business_rule_task_mixin import BusinessRuleTaskMixin

from guantong.workflow import expressions
from guantong.workflow.documents import GT
from guantong.workflow.errors import DiagramUnreadable, ScriptRefused


class RuleTask(BusinessRuleTaskMixin, BpmnTaskSpec):
    """A business rule task: one decision table."""


class _RuleTaskParser(TaskParser):
    """Finds the decision that ``gt:rule`` names."""

    @staticmethod
    def get_decision_ref(node: etree._Element) -> str:
        """The decision's id; the checks have made sure that it is there."""
        return str(next(node.iter(f"{{{GT}}}rule")).get("decision"))

    def create_task(self) -> RuleTask:
        """The task with its table."""
        table = self.process_parser.parser.get_engine(self.get_decision_ref(self.node), self.node)
        return RuleTask(self.spec, self.bpmn_id, dmnEngine=table, **self.bpmn_attributes)


class _Parser(BpmnDmnParser):
    """Service tasks wait for somebody outside, which is what Spiff calls a manual task."""

    OVERRIDE_PARSER_CLASSES: Final = {
        full_tag("serviceTask"): (TaskParser, ManualTask),
        full_tag("businessRuleTask"): (_RuleTaskParser, RuleTask),
    }


class Interpreter(PythonScriptEngine):
    """Takes the place of Spiff's ``eval``: expressions are interpreted, scripts and services do not exist."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = frozenset(names)

    def validate(self, expression: str) -> None:
        """The table asks with a SyntaxError whether an entry is a whole expression."""
        if not expressions.parses(expression):
            raise SyntaxError(expression)

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> expressions.Value:
        """What an expression is worth with the task's facts."""
        if external_context:
            raise ScriptRefused(where=expression)
        return expressions.evaluate(expression, self._names, task.data)

    def execute(self, task: Any, script: str, external_context: Any = None) -> bool:  # noqa: ARG002
        """There are no scripts."""
        raise ScriptRefused(where=str(task.task_spec.name))

    def call_service(self, task: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """There are no services to call from within."""
        raise ScriptRefused(where=str(task.task_spec.name))


_registry = BpmnWorkflowSerializer.configure({**DEFAULT_CONFIG, RuleTask: BaseBusinessRuleTaskConverter})
_serializer = BpmnWorkflowSerializer(_registry)


def parse(process: str, bpmn: etree._Element, tables: dict[str, etree._Element]) -> dict[str, Any]:
    """The engine's own notation of a diagram that has passed the checks."""
    parser = _Parser()
    try:
        parser.add_bpmn_xml(bpmn)
        for table in tables.values():
            parser.add_dmn_xml(table)
        spec = parser.get_spec(process)
    except ValidationException as fault:
        raise DiagramUnreadable(what="BPMN", fault=str(fault)) from fault
    plain: dict[str, Any] = _serializer.to_dict(spec)
    return plain


def start(machine: dict[str, Any], names: Collection[str]) -> BpmnWorkflow:
    """A new workflow, not yet run. ``machine`` is taken apart: hand in a copy."""
    return BpmnWorkflow(_serializer.from_dict(machine), script_engine=Interpreter(names))


def freeze(workflow: BpmnWorkflow) -> dict[str, Any]:
    """The workflow without its specification, which is stored once per version."""
    plain: dict[str, Any] = _serializer.to_dict(workflow)
    del plain["spec"]
    # a list, because a database may not keep the order of keys, and a task needs its parent before it
    plain["tasks"] = list(plain["tasks"].values())
    return plain


def thaw(machine: dict[str, Any], state: dict[str, Any], names: Collection[str]) -> BpmnWorkflow:
    """The workflow that :func:`freeze` wrote. Both dictionaries are taken apart: hand in copies."""
    tasks = {task["id"]: task for task in state["tasks"]}
    workflow = _serializer.from_dict({**state, "tasks": tasks, "spec": machine})
    workflow.script_engine = Interpreter(names)
    return workflow
