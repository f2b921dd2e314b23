"""Where records rest from the moment they are acknowledged: an append-only file, safe against ``kill -9``.

A writer is one process with a folder of segments, each named after the offset of its first byte. A record
is framed by its length and a CRC-32. Many appends share one ``fdatasync``: the next batch forms while the
last is written, so nobody ever sleeps to fill one. At reopening, a torn tail is cut off and kept beside
(``.torn``).
"""

import asyncio
import fcntl
import os
import re
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Self, Union

from guantong.kit.durable import sync_folder
from guantong.kit.errors import GuantongError
from guantong.kit.histograms import DISK_S, Histogram

LARGEST_RECORD = 1 << 20
SEGMENT_BYTES = 64 << 20

Done = Union["asyncio.Future[None]", "Future[None]"]

_FRAME = struct.Struct(">II")
_READ_AHEAD = 1 << 20
_WRITER = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}\Z")


class SpoolBusy(GuantongError):
    """Another process is this writer already."""

    code = "spool_busy"
    status = 409
    zh = "写入者 {writer} 已有进程在运行。"
    en = "Another process is writing as {writer} already."


class SpoolFailed(GuantongError):
    """The record could not be made durable, so nothing may be answered on its strength."""

    code = "spool_failed"
    status = 503
    zh = "凭证无法落盘：{why}。"
    en = "The record could not be written to disk: {why}."


class SpoolDamaged(GuantongError):
    """A sealed segment does not read back as it was written."""

    code = "spool_damaged"
    status = 500
    zh = "写入者 {writer} 的记录在偏移 {offset} 处损坏。"
    en = "The records of writer {writer} are damaged at offset {offset}."


class SpoolArchived(SpoolDamaged):
    """The records wanted are not in the spool any more: they rest in the archive."""

    code = "spool_archived"
    zh = "写入者 {writer} 在偏移 {offset} 处的记录已归档。"
    en = "The records of writer {writer} at offset {offset} rest in the archive."


class _Arrival(NamedTuple):
    """Records that came together, and whoever waits for each: all in the event loop ``loop``, or (None) threads."""

    records: list[bytes]
    waiting: "Sequence[Done]"
    loop: asyncio.AbstractEventLoop | None

    def settle(self, failure: "SpoolFailed | None") -> None:
        """Tell all who wait. An event loop is woken once."""
        if self.loop is None:
            _tell(self.waiting, failure)
        else:
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                self.loop.call_soon_threadsafe(_tell, self.waiting, failure)


@dataclass(slots=True)
class Written:
    """What a spool has written since it was opened; ``seconds`` is how long each batch took to be on disk."""

    records: int = 0
    failures: int = 0
    seconds: Histogram = field(default_factory=lambda: Histogram(DISK_S))


@dataclass(frozen=True, slots=True)
class Spooled:
    """One record as read back: where it starts, where the next one starts, and its bytes."""

    offset: int
    next_offset: int
    record: bytes


class Spool:
    """The writing end. ``append`` returns when the record is on disk. One instance per process and writer."""

    def __init__(self, folder: Path, writer: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Open (or make) ``folder/writer``; :class:`SpoolBusy` if another process holds it."""
        if not _WRITER.match(writer):
            raise ValueError(f"{writer!r} cannot name a writer")
        self._folder = folder / writer
        self._segment_bytes = segment_bytes
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = _locked(self._folder / "lock", writer)
        self._file, self._start, self._length = self._reopened()
        self._broken: str | None = None
        self.written = Written()
        self._closing = False
        # A queue in C: a lone append takes 207 µs, where a condition variable in Python made it 225.
        self._arrivals: SimpleQueue[_Arrival] = SimpleQueue()
        self._gathered: list[tuple[bytes, asyncio.Future[None]]] = []
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._write_batches, name=f"spool-{writer}", daemon=True)
        self._thread.start()

    @property
    def broken(self) -> str | None:
        """Why nothing can be written until the spool is opened again; None if it can."""
        return self._broken

    async def append(self, record: bytes) -> None:
        """Return once ``record`` is on disk; :class:`SpoolFailed` if it cannot be."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._gathered.append((_checked(record), done))
        if len(self._gathered) == 1:
            # Once this turn of the loop is over: those that append within it wake the writer once.
            loop.call_soon(self._hand_over)
        await done

    def append_together(self, records: Sequence[bytes], waiting: "Sequence[asyncio.Future[None]]") -> None:
        """Hand several records over at once; each future is done when its record is on disk, or has SpoolFailed."""
        arrival = _Arrival(list(map(_checked, records)), waiting, asyncio.get_running_loop())
        try:
            self._add(arrival)
        except SpoolFailed as failed:
            _tell(waiting, failed)

    def append_now(self, record: bytes) -> None:
        """The same for synchronous code: block until ``record`` is on disk."""
        self.enqueue(record).result()

    def close(self) -> None:
        """Write what is waiting and let go of the folder."""
        with self._door:
            self._closing = True
            self._arrivals.put(_Arrival([], [], None))  # only to wake the writer
        self._thread.join()
        os.close(self._file)
        os.close(self._lock_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def enqueue(self, record: bytes) -> Future[None]:
        """Begin to write ``record``; the result is there once it is on disk, or SpoolFailed."""
        done: Future[None] = Future()
        self._add(_Arrival([_checked(record)], [done], None))
        return done

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        self.append_together([record for record, _ in gathered], [done for _, done in gathered])

    def _add(self, arrival: "_Arrival") -> None:
        with self._door:
            if self._closing:
                raise SpoolFailed(why="the spool is closed")
            self._arrivals.put(arrival)

    def _write_batches(self) -> None:
        # Nothing arrives once it is closing (see _add), so what is empty then stays empty.
        while not (self._closing and self._arrivals.empty()):
            batch = [self._arrivals.get()]
            while not self._arrivals.empty():
                batch.append(self._arrivals.get())
            if any(one.records for one in batch):
                self._write(batch)

    def _write(self, batch: "list[_Arrival]") -> None:
        failed: SpoolFailed | None = None
        began = time.perf_counter()
        try:
            records = [record for one in batch for record in one.records]
            self._write_frames(b"".join(map(_framed, records)))
        except OSError as fault:
            failed = SpoolFailed(why=fault.strerror or str(fault))
            self.written.failures += 1
        else:
            self.written.records += len(records)
            self.written.seconds.note(time.perf_counter() - began)
        for one in batch:
            one.settle(failed)

    def _write_frames(self, frames: bytes) -> None:
        if self._broken:
            raise OSError(self._broken)
        if self._length >= self._segment_bytes:
            self._start_segment(self._start + self._length)
        try:
            _write_all(self._file, frames)
        except OSError:
            # A full disk. Whole records of the batch stay, because a reader may have taken them already;
            # they were not acknowledged, which is harmless. Only the torn one is taken back.
            self._length = _whole_until(self._file, self._length)
            os.ftruncate(self._file, self._length)
            raise
        try:
            os.fdatasync(self._file)
        except OSError as fault:
            # The kernel may have dropped the pages: what is on disk is unknown until the segment is reread.
            self._broken = f"an earlier write failed ({fault.strerror})"
            raise
        self._length += len(frames)

    def _reopened(self) -> tuple[int, int, int]:
        starts = _segments(self._folder)
        if not starts:
            return _create_segment(self._folder, 0), 0, 0
        path = segment_path(self._folder, starts[-1])
        file = os.open(path, os.O_RDWR | os.O_APPEND)
        length = _whole_until(file, 0)
        _cut(file, length, path)
        os.fdatasync(file)
        return file, starts[-1], length

    def _start_segment(self, start: int) -> None:
        fresh = _create_segment(self._folder, start)
        os.close(self._file)
        self._file, self._start, self._length = fresh, start, 0


def read(folder: Path, writer: str, offset: int = 0) -> Iterator[Spooled]:
    """The writer's records from ``offset`` on (0, or a ``next_offset``), as far as whole ones are there now.

    Everything yielded is on disk: each segment is synced before it is read, so a reader can never run ahead
    of what would survive a power cut. :class:`SpoolDamaged` for a sealed segment that does not read back,
    :class:`SpoolArchived` for an offset before the first segment that is left.
    """
    place = folder / writer
    starts = _segments(place)
    if starts and offset < starts[0]:
        raise SpoolArchived(writer=writer, offset=offset)
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else None
        if end is not None and end <= offset:
            continue
        for spooled in _read_segment(segment_path(place, start), start, max(offset, start)):
            offset = spooled.next_offset
            yield spooled
        if end is not None and offset != end:
            raise SpoolDamaged(writer=writer, offset=offset)


def end(folder: Path, writer: str) -> int:
    """The offset at which the writer's files end now, whole records or not: a cheap look for news."""
    place = folder / writer
    starts = _segments(place)
    return starts[-1] + segment_path(place, starts[-1]).stat().st_size if starts else 0


def sealed(folder: Path, writer: str) -> list[tuple[int, int, Path]]:
    """The writer's segments that nobody writes to any more: start, end and file of each, oldest first."""
    paths = [(start, segment_path(folder / writer, start)) for start in _segments(folder / writer)[:-1]]
    return [(start, start + path.stat().st_size, path) for start, path in paths]


def first(folder: Path, writer: str) -> int | None:
    """The offset of the oldest record that the spool still has, None if it has no segment."""
    starts = _segments(folder / writer)
    return starts[0] if starts else None


def unframed(data: bytes, start: int) -> Iterator[Spooled]:
    """The records of a whole segment that begins at ``start``, up to the first bytes that are none."""
    at = 0
    while (record := _whole_record(data, at)) is not None:
        end = at + _FRAME.size + len(record)
        yield Spooled(start + at, start + end, record)
        at = end


def writers(folder: Path) -> list[str]:
    """The writers that have a place under ``folder``."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and _WRITER.match(entry.name))


def _read_segment(path: Path, start: int, offset: int) -> Iterator[Spooled]:
    file = os.open(path, os.O_RDONLY)
    try:
        limit = os.fstat(file).st_size  # first the limit, then the sync: what comes later is not read
        os.fdatasync(file)
        at, buffer, base = offset - start, b"", offset - start
        while True:
            record = _whole_record(buffer, at - base)
            if record is None:
                wanted = max(_READ_AHEAD, _needed(buffer, at - base))
                grown = os.pread(file, min(wanted, limit - at), at) if limit > at else b""
                if len(grown) <= len(buffer) - (at - base):
                    return
                buffer, base = grown, at
                record = _whole_record(buffer, 0)
                if record is None:
                    return
            end = at + _FRAME.size + len(record)
            yield Spooled(start + at, start + end, record)
            at = end
    finally:
        os.close(file)


def _needed(buffer: bytes, at: int) -> int:
    if len(buffer) - at < _FRAME.size:
        return 0
    length = _FRAME.unpack_from(buffer, at)[0]
    return _FRAME.size + min(int(length), LARGEST_RECORD)


def _whole_record(buffer: bytes, at: int) -> bytes | None:
    if len(buffer) - at < _FRAME.size:
        return None
    length, crc = _FRAME.unpack_from(buffer, at)
    if not 0 < length <= LARGEST_RECORD:
        return None
    record = buffer[at + _FRAME.size : at + _FRAME.size + length]
    return record if len(record) == length and zlib.crc32(record) == crc else None


def _whole_until(file: int, at: int) -> int:
    """Where the last whole record of an open segment ends, looking from ``at`` on."""
    buffer, base = b"", at
    while True:
        record = _whole_record(buffer, at - base)
        if record is None:
            buffer, base = os.pread(file, _READ_AHEAD + _FRAME.size + LARGEST_RECORD, at), at
            record = _whole_record(buffer, 0)
            if record is None:
                return at
        at += _FRAME.size + len(record)


def _framed(record: bytes) -> bytes:
    return _FRAME.pack(len(record), zlib.crc32(record)) + record


def _checked(record: bytes) -> bytes:
    if not 0 < len(record) <= LARGEST_RECORD:
        raise ValueError(f"a record has 1 to {LARGEST_RECORD} bytes")
    return record


def _tell(share: "Sequence[Done]", failure: SpoolFailed | None) -> None:
    for done in share:
        if done.done():
            continue  # whoever waited has gone; the record stays, which is harmless
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)


def _cut(file: int, length: int, path: Path) -> None:
    torn = os.pread(file, max(0, os.fstat(file).st_size - length), length)
    if torn:
        path.with_name(f"{path.stem}-{length}.torn").write_bytes(torn)
        os.ftruncate(file, length)


def _segments(place: Path) -> list[int]:
    if not place.is_dir():
        return []
    return sorted(int(path.stem) for path in place.glob("*.seg"))


def segment_path(place: Path, start: int) -> Path:
    """The file of the segment that begins at ``start``."""
    return place / f"{start:020d}.seg"


def _create_segment(place: Path, start: int) -> int:
    file = os.open(segment_path(place, start), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    sync_folder(place)
    return file


def _locked(path: Path, writer: str) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise SpoolBusy(writer=writer) from None
    return file


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
