"""``guantong rotate``: announced on the node's card first, in use when it is run again."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.site.test_commands import guantong, until

from guantong.kit.key_files import load_key


@pytest.mark.parametrize("part", ["log", "witness"])
def test_a_key_is_announced_and_then_used(tmp_path: Path, part: str) -> None:
    home = tmp_path / "node"
    environ = {"GUANTONG_NODE": "511600", "GUANTONG_HOME": str(home), "GUANTONG_DEVELOPMENT": "true"}
    assert guantong("init", **environ).returncode == 0
    before = card(home)
    done = guantong("rotate", part, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    announced = done.stdout.rpartition(" ")[2].strip()
    assert (card(home)[f"{part}_key"], card(home)["further_keys"]) == (before[f"{part}_key"], [announced])
    if part == "witness":
        early = guantong("rotate", part, **environ)
        assert (early.returncode, "not known everywhere yet" in early.stderr) == (1, True)
        assert card(home)["further_keys"] == [announced]
    done = guantong("rotate", part, "--now", **environ)
    assert (done.returncode, done.stdout.rpartition(" ")[2].strip()) == (0, announced)
    assert (card(home)[f"{part}_key"], card(home)["further_keys"]) == (announced, [before[f"{part}_key"]])
    open_to_others = [path for path in (home / "keys").iterdir() if path.stat().st_mode & 0o077]
    assert open_to_others == []


def card(home: Path) -> dict[str, object]:
    with sqlite3.connect(home / "control.sqlite3") as database:
        (text,) = database.execute("SELECT card FROM federation_node WHERE code = '511600'").fetchone()
    database.close()
    body: dict[str, object] = json.loads(text)["body"]
    return body


def test_the_worker_deletes_the_former_private_key_after_its_overlap(tmp_path: Path) -> None:
    home = tmp_path / "node"
    environ = {"GUANTONG_NODE": "511600", "GUANTONG_HOME": str(home), "GUANTONG_DEVELOPMENT": "true"}
    assert guantong("init", **environ).returncode == 0
    old = home / "keys/node.old.key"
    for overlap in ("1", "0"):
        for _ in range(2):
            done = guantong("rotate", "node", "--now", "--overlap", overlap, **environ)
            assert (done.returncode, done.stderr) == (0, "")
    key = old.read_text().split("+")[3]
    with (tmp_path / "work.out").open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "guantong", "work"],
            env={**os.environ, **environ},
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: not old.exists())
        until(lambda: deletions(home))
    finally:
        worker.terminate()
        worker.wait(timeout=20)
    assert [told["key"].split("+")[1] for told in deletions(home)] == [key]
    assert load_key(home / "keys/node.key").public.key_id != key


def deletions(home: Path) -> list[dict[str, str]]:
    """What the record says of deleted keys."""
    with sqlite3.connect(home / "control.sqlite3", timeout=20) as database:
        rows = database.execute(
            "SELECT details FROM journal_entry WHERE act = 'node.old_key_deleted'"
        ).fetchall()
    database.close()
    return [json.loads(text) for (text,) in rows]
