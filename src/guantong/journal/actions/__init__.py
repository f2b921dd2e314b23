"""The only writers of the journal, the outbox, and the indexes of receipts and alerts."""

from guantong.journal.actions.entries import raise_alert, record, settle_alert
from guantong.journal.actions.outbox import (
    deliver,
    deliver_together,
    drop_message,
    enqueue,
    retry_message,
)
from guantong.journal.actions.reading import (
    note_chains,
    note_export,
    note_opening,
    note_sealing,
    note_search,
    note_taking,
)
from guantong.journal.actions.records import seal_entries, take_in_records

__all__ = [
    "deliver",
    "deliver_together",
    "drop_message",
    "enqueue",
    "note_chains",
    "note_export",
    "note_opening",
    "note_sealing",
    "note_search",
    "note_taking",
    "raise_alert",
    "record",
    "retry_message",
    "seal_entries",
    "settle_alert",
    "take_in_records",
]
