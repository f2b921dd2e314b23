"""Files of any size: whole or not at all, under their names, resumed in the middle, nowhere but in their folder."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.exchange import cast
from tests.exchange.delivery import Delivery, tree, words

from guantong.exchange import errors
from guantong.exchange.files import COLUMNS, PIECE
from guantong.exchange.quarantine import kept
from guantong.exchange.sources.folder import FolderSource, fits
from guantong.exchange.targets.applying import Entry, Landing, Load
from guantong.exchange.targets.folder import FolderTarget
from guantong.kit import clock

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
INCREMENT = {"reading": "watermark", "watermark": "modified"}


@pytest.fixture(params=["international", "national"])
def delivery(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Delivery]:
    delivery = Delivery(tmp_path, suite_name=request.param)
    yield delivery
    delivery.exchange.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Delivery]:
    desk = Delivery(tmp_path)
    yield desk
    desk.exchange.close()


def later(seconds: float) -> Any:
    return clock.frozen(datetime.now(UTC) + timedelta(seconds=seconds))


def some(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def filled(desk: Delivery) -> None:
    desk.write("a.bin", some(3 * PIECE + 17))
    desk.write("空.txt", b"")
    desk.write("二〇二六/户籍 档案/张三.pdf", some(PIECE))
    desk.write("二〇二六/𠮷 😀.txt", b"x")
    desk.write("z/" + "长" * 80, some(2 * PIECE + 1, 2))


def test_what_arrives_is_what_left(delivery: Delivery) -> None:
    filled(delivery)
    outcome = delivery.run()
    assert (outcome.rows, outcome.refused) == (10, 0)
    assert delivery.arrived() == tree(delivery.source)
    assert delivery.aside() == []
    assert not list((delivery.target / ".guantong").rglob("*.part"))
    modes = {path.stat().st_mode & 0o777 for path in delivery.target.rglob("*.pdf")}
    assert modes == {0o640}


def test_the_digest_is_the_suites(delivery: Delivery) -> None:
    delivery.write("a", b"abc")
    delivery.run()
    name = delivery.exchange.here.suite.digest_name
    source = FolderSource("police", f"file://{delivery.source}", name)
    from guantong.exchange.sources.reading import Question

    (frame,) = source.read(Question(".", {"digest": "digest"}))
    expected = hashlib.new(name.replace("-", ""), b"abc").hexdigest()
    assert frame["digest"].to_list() == [f"{name}:{expected}"]


@pytest.mark.parametrize("staged", [False, True])
def test_a_mirror_lets_go_of_what_it_brought_and_of_nothing_else(desk: Delivery, staged: bool) -> None:
    filled(desk)
    way = {"writing": "replace", "staged": staged}
    (desk.target / "theirs.txt").write_bytes(b"not ours")
    desk.run(**way)
    desk.write("a.bin", b"new")
    (desk.source / "二〇二六" / "𠮷 😀.txt").unlink()
    (desk.source / "二〇二六" / "户籍 档案" / "张三.pdf").unlink()
    desk.run(**way)
    assert desk.arrived() == tree(desk.source) | {"theirs.txt": b"not ours"}
    assert not (desk.target / "二〇二六").exists()


def test_comparison_finds_files_that_are_gone(desk: Delivery) -> None:
    filled(desk)
    way: dict[str, Any] = {"reading": "compare"}
    desk.run(**way)
    assert desk.arrived() == tree(desk.source)
    (desk.source / "a.bin").unlink()
    desk.write("空.txt", b"not empty")
    (desk.target / "theirs").write_bytes(b"x")
    assert desk.run(**way).rows < 10
    assert desk.arrived() == tree(desk.source) | {"theirs": b"x"}


def test_only_what_is_new_travels(desk: Delivery) -> None:
    filled(desk)
    with later(5):
        assert desk.run(**INCREMENT).rows == 10
    with later(10):
        assert desk.run(**INCREMENT).rows == 0
    desk.write("a.bin", some(PIECE + 1, 5))
    desk.write("neu/b.txt", b"b")
    old = desk.write("moved in later.txt", b"c")
    os.utime(old, (1, 1))  # its own date is long past
    with later(15):
        assert desk.run(**INCREMENT).rows == 4
    assert desk.arrived() == tree(desk.source)


def test_a_file_that_is_just_being_written_waits_for_the_next_increment(desk: Delivery) -> None:
    desk.write("a", b"a")
    with clock.frozen(datetime.now(UTC)):
        assert desk.run(**INCREMENT).rows == 0
    with later(5):
        assert desk.run(**INCREMENT).rows == 1


def test_appending_changes_no_file_that_is_there(desk: Delivery) -> None:
    desk.write("a", b"new")
    desk.write("b", b"same")
    (desk.target / "a").write_bytes(b"old")
    (desk.target / "b").write_bytes(b"same")
    desk.run(writing="append")
    assert desk.arrived() == {"a": b"old", "b": b"same"}
    assert [(one["file"], one["reason"]) for one in desk.aside()] == [("a", "name_taken")]


def test_patterns_and_sub_folders(desk: Delivery) -> None:
    filled(desk)
    (desk.target / "in").mkdir()
    desk.run("二〇二六/**/*.pdf", "in")
    assert list(desk.arrived()) == ["in/二〇二六/户籍 档案/张三.pdf"]
    assert fits(("a", "b", "c.pdf"), "**/*.pdf")
    assert not fits(("a", "c.pdf"), "*.pdf")
    assert fits(("c.pdf",), "**/*.pdf")


@pytest.mark.parametrize("table", ["../收到", "/etc", "no such folder", "a\0b", "link"])
def test_the_source_stays_in_its_folder(desk: Delivery, table: str) -> None:
    (desk.source / "link").symlink_to("/etc")
    with pytest.raises(errors.TableVanished):
        desk.run(table)


def test_links_are_not_followed(desk: Delivery) -> None:
    desk.write("a", b"a")
    (desk.source / "passwd").symlink_to("/etc/passwd")
    (desk.source / "etc").symlink_to("/etc")
    os.mkfifo(desk.source / "pipe")
    desk.run()
    assert desk.arrived() == {"a": b"a"}


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"a\\b"])
def test_a_name_that_cannot_travel_is_told(desk: Delivery, name: bytes) -> None:
    (Path(os.fsdecode(bytes(desk.source) + b"/" + name))).write_bytes(b"x")
    with pytest.raises(errors.FileNameUnfit):
        desk.run()


def landed(desk: Delivery, writing: Any = "upsert") -> FolderTarget:
    from guantong.exchange.decide import permit
    from guantong.exchange.files import COLUMNS

    landing = Landing("J-1", ".", COLUMNS, writing, ("file", "offset"), False)
    allowed = permit(desk.bundle(), cast.JOB, at=clock.now())
    return FolderTarget("education", f"file://{desk.target}", landing, allowed, desk.exchange.here)


def delivered(desk: Delivery, *pieces: tuple[str, int, int, bytes, bytes]) -> None:
    """Pieces (name, offset, size, what is digested, content) as a provider may send them who means no good."""
    target = landed(desk)
    rows = pl.DataFrame(
        [
            (name, offset, size, "sha-256:" + hashlib.sha256(whole).hexdigest(), clock.now(), content)
            for name, offset, size, whole, content in pieces
        ],
        schema=["file", "offset", "size", "digest", "modified", "content"],
        orient="row",
    )
    target.begin("r1", fresh=True)
    target.apply(target.encode(rows), Entry("r1", 1, rows.height, b"{}", (), "", "d"))
    target.close_run(Entry("r1", 0, rows.height, b"{}", (), "", "d"))
    target.close()


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "", ".", "a//b", "a\\..\\b", ".guantong/x", "a\nb", "长" * 90]
)
def test_no_name_leads_out_of_the_target(desk: Delivery, name: str) -> None:
    delivered(desk, (name, 0, 1, b"x", b"x"))
    assert desk.arrived() == {}
    assert [one["reason"] for one in desk.aside()] == ["name_unfit"]
    assert {path.name for path in desk.target.parent.iterdir()} == {"发出", "收到", "home"}


def test_links_in_the_target_are_not_followed(desk: Delivery, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b").write_bytes(b"kept")
    (desk.target / "dir").symlink_to(outside)
    (desk.target / "b").symlink_to(outside / "b")
    delivered(desk, ("dir/a", 0, 1, b"x", b"x"), ("b", 0, 1, b"y", b"y"))
    assert tree(outside) == {"b": b"kept"}
    assert [one["reason"] for one in desk.aside()] == ["name_taken"]
    assert (desk.target / "b").read_bytes() == b"y"
    assert not (desk.target / "b").is_symlink()


def test_a_tombstone_takes_its_file_away_and_no_other(desk: Delivery) -> None:
    for name in ("a", "sub/b", "c"):
        (desk.target / name).parent.mkdir(exist_ok=True)
        (desk.target / name).write_bytes(b"x")
    target = landed(desk)
    keys = pl.DataFrame({"file": ["sub/b", "../发出/d", "c"], "offset": [0, 0, PIECE]})
    nothing = pl.DataFrame(schema={name: column.dtype for name, column in COLUMNS.items()})
    desk.write("d", b"kept")
    target.begin("r1", fresh=True)
    target.apply(Load(3, nothing, target.encode_gone(keys)), Entry("r1", 1, 3, b"{}", (), "", "d"))
    target.close()
    assert set(desk.arrived()) == {"a", "c"}
    assert tree(desk.source) == {"d": b"kept"}


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([("a", 0, 2, b"xx", b"xy")], "digest_differs"),
        ([("a", 0, 4, b"xxxx", b"xx")], "incomplete"),
        ([("a", 2, 4, b"xxxx", b"xx")], "changed_midway"),
        ([("a", 0, 4, b"xxxx", b"x"), ("a", 2, 4, b"xxxx", b"xx")], "changed_midway"),
        ([("a", 0, 4, b"xxxx", b"xx"), ("a", 2, 4, b"yyyy", b"yy")], "changed_midway"),
        ([("a", 0, 1, b"xxxx", b"xxxx")], "changed_midway"),
    ],
)
def test_what_is_not_whole_is_put_aside(desk: Delivery, pieces: Any, reason: str) -> None:
    (desk.target / "a").write_bytes(b"old")
    delivered(desk, *pieces, ("b", 0, 1, b"x", b"x"))
    assert desk.arrived() == {"a": b"old", "b": b"x"}
    assert reason in [one["reason"] for one in desk.aside()]
    reasons = [pl.read_parquet(path)["reasons"][0] for path in kept(desk.exchange.here.quarantine, cast.JOB)]
    assert f"file:{reason}" in reasons


def test_a_file_that_changes_while_it_is_read(desk: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.write("a.bin", some(40 * PIECE))
    desk.write("b.bin", b"b")
    inner, calls = FolderTarget.apply, []

    def changing(self: FolderTarget, *words: Any) -> None:
        inner(self, *words)
        calls.append(1)
        if len(calls) == 1:
            with path.open("r+b") as file:
                file.seek(39 * PIECE + 9)
                file.write(b"changed")

    with monkeypatch.context() as patch, later(5):
        patch.setattr(FolderTarget, "apply", changing)
        desk.run(**INCREMENT)
    assert desk.arrived() == {"b.bin": b"b"}
    assert [(one["file"], one["reason"]) for one in desk.aside()] == [("a.bin", "digest_differs")]
    with later(10):
        desk.run(**INCREMENT)
    assert desk.arrived() == tree(desk.source)


def test_a_file_that_shrinks_while_it_is_read(desk: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.write("a.bin", some(40 * PIECE))
    inner = FolderTarget.apply

    def cutting(self: FolderTarget, *words: Any) -> None:
        inner(self, *words)
        os.truncate(path, PIECE)

    with monkeypatch.context() as patch:
        patch.setattr(FolderTarget, "apply", cutting)
        desk.run()
    assert desk.arrived() == {}
    assert desk.aside()[0]["reason"] in {"incomplete", "changed_midway"}
    desk.run()
    assert desk.arrived() == tree(desk.source)


def test_a_run_goes_on_in_the_middle_of_a_file(desk: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(desk)
    seen: list[str] = []
    stop_at_chunk(monkeypatch, 2, seen)
    with pytest.raises(errors.DatabaseLost):
        desk.run()
    monkeypatch.undo()
    stop_at_chunk(monkeypatch, 0, seen)
    desk.run()
    assert desk.arrived() == tree(desk.source)
    assert len(seen) == len(set(seen))  # no piece was sent twice


def stop_at_chunk(monkeypatch: pytest.MonkeyPatch, chunk: int, seen: list[str]) -> None:
    inner = FolderTarget.apply

    def stopping(self: FolderTarget, load: Any, entry: Entry) -> None:
        if entry.chunk == chunk:
            raise errors.DatabaseLost(name="education")
        inner(self, load, entry)
        seen.extend(f"{row[0]}:{row[1]}" for row in load.data.select("file", "offset").rows())

    monkeypatch.setattr(FolderTarget, "apply", stopping)


def test_a_job_of_files_needs_all_their_items(desk: Delivery) -> None:
    with pytest.raises(errors.JobMisdeclared):
        desk.run(fields=["file", "offset", "content"])


def child(text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.exchange.delivery"],
        env=ENVIRONMENT, input=text, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "job"),
    [
        ("upsert", {}),
        ("mirror", {"writing": "replace"}),
        ("append", {"writing": "append"}),
        ("staged", {"staged": True}),
        ("increment", INCREMENT),
        ("comparison", {"reading": "compare"}),
    ],
)
def test_killed_at_any_step(tmp_path: Path, name: str, job: dict[str, Any]) -> None:
    desk = Delivery(tmp_path)
    filled(desk)
    desk.write("small/1", b"1")
    desk.write("small/2", b"2")
    desk.exchange.close()
    dice = random.Random(name)
    died = 0
    for _ in range(8):
        done = child(words(tmp_path, dice.randrange(4, 60), **job))
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr[-2000:]
        died += done.returncode != 0
        if done.returncode == 0:
            assert desk.arrived() == tree(desk.source)
            desk.write(f"more/{died}", some(PIECE + died))
    done = child(words(tmp_path, **job))
    assert done.returncode == 0, done.stderr[-2000:]
    assert died >= 3
    assert desk.arrived() == tree(desk.source)
    assert desk.aside() == []


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    desk = Delivery(tmp_path)
    size = 2 << 30
    with (desk.source / "huge.bin").open("wb") as file:
        for at in (0, size // 2, size - 4):
            file.seek(at)
            file.write(b"here")
    desk.exchange.close()
    done = child(words(tmp_path, memory=1 << 30))
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["rows"] == size // PIECE
    assert told["peak_kb"] < 300_000, told["peak_kb"]
    assert (desk.target / "huge.bin").stat().st_size == size
    assert digest_of(desk.target / "huge.bin") == digest_of(desk.source / "huge.bin")


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_full_disk_pauses(desk: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.bin", some(3 * PIECE))
    inner = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * PIECE + 100, limit[1]))
        with pytest.raises(errors.TargetFull) as caught:
            desk.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, inner)
    assert caught.value.status == 507
    desk.run()
    assert desk.arrived() == tree(desk.source)


def test_a_folder_is_not_held_open(desk: Delivery) -> None:
    filled(desk)
    desk.run()
    before = len(list(Path("/proc/self/fd").iterdir()))
    desk.run()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert threading.active_count() < 10
