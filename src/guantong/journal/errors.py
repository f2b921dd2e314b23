"""What can be wrong with a journal entry."""

from guantong.kit.errors import GuantongError


class JournalOutsideTransaction(GuantongError):
    """An act tried to leave its trace outside the transaction of the act: a mistake in the program."""

    code = "journal_outside_transaction"
    status = 500
    zh = "留痕 {act} 不在事务之内。"
    en = "The journal entry {act} was not written inside a transaction."
