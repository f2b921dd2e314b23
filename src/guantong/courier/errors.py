"""What can go wrong on the way to a peer, said truthfully and with the peer's name."""

from guantong.kit.errors import GuantongError


class DestinationNotAllowed(GuantongError):
    """The address is not among the origins that this node may dial (a guard against request forgery)."""

    code = "destination_not_allowed"
    status = 502
    zh = "目的地址 {origin} 不在本节点允许访问的名单内。"
    en = "The destination {origin} is not among those this node may reach."


class PeerUnreachable(GuantongError):
    """No connection, or the connection broke before a whole answer had come."""

    code = "peer_unreachable"
    status = 502
    zh = "无法连接节点 {peer}。"
    en = "The node {peer} cannot be reached."


class PeerTimedOut(GuantongError):
    """The peer did not answer wholly within the time that was left."""

    code = "peer_timed_out"
    status = 504
    zh = "节点 {peer} 未在时限内答复。"
    en = "The node {peer} did not answer in time."


class PeerAnswerTooLarge(GuantongError):
    """The peer's answer is larger than this node is ready to hold."""

    code = "peer_answer_too_large"
    status = 502
    zh = "节点 {peer} 的答复超过 {limit} 字节的上限。"
    en = "The answer of node {peer} exceeds the limit of {limit} bytes."


class PeerAnswerNotProved(GuantongError):
    """A node's answer does not carry the proof it must: signature, receipt, digests."""

    code = "peer_answer_not_proved"
    status = 502
    zh = "节点 {peer} 的答复无法证实，已拒收。"
    en = "The answer of node {peer} is not proved; it was not accepted."
