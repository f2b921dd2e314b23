"""Acts go to the log as signed records; receipts come back as rows, once."""

from pathlib import Path

import pytest
from django.db import transaction
from tests.cast import NOON

from guantong.evidence import spool
from guantong.evidence.spool import Spool
from guantong.journal.actions import record, seal_entries, take_in_records
from guantong.journal.models import Alert, Entry, Receipt
from guantong.journal.types import SYSTEM, Subject
from guantong.kit import clock, envelope
from guantong.kit.suites import INTERNATIONAL

pytestmark = pytest.mark.django_db
KEY = INTERNATIONAL.generate("511600.guantong.example/node")


def receipt(call: str) -> bytes:
    body = {
        "call": call,
        "role": "provider",
        "at": clock.rfc3339(NOON),
        "consumer": {"node": "511600", "organisation": "A", "application": "a"},
        "provider": {"node": "000000", "organisation": "B"},
        "resource": "1010010000001/000001",
        "mode": "verify",
        "fields": ["name"],
        "grant": "GX1",
        "purpose": "p",
        "case": None,
        "subject": "00",
        "decision": "allow",
        "reason": None,
    }
    return envelope.seal("guantong/receipt@v1", body, KEY)


def test_every_entry_becomes_one_signed_record(tmp_path: Path) -> None:
    with transaction.atomic():
        record("grant.issued", by=SYSTEM, at=NOON, subject=Subject("grant", "GX1"), details={"days": 365})
    with Spool(tmp_path, "journal") as target:
        assert seal_entries(target, KEY, by=SYSTEM, at=NOON) == 1
        assert seal_entries(target, KEY, by=SYSTEM, at=NOON) == 0
    (spooled,) = spool.read(tmp_path, "journal")
    sealed = envelope.read(spooled.record)
    sealed.check({KEY.public.ref: KEY.public})
    assert sealed.body["act"] == "grant.issued"
    assert Entry.objects.get().record_digest == envelope.digest(spooled.record)


def test_receipts_and_alerts_are_indexed_once(tmp_path: Path) -> None:
    with Spool(tmp_path, "gateway-0") as written:
        for call in ("c1", "c2"):
            written.append_now(receipt(call))
        alert = {"at": clock.rfc3339(NOON), "alert": "bundle_tampered", "node": "511600", "details": {}}
        written.append_now(envelope.seal("guantong/alert@v1", alert, KEY))
    assert take_in_records(tmp_path, by=SYSTEM, at=NOON) == 3
    assert take_in_records(tmp_path, by=SYSTEM, at=NOON) == 0
    assert sorted(Receipt.objects.values_list("call", flat=True)) == ["c1", "c2"]
    assert Receipt.objects.first().consumer_organisation == "A"
    assert Alert.objects.get().code == "bundle_tampered"
