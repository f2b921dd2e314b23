"""What can be refused about requests and grants."""

from guantong.kit.errors import GuantongError


class RequestIncomplete(GuantongError):
    """The request lacks something; everything that is missing is told at once."""

    code = "request_incomplete"
    status = 422
    zh = "申请材料不齐，请一次补正：{missing_zh}。"
    en = "The request is incomplete; please add: {missing_en}."


class FieldNotInResource(GuantongError):
    """A field was asked for that the resource does not have."""

    code = "field_not_in_resource"
    status = 422
    zh = "信息资源中没有信息项：{fields}。"
    en = "The resource has no such items: {fields}."


class NotShared(GuantongError):
    """The resource is not shared by law."""

    code = "not_shared"
    status = 403
    zh = "该信息资源不予共享，依据：{basis}。"
    en = "This resource is not shared, by: {basis}."


class PledgeMissing(GuantongError):
    """No grant without the pledge."""

    code = "pledge_missing"
    status = 422
    zh = "须先签署数据安全承诺。"
    en = "The data security pledge must be signed first."


class NotYourDecision(GuantongError):
    """The step is not this person's to decide, or it is their own department's request."""

    code = "not_your_decision"
    status = 403
    zh = "此环节不由您所在机构审批，且任何机构不得审批自己的申请。"
    en = "This step is not your organisation's to decide, and nobody decides their own request."


class RequestStateWrong(GuantongError):
    """The request is not waiting for this decision."""

    code = "request_state_wrong"
    status = 409
    zh = "申请 {request} 当前状态为「{state}」，不能再次审批。"
    en = "Request {request} is {state}; it cannot be decided again."


class DecisionMissing(GuantongError):
    """The form said neither yes nor no."""

    code = "decision_missing"
    status = 422
    zh = "请选择同意或不同意。"
    en = "Say whether you approve or refuse."


class ReasonMissing(GuantongError):
    """A refusal must say why."""

    code = "reason_missing"
    status = 422
    zh = "不同意共享须说明理由。"
    en = "A refusal must give its reason."


class GrantNotInForce(GuantongError):
    """The grant has ended or was revoked already."""

    code = "grant_not_in_force"
    status = 409
    zh = "授权 {grant} 已不在有效状态。"
    en = "Grant {grant} is no longer in force."


class LimitsWrong(GuantongError):
    """A limit or a length of the request is out of bounds."""

    code = "request_limits_wrong"
    status = 422
    zh = "申请内容超出范围：{why}。"
    en = "The request is out of bounds: {why}."


class ResourceOfAnotherNode(GuantongError):
    """Only the node that a resource belongs to takes requests for it and grants its use."""

    code = "resource_of_another_node"
    status = 403
    zh = "信息资源 {resource} 不属于节点 {node}。"
    en = "Resource {resource} does not belong to node {node}."


class NumberTaken(GuantongError):
    """The number of a request, or the code of a grant, stands for another one already, or is not its node's."""

    code = "number_taken"
    status = 409
    zh = "编号 {number} 已被占用，或不属于节点 {node}。"
    en = "The number {number} is in use already, or is not node {node}'s to give."


class TermsWrong(GuantongError):
    """What another node says about a request or a grant contradicts itself or what we know."""

    code = "terms_wrong"
    status = 422
    zh = "授权内容有误：{why_zh}。"
    en = "The terms are wrong: {why_en}."
