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
from collections.abc import Sequence
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

_REMEMBERED = 4096

_Found = tuple[int, int]  # where the entry stands, and its count now


class SharedTable:
    """One table; every process opens the same file. Not for several threads of one process."""

    def __init__(self, path: Path, *, entries: int = ENTRIES) -> None:
        """Open the table, or make it: anew after a restart of the machine or with another size."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._buckets = max(1, entries // _WIDTH)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        salt, self._since = self._opened()
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._memory = mmap.mmap(self._file, _PAGE + self._buckets * _BUCKET.size)
        self._hash = blake2b(key=salt, digest_size=8)
        self._places: dict[bytes, tuple[int, int]] = {}
        """Names that come again and again: fingerprint, and where the entry stood last."""

    async def since(self) -> int:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        return self._since

    async def take(self, wants: Sequence[Want], *, now: int) -> int | None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        marked = [self._marked(want.name) for want in wants]
        undo: list[tuple[int, bytes]] = []
        with self:
            for number, (name, limit, until, amount) in enumerate(wants):
                mark, hint = marked[number]
                at, count = self._find(mark, hint, now)
                if count + (amount or 1) > limit:
                    for place, before in reversed(undo):
                        self._memory[place : place + _ENTRY.size] = before
                    return number
                if amount:
                    undo.append((at, self._memory[at : at + _ENTRY.size]))
                    _ENTRY.pack_into(self._memory, at, mark, until, count + amount)
                if count and at != hint:
                    self._remember(name, mark, at)
        return None

    async def add(self, name: bytes, amount: int, *, until: int, now: int) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        mark, hint = self._marked(name)
        with self:
            at, count = self._find(mark, hint, now)
            _ENTRY.pack_into(self._memory, at, mark, until, min(count + amount, _LARGEST))

    async def enter(self, name: bytes, limit: int, *, until: int, now: int) -> bytes | None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        places = [b"%b\0%d" % (name, number) for number in range(limit)]
        marked = [self._marked(place) for place in places]
        with self:
            for place, (mark, hint) in zip(places, marked, strict=True):
                at, count = self._find(mark, hint, now)
                if not count:
                    _ENTRY.pack_into(self._memory, at, mark, until, 1)
                    return place
        return None

    async def leave(self, place: bytes) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        mark, hint = self._marked(place)
        with self:
            at, _ = self._find(mark, hint, 0)
            _ENTRY.pack_into(self._memory, at, mark, 0, 0)

    async def look(self) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`: a mapped file does not go away."""

    async def close(self) -> None:
        """See :class:`guantong.gateway.limits.counts.Counts`."""
        self._memory.close()
        os.close(self._file)

    def _find(self, mark: int, hint: int, now: int) -> _Found:
        """The entry of the name with this fingerprint, or a free one for it, and its count at ``now``."""
        if hint:
            found, end, count = _ENTRY.unpack_from(self._memory, hint)
            if found == mark:
                return hint, count if end > now else 0
        free = 0
        for bucket in (mark % self._buckets, (mark >> 32) % self._buckets):
            start = _PAGE + bucket * _BUCKET.size
            fields = _BUCKET.unpack_from(self._memory, start)
            marks, ends = fields[::3], fields[1::3]
            if mark in marks:
                place = marks.index(mark)
                return start + place * _ENTRY.size, fields[3 * place + 2] if ends[place] > now else 0
            if not free and (soonest := min(ends)) <= now:
                free = start + ends.index(soonest) * _ENTRY.size
        if not free:
            raise CountsUnavailable(why_zh="计数表已满", why_en="the table of counts is full")
        return free, 0

    def _marked(self, name: bytes) -> tuple[int, int]:
        """The fingerprint of ``name``, and where its entry stood last (0: not known)."""
        known = self._places.get(name)
        if known is None:
            hasher = self._hash.copy()
            hasher.update(name)
            # An empty entry has the mark 0.
            known = (int.from_bytes(hasher.digest()) or 1, 0)
        return known

    def _remember(self, name: bytes, mark: int, at: int) -> None:
        if len(self._places) >= _REMEMBERED:
            self._places.clear()
        self._places[name] = (mark, at)

    # The lock is held for a microsecond or two and never across an await, so waiting for it in the event loop is short.

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
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
