"""What append() acknowledged is read back, in order, whatever happened to the end of the file."""

import asyncio
import errno
import os

import pytest

from guantong.evidence import spool
from guantong.evidence.spool import Spool, SpoolBusy, SpoolDamaged, SpoolFailed


def records(folder, offset=0):
    return [one.record for one in spool.read(folder, "w", offset)]


def segment(folder):
    return max((folder / "w").glob("*.seg"))


async def test_many_appends_at_once(tmp_path):
    with Spool(tmp_path, "w") as writing:
        await asyncio.gather(*(writing.append(b"record %d" % n) for n in range(1000)))
        assert sorted(records(tmp_path)) == sorted(b"record %d" % n for n in range(1000))


def test_one_after_the_other_keeps_order_over_reopening(tmp_path):
    for start in (0, 10):
        with Spool(tmp_path, "w") as writing:
            for number in range(start, start + 10):
                writing.append_now(b"%d" % number)
    assert records(tmp_path) == [b"%d" % number for number in range(20)]


def test_reading_goes_on_where_it_stopped(tmp_path):
    with Spool(tmp_path, "w", segment_bytes=64) as writing:
        for number in range(50):
            writing.append_now(b"record %d" % number)
    everything = list(spool.read(tmp_path, "w"))
    assert len(list((tmp_path / "w").glob("*.seg"))) > 3
    assert spool.end(tmp_path, "w") == everything[-1].next_offset
    for number, one in enumerate(everything):
        assert records(tmp_path, one.offset) == [other.record for other in everything[number:]]
    assert records(tmp_path, everything[-1].next_offset) == []


def test_a_record_larger_than_the_read_ahead(tmp_path):
    large = os.urandom(spool.LARGEST_RECORD)
    with Spool(tmp_path, "w") as writing:
        for record in (b"a", large, b"b"):
            writing.append_now(record)
    with Spool(tmp_path, "w") as writing:
        writing.append_now(b"c")
    assert records(tmp_path) == [b"a", large, b"b", b"c"]


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_torn_tail_is_cut_and_kept_beside(tmp_path, cut):
    with Spool(tmp_path, "w") as writing:
        writing.append_now(b"first")
        writing.append_now(b"second")
    path = segment(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    assert records(tmp_path) == [b"first"]
    with Spool(tmp_path, "w") as writing:
        writing.append_now(b"third")
    assert records(tmp_path) == [b"first", b"third"]
    assert len(list((tmp_path / "w").glob("*.torn"))) == (cut < 14)


@pytest.mark.parametrize("tail", [b"\x00" * 4096, b"\xff" * 100, b"\x00\x00\x00\x05\x00\x00\x00\x00hello"])
def test_rubbish_at_the_end_is_no_record(tmp_path, tail):
    with Spool(tmp_path, "w") as writing:
        writing.append_now(b"first")
    with segment(tmp_path).open("ab") as file:
        file.write(tail)
    assert records(tmp_path) == [b"first"]
    with Spool(tmp_path, "w") as writing:
        writing.append_now(b"second")
    assert records(tmp_path) == [b"first", b"second"]


def test_damage_inside_is_said(tmp_path):
    with Spool(tmp_path, "w", segment_bytes=16) as writing:
        for _ in range(3):
            writing.append_now(b"a record of some length")
    first = min((tmp_path / "w").glob("*.seg"))
    content = bytearray(first.read_bytes())
    content[12] ^= 1
    first.write_bytes(content)
    with pytest.raises(SpoolDamaged):
        records(tmp_path)


def test_one_process_a_writer(tmp_path):
    with Spool(tmp_path, "w"):
        with pytest.raises(SpoolBusy):
            Spool(tmp_path, "w")
        Spool(tmp_path, "other").close()
    assert spool.writers(tmp_path) == ["other", "w"]


@pytest.mark.parametrize("record", [b"", bytes(spool.LARGEST_RECORD + 1)])
def test_records_have_a_size(tmp_path, record):
    with Spool(tmp_path, "w") as writing, pytest.raises(ValueError, match="bytes"):
        writing.append_now(record)


@pytest.mark.parametrize("writer", ["", "..", "a/b", "A", ".a"])
def test_writers_have_plain_names(tmp_path, writer):
    with pytest.raises(ValueError, match="writer"):
        Spool(tmp_path, writer)


def test_a_full_disk_refuses_and_recovers(tmp_path, monkeypatch):
    with Spool(tmp_path, "w") as writing:
        writing.append_now(b"first")
        real = os.write

        def half(file, data):
            real(file, bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", half)
        with pytest.raises(SpoolFailed, match="space"):
            writing.append_now(b"second")
        monkeypatch.setattr(os, "write", real)
        writing.append_now(b"third")
        assert records(tmp_path) == [b"first", b"third"]


async def test_a_full_disk_leaves_whole_records_where_a_reader_may_have_seen_them(tmp_path, monkeypatch):
    with Spool(tmp_path, "w") as writing:
        real = os.write

        def all_but_one_byte(file, data):
            real(file, bytes(data)[:-1])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", all_but_one_byte)
        both = [asyncio.get_running_loop().create_future() for _ in range(2)]
        writing.append_together([b"first", b"second"], both)
        for done in both:
            with pytest.raises(SpoolFailed):
                await done
        monkeypatch.setattr(os, "write", real)
        writing.append_now(b"third")
        assert records(tmp_path) == [b"first", b"third"]


def test_after_a_failed_sync_nothing_more_is_promised(tmp_path, monkeypatch):
    real = os.fdatasync
    with Spool(tmp_path, "w") as writing:

        def failing(file):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", failing)
        with pytest.raises(SpoolFailed):
            writing.append_now(b"first")
        monkeypatch.setattr(os, "fdatasync", real)
        with pytest.raises(SpoolFailed):
            writing.append_now(b"second")


async def test_who_goes_away_spoils_nothing(tmp_path):
    with Spool(tmp_path, "w") as writing:
        waiting = asyncio.create_task(writing.append(b"first"))
        await asyncio.sleep(0)
        waiting.cancel()
        await writing.append(b"second")
    assert records(tmp_path)[-1] == b"second"
    with pytest.raises(SpoolFailed):
        await writing.append(b"third")
