"""How far the log has come, read beside its process and without asking it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from guantong.evidence import notes, spool
from guantong.evidence.checkpoints import read_checkpoint

PATIENCE_S = 0.2


@dataclass(frozen=True, slots=True)
class Standing:
    """Leaves under the last signed checkpoint, and bytes of the spool that the log has not taken in."""

    size: int
    waiting_bytes: int


def standing(log_folder: Path, spool_folder: Path) -> Standing | None:
    """Where the log in ``log_folder`` stands; None if there is none, or it cannot be read now."""
    path = log_folder / "log.sqlite"
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_S)) as database:
            signed = database.execute("SELECT content FROM note WHERE kind = 'signed'").fetchone()
            taken = dict(database.execute("SELECT name, next_offset FROM writer"))
    except sqlite3.Error:
        return (
            None  # busy or being made: the measure is left out this time, and the log tells its own troubles
        )
    size = read_checkpoint(notes.read(signed[0]).text).size if signed else 0
    waiting = (
        spool.end(spool_folder, writer) - taken.get(writer, 0) for writer in spool.writers(spool_folder)
    )
    return Standing(size, sum(max(0, each) for each in waiting))
