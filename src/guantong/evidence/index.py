"""The log's memory: which record became which leaf, how far each writer is integrated, what was signed.

This is the log's truth; tiles follow from it. A leaf's row and its writer's cursor commit together, and
(writer, offset) is unique, so that no record can become two leaves however often the process dies.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS writer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next_offset INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS leaf (
    position INTEGER PRIMARY KEY,
    writer INTEGER NOT NULL REFERENCES writer (id),
    offset INTEGER NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (writer, offset)
);
CREATE INDEX IF NOT EXISTS leaf_digest ON leaf (digest);
CREATE TABLE IF NOT EXISTS note (kind TEXT PRIMARY KEY, content BLOB NOT NULL);
"""

_CACHE_KB = 64 << 10
_PAGES_AHEAD = 30_000


def open_database(path: Path) -> sqlite3.Connection:
    """A connection whose commits survive a power cut."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class Index:
    """The database. One thread integrates; others may look up at the same time."""

    def __init__(self, path: Path) -> None:
        self._writing = open_database(path)
        self._writing.executescript(_SCHEMA)
        # Digests come in no order: with more pages in memory, and moved to their place more rarely, a large index takes in
        # the next ones faster (seen at two million leaves, not measured at other sizes).
        self._writing.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        self._writing.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_AHEAD}")
        self._reading = open_database(path)
        self._reading_lock = threading.Lock()
        self.size: int = self._writing.execute("SELECT coalesce(max(position) + 1, 0) FROM leaf").fetchone()[
            0
        ]

    def cursor(self, writer: str) -> int:
        """The offset of the writer's first record that is not in the log."""
        row = self._writing.execute("SELECT next_offset FROM writer WHERE name = ?", (writer,)).fetchone()
        return int(row[0]) if row else 0

    def add(self, writer: str, records: Sequence[tuple[int, bytes]], next_offset: int) -> None:
        """Make ``records`` (offset, digest) the next leaves, and the writer done up to ``next_offset``."""
        execute = self._writing.execute
        execute("BEGIN IMMEDIATE")
        try:
            execute(
                "INSERT INTO writer (name, next_offset) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET next_offset = excluded.next_offset",
                (writer, next_offset),
            )
            (number,) = execute("SELECT id FROM writer WHERE name = ?", (writer,)).fetchone()
            rows = [
                (position, number, offset, digest)
                for position, (offset, digest) in enumerate(records, start=self.size)
            ]
            self._writing.executemany("INSERT INTO leaf VALUES (?, ?, ?, ?)", rows)
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        self.size += len(records)

    def cut(self, size: int) -> None:
        """Forget the leaves from ``size`` on; their records are waiting again. For leaves that were never signed only."""
        execute = self._writing.execute
        execute("BEGIN IMMEDIATE")
        try:
            execute(
                "UPDATE writer SET next_offset = cut.first FROM"
                " (SELECT writer, min(offset) AS first FROM leaf WHERE position >= ? GROUP BY writer) AS cut"
                " WHERE writer.id = cut.writer",
                (size,),
            )
            execute("DELETE FROM leaf WHERE position >= ?", (size,))
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        self.size = size

    def make_whole(
        self, leaves: Sequence[tuple[str, int, bytes]], cursors: Mapping[str, int], signed: bytes
    ) -> None:
        """Add leaves (writer, offset, digest) that a peer gave back, and the checkpoint that signs them, all at once."""
        execute = self._writing.execute
        execute("BEGIN IMMEDIATE")
        try:
            names = {writer for writer, _, _ in leaves}
            for name in names:
                execute("INSERT OR IGNORE INTO writer (name, next_offset) VALUES (?, 0)", (name,))
            for name, offset in cursors.items():
                execute("UPDATE writer SET next_offset = ? WHERE name = ?", (offset, name))
            numbers = dict(execute("SELECT name, id FROM writer").fetchall())
            rows = [
                (position, numbers[writer], offset, digest)
                for position, (writer, offset, digest) in enumerate(leaves, start=self.size)
            ]
            self._writing.executemany("INSERT INTO leaf VALUES (?, ?, ?, ?)", rows)
            execute("INSERT OR REPLACE INTO note VALUES ('signed', ?)", (signed,))
            execute("DELETE FROM note WHERE kind = 'behind'")
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        self.size += len(leaves)

    def digests(self, start: int) -> Iterator[list[bytes]]:
        """The records' digests from leaf ``start`` on, some thousands at a time."""
        rows = self._writing.execute(
            "SELECT digest FROM leaf WHERE position >= ? ORDER BY position", (start,)
        )
        while batch := rows.fetchmany(8192):
            yield [digest for (digest,) in batch]

    def position(self, digest: bytes) -> int | None:
        """The first leaf of the record with this digest."""
        with self._reading_lock:
            row = self._reading.execute(
                "SELECT min(position) FROM leaf WHERE digest = ?", (digest,)
            ).fetchone()
        return None if row[0] is None else int(row[0])

    def place(self, position: int) -> tuple[str, int]:
        """Whose record became the leaf at ``position``, and at which offset of that writer's spool it lies."""
        with self._reading_lock:
            row = self._reading.execute(
                "SELECT name, offset FROM leaf JOIN writer ON writer.id = leaf.writer WHERE position = ?",
                (position,),
            ).fetchone()
        return str(row[0]), int(row[1])

    def settled(self, writer: str, size: int) -> int:
        """The offset before which all records of ``writer`` are among the first ``size`` leaves."""
        with self._reading_lock:
            row = self._reading.execute(
                "SELECT min(offset) FROM leaf WHERE position >= ?"
                " AND writer = (SELECT id FROM writer WHERE name = ?)",
                (size, writer),
            ).fetchone()
        return self.cursor(writer) if row[0] is None else int(row[0])

    def keep_note(self, kind: str, content: bytes) -> None:
        """Remember a signed note under ``kind``, replacing the one before."""
        self._writing.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (kind, content))

    def note(self, kind: str) -> bytes | None:
        """The note remembered under ``kind``."""
        row = self._writing.execute("SELECT content FROM note WHERE kind = ?", (kind,)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Close the connections."""
        self._reading.close()
        self._writing.close()
