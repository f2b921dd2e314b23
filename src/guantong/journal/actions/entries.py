"""Writing down what was done."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from guantong.journal.errors import JournalOutsideTransaction
from guantong.journal.models import Alert, Entry
from guantong.journal.types import Actor, Subject


def record(
    act: str, *, by: Actor, at: datetime, subject: Subject, details: dict[str, Any] | None = None
) -> Entry:
    """Write down that ``by`` did ``act`` (``noun.past``) to ``subject`` at ``at``, in the act's own transaction."""
    if not connection.in_atomic_block:
        raise JournalOutsideTransaction(act=act)
    return Entry.objects.create(
        at=at,
        act=act,
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name,
        actor_organisation=by.organisation,
        subject_kind=subject.kind,
        subject_id=subject.id,
        details=details or {},
    )


@transaction.atomic
def settle_alert(alert: Alert, *, by: Actor, at: datetime) -> Alert:
    """Note that a person has seen an alert and dealt with it."""
    alert.seen_at, alert.seen_by = at, by.name
    alert.save()
    record(
        "alert.settled", by=by, at=at, subject=Subject("alert", alert.digest), details={"code": alert.code}
    )
    return alert
