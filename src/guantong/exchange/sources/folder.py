"""A folder of files as a source: a delivery of files is a table of their pieces, so that it is judged, sealed,
entered and resumed like any other.

One row is one piece: ``file`` (its name below the folder), ``offset``, ``size`` and ``digest`` of the whole file,
``modified`` (the later of its last writing and its last renaming, so that a file moved in is new), ``content``.
Links are never followed, whatever they point at; names that are not UTF-8 are told, not left out.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from guantong.exchange.errors import FileNameUnfit, FileNotReadable, JobMisdeclared, TableVanished
from guantong.exchange.files import COLUMNS, KEY, OWN, PIECE, WHOLE, Digesting, inside, opened_below
from guantong.exchange.sources.reading import BATCH_BYTES, BATCH_ROWS, Found, Question
from guantong.kit import clock

SETTLED_S = 1.0
"""An increment leaves files younger than this to the next one: two of one clock tick could not be told apart."""
_NS = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it stood when it was looked at. ``parts`` is its name, ``modified`` in microseconds since 1970."""

    parts: tuple[str, ...]
    size: int
    modified: int

    @property
    def name(self) -> str:
        """Its name below the folder."""
        return "/".join(self.parts)


class FolderSource:
    """``file:///folder``; the table is a sub-folder, a pattern (``*.pdf``, ``2026/**``), or ``.`` for all of it."""

    def __init__(self, name: str, address: str, digest: str) -> None:
        self._name = name
        self._folder = Path(unquote(urlsplit(address).path))
        self._digest = digest

    def find(self, table: str) -> Found:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        with self._root(table):
            return Found(COLUMNS, (frozenset(KEY),))

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        known = {column: item for item, column in question.columns.items()}
        order = tuple(question.columns[item] for item in question.order)
        if order not in {(), KEY, ("modified", *KEY)}:
            raise JobMisdeclared(
                job=question.table,
                why_zh="文件的键应为 file、offset",
                why_en="the key of files is file, offset",
            )
        with self._root(question.table) as root:
            waiting: list[dict[str, object]] = []
            held = 0
            for row in self._rows(root, question, is_dated=order[:1] == ("modified",)):
                waiting.append(row)
                held += len(row["content"])  # type: ignore[arg-type] # bytes
                if held >= BATCH_BYTES or len(waiting) >= BATCH_ROWS:
                    yield _frame(waiting, known)
                    waiting, held = [], 0
            if waiting:
                yield _frame(waiting, known)

    def now(self) -> str:
        """See :class:`guantong.exchange.sources.reading.Source`. Files bear this machine's time."""
        return clock.now().isoformat()

    def close(self) -> None:
        """See :class:`guantong.exchange.sources.reading.Source`."""

    @contextmanager
    def _root(self, table: str) -> Iterator[int]:
        where, _ = split_pattern(table)
        vanished = TableVanished(name=self._name, table=table)
        if "\0" in table or where is None:
            raise vanished
        try:
            root = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            raise vanished from None
        try:
            if where:
                try:
                    os.close(opened_below(root, where, os.O_RDONLY | os.O_DIRECTORY))
                except OSError:
                    raise vanished from None
            yield root
        finally:
            os.close(root)

    def _rows(self, root: int, question: Question, *, is_dated: bool) -> Iterator[dict[str, object]]:
        where, pattern = split_pattern(question.table)
        seen: Iterator[Seen] = (
            one for one in walk(root, where or ()) if fits(one.parts[len(where or ()) :], pattern)
        )
        if question.watermark:
            floor = _micros(question.floor) if question.floor else None
            last = _micros(question.until) if question.until else None
            newest = clock.now().timestamp() - SETTLED_S
            seen = (
                one
                for one in seen
                if (floor is None or one.modified > floor)
                and one.modified < newest * 1_000_000
                and (last is None or one.modified <= last)
            )
        after = _place(question) if question.order else None
        if is_dated:
            seen = iter(sorted(seen, key=lambda one: (one.modified, one.parts)))
        for one in seen:
            mark = (one.modified if is_dated else 0, one.parts)
            if after is None or mark > after[0]:
                yield from self._pieces(root, one, 0)
            elif mark == after[0]:
                yield from self._pieces(root, one, after[1] + 1)

    def _pieces(self, root: int, seen: Seen, since: int) -> Iterator[dict[str, object]]:
        """The pieces of one file that begin at ``since`` or later. One that has vanished meanwhile has none."""
        try:
            file = opened_below(root, seen.parts, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as fault:
            _tell(fault, seen.name)
            return
        try:
            digest = Digesting(self._digest)
            size = digest.file(file)
            start = -(-since // PIECE) * PIECE
            modified = datetime.fromtimestamp(seen.modified // 1_000_000, UTC).replace(
                microsecond=seen.modified % 1_000_000
            )
            for offset in range(start, max(size, 1), PIECE):
                yield {
                    "file": seen.name,
                    "offset": offset,
                    "size": size,
                    "digest": digest.text(),
                    "modified": modified,
                    # Shorter than it should be if the file was cut meanwhile: the digest will tell.
                    "content": os.pread(file, min(PIECE, size - offset), offset),
                }
        finally:
            os.close(file)


def split_pattern(table: str) -> "tuple[tuple[str, ...] | None, str]":
    """The folders before the first wildcard, and the pattern below them; None if the name leads outside."""
    parts = [part for part in table.split("/") if part not in {"", "."}]
    if table.startswith("/") or ".." in parts:
        return None, ""
    wild = next((n for n, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
    return tuple(parts[:wild]), "/".join(parts[wild:]) or WHOLE


def fits(parts: tuple[str, ...], pattern: str) -> bool:
    """Whether a name fits ``pattern``: ``*`` stays within a folder, ``**`` stands for any number of them."""
    return _fits(parts, tuple(pattern.split("/")))


def _fits(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        if len(wanted) == 1:
            return bool(parts)
        return any(_fits(parts[n:], wanted[1:]) for n in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def walk(root: int, where: tuple[str, ...]) -> Iterator[Seen]:
    """All plain files below, sorted by the parts of their names; nothing is kept but one folder's names a level."""
    try:
        folder = opened_below(root, where, os.O_RDONLY | os.O_DIRECTORY) if where else os.dup(root)
    except OSError as fault:
        _tell(fault, "/".join(where))
        return
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
        for name in names:
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(found.st_mode) and name != OWN:
                yield from walk(root, (*where, name))
            elif stat.S_ISREG(found.st_mode):
                _check(name)
                modified = max(found.st_mtime_ns, found.st_ctime_ns) // _NS
                yield Seen((*where, name), found.st_size, modified)
    finally:
        os.close(folder)


def _tell(fault: OSError, name: str) -> None:
    """What has gone meanwhile, or become a link, is left out; what cannot be read is not."""
    if fault.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
        raise FileNotReadable(file=name, why=os.strerror(fault.errno or 0)) from None


def _check(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise FileNameUnfit(file=ascii(name)) from None
    if not inside(name):
        raise FileNameUnfit(file=ascii(name))


def _place(question: Question) -> tuple[tuple[int, tuple[str, ...]], int]:
    """The file of the last piece that is had, and that piece's offset."""
    if not question.after:
        return (-1, ()), -1
    told = dict(zip((question.columns[item] for item in question.order), question.after, strict=True))
    modified = _micros(str(told["modified"])) if "modified" in told else 0
    return (modified, tuple(str(told["file"]).split("/"))), int(str(told["offset"]))


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _frame(rows: list[dict[str, object]], known: dict[str, str]) -> pl.DataFrame:
    schema = {column: COLUMNS[column].dtype for column in known}
    frame = pl.DataFrame({column: [row[column] for row in rows] for column in known}, schema=schema)
    return frame.rename(known)
