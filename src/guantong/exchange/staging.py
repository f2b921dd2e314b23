"""暂存区: where sealed chunks and their manifests wait for whoever applies them.

``Store`` is the seam: a folder by default, an object store at scale. A thing is in the store wholly or not at all,
also after a power cut; the same name written again holds the same thing.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from guantong.exchange.errors import StagingFull
from guantong.kit import clock
from guantong.kit.durable import sync_folder

DEFAULT_QUOTA = 50 << 30
RESERVE = 1 << 20
"""Bytes of the disk that are left for marks, when it is full otherwise."""
MARK = "taken"
"""The name of marks that say what has been fetched: they always have room, since writing one makes room."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Store(Protocol):
    """Named things. Names are ``a/b/c`` of letters, digits, ``.``, ``-`` and ``_``."""

    def put(self, name: str, data: bytes) -> None:
        """Durable on return. StagingFull."""

    def get(self, name: str) -> bytes | None:
        """The whole thing, or None."""

    def names(self, prefix: str) -> list[str]:
        """All names that start with the folder ``prefix``, sorted."""

    def delete(self, name: str) -> None:
        """Gone on return; harmless if it was not there."""

    def expire(self, older_than_s: float) -> int:
        """Delete chunks that have waited longer; how many went. Manifests stay: they are small, and evidence."""


class FolderStore:
    """A folder with a quota in bytes (0: none)."""

    def __init__(self, folder: Path, *, quota: int = DEFAULT_QUOTA) -> None:
        self._folder = folder
        self._quota = quota
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._used = sum(path.stat().st_size for path in _files(folder))

    def put(self, name: str, data: bytes) -> None:
        """See :class:`Store`."""
        path = self._path(name)
        if path.name != MARK:
            self._check_room(len(data))
        fresh = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(fresh, data)
            fresh.replace(path)
            sync_folder(path.parent)
        except OSError as fault:
            # What is told is why it could not be written; what is left over is swept later.
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            if fault.errno in _FULL:
                raise StagingFull from fault
            raise
        self._used += len(data)

    def get(self, name: str) -> bytes | None:
        """See :class:`Store`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def names(self, prefix: str) -> list[str]:
        """See :class:`Store`."""
        place = self._path(prefix)
        return sorted(str(path.relative_to(self._folder)) for path in _files(place))

    def delete(self, name: str) -> None:
        """See :class:`Store`."""
        path = self._path(name)
        with contextlib.suppress(FileNotFoundError):  # it is gone, which is what was wanted
            size = path.stat().st_size
            path.unlink()
            self._used -= size

    def expire(self, older_than_s: float) -> int:
        """See :class:`Store`."""
        limit = clock.now().timestamp() - older_than_s
        old = [
            path for path in _files(self._folder) if path.suffix == ".chunk" and path.stat().st_mtime < limit
        ]
        for path in old:
            self.delete(str(path.relative_to(self._folder)))
        return len(old)

    def _check_room(self, size: int) -> None:
        if self._quota and self._used + size > self._quota:
            # Others may have taken things away since we counted.
            self._used = sum(path.stat().st_size for path in _files(self._folder))
            if self._used + size > self._quota:
                raise StagingFull
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < size + RESERVE:
            raise StagingFull

    def _path(self, name: str) -> Path:
        return self._folder.joinpath(*checked_name(name))


def checked_name(name: str) -> list[str]:
    """The parts of a thing's name; ValueError if it cannot be one."""
    parts = name.split("/")
    if any(part in {"", ".", ".."} or part.startswith(".") or not part.isprintable() for part in parts):
        raise ValueError(f"{name!r} cannot name a thing in the store")
    return parts


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    finally:
        os.close(file)
