"""The only writer of notices."""

from datetime import datetime
from typing import Any

from django.db import connection

from guantong.journal.errors import JournalOutsideTransaction
from guantong.journal.types import Actor, Subject
from guantong.notices.models import Notice


def tell(
    organisation: str,
    code: str,
    details: dict[str, Any],
    *,
    permission: str,
    subject: Subject,
    once: str = "",
    by: Actor,
    at: datetime,
) -> Notice:
    """Tell those of ``organisation`` who hold ``permission``; in the transaction of what they hear of.

    The same ``once`` of the same code is told to an organisation once; without it, once a moment.
    """
    if not connection.in_atomic_block:
        raise JournalOutsideTransaction(act=code)
    key = f"{organisation}/{code}/{subject.id}/{once or at.isoformat()}"[:200]
    notice, _ = Notice.objects.get_or_create(
        once=key,
        defaults={
            "organisation": organisation,
            "permission": permission,
            "code": code,
            "details": details,
            "subject_kind": subject.kind,
            "subject_id": subject.id,
            "at": at,
            "told_by": by.id,
        },
    )
    return notice
