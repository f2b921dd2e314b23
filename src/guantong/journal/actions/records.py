"""Between the database and the spool: acts go out as signed records, receipts and alerts come in as rows."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from guantong.evidence import spool
from guantong.evidence.spool import Spool
from guantong.journal.models import Alert, Entry, Receipt, SpoolPosition
from guantong.journal.types import Actor
from guantong.kit import clock, envelope
from guantong.kit.suites import SigningKey

ACT_KIND = "guantong/act@v1"
RECEIPT_KIND = "guantong/receipt@v1"
ALERT_KIND = "guantong/alert@v1"
WRITER = "journal"
BATCH = 500


def seal_entries(target: Spool, key: SigningKey, *, by: Actor, at: datetime) -> int:
    """Give the log every entry that it has not got yet; how many were given.

    A crash between spool and database makes a record twice in the log, never an entry without a record.
    """
    del by, at  # the entries say themselves who acted, and when
    entries = list(Entry.objects.filter(record_digest="").order_by("id")[:BATCH])
    for entry in entries:
        record = envelope.seal(ACT_KIND, _body(entry), key)
        target.append_now(record)
        entry.record_digest = envelope.digest(record)
    Entry.objects.bulk_update(entries, ["record_digest"])
    return len(entries)


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
    del by, at
    return sum(_take_in(folder, writer) for writer in spool.writers(folder) if writer != WRITER)


@transaction.atomic
def _take_in(folder: Path, writer: str) -> int:
    position, _ = SpoolPosition.objects.select_for_update().get_or_create(writer=writer)
    receipts: list[Receipt] = []
    alerts: list[Alert] = []
    count = 0
    for spooled in spool.read(folder, writer, position.position):
        sealed = envelope.read(spooled.record)
        if sealed.kind == RECEIPT_KIND:
            receipts.append(_receipt(sealed))
        elif sealed.kind == ALERT_KIND:
            alerts.append(_alert(sealed))
        position.position = spooled.next_offset
        count += 1
        if count >= BATCH:
            break
    if count:
        Receipt.objects.bulk_create(receipts, ignore_conflicts=True)
        Alert.objects.bulk_create(alerts, ignore_conflicts=True)
        position.save()
    return count


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
