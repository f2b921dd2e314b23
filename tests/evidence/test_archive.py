"""Old segments leave the spool; their records and proofs are still to be had, and a damaged file is said."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from tests.evidence.cast import receipt

from guantong.evidence import archive as archives
from guantong.evidence import spool
from guantong.evidence.archive import Archive, ArchiveDamaged, RecordNotKept
from guantong.evidence.spool import Spool, SpoolArchived

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def old(city):
    """A log of 60 witnessed records in some ten segments."""
    city.spool.close()
    city.spool = Spool(city.spool_folder, "gateway-1", segment_bytes=4000)
    for number in range(60):
        city.append(receipt(number, chain="g-1/gateway-1", n=number + 1, prev=None))
    city.settle()
    return city


def moved(city, floor=None, before=LATER):
    archive = Archive(city.home / "archive")
    settled = city.log._index.settled("gateway-1", city.log.witnessed.checkpoint.size)
    floors = {"gateway-1": settled if floor is None else floor}
    return archive, archives.move_old(archive, city.spool_folder, floors, before=before)


def test_archived_records_are_found_and_proven(old):
    records = old.records()
    archive, segments = moved(old)
    assert len(segments) > 5
    assert spool.first(old.spool_folder, "gateway-1") == segments[-1].end
    assert [one.record for one in archives.read(old.spool_folder, archive, "gateway-1")] == records
    for number, record in enumerate(records):
        position = old.log._index.position(sha256(record).digest())
        assert position == number
        place = old.log._index.place(position)
        assert archives.find(old.spool_folder, archive, *place) == record
        assert old.log.proof(sha256(record).digest()).index == number
    with pytest.raises(RecordNotKept):
        archives.find(old.spool_folder, archive, "gateway-1", 7)
    with pytest.raises(RecordNotKept):
        archives.find(old.spool_folder, archive, "nobody", 0)


def test_the_log_and_readers_go_on_without_the_spool(old):
    end = spool.end(old.spool_folder, "gateway-1")
    moved(old)
    with pytest.raises(SpoolArchived):
        next(spool.read(old.spool_folder, "gateway-1"))
    old.append(receipt(1000))
    assert [one.record for one in spool.read(old.spool_folder, "gateway-1", end)] == [receipt(1000)]
    old.log.close()
    old.log = old.opened()
    old.settle()
    assert old.log.latest.checkpoint.size == 61
    assert old.log.troubles == {}


def test_only_what_is_settled_and_old_is_moved(old):
    segments = spool.sealed(old.spool_folder, "gateway-1")
    assert moved(old, floor=segments[2][1] - 1)[1][-1].end == segments[1][1]
    assert moved(old, before=datetime.now(UTC) - timedelta(days=1))[1] == []
    # The log itself says what is settled: leaves beyond the witnessed tree are not.
    index = old.log._index
    assert index.settled("gateway-1", 60) == spool.end(old.spool_folder, "gateway-1")
    assert index.settled("gateway-1", 0) == 0
    assert index.settled("gateway-1", 10) == index.place(10)[1]
    assert index.settled("nobody", 10) == 0


def test_the_mark_says_where_the_chains_stand(old):
    records = {one.next_offset: one.record for one in spool.read(old.spool_folder, "gateway-1")}
    _, segments = moved(old)
    mark = archives.read_mark(old.spool_folder / "gateway-1")
    assert mark.before == segments[-1].end
    number, digests = mark.chains["g-1/gateway-1"]
    last = records[mark.before]
    assert b'"n":%d,' % number in last
    assert digests[0] == "sha-256:" + sha256(last).hexdigest()


def test_a_segment_is_put_back_and_taken_away_again(old):
    records = old.records()
    archive, segments = moved(old)
    archive.restore(old.spool_folder, "gateway-1", segments[2].start)
    assert spool.first(old.spool_folder, "gateway-1") == segments[2].start
    read = [one.record for one in spool.read(old.spool_folder, "gateway-1", segments[2].start)]
    assert read == records[-len(read) :]
    assert [one.record for one in archives.read(old.spool_folder, archive, "gateway-1")] == records
    assert moved(old)[1] == segments[2:]
    assert [one.record for one in archives.read(old.spool_folder, archive, "gateway-1")] == records


@pytest.mark.parametrize("what", ["*.seg.zst", "*.json"])
def test_damage_is_said(old, what):
    archive, segments = moved(old)
    path = sorted((old.home / "archive/gateway-1").glob(what))[1]
    data = path.read_bytes()
    path.write_bytes(data[:-9])
    with pytest.raises(ArchiveDamaged):
        list(archive.read("gateway-1"))
    path.unlink()
    if what == "*.seg.zst":
        with pytest.raises(ArchiveDamaged):
            archive.data(segments[1])


def test_a_segment_that_does_not_read_back_stays_in_the_spool(old):
    _, _, path = spool.sealed(old.spool_folder, "gateway-1")[0]
    with path.open("r+b") as file:
        file.seek(20)
        file.write(b"\xff")
    with pytest.raises(spool.SpoolDamaged):
        moved(old)
    assert path.exists()
    assert list((old.home / "archive/gateway-1").iterdir()) == []
