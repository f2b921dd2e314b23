"""Reading the record leaves a trace of its own, whoever reads; there is no setting that turns it off.

The same person reading the same thing again within a minute (turning pages, loading a page again) is one reading.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from guantong.journal.actions.entries import record
from guantong.journal.models import Entry, Receipt
from guantong.journal.types import Actor, Subject

READINGS = (
    "journal.searched",
    "journal.exported",
    "export.sealed",
    "receipt.opened",
    "proof.taken",
    "chains.read",
)
"""The acts of reading."""

ONE_READING_S = 60


def note_search(sought: dict[str, Any], *, by: Actor, at: datetime) -> Entry | None:
    """Note who searched the record, and for what; None where the same search was noted within the last minute."""
    return _once("journal.searched", Subject("search", _search_digest(sought)), sought, by=by, at=at)


@transaction.atomic
def note_export(sought: dict[str, Any], form: str, count: int, *, by: Actor, at: datetime) -> Entry:
    """Note, before the first row leaves, who takes the result of a search along; every time."""
    details = {**sought, "form": form, "count": count}
    return record(
        "journal.exported", by=by, at=at, subject=Subject("search", _search_digest(sought)), details=details
    )


@transaction.atomic
def note_sealing(sought: dict[str, Any], digest: str, count: int, *, by: Actor, at: datetime) -> Entry:
    """Note that an export reached its end and was signed, with the digest of its rows."""
    details = {"digest": digest, "count": count}
    return record(
        "export.sealed", by=by, at=at, subject=Subject("search", _search_digest(sought)), details=details
    )


def note_opening(receipt: Receipt, *, by: Actor, at: datetime) -> Entry | None:
    """Note who opened which receipt."""
    return _once("receipt.opened", Subject("receipt", receipt.digest), _about(receipt), by=by, at=at)


def note_taking(receipt: Receipt, *, by: Actor, at: datetime) -> Entry | None:
    """Note who took the proof of which receipt along."""
    return _once("proof.taken", Subject("receipt", receipt.digest), _about(receipt), by=by, at=at)


def note_chains(grant: str, *, by: Actor, at: datetime) -> Entry | None:
    """Note who looked whether a grant's receipts are complete."""
    return _once("chains.read", Subject("grant", grant), {}, by=by, at=at)


def _search_digest(sought: dict[str, Any]) -> str:
    """The name of a search: the same for the same filters, whatever the page."""
    text = json.dumps(sought, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@transaction.atomic
def _once(act: str, subject: Subject, details: dict[str, Any], *, by: Actor, at: datetime) -> Entry | None:
    same = Entry.objects.filter(
        act=act,
        actor_id=by.id,
        subject_id=subject.id,
        at__gt=at - timedelta(seconds=ONE_READING_S),
        at__lte=at,
    )
    return None if same.exists() else record(act, by=by, at=at, subject=subject, details=details)


def _about(receipt: Receipt) -> dict[str, str]:
    return {
        "grant": receipt.grant,
        "resource": receipt.resource,
        "consumer": receipt.consumer_organisation,
        "provider": receipt.provider_organisation,
    }
