"""Large bodies on their way through (decision 28): each rests whole in a file without a name until it has been proved,
and until the receipt of what is done with it is on disk. Memory stays flat, and nothing of it outlives the process.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from guantong.kit.canonical import to_base64
from guantong.kit.errors import GuantongError

IN_MEMORY = 256 * 1024
PART = 128 * 1024


class NoRoomForBody(GuantongError):
    """The gateway holds as much as it may, or its disk is full."""

    code = "no_room_for_body"
    status = 503
    zh = "网关暂存大报文的空间不足，请稍后再试。"
    en = "The gateway has no room for a body this large at the moment; try again later."


class Holding:
    """What one gateway process holds: at most ``most`` bytes in files, which belong to ``folder``'s disk."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self.on_disk = 0
        """Bytes in files now."""

    def open(self, *, digests: tuple[str, ...] = ("sha-256",)) -> "Held":
        """Room for one body. ``digests``: the algorithms of its ``Content-Digest`` (RFC 9530) that are wanted."""
        return Held(self, {name: hashlib.new(name.replace("-", "")) for name in {"sha-256", *digests}})

    def file(self) -> BinaryIO:
        """A file that nobody else can name. NoRoomForBody."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return cast("BinaryIO", tempfile.TemporaryFile(dir=self._folder, buffering=0))
        except OSError:
            raise NoRoomForBody from None

    def count(self, size: int) -> None:
        """So many bytes more (or less) are in files. NoRoomForBody if they may not be."""
        if size > 0 and self.on_disk + size > self._most:
            raise NoRoomForBody
        self.on_disk += size


class Held:
    """One body: in memory as long as it is small."""

    def __init__(self, holding: Holding, hashes: Mapping[str, "hashlib._Hash"]) -> None:
        self._holding = holding
        self._hashes = hashes
        self._memory: bytearray | None = bytearray()
        self._file: BinaryIO | None = None
        self._size = 0
        self._written = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self._size

    @property
    def is_small(self) -> bool:
        """Whether it never left memory; then :meth:`small` gives it."""
        return self._memory is not None

    @property
    def digest(self) -> str:
        """``sha-256:`` and the digest of all that was kept, in hexadecimal."""
        return f"sha-256:{self._hashes['sha-256'].hexdigest()}"

    @property
    def digests(self) -> dict[str, bytes]:
        """By algorithm, as ``Content-Digest`` names it."""
        return {name: one.digest() for name, one in self._hashes.items()}

    @property
    def content_digest(self) -> str:
        """The value of ``Content-Digest`` (RFC 9530)."""
        return f"sha-256=:{to_base64(self._hashes['sha-256'].digest())}:"

    def keep(self, part: bytes) -> None:
        """Add ``part``. NoRoomForBody."""
        for one in self._hashes.values():
            one.update(part)
        self._size += len(part)
        if self._memory is not None:
            self._memory += part
            if self._size <= IN_MEMORY:
                return
            self._file, part, self._memory = self._holding.file(), bytes(self._memory), None
        self._write(part)

    def small(self) -> bytes:
        """All of it, if it is small."""
        return bytes(self._memory or b"")

    def __iter__(self) -> Iterator[bytes]:
        """Its parts, from the beginning."""
        if self._file is None:
            yield self.small()
            return
        at = 0
        while at < self._size and (part := os.pread(self._file.fileno(), PART, at)):
            at += len(part)
            yield part

    def close(self) -> None:
        """Let go of it."""
        self._memory = None
        if self._file is not None:
            self._file.close()
            self._file = None
            self._holding.count(-self._written)

    def __del__(self) -> None:
        """Whoever forgot it, the room is free again."""
        self.close()

    def _write(self, part: bytes) -> None:
        file = self._file
        if file is None:
            raise ValueError("it was let go of")
        self._holding.count(len(part))
        self._written += len(part)
        view = memoryview(part)
        try:
            while view:
                view = view[file.write(view) :]
        except OSError:
            raise NoRoomForBody from None
