"""kill -9 anywhere, then again: when a run has at last come to its end, the target equals the source, row for row."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.exchange import cast
from tests.exchange.test_pairs import Place

from guantong.bundle.jobs import Limits
from guantong.evidence import spool
from guantong.kit import envelope

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
COLUMNS = {item: item for item in cast.FIELDS}
UPSERT = {"writing": "upsert", "key": ["person_no"], "reading": "full"}
JOBS: dict[str, dict[str, Any]] = {
    "replace": {},
    "replace in order": {"key": ["person_no"]},
    "append": {"writing": "append"},
    "append in order": {"writing": "append", "key": ["person_no"]},
    "upsert": UPSERT,
    "staged": {"staged": True},
    "staged in order": {"staged": True, "key": ["person_no"]},
}


def started(
    home: Path, source: Place, target: Place, job: dict[str, Any], die_at: int
) -> "subprocess.Popen[str]":
    told = {
        "home": str(home),
        "urls": {"police": source.url, "education": target.url},
        "job": msgspec.to_builtins(cast.job(limits=Limits(chunk_rows=25), **job)),
        "source": {"dialect": source.dialect, "table": source.table, "columns": COLUMNS},
        "target": {"dialect": target.dialect, "table": target.table, "columns": COLUMNS},
        "die_at": die_at,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange.child"],
        env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin
    child.stdin.write(json.dumps(told))
    child.stdin.close()
    return child


def ended(child: "subprocess.Popen[str]") -> int:
    assert child.stdout
    assert child.stderr
    status = child.wait(timeout=60)
    said = child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    assert status in {0, -signal.SIGKILL}, said[-2000:]
    return status


def check_evidence(home: Path, target: Place) -> None:
    """Each line of the ledger has its receipt, and the receipts' chain has no gap."""
    receipts = [envelope.read(found.record).body for found in spool.read(home / "spool", "exchange")]
    assert [one["n"] for one in receipts] == list(range(1, len(receipts) + 1))
    lines = {str(line[0]) for line in target.do("SELECT digest FROM guantong_ledger")}
    assert lines <= {one["answer"] for one in receipts}


WAYS = [("postgresql", name) for name in JOBS] + [("mysql", name) for name in ("replace", "append", "upsert")]


@pytest.mark.parametrize(("dialect", "name"), WAYS)
def test_killed_at_any_step(dialect: str, name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("mariadb_url" if dialect == "mysql" else "postgresql_url")
    source, target = Place(dialect, url, "person"), Place(dialect, url, "pupil")
    source.fill(range(1, 101))
    dice = random.Random(f"{dialect} {name}")
    died = 0
    while died < 3:
        died += ended(started(tmp_path, source, target, JOBS[name], dice.randrange(2, 40))) != 0
    assert (
        ended(started(tmp_path, source, target, JOBS[name], 0)) == 0 or JOBS[name].get("writing") == "append"
    )
    check(source, target, name)
    check_evidence(tmp_path, target)


def check(source: Place, target: Place, name: str) -> None:
    if JOBS[name].get("writing") == "append" and "key" not in JOBS[name]:
        # Every run that came to its end appended the whole table, and no other run anything.
        closed = len(target.do("SELECT run FROM guantong_ledger WHERE chunk = 0"))
        assert target.rows() == sorted(source.rows() * closed, key=lambda row: int(str(row[1])))
    else:
        assert target.rows() == source.rows()


def test_killed_at_random_moments(tmp_path: Path, postgresql_url: str) -> None:
    source, target = (
        Place("postgresql", postgresql_url, "person"),
        Place("postgresql", postgresql_url, "pupil"),
    )
    source.fill(range(1, 8001))
    dice = random.Random(20261122)
    died = 0
    for _ in range(4):
        child = started(tmp_path, source, target, UPSERT, 0)
        time.sleep(dice.uniform(0.6, 1.3))
        child.send_signal(signal.SIGKILL)
        died += ended(child) != 0
    assert ended(started(tmp_path, source, target, UPSERT, 0)) == 0
    assert target.rows() == source.rows()
    assert died
    check_evidence(tmp_path, target)
