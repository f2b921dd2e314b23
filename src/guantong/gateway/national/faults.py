"""What the convention's callers are told: its own codes, with ours beside them."""

from guantong.kit.errors import GuantongError

FAILED = "-1"
NOT_LISTED = "E-106"


class NotOnTheList(GuantongError):
    """No application of this node has this requester identifier, or no grant opens this service to it."""

    code = "not_on_the_list"
    status = 403
    zh = "请求者不在该服务的授权名单内。"
    en = "The requester is not on the service's list of grants."


class SignNotRight(GuantongError):
    """One of the four fields is missing, or the signature does not fit."""

    code = "sign_not_right"
    status = 401
    zh = "签名参数缺失或签名不正确。"
    en = "A field of the signature is missing, or the signature is not right."


class SignTooOld(GuantongError):
    """Made outside the window."""

    code = "sign_too_old"
    status = 401
    zh = "请求时间与本节点相差超过 {window_s} 秒。"
    en = "The time of the request is more than {window_s} seconds away from ours."


class SignReplayed(GuantongError):
    """The same signature came before."""

    code = "sign_replayed"
    status = 401
    zh = "同一签名已使用过，请以新的时间重新签名。"
    en = "This signature was used before; sign again with a new time."


class ServiceAmbiguous(GuantongError):
    """Several grants open the service to the application, or its interface has several operations."""

    code = "service_ambiguous"
    status = 409
    zh = "该服务标识对应多项授权或操作，请在请求头 guantong-grant 或 guantong-operation 中指明。"
    en = "Several grants or operations answer to this service; name one in guantong-grant or guantong-operation."
