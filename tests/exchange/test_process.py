"""The process by itself: bundle in, orders obeyed, periods kept, broken runs taken up again."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from tests.exchange import cast
from tests.exchange.test_pairs import Place

from guantong.bundle import depot, orders, sealing
from guantong.bundle.jobs import Check, Limits
from guantong.bundle.orders import Order
from guantong.exchange import errors, resending
from guantong.exchange.process import Exchange
from guantong.exchange.quarantine import kept
from guantong.kit import clock, envelope
from guantong.kit.settings import Settings
from guantong.kit.suites import INTERNATIONAL
from guantong.site.commands import exchange as command

FIELDS = {item: item for item in cast.FIELDS}


class Node:
    """A node's folder as the control plane leaves it, and the process when a test wants it."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(node=cast.CITY, home=home, development=True).completed()
        self.key = INTERNATIONAL.generate(f"{cast.CITY}.guantong.example/node")
        self.settings.key_folder.mkdir(parents=True)
        (self.settings.key_folder / "node.key").write_text(self.key.to_text())
        (self.settings.key_folder / "subject.key").write_bytes(b"s" * 32)
        urls = {}
        for name in ("police", "education"):
            (home / f"{name}.db").touch()
            urls[name] = f"sqlite://{home}/{name}.db"
        (home / "sources.json").write_text(json.dumps(urls))
        (home / "sources.json").chmod(0o600)
        self.source = Place("sqlite", urls["police"], "person")
        self.target = Place("sqlite", urls["education"], "pupil")
        self.source.fill(range(1, 201))
        self.sequence = self.number = 0
        self.exchange: Exchange | None = None

    def publish(self, **job: Any) -> None:
        self.sequence += 1
        bundle = cast.bundle(
            self.key,
            job=cast.job(limits=Limits(chunk_rows=20), **job),
            grant=cast.grant(),
            source={"dialect": "sqlite", "table": "person", "columns": FIELDS},
            target={"dialect": "sqlite", "table": "pupil", "columns": FIELDS},
        )
        raw = sealing.seal(msgspec.structs.replace(bundle, sequence=self.sequence), self.key)
        depot.publish(self.settings.bundle_folder, raw)

    def order(self, verb: Any, since: str = "", until: str = "", file: str = "") -> None:
        self.number += 1
        order = Order(
            number=self.number,
            node=cast.CITY,
            job=cast.JOB,
            verb=verb,
            at="2026-11-22T00:00:00Z",
            since=since,
            until=until,
            file=file,
        )
        orders.leave(self.settings.home / "exchange" / "orders", order, self.key)

    def until(self, is_so: Callable[[dict[str, Any]], bool], *, for_s: float = 20) -> dict[str, Any]:
        """Look after things until the progress file says so."""
        self.exchange = self.exchange or Exchange(self.settings)
        deadline = time.monotonic() + for_s
        while time.monotonic() < deadline:
            self.exchange.look()
            told = self.progress()
            if told and is_so(told):
                return told
            time.sleep(0.02)
        raise AssertionError(self.progress())

    def progress(self) -> dict[str, Any]:
        path = self.settings.home / "exchange" / "progress" / f"{cast.JOB}.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def close(self) -> None:
        if self.exchange:
            self.exchange.close()
            self.exchange = None


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.close()


def is_done(told: dict[str, Any]) -> bool:
    return told["state"] == "done"


def test_an_order_is_a_run(node: Node) -> None:
    node.publish()
    node.order("run")
    told = node.until(is_done)
    assert (told["applied"], told["read"], told["refused"], told["chunk"]) == (200, 200, 0, 10)
    assert node.target.rows() == node.source.rows()


def test_a_job_with_a_period_needs_nobody(node: Node) -> None:
    node.publish(every_s=3600)
    first = node.until(is_done)
    node.source.fill(range(201, 211))
    assert node.exchange
    node.exchange.look()
    assert node.progress()["run"] == first["run"]
    with clock.frozen(datetime.now(UTC) + timedelta(hours=1, minutes=1)):
        node.until(lambda told: told["run"] != first["run"] and is_done(told))
    assert node.target.rows() == node.source.rows()


def test_a_new_bundle_counts_at_once(node: Node) -> None:
    node.publish(active=False)
    node.order("run")
    assert node.until(lambda told: told["state"] == "stopped")["error"]["code"] == "job_unknown"
    node.publish()
    node.order("run")
    node.until(is_done)


def slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    from guantong.exchange.receiving import Receiver

    inner = Receiver.apply

    def slow(self: Receiver, *words: Any) -> None:
        inner(self, *words)
        time.sleep(0.1)

    monkeypatch.setattr(Receiver, "apply", slow)


def test_stop_rests_at_the_next_chunk_and_run_goes_on(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch)
    node.publish(writing="upsert", key=["person_no"])
    node.order("run")
    node.until(lambda told: told["chunk"] >= 1)
    node.order("stop")
    told = node.until(lambda told: told["state"] == "stopped")
    assert told["error"]["code"] == "run_held"
    assert 0 < len(node.target.rows()) < 200
    node.order("run")
    assert node.until(is_done)["run"] == told["run"]
    assert node.target.rows() == node.source.rows()


def test_cancel_gives_a_replacement_up_without_a_trace(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch)
    node.publish(key=["person_no"])
    node.order("run")
    first = node.until(lambda told: told["chunk"] >= 1)["run"]
    node.order("cancel")
    node.until(lambda told: told["state"] == "stopped")
    deadline = time.monotonic() + 5
    while node.target.do("SELECT 1 FROM guantong_ledger") and time.monotonic() < deadline:
        node.until(lambda told: told["state"] == "stopped")
    assert node.target.rows() == []
    assert node.target.do("SELECT name FROM sqlite_master WHERE name LIKE 'guantong_aside%'") == []
    node.order("run")
    assert node.until(is_done)["run"] != first


def test_replay_begins_where_it_is_told_to(node: Node) -> None:
    node.publish(writing="upsert", key=["person_no"], reading="watermark", watermark="updated_at")
    node.order("run")
    first = node.until(is_done)["run"]
    node.order("replay", since="2026-01-01T00:03:00")
    told = node.until(lambda told: told["run"] != first and is_done(told))
    assert told["read"] == 21


def test_a_backfill_is_ordered_and_goes_on_after_a_stop(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.publish(writing="upsert", key=["person_no"], reading="watermark", watermark="updated_at")
    node.order("run")
    first = node.until(is_done)
    slowed(monkeypatch)
    node.order("backfill", since="2026-01-01T00:01:00", until="2026-01-01T00:03:00")
    node.until(lambda told: told["run"] != first["run"] and told["chunk"] >= 1)
    node.order("stop")
    stopped = node.until(lambda told: told["state"] == "stopped")
    node.order("run")
    told = node.until(lambda told: is_done(told) and told["run"] == stopped["run"])
    assert stopped["read"] + told["read"] == 121
    assert (told["floor"], told["until"], told["high"]) == (
        "2026-01-01T00:01:00",
        "2026-01-01T00:03:00",
        first["high"],
    )


def test_corrected_rows_go_through_the_same_gate(node: Node) -> None:
    pattern = Check(rule="pattern", items=["phone"], pattern=r"^1\d{10}$")
    node.publish(
        writing="upsert",
        key=["person_no"],
        reading="watermark",
        watermark="updated_at",
        checks=[pattern],
    )
    node.source.do(
        "UPDATE person SET phone = ? WHERE person_no = ?", [("none", 7 * 2**40), ("none", 8 * 2**40)]
    )
    node.order("run")
    first = node.until(is_done)
    assert (first["applied"], first["refused"]) == (198, 2)
    (path,) = kept(node.settings.home / "exchange" / "quarantine", cast.JOB)
    rows = pl.read_parquet(path).with_columns(phone=pl.Series(["13900000007", "still wrong"]))
    folder = resending.place(node.settings.home / "exchange", cast.JOB)
    folder.mkdir(parents=True)
    rows.write_csv(folder / "a.csv")
    node.order("resend", file="a.csv")
    told = node.until(lambda told: told["run"] != first["run"] and is_done(told))
    assert (told["applied"], told["refused"], told["high"]) == (1, 1, first["high"])
    assert node.target.do(f"SELECT phone FROM pupil WHERE person_no = {7 * 2**40}") == [("13900000007",)]
    assert not any(folder.iterdir())
    ledger = node.target.do(f"SELECT manifest FROM guantong_ledger WHERE run = '{told['run']}' AND chunk = 1")
    assert envelope.read(ledger[0][0].encode()).body["resent"] == "a.csv"
    # The next increment begins where the last one ended.
    node.order("run")
    assert node.until(lambda now: now["run"] != told["run"] and is_done(now))["read"] == 1


def test_a_job_that_replaces_its_table_takes_no_corrections(node: Node) -> None:
    node.publish(key=["person_no"])
    node.order("run")
    node.until(is_done)
    node.order("resend", file="a.csv")
    told = node.until(lambda told: told["state"] == "stopped")
    assert told["error"]["code"] in {"job_misdeclared", "table_vanished"}
    assert len(node.target.rows()) == 200


def test_what_a_crash_broke_off_goes_on_first(node: Node) -> None:
    node.publish()
    node.order("run")
    told = node.until(is_done)
    node.close()
    path = node.settings.home / "exchange" / "progress" / f"{cast.JOB}.json"
    path.write_text(json.dumps(told | {"state": "running"}))
    assert node.until(lambda now: is_done(now) and now["run"] != told["run"])


def test_one_run_from_the_terminal(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node.publish()
    monkeypatch.setattr(command, "node_settings", lambda: node.settings)
    assert command.main(["--run", cast.JOB]) == 0
    assert "200 / 200" in capsys.readouterr().err
    assert command.main(["--run", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_what_was_paused_runs_again_by_itself(node: Node) -> None:
    node.publish(every_s=1)
    first = node.until(is_done)
    assert node.exchange
    node.order("stop")
    node.exchange.look()
    node.publish(every_s=1, active=False)
    node.exchange.look()
    node.publish(every_s=1)
    node.until(lambda told: is_done(told) and told["run"] > first["run"])


def test_a_paused_job_can_be_given_up(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.publish(key=["person_no"])
    with monkeypatch.context() as patch:
        patch.setattr("guantong.exchange.receiving.Receiver.close_run", _unplugged)
        node.order("run")
        node.until(lambda told: told["state"] == "paused")
    node.publish(key=["person_no"], active=False)
    node.order("cancel")
    assert node.exchange
    node.exchange.look()
    node.close()
    left = node.target.do("SELECT count(*) FROM guantong_ledger")
    assert left == [(0,)]


def _unplugged(*_: object) -> None:
    raise errors.DatabaseLost(name="education")
