"""Between the database and the spool: acts go out as signed records, receipts and alerts come in as rows."""

import json
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction

from guantong.evidence import spool
from guantong.evidence.spool import Spool, SpoolDamaged
from guantong.journal.actions.entries import raise_alert
from guantong.journal.field_sets import assign_sets
from guantong.journal.models import Alert, Entry, Receipt, SpoolPosition
from guantong.journal.types import Actor
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey

ACT_KIND = "guantong/act@v1"
RECEIPT_KIND = "guantong/receipt@v1"
ALERT_KIND = "guantong/alert@v1"
WRITER = "journal"
BATCH = 500
# Batches of one writer in a row, before the others have their turn.
BATCHES = 20


def seal_entries(target: Spool, key: SigningKey, *, folder: Path, by: Actor, at: datetime) -> int:
    """Give the log every entry that it has not got yet, each once; how many were given.

    The spool is written before the database. What a crash left in the spool alone is read back first
    (``folder`` is the folder that ``target`` writes in), so that no entry becomes a record twice.
    """
    del by, at  # the entries say themselves who acted, and when
    _recover(folder)
    entries = list(Entry.objects.filter(record_digest="").order_by("id")[:BATCH])
    if not entries:
        return 0
    for entry in entries:
        record = envelope.seal(ACT_KIND, _body(entry), key)
        target.append_now(record)
        entry.record_digest = envelope.digest(record)
    with transaction.atomic():
        Entry.objects.bulk_update(entries, ["record_digest"])
        _move_to(spool.end(folder, WRITER))
    return len(entries)


def _recover(folder: Path) -> None:
    """Note on their entries the records that reached the spool but, for a crash, not the database."""
    known, end = _position(WRITER), spool.end(folder, WRITER)
    if known == end:
        return
    with transaction.atomic():
        for spooled in spool.read(folder, WRITER, min(known, end)):
            body = envelope.read(spooled.record).body
            entry = Entry.objects.filter(pk=body["entry"], record_digest="").first()
            # After an older database was restored the same number may stand for another act.
            if entry is not None and _body(entry) == body:
                entry.record_digest = envelope.digest(spooled.record)
                entry.save(update_fields=["record_digest"])
        _move_to(end)


def _position(writer: str) -> int:
    return SpoolPosition.objects.filter(writer=writer).values_list("position", flat=True).first() or 0


def _move_to(end: int) -> None:
    SpoolPosition.objects.update_or_create(writer=WRITER, defaults={"position": end})


def _body(entry: Entry) -> dict[str, Any]:
    return {
        "entry": entry.pk,
        "at": clock.rfc3339(entry.at),
        "act": entry.act,
        "by": {
            "kind": entry.actor_kind,
            "id": entry.actor_id,
            "name": entry.actor_name,
            "organisation": entry.actor_organisation,
        },
        "subject": {"kind": entry.subject_kind, "id": entry.subject_id},
        # As text, since details may hold numbers that canonical JSON does not know.
        "details": json.dumps(entry.details, ensure_ascii=False, sort_keys=True),
    }


def take_in_records(folder: Path, *, by: Actor, at: datetime) -> int:
    """Index what the data plane's writers have spooled since the last time; how many records were new."""
    writers = [writer for writer in spool.writers(folder) if writer != WRITER]
    return sum(_take_in_all(folder, writer, by=by, at=at) for writer in writers)


def _take_in_all(folder: Path, writer: str, *, by: Actor, at: datetime) -> int:
    # A look at the file's size first: most of the time there is no news, and no lock is needed to see that.
    if spool.end(folder, writer) <= _position(writer):
        return 0
    count = 0
    for _ in range(BATCHES):
        taken = _take_in(folder, writer, by=by, at=at)
        count += taken
        if taken < BATCH:
            break
    return count


@transaction.atomic
def _take_in(folder: Path, writer: str, *, by: Actor, at: datetime) -> int:
    position, _ = SpoolPosition.objects.select_for_update().get_or_create(writer=writer)
    rows: list[Receipt | Alert] = []
    count = 0
    try:
        for spooled in islice(spool.read(folder, writer, position.position), BATCH):
            try:
                row = _row(envelope.read(spooled.record))
                rows += [row] if row else []
            except (GuantongError, LookupError, TypeError, ValueError, AttributeError):
                about = {"writer": writer, "offset": spooled.offset}
                raise_alert("record_unreadable", about, by=by, at=at)
            position.position = spooled.next_offset
            count += 1
    except SpoolDamaged as damage:
        # What comes before the damage is kept; the other writers are read on.
        raise_alert(damage.code, damage.details, by=by, at=at)
    if count:
        receipts = [r for r in rows if isinstance(r, Receipt)]
        assign_sets(receipts)
        Receipt.objects.bulk_create(receipts, ignore_conflicts=True)
        Alert.objects.bulk_create([r for r in rows if isinstance(r, Alert)], ignore_conflicts=True)
        position.save()
    return count


def _row(sealed: envelope.Envelope) -> Receipt | Alert | None:
    makers: dict[str, Callable[[envelope.Envelope], Receipt | Alert]] = {
        RECEIPT_KIND: _receipt,
        ALERT_KIND: _alert,
    }
    maker = makers.get(sealed.kind)
    return _fitting(maker(sealed)) if maker else None


def _fitting(row: Receipt | Alert) -> Receipt | Alert:
    """The row with every text cut to its column: callers choose some of them, and ``raw`` keeps the whole."""
    for field in row._meta.concrete_fields:  # noqa: SLF001 - documented
        value = getattr(row, field.attname)
        if isinstance(value, str | list | dict):
            limit = field.max_length if isinstance(value, str) else None
            setattr(row, field.attname, _storable(value, limit))
    return row


def _storable(value: Any, limit: int | None = None) -> Any:
    """The same value without NUL, which PostgreSQL keeps in no text."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")[:limit]
    if isinstance(value, list):
        return [_storable(part) for part in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(part) for name, part in value.items()}
    return value


def _receipt(sealed: envelope.Envelope) -> Receipt:
    body = sealed.body
    consumer, provider = body.get("consumer", {}), body.get("provider", {})
    return Receipt(
        digest=envelope.digest(sealed.raw),
        at=clock.parse(body["at"]),
        call=body["call"],
        role=body["role"],
        consumer_organisation=consumer.get("organisation", ""),
        consumer_application=consumer.get("application", ""),
        consumer_node=consumer.get("node", ""),
        provider_organisation=provider.get("organisation", ""),
        provider_node=provider.get("node", ""),
        resource=body["resource"],
        mode=body["mode"],
        fields=body["fields"],
        grant=body.get("grant") or "",
        purpose=body.get("purpose") or "",
        case=body.get("case") or "",
        subject=body.get("subject") or "",
        decision=body["decision"],
        reason=body.get("reason") or "",
        chain=body.get("chain") or "",
        number=body["n"] if type(body.get("n")) is int else 0,
        previous=body.get("prev") or "",
        content=envelope.digest(sealed.signed),
        raw=sealed.raw,
    )


def _alert(sealed: envelope.Envelope) -> Alert:
    body = sealed.body
    return Alert(
        digest=envelope.digest(sealed.raw),
        at=clock.parse(body["at"]),
        code=body["alert"],
        details=body["details"],
    )
