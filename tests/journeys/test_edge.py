"""A school's network lets nobody in: its edge joins with a token that somebody read off a page, and fetches the rows."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from examples.guangan import places
from examples.guangan.story import Story
from examples.guangan.town import Town

from tests.journeys.test_between_nodes import CITY, DOWN, count, declared, granted, until

pytestmark = pytest.mark.town
SOURCE = "school_intranet"


@dataclass
class Machine:
    """The machine in the school: a folder, a database, and the program once it has been started."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Path:
        return self.home.parent / "school.sqlite3"

    def guantong(self, *words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "guantong", "edge", "--home", str(self.home), *words],
            env=self.environment, input=typed, text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    def start(self) -> None:
        words = [sys.executable, "-m", "guantong", "edge", "--home", str(self.home), "run"]
        with (self.home.parent / "edge.out").open("ab") as out:
            self.process = subprocess.Popen(words, env=self.environment, stdout=out, stderr=out)


@pytest.fixture
def machine(told: Story, tmp_path: Path) -> Iterator[Machine]:
    # Nothing of the node's: neither its settings nor its folder.
    kept = {
        name: value for name, value in told.town.environment(CITY).items() if not name.startswith("GUANTONG_")
    }
    machine = Machine(tmp_path / "edge", kept)
    columns = ", ".join(f'"{column}" TEXT' for column in DOWN.columns.values())
    with closing(sqlite3.connect(machine.database)) as connection:
        connection.execute(f'CREATE TABLE "{DOWN.table}" ({columns})')
    yield machine
    if machine.process:
        machine.process.terminate()
        machine.process.wait(timeout=20)


def added(town: Town) -> tuple[str, str]:
    """The education bureau adds an edge on its page; its code, and the token that the page shows once."""
    officer = town.visitor("education-officer")
    form = officer.get("/share/edges/add")
    owner = re.search(r'<option value="(\w{18})"', form.text)
    assert owner, form.text[:2000]
    page = officer.post(
        "/share/edges/add", {"name": "学校前置机", "organisation": owner[1], "sources": SOURCE}
    )
    assert page.path.startswith("/share/edges/QZ"), page.text[:2000]
    shown = officer.post(f"{page.path}token", source=page.path)
    token = re.search(r'class="finger">([A-Z0-9-]{20,})<', shown.text)
    assert token, shown.text[:3000]
    return page.path.split("/")[3], token[1]


def test_rows_come_down_to_a_school_that_only_dials_out(told: Story, machine: Machine) -> None:
    town = told.town
    code, token = added(town)
    wrong = machine.guantong("join", town.url(CITY), "--code", code, typed="AAAA-BBBB\n")
    assert wrong.returncode == 1, wrong
    assert "Traceback" not in wrong.stderr
    joined = machine.guantong("join", town.url(CITY), "--code", code, typed=f"{token}\n")
    assert joined.returncode == 0, joined.stderr
    again = machine.guantong("join", town.url(CITY), "--code", code, typed=f"{token}\n")
    assert again.returncode == 1, "a token is good once"
    (machine.home / "sources.json").write_text(json.dumps({SOURCE: f"sqlite://{machine.database}"}))
    machine.start()
    officer = town.visitor("education-officer")
    until(lambda: "尚未" not in officer.get(f"/share/edges/{code}/").text, "the edge's first word")

    ends = DOWN.__class__(**{**DOWN.__dict__, "source": SOURCE})
    job = declared(officer, ends, granted(town, ends))
    assert officer.post(f"{job}orders/run", source=job).status == 200

    def ended() -> Any:
        rows = officer.get(f"{job}?format=json").json()["rows"]
        return rows and rows[0]["state"] in {"done", "stopped"} and rows[0]["digest"] and rows[0]

    run = until(ended, "the run", for_s=90)
    assert run["state"] == "done", run
    assert run["applied"] == count(machine.database, DOWN.table) > 0
    assert run["applied"] + run["refused"] == count(
        town.folder / "tables" / places.FILES["population"], "population"
    )

    def seen() -> Any:
        row = officer.get("/share/edges/?format=json").json()["rows"][0]
        return row if row.get("seen_at") or row.get("seen") else None

    assert until(seen, "the edge on its page")
