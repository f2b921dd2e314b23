"""What can be refused between nodes."""

from guantong.journal.errors import DeliveryRefused
from guantong.kit.errors import GuantongError


class NodeUnknown(GuantongError):
    """No confirmed node has that code."""

    code = "node_unknown"
    status = 404
    zh = "未知节点 {node}，或尚未经人工确认。"
    en = "Node {node} is unknown or not confirmed yet."


class CardWrong(GuantongError):
    """A node's card is malformed, not signed by its own key, or contradicts the card we hold."""

    code = "card_wrong"
    status = 403
    zh = "节点名片不可信：{why_zh}。"
    en = "The node's card cannot be trusted: {why_en}."


class MessageWrong(GuantongError):
    """A message is malformed or its signature does not hold."""

    code = "message_wrong"
    status = 403
    zh = "节点消息不可信：{why_zh}。"
    en = "The message cannot be trusted: {why_en}."


class MessageNotEntitled(GuantongError):
    """The sender may not say this: it is another node's to say."""

    code = "message_not_entitled"
    status = 403
    zh = "节点 {node} 无权发出「{topic}」消息。"
    en = "Node {node} may not send “{topic}”."


class TopicUnknown(GuantongError):
    """The message is about something this version does not know; the sender keeps it and tries again later."""

    code = "topic_unknown"
    status = 422
    zh = "不认识的消息主题「{topic}」。"
    en = "The message topic “{topic}” is unknown."


class PeerRefused(DeliveryRefused):
    """The neighbour answered a message with a refusal."""

    code = "peer_refused"
    status = 502
    zh = "节点 {node} 拒收消息：{status} {answer}"
    en = "Node {node} refused the message: {status} {answer}"


class PeerFailed(GuantongError):
    """The neighbour could not take a message in; it may do so later."""

    code = "peer_failed"
    status = 502
    zh = "节点 {node} 暂时不能收取消息：{status} {answer}"
    en = "Node {node} could not take the message in: {status} {answer}"


class MessageTooLong(GuantongError):
    """The body of a message or a card exceeds what a node takes in."""

    code = "message_too_long"
    status = 413
    zh = "消息超过 {limit} 字节。"
    en = "The message has more than {limit} bytes."


class MessageMisrouted(GuantongError):
    """The message is for a node that does not lie beyond this one."""

    code = "message_misrouted"
    status = 409
    zh = "发往节点 {node} 的消息不应经过本节点。"
    en = "A message for node {node} does not pass this node."


class TooManyWaiting(GuantongError):
    """So many nodes wait for a person's confirmation that no more are kept."""

    code = "too_many_waiting"
    status = 429
    zh = "待确认的节点过多，请稍后再试。"
    en = "Too many nodes wait for confirmation; try again later."


class NodeConfirmed(GuantongError):
    """The node takes part already and cannot be turned away as a stranger."""

    code = "node_confirmed"
    status = 409
    zh = "节点 {node} 已确认。"
    en = "Node {node} is confirmed already."


class KeyExposed(GuantongError):
    """A private key's file can be read by others than the node."""

    code = "key_exposed"
    status = 500
    zh = "私钥文件 {path} 可被他人读取，须将权限改为 0600。"
    en = "The key file {path} can be read by others; its mode must be 0600."
