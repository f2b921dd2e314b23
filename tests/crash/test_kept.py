"""kill -9 while records are archived or a log is made whole: nothing is lost, nothing is signed twice."""

import os
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.crash.test_kill import ENVIRONMENT, HERE, signed
from tests.evidence.cast import CITY_LOG

from guantong.evidence import archive, merkle, spool
from guantong.evidence.archive import Archive
from guantong.evidence.log import LOST, Log
from guantong.evidence.proofs import leaf_of
from guantong.evidence.spool import Spool

ROOT = str(HERE.parents[1])


def keep(what: str, home: Path, n: int) -> int:
    command = [sys.executable, str(HERE / "keeper.py"), what, str(home), CITY_LOG.to_text(), str(n)]
    paths = {"PYTHONPATH": os.pathsep.join([ROOT, ENVIRONMENT["PYTHONPATH"]])}
    return subprocess.run(command, env={**ENVIRONMENT, **paths}, check=False).returncode


def lives(prepared: Path, what: str, tmp_path: Path):
    """A fresh copy for each place to die, until the child lives through it all."""
    for n in range(1, 200):
        home = tmp_path / f"life-{n}"
        shutil.copytree(prepared, home)
        status = keep(what, home, n)
        assert status in {0, -signal.SIGKILL}
        yield home
        if status == 0:
            assert n > 5  # there are that many places to die
            return
    raise AssertionError("it never lived")


def test_archiving_killed_after_any_write_loses_nothing(tmp_path):
    prepared = tmp_path / "prepared"
    records = [b"record %d " % number + b"." * 600 for number in range(18)]
    with Spool(prepared / "spool", "gateway-1", segment_bytes=4000) as writing:
        for record in records:
            writing.append_now(record)
    for home in lives(prepared, "archive", tmp_path):
        store = Archive(home / "archive")
        assert [one.record for one in archive.read(home / "spool", store, "gateway-1")] == records
        assert keep("archive", home, 0) == 0  # and it goes on where it was
        assert [one.record for one in archive.read(home / "spool", store, "gateway-1")] == records
        assert len(spool.sealed(home / "spool", "gateway-1")) == 0
        assert archive.read_mark(home / "spool/gateway-1").before == spool.first(home / "spool", "gateway-1")


@pytest.fixture
def set_back(tmp_path):
    """A log of 400 signed leaves, set back to 150; its spool still has 200 of the records, and 20 new ones."""
    prepared = tmp_path / "prepared"
    records = [b"record %d" % number for number in range(400)]
    with Spool(prepared / "spool", "gateway-1") as writing:
        for number, record in enumerate(records):
            writing.append_now(record)
            if number == 149:
                whole(prepared)
                shutil.copytree(prepared / "log", prepared / "old")
            elif number == 199:
                shutil.copytree(prepared / "spool", prepared / "older")
    whole(prepared)
    (prepared / "true").mkdir()
    (prepared / "true/records").write_bytes(b"\n".join(records))
    log = Log(prepared / "log", prepared / "spool", CITY_LOG)
    (prepared / "true/note").write_bytes(log.latest.note.to_bytes())
    log.close()
    for place, older in (("log", "old"), ("spool", "older")):
        shutil.rmtree(prepared / place)
        (prepared / older).rename(prepared / place)
    with Spool(prepared / "spool", "gateway-1") as writing:
        for number in range(20):
            writing.append_now(b"new %d" % number)
    return prepared


def whole(home: Path) -> None:
    log = Log(home / "log", home / "spool", CITY_LOG)
    while log.integrate():
        pass
    log.sign()
    log.close()


def test_a_repair_killed_after_any_write_goes_on_to_one_history(set_back, tmp_path):
    records = (set_back / "true/records").read_bytes().split(b"\n") + [
        b"new %d" % number for number in range(20)
    ]
    leaves = [leaf_of(record) for record in records]

    def node(height, index):
        return merkle.fold(leaves[index << height : (index + 1) << height])

    for home in lives(set_back, "repair", tmp_path):
        died_with = signed(home)
        assert died_with.root == merkle.root(
            died_with.size, node
        )  # whatever was signed is of the one history
        assert keep("repair", home, 0) == 0
        now = signed(home)
        assert (now.size, now.root) == (420, merkle.root(420, node))
        log = Log(home / "log", home / "spool", CITY_LOG)
        writers = [log._index.place(number)[0] for number in range(420)]
        assert writers == ["gateway-1"] * 200 + [LOST] * 200 + ["gateway-1"] * 20
        assert log.proof(sha256(b"record 350").digest()).index == 350
        log.close()
