"""What programs are told at this door."""

from guantong.kit.errors import GuantongError


class TooManyRequests(GuantongError):
    """The application asks more often than anyone needs to."""

    code = "too_many_requests"
    status = 429
    zh = "应用 {application} 一分钟内的请求超过 {most} 次，请在 {wait_s} 秒后再试。"
    en = "The application {application} has asked more than {most} times in a minute; try again in {wait_s} seconds."


class KeyReused(GuantongError):
    """The caller's key stands for another request already."""

    code = "key_reused"
    status = 409
    zh = "提交标识 {key} 已用于另一份内容不同的申请，请换一个。"
    en = "The key {key} stands for a request that says something else; choose another one."


class FormUnreadable(GuantongError):
    """The JSON is not what the OpenAPI document describes."""

    code = "form_unreadable"
    status = 422
    zh = "内容不符合接口说明：{why}。"
    en = "This is not what the interface describes: {why}."


class RequestUnknown(GuantongError):
    """There is no such request of this organisation's."""

    code = "request_unknown"
    status = 404
    zh = "没有这份申请，或它不是贵机构的。"
    en = "There is no such request, or it is not your organisation's."


class GrantOfNobody(GuantongError):
    """There is no such grant of this organisation's."""

    code = "grant_not_yours"
    status = 404
    zh = "没有这份授权，或它不是贵机构的。"
    en = "There is no such grant, or it is not your organisation's."


class PledgeOutdated(GuantongError):
    """The pledge that was signed is not the one in force."""

    code = "pledge_outdated"
    status = 422
    zh = "所签承诺书与现行文本不符，请取回现行文本，由负责人签署后再提交。"
    en = "The pledge that was signed is not the one in force; fetch the text, have it signed, and file again."


class FilterUnknown(GuantongError):
    """The address asks for something that this door does not know."""

    code = "filter_unknown"
    status = 400
    zh = "参数 {name} 无法识别。"
    en = "The parameter {name} cannot be read."
