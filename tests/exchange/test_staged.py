"""Through the staging store: sealed, signed, in order, whole; a full disk pauses, a flipped bit stops."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_pairs import Place

from guantong.bundle.jobs import Limits
from guantong.exchange import errors
from guantong.exchange.node import Node
from guantong.exchange.run import Outcome, run
from guantong.exchange.staging import FolderStore

FIELDS = {item: item for item in cast.FIELDS}


class Way:
    def __init__(self, home: Path, folder: Path, suite_name: str) -> None:
        urls = {}
        for name in ("police", "education"):
            (folder / f"{name}.db").touch()
            urls[name] = f"sqlite://{folder}/{name}.db"
        self.exchange = Exchange(home, urls, suite_name=suite_name)
        self.source = Place("sqlite", urls["police"], "person")
        self.target = Place("sqlite", urls["education"], "pupil")
        self.source.fill(range(1, 301))
        self.bundle = cast.bundle(
            self.exchange.key,
            job=cast.job(staged=True, key=["person_no"], limits=Limits(chunk_rows=50)),
            grant=cast.grant(),
            source={"dialect": "sqlite", "table": "person", "columns": FIELDS},
            target={"dialect": "sqlite", "table": "pupil", "columns": FIELDS},
        )

    @property
    def here(self) -> Node:
        return self.exchange.here

    def run(self, **changes: Any) -> Outcome:
        from dataclasses import replace

        return run(replace(self.here, **changes), lambda: self.bundle, cast.JOB)

    def waiting(self) -> list[Path]:
        return sorted((self.here.folder / "staging").rglob("*.chunk"))


@pytest.fixture(params=["international", "national"])
def way(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Way]:
    way = Way(tmp_path / "home", tmp_path, request.param)
    if request.param == "national":
        (way.here.keys / "staging.key").write_text("0" * 32)
        (way.here.keys / "staging.key").chmod(0o600)
    yield way
    way.exchange.close()


def test_what_arrives_is_what_left(way: Way) -> None:
    for _ in range(2):
        assert way.run().rows == 300
        assert way.target.rows() == way.source.rows()
        assert way.waiting() == []


def stopped_midway(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose chunks are all staged, none applied."""
    with monkeypatch.context() as patch:
        patch.setattr("guantong.exchange.receiving.Receiver.apply", _unplugged)
        with pytest.raises(errors.DatabaseLost):
            way.run()


def _unplugged(*_: object) -> None:
    raise errors.DatabaseLost(name="education")


def test_nothing_at_rest_can_be_read(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_midway(way, monkeypatch)
    assert way.waiting()
    for path in way.waiting():
        assert path.stat().st_mode & 0o077 == 0
        assert "广安市".encode() not in path.read_bytes()
        assert b"ARROW" not in path.read_bytes()


def test_what_waits_is_applied_later(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_midway(way, monkeypatch)
    assert way.run().rows == 300
    assert way.target.rows() == way.source.rows()


def test_a_flipped_bit_is_refused(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_midway(way, monkeypatch)
    path = way.waiting()[0]
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(errors.ChunkDamaged):
        way.run()
    assert way.target.rows() == []


def test_chunks_cannot_change_places(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_midway(way, monkeypatch)
    first, second = way.waiting()[:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(errors.ChunkDamaged):
        way.run()


def test_a_manifest_of_somebody_else_is_refused(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_midway(way, monkeypatch)
    path = way.waiting()[0].with_suffix(".manifest")
    path.write_bytes(path.read_bytes().replace(b'"rows":50', b'"rows":51'))
    with pytest.raises(errors.ChunkDamaged):
        way.run()


def test_a_full_store_pauses_and_goes_on(way: Way) -> None:
    with pytest.raises(errors.StagingFull) as caught:
        way.run(quota=6000)
    assert caught.value.status == 507
    assert way.run().rows == 300
    assert way.target.rows() == way.source.rows()


def test_a_store_keeps_to_its_folder_and_its_quota(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store", quota=100)
    store.put("a/1", b"x" * 60)
    with pytest.raises(errors.StagingFull):
        store.put("a/2", b"x" * 60)
    store.delete("a/1")
    store.put("a/2", b"x" * 60)
    assert (store.names("a"), store.get("a/2"), store.get("a/1")) == (["a/2"], b"x" * 60, None)
    for name in ("../x", "a//b", "/etc/passwd", ".hidden", ""):
        with pytest.raises(ValueError, match="cannot name"):
            store.put(name, b"")


def test_what_waits_too_long_goes_and_its_manifest_stays(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.put("a/1.chunk", b"x")
    store.put("a/1.manifest", b"x")
    assert store.expire(-10) == 1
    assert store.names("a") == ["a/1.manifest"]
