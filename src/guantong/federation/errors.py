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


class ChunkWrong(GuantongError):
    """A chunk of a feed is malformed, not signed by the neighbour, or not what its head announces."""

    code = "chunk_wrong"
    status = 403
    zh = "目录推送包不可信：{why_zh}。"
    en = "The chunk of the feed cannot be trusted: {why_en}."


class FeedGap(GuantongError):
    """Between what was received and what came, changes are missing; the answer says from where to go on."""

    code = "feed_gap"
    status = 409
    zh = "目录推送不连续：已收到第 {number} 号，来的是第 {after} 号之后的变更；请从第 {number} 号之后续推。"
    en = "Changes are missing: number {number} was received, and what came follows {after}. Go on after {number}."


class FeedStale(GuantongError):
    """A chunk that was sent before the one received last, or of an earlier series."""

    code = "feed_stale"
    status = 409
    zh = "目录推送包早于最近一次收到的（{sent_at}），不予采用；请核对时钟。"
    en = "The chunk was sent before the last one received ({sent_at}) and is not taken in; check the clock."


class FeedStopped(GuantongError):
    """The neighbour has taken back what it learnt, and takes nothing in until somebody there starts again."""

    code = "feed_stopped"
    status = 409
    zh = "节点 {node} 已停止接收本节点推送的目录（{because}），待其重新接收。"
    en = "Node {node} has stopped taking in this feed ({because}) until it starts again."


class AnswerWrong(GuantongError):
    """The neighbour's answer to a chunk is not signed by it, or not about that chunk."""

    code = "answer_wrong"
    status = 502
    zh = "节点 {node} 对目录推送的答复不可信。"
    en = "The answer of node {node} to the feed cannot be trusted."


class UndoingStale(GuantongError):
    """What would be taken back is no longer what was shown before."""

    code = "undoing_stale"
    status = 409
    zh = "可撤回的条目已由 {shown} 条变为 {now} 条，请重新核对后再撤回。"
    en = "What can be taken back has changed from {shown} to {now} entries; look again before taking them back."


class UndoingWrong(GuantongError):
    """Nothing, or something impossible, is to be taken back."""

    code = "undoing_wrong"
    status = 422
    zh = "不能撤回：{why_zh}。"
    en = "This cannot be taken back: {why_en}."


class EntryNotKept(GuantongError):
    """The database does not keep an entry that reads well."""

    code = "entry_not_kept"
    status = 422
    zh = "条目无法入库：{why}。"
    en = "The entry cannot be kept: {why}."
