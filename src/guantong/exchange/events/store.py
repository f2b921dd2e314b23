"""Events on the node: one SQLite file a target, appended to, numbered, in the same transactions as the ledger.

Whatever hands them out reads them from here, in their order: a reader with its own mark, or the deliverer, whose
mark is kept beside them. The file is ours alone, and is opened by Python's SQLite only (never by ADBC's).
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guantong.exchange.events.cloud import Event
from guantong.exchange.targets.applying import Entry, Standing, standing_of
from guantong.kit import clock

KEPT_S = 30 * 86_400
KEPT_ROWS = 2_000_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, grant_id TEXT NOT NULL, subject TEXT NOT NULL,
    at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_at ON events (at);
CREATE TABLE IF NOT EXISTS aside (
    n INTEGER PRIMARY KEY, job TEXT NOT NULL, id TEXT NOT NULL, grant_id TEXT NOT NULL, subject TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS ledger (
    job TEXT, run TEXT, chunk INTEGER, rows INTEGER NOT NULL, digest TEXT NOT NULL, high TEXT NOT NULL,
    place TEXT NOT NULL, manifest TEXT NOT NULL, PRIMARY KEY (job, run, chunk)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_NEW = "INSERT OR IGNORE INTO events (id, grant_id, subject, at, body) VALUES (?, ?, ?, ?, ?)"
_TELL = """
INSERT OR IGNORE INTO events (id, grant_id, subject, at, body)
SELECT id, grant_id, subject, ?, body FROM aside WHERE job = ? ORDER BY n
"""
_STANDING = """
SELECT run, chunk, rows, place, digest, high, manifest FROM ledger WHERE job = ?
AND run = (SELECT max(run) FROM ledger WHERE job = ?) ORDER BY chunk
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event in the store."""

    n: int
    id: str
    grant: str
    subject: str
    body: bytes


def path_of(folder: Path, target: str) -> Path:
    """The file of a target's events below the exchange's folder."""
    return folder / "events" / f"{hashlib.sha256(target.encode()).hexdigest()[:24]}.sqlite3"


class EventStore:
    """One target's events. A connection of its own: give each thread one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Chunks are applied by one thread after another, never by two at once.
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    # ── written by runs ──

    def standing(self, job: str, *, is_aside: bool) -> Standing:
        """What the ledger says about the job."""
        lines = self._db.execute(_STANDING, (job, job)).fetchall()
        is_whole = not is_aside or self.mark(f"aside {job}") != ""
        return standing_of(lines, is_whole=is_whole)

    def begin(self, job: str, run: str, *, is_aside: bool) -> None:
        """Forget a run that stands open; ``is_aside``: gather the next one before anybody sees it."""
        with self.transaction():
            forget = "DELETE FROM ledger WHERE job = ? AND run <> ? AND run NOT IN"
            closed = "(SELECT run FROM ledger WHERE job = ? AND chunk = 0)"
            self._db.execute(f"{forget} {closed}", (job, run, job))
            self._db.execute("DELETE FROM aside WHERE job = ?", (job,))
            self._put_mark(f"aside {job}", run if is_aside else "")

    def append(self, job: str, entry: Entry, events: Iterable[Event], *, is_aside: bool) -> None:
        """The events of a chunk and its line in the ledger, or nothing if the line is there. Known ids are repeats."""
        with self.transaction():
            if not self._enter(job, entry):
                return
            if is_aside:
                put = "INSERT INTO aside (job, id, grant_id, subject, body) VALUES (?, ?, ?, ?, ?)"
                self._db.executemany(put, ((job, one.id, one.grant, one.subject, one.body) for one in events))
                return
            at = clock.millis()
            self._db.executemany(_NEW, ((one.id, one.grant, one.subject, at, one.body) for one in events))

    def close_run(self, job: str, entry: Entry, last: Event) -> None:
        """The run is whole: what was gathered aside is told now, and then that it has arrived."""
        with self.transaction():
            if not self._enter(job, entry):
                return
            at = clock.millis()
            self._db.execute(_TELL, (at, job))
            self._db.execute("DELETE FROM aside WHERE job = ?", (job,))
            self._put_mark(f"aside {job}", "")
            self._db.execute(_NEW, (last.id, last.grant, last.subject, at, last.body))

    # ── read ──

    def after(self, n: int, limit: int, grants: Sequence[str] | None = None) -> tuple[list[Kept], int]:
        """Up to ``limit`` events after number ``n``, of those grants, and the number from which to go on."""
        with self.transaction(writes=False):
            last = self.last()
            marks = ", ".join("?" for _ in grants or ())
            chosen = f" AND grant_id IN ({marks})" if grants is not None else ""
            found = self._db.execute(
                f"SELECT n, id, grant_id, subject, body FROM events WHERE n > ?{chosen} ORDER BY n LIMIT ?",  # noqa: S608 - marks only
                (n, *(grants or ()), limit),
            ).fetchall()
        kept = [Kept(*row) for row in found]
        return kept, kept[-1].n if len(kept) == limit else max(n, last)

    def last(self) -> int:
        """The highest number that was ever given."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def forgotten(self) -> int:
        """The highest number that is no longer kept."""
        return int(self.mark("forgotten") or 0)

    def mark(self, name: str) -> str:
        """A mark's value, empty if it was never put."""
        row = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    # ── kept by who hands out ──

    def put_mark(self, name: str, value: str) -> None:
        """Durable on return."""
        with self.transaction():
            self._put_mark(name, value)

    def drop(self, grant: str, *, after: int) -> None:
        """Events of a grant must not be told any more, from that number on."""
        with self.transaction():
            self._db.execute("DELETE FROM events WHERE n > ? AND grant_id = ?", (after, grant))

    def expire(self, *, age_s: float = KEPT_S, rows: int = KEPT_ROWS, upto: int | None = None) -> int:
        """Forget what is older, or beyond that many; nothing after number ``upto``. How many went."""
        with self.transaction():
            before = clock.millis() - int(age_s * 1000)
            old = self._db.execute("SELECT max(n) FROM events WHERE at < ?", (before,)).fetchone()[0] or 0
            edge = self._db.execute(
                "SELECT n FROM events ORDER BY n DESC LIMIT 1 OFFSET ?", (rows,)
            ).fetchone()
            limit = max(old, edge[0] if edge else 0)
            limit = limit if upto is None else min(limit, upto)
            gone = self._db.execute("DELETE FROM events WHERE n <= ?", (limit,)).rowcount
            if gone:
                self._put_mark("forgotten", str(max(limit, self.forgotten())))
        return gone

    def waiting(self, after: int) -> int:
        """About how many events stand after a number."""
        return max(0, self.last() - after)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self, *, writes: bool = True) -> Iterator[None]:
        """All of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk may have rolled back by itself
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _enter(self, job: str, entry: Entry) -> bool:
        values = (
            job, entry.run, entry.chunk, entry.rows, entry.digest, entry.high, json.dumps(entry.place),
            entry.manifest.decode(),
        )  # fmt: skip
        return bool(
            self._db.execute("INSERT OR IGNORE INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).rowcount
        )

    def _put_mark(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))
