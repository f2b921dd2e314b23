"""Rows told as events: once in the store, whatever is killed; under ids that tell repeats; nothing but what is granted."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.exchange import cast
from tests.exchange.listening import DATED, Listening, numbers, words

from guantong.exchange import errors
from guantong.exchange.events.cloud import plain
from guantong.exchange.events.store import EventStore
from guantong.exchange.quarantine import kept
from guantong.exchange.targets.applying import Entry
from guantong.exchange.targets.events import EventsTarget
from guantong.kit import clock

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    listening = Listening(tmp_path)
    yield listening
    listening.close()


def test_every_row_is_told_and_then_that_the_batch_is_whole(listening: Listening) -> None:
    listening.source.fill(range(1, 51))
    outcome = listening.run()
    events = listening.told()
    assert numbers(events) == list(range(1, 51))
    last = events[-1]
    assert (last["type"], last["data"]["rows"], last["data"]["run"]) == (
        "guantong.batch.arrived",
        50,
        outcome.run,
    )
    assert len({one["id"] for one in events}) == len(events) == 51


def test_an_event_is_a_cloud_event_under_a_grant(listening: Listening) -> None:
    listening.source.fill([3])
    listening.grant = {"masks": {"id_number": "keep_head:6", "phone": "hash"}}
    listening.run(fields=["id_number", "person_no", "phone", "born_on", "income"])
    event = listening.told()[0]
    assert {
        name: event[name] for name in ("specversion", "source", "type", "datacontenttype", "grant", "purpose")
    } == {
        "specversion": "1.0",
        "source": f"urn:guantong:{cast.CITY}:{cast.PERSONS}",
        "type": "guantong.row.changed",
        "datacontenttype": "application/json",
        "grant": cast.GRANT,
        "purpose": cast.PURPOSE,
    }
    assert set(event["data"]) == {"id_number", "person_no", "phone", "born_on", "income"}
    assert event["data"]["id_number"] == "511602" + "*" * 12
    assert len(event["data"]["phone"]) == 64
    assert len(event["subject"]) == 32
    assert event["manifest"].startswith("sha-256:")
    assert datetime.fromisoformat(event["time"]).tzinfo
    # Attribute names as the specification wants them.
    assert all(name.isalnum() and name == name.lower() for name in event)


def test_a_subject_is_a_pseudonym_that_stays(listening: Listening) -> None:
    listening.source.fill([1, 2])
    listening.run()
    listening.run()
    subjects = [one["subject"] for one in listening.told() if "subject" in one]
    assert subjects[:2] == subjects[2:]
    assert subjects[0] != subjects[1]


def test_the_same_row_in_the_same_state_is_one_event(listening: Listening) -> None:
    listening.source.fill(range(1, 31))
    listening.run(**DATED, overlap_s=3600)
    listening.run()  # the overlap brings all of them again
    assert numbers(listening.told()) == list(range(1, 31))
    listening.source.do(
        "UPDATE person SET name = '新', updated_at = '2026-01-01 01:00:00' WHERE person_no = 3 << 40"
    )
    listening.run()
    assert numbers(listening.told()) == [*range(1, 31), 3]


def test_values_that_json_has_no_word_for() -> None:
    from decimal import Decimal

    moment = datetime(2026, 1, 2, 3, 4, 5, 600, UTC)
    values = [
        2**60,
        2**53,
        float("nan"),
        Decimal("1.10"),
        b"\x00\xff",
        moment,
        moment.date(),
        True,
        None,
        "𠮷\0",
    ]
    assert [plain(value) for value in values] == [
        str(2**60), 2**53, "nan", "1.10", "AP8=", "2026-01-02T03:04:05.000600+00:00", "2026-01-02", True, None, "𠮷\0",
    ]  # fmt: skip


def test_what_is_gathered_aside_is_told_at_the_end_or_not_at_all(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening.source.fill(range(1, 61))
    inner = EventsTarget.apply

    def failing(self: EventsTarget, load: Any, entry: Entry) -> None:
        if entry.chunk == 2:
            raise errors.DatabaseLost(name="education")
        inner(self, load, entry)

    listening.job = {"writing": "append"}  # without a key no run can resume
    with monkeypatch.context() as patch:
        patch.setattr(EventsTarget, "apply", failing)
        with pytest.raises(errors.DatabaseLost):
            listening.run()
    assert listening.told() == []
    listening.run()
    assert sorted(numbers(listening.told())) == list(range(1, 61))


def test_events_replace_nothing(listening: Listening) -> None:
    with pytest.raises(errors.JobMisdeclared):
        listening.run(writing="replace", key=[])


def test_an_event_too_large_for_any_broker_is_put_aside(listening: Listening) -> None:
    listening.source.fill([1, 2])
    listening.source.do("UPDATE person SET address = ? WHERE person_no = 1 << 40", [("x" * 1_000_000,)])
    listening.run()
    assert numbers(listening.told()) == [2]
    (path,) = kept(listening.here.quarantine, cast.JOB)
    assert pl.read_parquet(path)["reasons"].to_list() == ["event_too_large"]


def test_old_events_go_and_it_is_known_which(tmp_path: Path) -> None:
    listening = Listening(tmp_path)
    listening.source.fill(range(1, 31))
    listening.run()
    store = listening.store()
    assert store.expire(rows=10) == 21
    assert (store.forgotten(), store.last()) == (21, 31)
    assert store.expire(age_s=-10, upto=25) == 4
    with clock.frozen(datetime.now(UTC) + timedelta(days=31)):
        assert store.expire() == 6
    assert (store.after(0, 10), store.last()) == (([], 31), 31)
    store.close()
    listening.close()


def test_a_full_disk_pauses(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    listening.source.fill(range(1, 301))
    inner = EventStore.__init__

    def small(self: EventStore, path: Path) -> None:
        inner(self, path)
        self._db.execute("PRAGMA max_page_count = 20")

    with monkeypatch.context() as patch:
        patch.setattr(EventStore, "__init__", small)
        with pytest.raises(errors.StagingFull):
            listening.run()
    listening.run()
    assert numbers(listening.told()) == list(range(1, 301))


def child(text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.exchange.listening"],
        env=ENVIRONMENT, input=text, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("job", [{"key": ["person_no"]}, {"key": []}])
def test_killed_at_any_step(tmp_path: Path, job: dict[str, Any]) -> None:
    listening = Listening(tmp_path)
    listening.source.fill(range(1, 101))
    listening.close()
    dice = random.Random(str(job))
    died = closed = 0
    while died < 4:
        done = child(words(tmp_path, dice.randrange(3, 40), writing="append", **job))
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr[-2000:]
        died += done.returncode != 0
    assert child(words(tmp_path, 0, writing="append", **job)).returncode == 0
    events = told_in(tmp_path)
    closed = [one["run"] for one in events if one["type"] == "guantong.batch.arrived"]
    assert len(events) == len({one["id"] for one in events}) == 101 * len(set(closed))
    for run in closed:
        mine = [one for one in events if one["run"] == run]
        assert sorted(numbers(mine)) == list(range(1, 101))


def told_in(home: Path) -> list[Any]:
    from guantong.exchange.events.store import path_of

    store = EventStore(path_of(home / "home" / "exchange", "T-1"))
    try:
        return [json.loads(one.body) for one in store.after(0, 100_000)[0]]
    finally:
        store.close()


def test_a_deleted_row_is_told_as_gone(listening: Listening) -> None:
    listening.source.fill(range(1, 31))
    listening.run(writing="upsert", key=["person_no"], reading="compare")
    listening.source.do("DELETE FROM person WHERE person_no = 7 << 40")
    listening.source.do("UPDATE person SET name = '新' WHERE person_no = 9 << 40")
    listening.run()
    events = listening.told()
    rows = [one for one in events if one["type"] != "guantong.batch.arrived"]
    assert numbers(events) == [*range(1, 31), 9]
    (gone,) = [one for one in rows if one["type"] == "guantong.row.gone"]
    assert gone["data"] == {"person_no": 7 << 40}
    (changed,) = [
        one for one in rows if one["type"] == "guantong.row.changed" and one["data"]["person_no"] == 7 << 40
    ]
    assert changed["subject"] == gone["subject"]


def test_nobody_can_fetch_events_from_an_edge(listening: Listening) -> None:
    listening.here = replace(listening.here, salts=lambda _: b"salt")
    with pytest.raises(errors.AddressMissing):
        listening.run()
