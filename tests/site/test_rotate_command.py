"""``guantong rotate``: announced on the node's card first, in use when it is run again."""

import json
import sqlite3
from pathlib import Path

import pytest
from tests.site.test_commands import guantong


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
