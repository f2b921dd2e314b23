"""What can be refused before any room is asked."""

from guantong.kit.errors import GuantongError


class RequestUnreadable(GuantongError):
    """The address or a field holds characters that no text has."""

    code = "request_unreadable"
    status = 400
    zh = "请求中含有无法处理的字符。"
    en = "The request holds characters that cannot be processed."


class RequestTooLong(GuantongError):
    """The address or the body is longer than anything this node takes in."""

    code = "too_long"
    status = 413
    zh = "请求过长。"
    en = "The request is too long."


class PageUnknown(GuantongError):
    """Nothing stands at that address, or not for this visitor."""

    code = "page_unknown"
    status = 404
    zh = "没有这个地址，或您无权查看。"
    en = "There is nothing at this address, or nothing for you to see."


class AccessRefused(GuantongError):
    """The visitor may not do that, or the form was not ours."""

    code = "access_refused"
    status = 403
    zh = "您无权进行此操作，或表单已过期。"
    en = "You may not do this, or the form has expired."


class SignInNeeded(GuantongError):
    """The address is for people who have signed in."""

    code = "sign_in_needed"
    status = 401
    zh = "请先登录。"
    en = "Please sign in first."


class AccidentHappened(GuantongError):
    """Something failed that should not have; it has been written down."""

    code = "internal_error"
    status = 500
    zh = "系统内部错误，已记录。"
    en = "An internal error occurred; it has been written down."
