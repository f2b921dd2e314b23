"""What can be refused about catalogue entries."""

from guantong.kit.errors import GuantongError


class ContentWrong(GuantongError):
    """A field of an entry breaks a rule of the compilation guide."""

    code = "resource_content_wrong"
    status = 422
    zh = "目录内容有误（{field}）：{why_zh}。"
    en = "The entry is wrong ({field}): {why_en}."


class ResourceUnknown(GuantongError):
    """No entry has that code."""

    code = "resource_unknown"
    status = 404
    zh = "没有代码为 {resource} 的信息资源。"
    en = "No resource has the code {resource}."


class ResourceStateWrong(GuantongError):
    """The act does not fit the entry's state."""

    code = "resource_state_wrong"
    status = 409
    zh = "信息资源 {resource} 当前为「{state}」，不能{act_zh}。"
    en = "Resource {resource} is {state}; it cannot be {act_en}."


class NotTheProvider(GuantongError):
    """Only the department that provides a resource may edit, submit or publish it."""

    code = "not_the_provider"
    status = 403
    zh = "只有提供方才能维护此信息资源。"
    en = "Only the provider may maintain this resource."


class OwnSubmission(GuantongError):
    """Nobody approves what they have submitted themselves."""

    code = "own_submission"
    status = 403
    zh = "不能审核本人送审的目录，请由其他审核人办理。"
    en = "Nobody approves what they submitted themselves; another approver has to."


class NotTheBureau(GuantongError):
    """Only the data bureau publishes what departments have approved."""

    code = "not_the_bureau"
    status = 403
    zh = "此事项由主管部门（数据局）办理。"
    en = "This is for the data bureau to do."


class ReasonMissing(GuantongError):
    """Who returns a draft says why, once and completely."""

    code = "return_reason_missing"
    status = 422
    zh = "退回须一次说明全部理由。"
    en = "Returning a draft needs a reason that says everything at once."


class NothingToUndo(GuantongError):
    """The last act cannot be taken back."""

    code = "nothing_to_undo"
    status = 409
    zh = "最近一步不能撤销：{why_zh}。"
    en = "The last step cannot be undone: {why_en}."


class TermsNotMet(GuantongError):
    """None of the resource's published terms admits this department and purpose."""

    code = "sharing_terms_not_met"
    status = 422
    zh = "申请不符合信息资源 {resource} 公布的共享条件（{terms}）。"
    en = "The request meets none of the published terms of resource {resource} ({terms})."


class NeedAnswerWrong(GuantongError):
    """An act on a need that cannot be."""

    code = "need_answer_wrong"
    status = 422
    zh = "不能这样处理该需求：{why_zh}。"
    en = "The need cannot be handled so: {why_en}."


class ListingWrong(GuantongError):
    """A row of a directory that cannot be so."""

    code = "listing_wrong"
    status = 422
    zh = "名录条目有误（{field}）：{why_zh}。"
    en = "The listing is wrong ({field}): {why_en}."
