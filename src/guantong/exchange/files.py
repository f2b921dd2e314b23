"""What both ends of a delivery of files agree on: the columns, the digest, and how to stay within a folder."""

import hashlib
import os
from collections.abc import Mapping

from guantong.exchange.columns import Column

PIECE = 1 << 20
"""Bytes of a file in one row."""
OWN = ".guantong"
"""The folder within a target's folder that is ours: parts, ledgers, files put aside."""
WHOLE = "**"
KEY = ("file", "offset")
COLUMNS: Mapping[str, Column] = {
    "file": Column("text", has_nul=False, is_nullable=False),
    "offset": Column("integer", is_nullable=False),
    "size": Column("integer", is_nullable=False),
    "digest": Column("text", has_nul=False, is_nullable=False),
    "modified": Column("instant", is_nullable=False),
    "content": Column("binary", is_nullable=False),
}
_READ = 1 << 20
_HASHES = {"sha-256": "sha256", "sm3": "sm3"}


class Digesting:
    """A digest that grows, in memory that does not. ``name`` is a suite's: ``sha-256`` or ``sm3``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._hash = hashlib.new(_HASHES[name])

    def update(self, data: bytes) -> None:
        """More of the file."""
        self._hash.update(data)

    def file(self, file: int, *, upto: int | None = None) -> int:
        """Take in an open file from its beginning, ``upto`` bytes of it or all; how many there were."""
        at = 0
        while upto is None or at < upto:
            data = os.pread(file, _READ if upto is None else min(_READ, upto - at), at)
            if not data:
                break
            self._hash.update(data)
            at += len(data)
        return at

    def text(self) -> str:
        """``sha-256:hex`` of what was taken in so far."""
        return f"{self._name}:{self._hash.hexdigest()}"


def algorithm_of(digest: str) -> str | None:
    """The name of a digest's algorithm, None if we know none of that name."""
    name = digest.partition(":")[0]
    return name if name in _HASHES else None


def inside(name: str) -> bool:
    """Whether a name that came from elsewhere names a file inside a folder, on any of our systems."""
    parts = name.split("/")
    return (
        len(name.encode("utf-8", "surrogatepass")) <= 4000
        and parts[0] != OWN
        and not any(
            part in {"", ".", ".."} or len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts
        )
        and not any(character < " " or character in {"\x7f", "\\"} for character in name)
    )


def opened_below(root: int, parts: tuple[str, ...], flags: int, mode: int = 0o600) -> int:
    """Open a file or folder below the open folder ``root``, following no link at any step. OSError."""
    folder = os.dup(root)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    finally:
        os.close(folder)
