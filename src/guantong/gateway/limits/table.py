"""Counts in a file that the processes of one machine map into memory: a call costs microseconds, no server.

The file is a hash table of small entries: fingerprint (8 bytes), end (4), count (4). An entry whose end is over is
free. A name's fingerprint is keyed with a salt of the table, so that nobody can aim at another's entry. One lock
covers each step and is let go by the kernel should its holder die; what a dead process had half written is one
entry of a few seconds. After a restart of the machine the table begins anew.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from guantong.gateway.limits.counts import CountsUnavailable, Want
from guantong.kit import clock

ENTRIES = 1 << 20
"""As many nonces as 8,000 signed calls a second leave in two minutes; 16 MB of a file that fills as it is used."""

_WIDTH = 16
_ENTRY = struct.Struct("<QII")
_BUCKET = struct.Struct("<" + "QII" * _WIDTH)
_HEADER = struct.Struct("<8s16s16sQ")
_MAGIC = b"counts1\n"
_PAGE = 4096
_LARGEST = 0xFFFFFFFF
_BOOT = Path("/proc/sys/kernel/random/boot_id")

_Found = tuple[int, int]  # where the entry stands, and its count now


class SharedTable:
    """One table; every process opens the same file. Not for several threads of one process."""

    def __init__(self, path: Path, *, entries: int = ENTRIES) -> None:
        """Open the table, or make it: anew after a restart of the machine or with another size."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._buckets = max(1, entries // _WIDTH)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with self._locked():
            salt, self._since = self._opened()
        self._memory = mmap.mmap(self._file, _PAGE + self._buckets * _BUCKET.size)
        self._hash = blake2b(key=salt, digest_size=8)

    async def since(self) -> int:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        return self._since

    async def take(self, wants: Sequence[Want], *, now: int) -> int | None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        undo: list[tuple[int, bytes]] = []
        with self._locked():
            for number, (name, limit, until, amount) in enumerate(wants):
                at, count = self._find(name, now)
                if count + (amount or 1) > limit:
                    for place, before in reversed(undo):
                        self._memory[place : place + _ENTRY.size] = before
                    return number
                if amount:
                    undo.append((at, self._memory[at : at + _ENTRY.size]))
                    self._write(at, name, until, count + amount)
        return None

    async def add(self, name: bytes, amount: int, *, until: int, now: int) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        with self._locked():
            at, count = self._find(name, now)
            self._write(at, name, until, min(count + amount, _LARGEST))

    async def enter(self, name: bytes, limit: int, *, until: int, now: int) -> bytes | None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        with self._locked():
            for number in range(limit):
                place = b"%b\0%d" % (name, number)
                at, count = self._find(place, now)
                if not count:
                    self._write(at, place, until, 1)
                    return place
        return None

    async def leave(self, place: bytes) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        with self._locked():
            at, _ = self._find(place, 0)
            self._write(at, place, 0, 0)

    async def close(self) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        self._memory.close()
        os.close(self._file)

    def _find(self, name: bytes, now: int) -> _Found:
        """The entry of ``name``, or a free one for it, and its count at ``now``."""
        mark = self._fingerprint(name)
        free = -1
        for bucket in (mark % self._buckets, (mark >> 32) % self._buckets):
            start = _PAGE + bucket * _BUCKET.size
            fields = _BUCKET.unpack_from(self._memory, start)
            marks, ends = fields[::3], fields[1::3]
            if mark in marks:
                place = marks.index(mark)
                return start + place * _ENTRY.size, fields[3 * place + 2] if ends[place] > now else 0
            if free < 0 and (soonest := min(ends)) <= now:
                free = start + ends.index(soonest) * _ENTRY.size
        if free < 0:
            raise CountsUnavailable(why_zh="计数表已满", why_en="the table of counts is full")
        return free, 0

    def _write(self, at: int, name: bytes, until: int, count: int) -> None:
        _ENTRY.pack_into(self._memory, at, self._fingerprint(name), until, count)

    def _fingerprint(self, name: bytes) -> int:
        hasher = self._hash.copy()
        hasher.update(name)
        # An empty entry has the mark 0.
        return int.from_bytes(hasher.digest()) or 1

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Held for microseconds and never across an await, so waiting for it in the event loop is short.
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _opened(self) -> tuple[bytes, int]:
        """Salt and beginning of the table as it is, or of a new one."""
        size = _PAGE + self._buckets * _BUCKET.size
        boot = _BOOT.read_text().encode()[:36].replace(b"-", b"")[:16] if _BOOT.exists() else b"?" * 16
        head = os.pread(self._file, _HEADER.size, 0)
        if len(head) == _HEADER.size and os.fstat(self._file).st_size == size:
            magic, booted, salt, started = _HEADER.unpack(head)
            if (magic, booted) == (_MAGIC, boot):
                return salt, started
        salt, started = os.urandom(16), clock.millis() // 1000
        os.ftruncate(self._file, 0)
        os.ftruncate(self._file, size)
        os.pwrite(self._file, _HEADER.pack(_MAGIC, boot, salt, started), 0)
        return salt, started
