"""Why a diagram is refused, or a step cannot be completed."""

from guantong.kit.errors import GuantongError


class DiagramRefused(GuantongError):
    """A diagram that must not be published; subclasses say why."""

    code = "diagram_refused"
    status = 422
    zh = "流程图不能发布。"
    en = "The diagram cannot be published."


class DiagramUnreadable(DiagramRefused):
    """Not well-formed XML in UTF-8, or not of the kind that was promised."""

    code = "diagram_unreadable"
    zh = "{what}无法读取：{fault}"
    en = "The {what} cannot be read: {fault}"


class DiagramDeclaresEntities(DiagramRefused):
    """A document type or entity declaration: the way of billion laughs and of external files."""

    code = "diagram_declares_entities"
    zh = "{what}含有文档类型或实体声明，出于安全原因不予接受。"
    en = "The {what} declares a document type or entities, which is refused for safety."


class DiagramTooLarge(DiagramRefused):
    """More characters, elements or ways through than a flow of this subset may have."""

    code = "diagram_too_large"
    zh = "流程图过大：{measure} 为 {found}，上限为 {limit}。"
    en = "The diagram is too large: {measure} is {found}, the limit is {limit}."


class ElementOutsideSubset(DiagramRefused):
    """An element, attribute or extension that this platform does not accept."""

    code = "element_outside_subset"
    zh = "元素“{element}”（{where}）不在平台支持的 BPMN/DMN 子集之内。"
    en = 'The element "{element}" ({where}) is outside the BPMN/DMN subset that this platform accepts.'


class ScriptRefused(DiagramRefused):
    """Code inside a diagram."""

    code = "script_refused"
    zh = "流程图中的脚本（{where}）不予接受：流程图只能声明，不能携带代码。"
    en = "The script in the diagram ({where}) is refused: a diagram declares, it does not carry code."


class TimerRefused(DiagramRefused):
    """A BPMN timer, which counts calendar time."""

    code = "timer_refused"
    zh = "定时事件（{where}）不予接受：时限按工作日由平台计算，不写在流程图里。"
    en = "The timer ({where}) is refused: deadlines are working days kept by the platform, not by a diagram."


class ExpressionRefused(DiagramRefused):
    """An expression that uses more than facts, constants and comparisons."""

    code = "expression_refused"
    zh = "表达式“{expression}”不予接受：不允许使用 {part}。"
    en = 'The expression "{expression}" is refused: {part} is not allowed.'


class NameUndeclared(DiagramRefused):
    """A fact, form field or decision that the diagram uses and does not declare."""

    code = "name_undeclared"
    zh = "“{name}”（{where}）没有在流程图中声明。"
    en = '"{name}" ({where}) is not declared in the diagram.'


class DeclarationIncomplete(DiagramRefused):
    """An element whose declaration lacks a part or contradicts itself."""

    code = "declaration_incomplete"
    zh = "{where} 的声明不完整或有误：{part}。"
    en = "The declaration of {where} is incomplete or wrong: {part}."


class FlowUnsound(DiagramRefused):
    """A flow that could not come to its end: turns back, dangles or has no way out."""

    code = "flow_unsound"
    zh = "流程在“{where}”处不成立：{fault}。"
    en = 'The flow is not sound at "{where}": {fault}.'


class RuleTableOpen(DiagramRefused):
    """A decision table whose last rule does not catch everything else."""

    code = "rule_table_open"
    zh = "决策表“{decision}”的最后一条规则必须不设条件，以免有情形无人判定。"
    en = 'The last rule of the table "{decision}" must be unconditional, or a case could be left open.'


class StepNotWaiting(GuantongError):
    """A step was completed that is not waiting (any more)."""

    code = "step_not_waiting"
    status = 409
    zh = "步骤“{step}”当前不在等待中。"
    en = 'The step "{step}" is not waiting.'


class FactUndeclared(GuantongError):
    """A fact was handed in that the flow does not declare, or of another type."""

    code = "fact_undeclared"
    status = 422
    zh = "事实“{name}”未在流程中声明，或类型不符。"
    en = 'The fact "{name}" is not declared by the flow, or has another type.'


class FlowUnknown(GuantongError):
    """No published flow has this name (and version)."""

    code = "flow_unknown"
    status = 404
    zh = "没有名为“{name}”的已发布流程。"
    en = 'No published flow is named "{name}".'
