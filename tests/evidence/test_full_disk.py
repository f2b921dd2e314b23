"""A disk that is really full: refused truthfully, nothing torn, and it goes on when there is room."""

import os
import shutil
import sqlite3

import pytest
from tests.evidence.cast import CITY_LOG
from tests.exchange.test_objects import small_disk

from guantong.evidence import archive as archives
from guantong.evidence import merkle, spool
from guantong.evidence.archive import Archive
from guantong.evidence.log import Log
from guantong.evidence.proofs import leaf_of
from guantong.evidence.spool import Spool, SpoolFailed


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    with small_disk(place, "2m"):
        yield place


def test_a_full_spool_refuses_and_what_it_acknowledged_becomes_leaves(disk, tmp_path):
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(1_000_000))
    acknowledged = []
    with Spool(disk / "spool", "gateway-0") as writing:
        with pytest.raises(SpoolFailed) as refused:
            _append_for_ever(writing, acknowledged)
        assert "No space left" in refused.value.sentence("en")
        ballast.unlink()
        writing.append_now(b"there is room")
    records = [one.record for one in spool.read(disk / "spool", "gateway-0")]
    assert len(acknowledged) > 100
    assert [record for record in records if record in set(acknowledged)] == acknowledged
    assert records[-1] == b"there is room"
    log = Log(tmp_path / "log", disk / "spool", CITY_LOG)
    while log.integrate():
        pass
    assert log.sign().checkpoint.size == len(records)
    log.close()


def test_a_full_disk_under_the_log_loses_no_record_and_signs_nothing_wrong(disk, tmp_path):
    records = [b"record %d" % number for number in range(12_000)]
    with Spool(tmp_path / "spool", "gateway-0") as writing:
        waiting = [writing.enqueue(record) for record in records]
        for one in waiting:
            one.result()
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(1_200_000))
    log = Log(disk / "log", tmp_path / "spool", CITY_LOG)
    with pytest.raises((OSError, sqlite3.Error)):
        _integrate_all(log)
    before = log.latest.checkpoint
    assert before.size < len(records)
    log.close()
    ballast.unlink()
    with pytest.raises((OSError, sqlite3.Error)):  # still too small for all of it
        _finish(disk, tmp_path)
    (tmp_path / "more").mkdir()
    log = Log(_moved(disk / "log", tmp_path / "more"), tmp_path / "spool", CITY_LOG)
    while log.integrate():
        pass
    now = log.sign().checkpoint
    leaves = [leaf_of(record) for record in records]
    assert now.root == merkle.root(
        len(leaves), lambda height, at: merkle.fold(leaves[at << height : (at + 1) << height])
    )
    merkle.check_consistency(
        before.size, before.root, now.size, now.root, log.consistency(before.size, now.size)
    )
    log.close()


def _append_for_ever(writing, acknowledged):
    while True:
        record = b"record %d " % len(acknowledged) + b"x" * 1000
        writing.append_now(record)
        acknowledged.append(record)


def _integrate_all(log):
    while log.integrate(most=1000):
        log.sign()


def _finish(disk, tmp_path):
    log = Log(disk / "log", tmp_path / "spool", CITY_LOG)
    try:
        _integrate_all(log)
    finally:
        log.close()


def _moved(source, target):

    return shutil.copytree(source, target / "log")


def test_a_full_archive_leaves_the_segment_in_the_spool(disk, tmp_path):
    (disk / "ballast").write_bytes(bytes(1_900_000))
    with Spool(tmp_path / "spool", "gateway-0", segment_bytes=400_000) as writing:
        for number in range(1000):
            writing.append_now(number.to_bytes(8) + os.urandom(1000))
    records = [one.record for one in spool.read(tmp_path / "spool", "gateway-0")]
    store = Archive(disk / "archive")
    start = spool.sealed(tmp_path / "spool", "gateway-0")[0][0]
    with pytest.raises(OSError, match="No space left"):
        store.add(tmp_path / "spool", "gateway-0", start)
    assert spool.first(tmp_path / "spool", "gateway-0") == 0
    assert [one.record for one in archives.read(tmp_path / "spool", store, "gateway-0")] == records
    (disk / "ballast").unlink()
    store.add(tmp_path / "spool", "gateway-0", start)
    assert [one.record for one in archives.read(tmp_path / "spool", store, "gateway-0")] == records
