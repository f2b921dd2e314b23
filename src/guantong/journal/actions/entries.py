"""Writing down what was done, and what a person should look at."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from guantong.journal.errors import JournalOutsideTransaction
from guantong.journal.models import Alert, Entry
from guantong.journal.types import Actor, Subject
from guantong.kit import clock


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
def raise_alert(code: str, details: dict[str, Any], *, by: Actor, at: datetime) -> Alert:
    """Call a person's attention to something; the same thing is said once until somebody has seen it."""
    same = Alert.objects.filter(code=code, details=details, seen_at__isnull=True).first()
    if same:
        return same
    text = json.dumps([code, clock.rfc3339(at), details], ensure_ascii=False, sort_keys=True)
    digest = "sha-256:" + hashlib.sha256(text.encode()).hexdigest()
    alert, made = Alert.objects.get_or_create(
        digest=digest, defaults={"at": at, "code": code, "details": details}
    )
    if made:
        record("alert.raised", by=by, at=at, subject=Subject("alert", digest), details={"code": code})
    return alert


@transaction.atomic
def settle_alert(alert: Alert, *, by: Actor, at: datetime) -> Alert:
    """Note that a person has seen an alert and dealt with it."""
    alert = Alert.objects.select_for_update().get(pk=alert.pk)
    if alert.seen_at is not None:
        return alert
    alert.seen_at, alert.seen_by = at, by.name
    alert.save()
    record(
        "alert.settled", by=by, at=at, subject=Subject("alert", alert.digest), details={"code": alert.code}
    )
    return alert
