"""A witness (https://c2sp.org/tlog-witness): it cosigns for a log that never took a leaf back.

For every log it keeps the largest tree it has cosigned. A log that shows it another history is refused, and
the signed request is kept, because a log's signatures under two histories prove that its operator rewrote
it.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from guantong.evidence import notes
from guantong.evidence.checkpoints import Checkpoint, CheckpointMalformed, cosign, read_checkpoint, read_size
from guantong.evidence.index import open_database
from guantong.evidence.merkle import EMPTY_ROOT, HASH_BYTES, Hash, ProofWrong, check_consistency
from guantong.evidence.notes import Note, NoteMalformed
from guantong.kit import clock
from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.suites import SigningKey, VerifyKey

MOST_HASHES = 63
LONGEST_REQUEST = 1 << 16
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"

_MOST_SUSPICIONS = 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cosigned (origin TEXT PRIMARY KEY, note BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS told (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS suspicion (at TEXT NOT NULL, origin TEXT NOT NULL, request BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    content_type: str = TEXT_TYPE


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A signed request that did not fit what was cosigned before; ``number`` grows."""

    number: int
    at: str
    origin: str
    request: bytes

    @property
    def note(self) -> bytes:
        """The checkpoint that was refused, as the log signed it."""
        return self.request.partition(b"\n\n")[2]


class _Refused(Exception):
    def __init__(
        self, status: int, why: str, size: int | None = None, *, is_suspicious: bool = False
    ) -> None:
        super().__init__(why)
        self.is_suspicious = is_suspicious
        body, kind = (f"{why}\n", TEXT_TYPE) if size is None else (f"{size}\n", SIZE_TYPE)
        self.answer = Answer(status, body.encode(), kind)


class Witness:
    """The witness of one node. ``logs()`` gives the keys of the logs it knows, by key reference."""

    def __init__(self, path: Path, key: SigningKey, logs: Callable[[], Mapping[str, VerifyKey]]) -> None:
        self._keys: tuple[SigningKey, ...] = (key,)
        self._logs = logs
        self._database = open_database(path)
        self._database.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def add_checkpoint(self, request: bytes) -> Answer:
        """Answer ``POST add-checkpoint``: 200 with a cosignature, or 400, 403, 404, 409, 422."""
        try:
            old, path, note, checkpoint = _read_request(request)
            self._check_signature(note, checkpoint)
        except _Refused as refused:
            return refused.answer
        try:
            self._remember(old, path, checkpoint, note.to_bytes())
        except _Refused as refused:
            if refused.is_suspicious:
                self._suspect(checkpoint.origin, request)
            return refused.answer
        at_s = int(clock.now().timestamp())
        lines = [cosign(note.text, key, at_s).line() for key in self._keys]
        return Answer(200, "".join(lines).encode())

    def rekey(self, *keys: SigningKey) -> None:
        """Cosign with all of ``keys`` from now on: while a key is changed, each log takes the one that it knows."""
        self._keys = keys

    def seen(self, origin: str) -> tuple[int, Hash]:
        """The largest tree of that log that was cosigned here: size and root."""
        with self._lock:
            return self._seen(origin)

    def note(self, origin: str) -> bytes | None:
        """The checkpoint of that log that was cosigned here last, as the log signed it."""
        with self._lock:
            row = self._database.execute("SELECT note FROM cosigned WHERE origin = ?", (origin,)).fetchone()
        return bytes(row[0]) if row else None

    def untold(self) -> list[Suspicion]:
        """The suspicions that nobody has been told of yet; see :meth:`told`."""
        with self._lock:
            rows = self._database.execute(
                "SELECT rowid, at, origin, request FROM suspicion"
                " WHERE rowid > coalesce((SELECT number FROM told), 0) ORDER BY rowid"
            ).fetchall()
        return [Suspicion(*row) for row in rows]

    def told(self, number: int) -> None:
        """People have been told of every suspicion up to this one."""
        with self._lock:
            self._database.execute("INSERT OR REPLACE INTO told VALUES (1, ?)", (number,))

    def suspicions(self) -> list[tuple[str, str, bytes]]:
        """Signed requests that did not fit what was seen before: time, origin, the request itself."""
        with self._lock:
            return self._database.execute(
                "SELECT at, origin, request FROM suspicion ORDER BY rowid"
            ).fetchall()

    def suspicion_count(self) -> int:
        """How many such requests are kept (at most 1,000)."""
        with self._lock:
            (count,) = self._database.execute("SELECT count(*) FROM suspicion").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _check_signature(self, note: Note, checkpoint: Checkpoint) -> None:
        keys = {ref: key for ref, key in self._logs().items() if key.name == checkpoint.origin}
        if not keys:
            raise _Refused(404, "this log is not known here")
        if not note.signed_by(keys):
            raise _Refused(403, "no signature by a known key of this log")

    def _remember(self, old: int, path: list[Hash], checkpoint: Checkpoint, note: bytes) -> None:
        # Look and store under one lock in one transaction: two requests at once must not roll the log back.
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._check_history(old, path, checkpoint)
                self._database.execute(
                    "INSERT OR REPLACE INTO seen VALUES (?, ?, ?)",
                    (checkpoint.origin, checkpoint.size, checkpoint.root),
                )
                self._database.execute(
                    "INSERT OR REPLACE INTO cosigned VALUES (?, ?)", (checkpoint.origin, note)
                )
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise

    def _check_history(self, old: int, path: list[Hash], checkpoint: Checkpoint) -> None:
        size, root = self._seen(checkpoint.origin)
        if old > checkpoint.size:
            raise _Refused(400, "the old size is larger than the checkpoint")
        if old != size:
            raise _Refused(409, "not the size seen last", size)
        if old == checkpoint.size and root != checkpoint.root:
            raise _Refused(409, "another root at the same size", size, is_suspicious=True)
        try:
            check_consistency(old, root, checkpoint.size, checkpoint.root, path)
        except ProofWrong as fault:
            raise _Refused(422, fault.sentence("en"), is_suspicious=True) from fault

    def _seen(self, origin: str) -> tuple[int, Hash]:
        row = self._database.execute("SELECT size, root FROM seen WHERE origin = ?", (origin,)).fetchone()
        return (int(row[0]), bytes(row[1])) if row else (0, EMPTY_ROOT)

    def _suspect(self, origin: str, request: bytes) -> None:
        with self._lock:
            (count,) = self._database.execute("SELECT count(*) FROM suspicion").fetchone()
            if count < _MOST_SUSPICIONS:
                row = (clock.rfc3339(clock.now()), origin, request)
                self._database.execute("INSERT INTO suspicion VALUES (?, ?, ?)", row)


def write_request(old: int, path: list[Hash], note: bytes) -> bytes:
    """The body of ``add-checkpoint``."""
    lines = [f"old {old}", *(to_base64(sibling) for sibling in path), "", ""]
    return "\n".join(lines).encode() + note


def _read_request(request: bytes) -> tuple[int, list[Hash], Note, Checkpoint]:
    head, blank, signed = request.partition(b"\n\n")
    if not blank or len(request) > LONGEST_REQUEST:
        raise _Refused(400, "no checkpoint, or a request beyond 64 KiB")
    try:
        lines = head.decode("ascii").split("\n")
        if not lines[0].startswith("old "):
            raise _Refused(400, "the first line is not an old size")
        old = read_size(lines[0][len("old ") :])
        path = [from_base64(line) for line in lines[1:]]
        note = notes.read(signed)
        checkpoint = read_checkpoint(note.text)
    except (UnicodeDecodeError, NotCanonical, NoteMalformed, CheckpointMalformed) as fault:
        raise _Refused(400, "the request cannot be read") from fault
    if len(path) > MOST_HASHES or any(len(sibling) != HASH_BYTES for sibling in path):
        raise _Refused(400, "a hash is not 32 bytes, or there are more than 63")
    return old, path, note, checkpoint
