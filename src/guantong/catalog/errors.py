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
