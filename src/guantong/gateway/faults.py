"""What can go wrong with a request or on its way: neither a rule's refusal nor a courier's fault."""

from typing import Any

from guantong.kit.errors import GuantongError, Language


class RequestMisshapen(GuantongError):
    """The body is JSON of the wrong shape; ``where`` says where, without repeating values."""

    code = "request_misshapen"
    status = 422
    zh = "请求内容不符合要求：{where}。"
    en = "The request does not have the required shape: {where}."


class TimeIsUp(GuantongError):
    """The call's time limit passed while this node worked on it."""

    code = "time_is_up"
    status = 504
    zh = "资源 {resource} 未能在时限内答复。"
    en = "The resource {resource} did not answer in time."


class NoRoute(GuantongError):
    """The bundle knows no way to the node."""

    code = "no_route"
    status = 502
    zh = "没有到节点 {node} 的路由。"
    en = "There is no route to node {node}."


class RouteLoop(GuantongError):
    """The call came back to a node it had passed, or says that it passed more than any may."""

    code = "route_loop"
    status = 502
    zh = "调用在节点之间循环：{path}。"
    en = "The call goes round in circles: {path}."


class RouteTooLong(GuantongError):
    """The call would have to pass more nodes than it may; no tree of governments is that deep."""

    code = "route_too_long"
    status = 502
    zh = "调用经过的节点超过 {most} 个：{path}。"
    en = "The call would pass more than {most} nodes: {path}."


class RelayNotOnRoute(GuantongError):
    """A neighbour hands over a call of a node that does not lie behind it, or a stale one."""

    code = "relay_not_on_route"
    status = 403
    zh = "节点 {peer} 不在该调用的路由上，或调用已过时。"
    en = "The node {peer} is not on this call's route, or the call is stale."


class CallNotProved(GuantongError):
    """The consumer's node did not sign the call that was handed over."""

    code = "call_not_proved"
    status = 401
    zh = "调用没有消费方节点的有效签名。"
    en = "The call does not carry a good signature of the consumer's node."


class PeerRefused(GuantongError):
    """What another node said when it did not answer. Its words are passed on unchanged."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        self._status = status
        self._error = error
        super().__init__(**error["details"])

    @property
    def code(self) -> str:  # type: ignore[override]  # the code is the other node's
        """The other node's code."""
        return str(self._error["code"])

    @property
    def status(self) -> int:  # type: ignore[override]  # and so is the status
        """The other node's status."""
        return self._status

    def sentence(self, language: Language = "zh") -> str:
        """The other node's sentence."""
        return str(self._error["message"][language])
