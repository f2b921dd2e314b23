"""What can be wrong with a journal entry, and with a message that must leave the node."""

from guantong.kit.errors import GuantongError


class JournalOutsideTransaction(GuantongError):
    """An act tried to leave its trace outside the transaction of the act: a mistake in the program."""

    code = "journal_outside_transaction"
    status = 500
    zh = "留痕 {act} 不在事务之内。"
    en = "The journal entry {act} was not written inside a transaction."


class DeliveryRefused(GuantongError):
    """The addressee understood the message and will not have it; handlers raise this or a subclass of it.

    Other failures are waited out for as long as they last. This one holds up its lane for a few attempts only.
    """

    code = "delivery_refused"
    status = 502
    zh = "收件方拒收：{answer}"
    en = "The addressee refused the message: {answer}"


class MessageNotWaiting(GuantongError):
    """The message has gone out, or was dropped."""

    code = "message_not_waiting"
    status = 409
    zh = "消息 {message} 已送达或已放弃，不能再处理。"
    en = "Message {message} was delivered or dropped already."


class CursorUnreadable(GuantongError):
    """A place in a list, as an address names it, that cannot be read."""

    code = "cursor_unreadable"
    status = 400
    zh = "地址中的翻页位置无法识别，请从第一页重新开始。"
    en = "The place in the list cannot be read; please begin again at the first page."
