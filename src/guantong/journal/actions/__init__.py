"""The only writers of the journal, the outbox, and the indexes of receipts and alerts."""

from guantong.journal.actions.entries import record, settle_alert
from guantong.journal.actions.outbox import deliver, enqueue
from guantong.journal.actions.records import seal_entries, take_in_records

__all__ = ["deliver", "enqueue", "record", "seal_entries", "settle_alert", "take_in_records"]
