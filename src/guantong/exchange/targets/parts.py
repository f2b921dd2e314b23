"""Parts of files that are on their way, and the place where whole files stand."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from guantong.exchange.files import Digesting, algorithm_of, inside, opened_below
from guantong.kit.durable import sync_folder

_DIGEST = re.compile(r"(sha-256|sm3):[0-9a-f]{64}")
_BLOCKED = {errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG}


class PieceWrong(Exception):
    """A piece that cannot belong where it says; ``reason`` is a word for the quarantine."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Piece:
    """One row of a delivery of files, in the order of :data:`guantong.exchange.files.COLUMNS`."""

    file: str
    offset: int
    size: int
    digest: str
    modified: datetime
    content: bytes

    def fault(self) -> str:
        """What is wrong with the file that it begins, as a word for the quarantine; empty if nothing."""
        if not inside(self.file):
            return "name_unfit"
        if not _DIGEST.fullmatch(self.digest) or self.size < 0:
            return "digest_unknown"
        return ""


class Part:
    """One version of one file as far as it has come: its bytes, and beside them who it is."""

    def __init__(self, folder: Path, piece: Piece) -> None:
        self.file = piece.file
        self.size = piece.size
        self.digest = piece.digest
        self.modified = piece.modified
        told = json.dumps([piece.file, piece.size, piece.digest])
        self.id = hashlib.sha256(told.encode()).hexdigest()[:32]
        self._folder = folder
        self._handle: int | None = None
        self._next = 0
        self._digesting: Digesting | None = None

    @classmethod
    def all(cls, folder: Path) -> "Iterator[Part]":
        """Every part that is in ``folder``."""
        for path in sorted(folder.glob("*.json")):
            told = json.loads(path.read_text("utf-8"))
            modified = datetime.fromisoformat(told["modified"])
            yield cls(folder, Piece(told["file"], 0, told["size"], told["digest"], modified, b""))

    @property
    def path(self) -> Path:
        """Its bytes."""
        return self._folder / f"{self.id}.part"

    @property
    def is_whole(self) -> bool:
        """Whether the last byte is there."""
        return self._next >= self.size

    def as_json(self) -> dict[str, Any]:
        """Who it is."""
        return {
            "file": self.file, "size": self.size, "digest": self.digest, "modified": self.modified.isoformat()
        }  # fmt: skip

    def fits(self, piece: Piece) -> bool:
        """Whether the piece is of this version of this file, and not its first."""
        return piece.offset > 0 and (piece.file, piece.size, piece.digest) == (
            self.file,
            self.size,
            self.digest,
        )

    def create(self) -> None:
        """Begin."""
        self._about(self._folder).write_text(json.dumps(self.as_json(), ensure_ascii=False), "utf-8")
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._digesting = Digesting(algorithm_of(self.digest) or "sha-256")
        self._next = 0
        sync_folder(self._folder)

    def resume(self, offset: int) -> bool:
        """Take up a part that was left; False if it is not here up to ``offset``."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        if os.fstat(handle).st_size < offset or not self._about(self._folder).exists():
            os.close(handle)
            return False
        self._handle = handle
        os.ftruncate(handle, offset)
        self._digesting = Digesting(algorithm_of(self.digest) or "sha-256")
        self._next = self._digesting.file(handle, upto=offset)
        return True

    def write(self, piece: Piece) -> None:
        """The next piece. PieceWrong."""
        handle, digesting = self._open()
        if piece.offset != self._next or piece.offset + len(piece.content) > self.size:
            raise PieceWrong("changed_midway")
        view, at = memoryview(piece.content), piece.offset
        while view:
            written = os.pwrite(handle, view, at)
            view, at = view[written:], at + written
        digesting.update(piece.content)
        self._next = at

    def sync(self) -> None:
        """What was written is durable."""
        if self._handle is not None:
            os.fsync(self._handle)

    def found_digest(self) -> str:
        """The digest of what is there; empty if nothing is."""
        if self._digesting is not None:
            return self._digesting.text()
        digesting = Digesting(algorithm_of(self.digest) or "sha-256")
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        try:
            digesting.file(handle)
        finally:
            os.close(handle)
        return digesting.text()

    def move(self, folder: Path) -> None:
        """To another of our folders, bytes last: what is found there is whole."""
        self.close()
        self._about(folder).write_text(json.dumps(self.as_json(), ensure_ascii=False), "utf-8")
        self.path.replace(folder / self.path.name)
        sync_folder(folder)
        self._about(self._folder).unlink(missing_ok=True)

    def is_in(self, folder: Path) -> bool:
        """Whether it was moved there."""
        return (folder / self.path.name).exists()

    def remove(self) -> None:
        """Forget it."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._about(self._folder).unlink(missing_ok=True)

    def close(self) -> None:
        """Give the file back; the digest goes with it."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None
        self._digesting = None

    def _about(self, folder: Path) -> Path:
        return folder / f"{self.id}.json"

    def _open(self) -> tuple[int, Digesting]:
        if self._handle is None or self._digesting is None:
            raise PieceWrong("changed_midway")
        return self._handle, self._digesting


class Place:
    """The folder that readers see. Nothing in it is reached through a link."""

    def __init__(self, folder: Path) -> None:
        self._root: int | None = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Give the folder back."""
        if self._root is not None:
            os.close(self._root)
            self._root = None

    def has(self, name: str) -> bool:
        """Whether anything has that name."""
        with suppress(OSError), self._parent(name) as (folder, last):  # what cannot be reached is not there
            os.stat(last, dir_fd=folder, follow_symlinks=False)
            return True
        return False

    def holds(self, part: Part) -> bool:
        """Whether the file of that name is the one the part was to become, byte for byte."""
        if not inside(part.file):
            return False
        try:
            handle = opened_below(self._opened, tuple(part.file.split("/")), os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            if os.fstat(handle).st_size != part.size:
                return False
            digesting = Digesting(algorithm_of(part.digest) or "sha-256")
            digesting.file(handle)
            return digesting.text() == part.digest
        finally:
            os.close(handle)

    def put(self, part: Part) -> bool:
        """The part takes its name; False if a folder or link stands in the way."""
        part.close()
        moment = int(part.modified.timestamp() * 1_000_000) * 1_000
        os.utime(part.path, ns=(moment, moment))
        part.path.chmod(0o640)
        try:
            with self._parent(part.file, is_made=True) as (folder, last):
                os.replace(part.path, last, dst_dir_fd=folder)
                os.fsync(folder)
        except OSError as fault:
            if fault.errno in _BLOCKED:
                return False
            raise
        part.remove()
        return True

    def drop(self, name: str) -> None:
        """The file goes, and folders that are empty then."""
        with suppress(FileNotFoundError, NotADirectoryError), self._parent(name) as (folder, last):
            os.unlink(last, dir_fd=folder)
            os.fsync(folder)
        parents = name.split("/")[:-1]
        while parents:
            try:
                with self._parent("/".join(parents)) as (folder, last):
                    os.rmdir(last, dir_fd=folder)
            except OSError:
                return
            parents.pop()

    @property
    def _opened(self) -> int:
        if self._root is None:
            raise ValueError("the folder was given back")
        return self._root

    @contextmanager
    def _parent(self, name: str, *, is_made: bool = False) -> "Iterator[tuple[int, str]]":
        """The open folder that the file is in, made if it is to be, and the last part of the name."""
        parts = name.split("/")
        folder = os.dup(self._opened)
        try:
            for part in parts[:-1]:
                if is_made:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o750, dir_fd=folder)
                        os.fsync(folder)
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder, parts[-1]
        finally:
            os.close(folder)
