"""Acts go to the log as signed records; receipts come back as rows, once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from tests.cast import NOON

from guantong.evidence import spool
from guantong.evidence.alarms import WRITER as ALARMS
from guantong.evidence.alarms import Alarms
from guantong.evidence.spool import Spool
from guantong.journal.actions import record, records, seal_entries, take_in_records
from guantong.journal.models import Alert, Entry, Receipt, SpoolPosition
from guantong.journal.types import SYSTEM, Subject
from guantong.kit import clock, envelope
from guantong.kit.suites import INTERNATIONAL

pytestmark = pytest.mark.django_db
KEY = INTERNATIONAL.generate("511600.guantong.example/node")


def receipt(call: str, **changes: Any) -> bytes:
    body: dict[str, Any] = {
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
    return envelope.seal("guantong/receipt@v1", {**body, **changes}, KEY)


def test_every_entry_becomes_one_signed_record(tmp_path: Path) -> None:
    with transaction.atomic():
        record("grant.issued", by=SYSTEM, at=NOON, subject=Subject("grant", "GX1"), details={"days": 365})
    with Spool(tmp_path, "journal") as target:
        assert seal_entries(target, KEY, folder=tmp_path, by=SYSTEM, at=NOON) == 1
        assert seal_entries(target, KEY, folder=tmp_path, by=SYSTEM, at=NOON) == 0
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


def an_entry(number: int) -> None:
    with transaction.atomic():
        record("grant.issued", by=SYSTEM, at=NOON, subject=Subject("grant", f"GX{number}"))


def test_a_crash_between_spool_and_database_makes_no_record_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        an_entry(number)
    with Spool(tmp_path, "journal") as target:
        with monkeypatch.context() as crash:
            crash.setattr(Entry.objects, "bulk_update", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                seal_entries(target, KEY, folder=tmp_path, by=SYSTEM, at=NOON)
        an_entry(3)
        assert seal_entries(target, KEY, folder=tmp_path, by=SYSTEM, at=NOON) == 1
    records = [spooled.record for spooled in spool.read(tmp_path, "journal")]
    assert [envelope.read(each).body["subject"]["id"] for each in records] == ["GX0", "GX1", "GX2", "GX3"]
    digests = set(Entry.objects.values_list("record_digest", flat=True))
    assert digests == {envelope.digest(each) for each in records}


def test_after_an_older_database_is_restored_an_act_of_the_same_number_is_still_recorded(
    tmp_path: Path,
) -> None:
    an_entry(1)
    with Spool(tmp_path, "journal") as target:
        seal_entries(target, KEY, folder=tmp_path, by=SYSTEM, at=NOON)
        SpoolPosition.objects.all().delete()
        Entry.objects.update(record_digest="", subject_id="GX-other")
        assert seal_entries(target, KEY, folder=tmp_path, by=SYSTEM, at=NOON) == 1
    assert len(list(spool.read(tmp_path, "journal"))) == 2


def test_what_a_caller_wrote_into_a_receipt_cannot_stop_the_index(tmp_path: Path) -> None:
    with Spool(tmp_path, "gateway-0") as written:
        written.append_now(receipt("c1", purpose="长" * 128, case="案\0" * 100, fields=["a\0b"]))
        written.append_now(b"no envelope at all")
        written.append_now(envelope.seal("guantong/receipt@v1", {"call": "half"}, KEY))
        written.append_now(receipt("c2"))
    assert take_in_records(tmp_path, by=SYSTEM, at=NOON) == 4
    assert sorted(Receipt.objects.values_list("call", flat=True)) == ["c1", "c2"]
    assert [alert.code for alert in Alert.objects.all()] == ["record_unreadable"] * 2


def test_more_than_a_batch_is_taken_in_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BATCH", 2)
    with Spool(tmp_path, "gateway-0") as written:
        for number in range(5):
            written.append_now(receipt(f"c{number}"))
    assert take_in_records(tmp_path, by=SYSTEM, at=NOON) == 5


def test_a_damaged_writer_is_reported_once_and_does_not_hold_up_the_others(tmp_path: Path) -> None:
    for writer in ("gateway-0", "gateway-1"):
        with Spool(tmp_path, writer, segment_bytes=1) as written:
            written.append_now(receipt(f"{writer}-a"))
            written.append_now(receipt(f"{writer}-b"))
            written.append_now(receipt(f"{writer}-c"))
    damaged = sorted((tmp_path / "gateway-0").glob("*.seg"))[1]
    raw = bytearray(damaged.read_bytes())
    raw[50] ^= 1
    damaged.write_bytes(bytes(raw))
    for _ in range(2):
        take_in_records(tmp_path, by=SYSTEM, at=NOON)
    assert sorted(Receipt.objects.values_list("call", flat=True)) == [
        "gateway-0-a",
        "gateway-1-a",
        "gateway-1-b",
        "gateway-1-c",
    ]
    assert Alert.objects.get().code == "spool_damaged"


async def _told(folder: Path) -> None:
    with Spool(folder, ALARMS) as spooled:
        await Alarms(spooled, "511600", KEY).tell(
            "log_forked", {"log": "510000.guantong.example/log", "verified": 12}
        )


def test_alarms_of_the_log_process_become_alerts(tmp_path: Path) -> None:
    asyncio.run(_told(tmp_path))
    assert take_in_records(tmp_path, by=SYSTEM, at=NOON) == 1
    alert = Alert.objects.get()
    assert (alert.code, alert.details["verified"]) == ("log_forked", 12)
