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


class ItemsAboveClearance(GuantongError):
    """An item's level is above the clearance of an application that would call: no grant could give it."""

    code = "items_above_clearance"
    status = 422
    zh = "信息项 {items} 的级别高于应用「{application}」的许可级别（{clearance} 级），请不选，或换用许可级别更高的应用。"
    en = "{items}: above the clearance of “{application}” ({clearance}); leave them out, or name another application."


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


class GroundUnknown(GuantongError):
    """A refusal names none of the grounds on which a request may be refused."""

    code = "ground_unknown"
    status = 422
    zh = "不同意须从法定理由中选择一项。"
    en = "A refusal must name one of the grounds in law."


class ToldAlready(GuantongError):
    """The consumer was told once what is missing; it is now decided on what is there."""

    code = "told_already"
    status = 409
    zh = "申请 {request} 已一次性告知过补正内容，请按现有材料审批。"
    en = "Request {request} was sent back once already; decide on what is there."


class RequestNotReturned(GuantongError):
    """Only a request that was sent back can be supplemented."""

    code = "request_not_returned"
    status = 409
    zh = "申请 {request} 当前状态为「{state}」，不需要补正。"
    en = "Request {request} is {state}; there is nothing to add."


class RequestClosed(GuantongError):
    """The request has been decided or withdrawn."""

    code = "request_closed"
    status = 409
    zh = "申请 {request} 已办结（{state}）。"
    en = "Request {request} is closed ({state})."


class NotYourRequest(GuantongError):
    """Only the department that asks may change or withdraw what it asks."""

    code = "not_your_request"
    status = 403
    zh = "只有申请方可以补正或撤回申请。"
    en = "Only the department that asks may add to its request or withdraw it."


class OwnResource(GuantongError):
    """A department asks for its own data."""

    code = "own_resource"
    status = 422
    zh = "该资源由贵机构提供，使用自己的数据不需要申请。"
    en = "Your organisation provides this resource; you need not ask for your own data."


class NarrowingWidens(GuantongError):
    """An approver would grant what was not asked, or what an earlier one took away."""

    code = "narrowing_widens"
    status = 422
    zh = "审批只能缩减，不能超出申请：{what_zh}。"
    en = "An approval can only take away; this is more than was asked: {what_en}."


class PaperUnfit(GuantongError):
    """A scan that is none, or too large."""

    code = "paper_unfit"
    status = 422
    zh = "扫描件应为 PDF、JPEG 或 PNG，不超过 {limit} MB。"
    en = "A scan is a PDF, JPEG or PNG of at most {limit} MB."


class PaperIncomplete(GuantongError):
    """A scan without what makes it a record."""

    code = "paper_incomplete"
    status = 422
    zh = "登记纸质件还缺：{missing_zh}。"
    en = "To register the paper, add: {missing_en}."


class FlowUnfit(GuantongError):
    """A flow that cannot serve approvals; nothing is published."""

    code = "flow_unfit"
    status = 422
    zh = "该流程不能用于审批：{why_zh}。"
    en = "This flow cannot serve approvals: {why_en}."


class ApprovalMissing(GuantongError):
    """A grant would be issued without every approval that it needs: the node's flow was changed by hand."""

    code = "approval_missing"
    status = 409
    zh = "申请 {request} 缺少提供方的同意，不能授权。"
    en = "Request {request} lacks its provider's approval and cannot be granted."


class StepNotOpen(GuantongError):
    """There is no decision that waits for this."""

    code = "step_not_open"
    status = 409
    zh = "该环节不在办理中。"
    en = "That step is not waiting."


class ExtendedAlready(GuantongError):
    """A deadline is extended once."""

    code = "extended_already"
    status = 409
    zh = "该环节已延期一次，不能再延。"
    en = "This step was extended once and cannot be again."


class ResourceOffline(GuantongError):
    """The entry went out of force while a request for it was on its way."""

    code = "resource_offline"
    status = 409
    zh = "信息资源 {resource} 已下线，不能再授权。"
    en = "The resource {resource} was withdrawn and can no longer be granted."


class ReviewWrong(GuantongError):
    """A request comes with reviews that its own node cannot have made."""

    code = "review_wrong"
    status = 422
    zh = "申请所附的内部审核不成立。"
    en = "The reviews that the request brings cannot be its own node's."


class ReviewerMissing(GuantongError):
    """Who files is their department's only approver."""

    code = "reviewer_missing"
    status = 422
    zh = "您是本机构唯一的审批人，不能审核自己的申请，请由其他人员提出。"
    en = "You are your organisation's only approver and cannot review your own request; let somebody else file it."


class NotYourGrant(GuantongError):
    """The grant is neither given nor used by this person's department, or they may not do this with it."""

    code = "not_your_grant"
    status = 403
    zh = "该授权不由您所在机构办理此项变更。"
    en = "This change of the grant is not your organisation's to make."


class GrantStateWrong(GuantongError):
    """The grant does not stand where this act begins."""

    code = "grant_state_wrong"
    status = 409
    zh = "授权 {grant} 当前不能{act_zh}。"
    en = "Grant {grant} cannot be {act_en} as it stands."


class RenewalWaits(GuantongError):
    """A renewal of the grant has been asked for already."""

    code = "renewal_waits"
    status = 409
    zh = "授权 {grant} 的续期申请 {request} 正在审批。"
    en = "The renewal of grant {grant} has been asked for with {request} and waits."


class RenewalWrong(GuantongError):
    """A request would prolong a grant that is not its consumer's, or ask for more than the grant gives."""

    code = "renewal_wrong"
    status = 422
    zh = "续期申请与原授权不符：{why_zh}。"
    en = "The renewal does not fit the grant: {why_en}."


class WordsTellTooMuch(GuantongError):
    """The number of a person stands in words that many will read."""

    code = "words_tell_too_much"
    status = 422
    zh = "说明中不要填写身份证号或手机号，请填入“主键”一栏（只保存末四位和摘要）。"
    en = "Do not write identity or telephone numbers into the words; put the key into its own field."


class CorrectionIncomplete(GuantongError):
    """The correction lacks something; everything that is missing is told at once."""

    code = "correction_incomplete"
    status = 422
    zh = "校核材料不齐，请补充：{missing_zh}。"
    en = "The correction is incomplete; please add: {missing_en}."


class NotYoursToCorrect(GuantongError):
    """Neither a consumer with a grant in force, nor the citizen whom the data are about."""

    code = "not_yours_to_correct"
    status = 403
    zh = "只有持有效授权的使用方，或数据所涉及的本人，才能提出该类校核。"
    en = "Only a consumer with a grant in force, or the person whom the data are about, can have that corrected."


class VoiceStateWrong(GuantongError):
    """A correction or a dispute is not where this act belongs."""

    code = "voice_state_wrong"
    status = 409
    zh = "{number} 当前状态为「{state}」，不能进行此操作。"
    en = "{number} is {state}; this cannot be done now."


class NotYourVoice(GuantongError):
    """It is not this person's, or not this node's, to say."""

    code = "not_your_voice"
    status = 403
    zh = "此操作应由{whose_zh}进行。"
    en = "This is for {whose_en} to do."


class ReopenedAlready(GuantongError):
    """A correction is looked at again once; after that there is the dispute."""

    code = "reopened_already"
    status = 409
    zh = "{number} 已重新核实过一次，如仍不同意，请提出争议。"
    en = "{number} was looked at again once; if you still do not agree, raise a dispute."


class NothingToDispute(GuantongError):
    """There is no refusal, rejection or narrowing that a dispute could be about."""

    code = "nothing_to_dispute"
    status = 409
    zh = "{number} 没有可以争议的答复，或已在争议中。"
    en = "{number} has no answer to dispute, or a dispute about it is running."


class NoSuperior(GuantongError):
    """No node stands above both parties; the authority's decision is the last."""

    code = "no_superior"
    status = 409
    zh = "双方没有共同上级节点，同级主管部门的裁定即为最终裁定。"
    en = "No node stands above both parties; the decision of the authority is final."


class BasketFull(GuantongError):
    """Too many entries for one form."""

    code = "basket_full"
    status = 422
    zh = "一次最多申请 {most} 条目录，请分几次提出。"
    en = "At most {most} entries can be asked for at once; file the rest separately."


class SidWrong(GuantongError):
    """A service identifier that the national convention's headers cannot carry, or too many of them."""

    code = "sid_wrong"
    status = 422
    zh = "服务标识应为 3 至 100 个字母、数字或 . _ -，至多 {most} 个。"
    en = "A service identifier has 3 to 100 letters, digits or . _ -, and a grant at most {most} of them."


class SidTaken(GuantongError):
    """The application calls another grant's service by that name."""

    code = "sid_taken"
    status = 409
    zh = "服务标识 {sid} 已用于同一应用的授权 {grant}。"
    en = "The service identifier {sid} belongs to grant {grant} of the same application."
