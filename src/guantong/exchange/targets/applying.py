"""What every target promises: a chunk and its line in the ledger are there together, or neither is.

The ledger (台账) is a table ``guantong_ledger`` in the target's own database, one row a chunk: it holds the
signed manifest, so that what is in a table can be proved from the table's own database. The row of chunk 0
closes a run.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from guantong.bundle.jobs import Writing
from guantong.exchange.chunks import Place
from guantong.exchange.columns import Column
from guantong.exchange.sources.reading import Found

LEDGER = "guantong_ledger"


@dataclass(frozen=True, slots=True)
class Landing:
    """How a run's rows arrive in the target.

    ``aside``: they are gathered in a table beside the target and put in its place (replace), or moved into it
    (append), when the run is complete; a broken run then leaves no trace.
    """

    job: str
    table: str
    columns: Mapping[str, Column]
    writing: Writing
    key: tuple[str, ...]
    aside: bool
    deletes: bool = False
    """Tombstones may come."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    run: str
    chunk: int
    rows: int
    manifest: bytes
    place: Place
    high: str
    digest: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a job has come in its target: its latest run, and the last chunk of it."""

    run: str = ""
    chunk: int = 0
    rows: int = 0
    place: Place = ()
    previous: str = ""
    """Digest of the last manifest."""
    high: str = ""
    """The highest watermark of the run so far."""
    manifest: bytes = b""
    is_closed: bool = True
    is_whole: bool = True
    """What an open run has gathered aside is still there."""


@dataclass(frozen=True, slots=True)
class Load:
    """A chunk in the target's own encoding, made outside the transaction."""

    rows: int
    data: object
    gone: object = None
    """The keys of rows that are to be deleted (:meth:`Target.encode_gone`)."""


class Target(Protocol):
    """One table or file, open for one run. All methods raise the errors of :mod:`exchange.errors`."""

    stores_nul: bool
    stores_nan: bool

    def find(self) -> Found:
        """The table's columns and keys."""

    def standing(self) -> Standing:
        """What the ledger says about the job."""

    def begin(self, run: str, *, fresh: bool) -> None:
        """Make ready for chunks of ``run``; ``fresh`` removes what an abandoned run has left aside."""

    def give_up(self) -> None:
        """Forget the run that stands open, and what it has gathered aside. What it applied stays."""

    def encode(self, rows: pl.DataFrame) -> Load:
        """``rows`` (columns named by column) as :meth:`apply` takes them. May run in another thread."""

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """``keys`` (columns named by column) of rows to be deleted, as :meth:`apply` takes them in a load."""

    def apply(self, load: Load, entry: Entry) -> None:
        """Write the rows and the ledger's line, together. Harmless if the line is there already."""

    def close_run(self, entry: Entry) -> None:
        """The run is complete: what was gathered aside takes its place, and the ledger says so (chunk 0)."""

    def close(self) -> None:
        """Give the connection back."""


def standing_of(lines: "list[tuple[object, ...]]", *, is_whole: bool) -> Standing:
    """The standing that the lines of a job's latest run tell: run, chunk, rows, place, digest, high, manifest."""
    if not lines:
        return Standing()
    last = lines[-1]
    closing = lines[0] if lines[0][1] == 0 else None
    chunk, rows = int(str(last[1])), sum(int(str(line[2])) for line in lines if line[1] != 0)
    told = closing or last
    return Standing(
        run=str(last[0]),
        chunk=chunk,
        rows=rows,
        place=tuple(json.loads(str(told[3]))),
        previous=str(told[4]),
        high=str(told[5]),
        manifest=str(told[6]).encode(),
        is_closed=closing is not None,
        is_whole=is_whole,
    )


def short(job: str) -> str:
    """A job's name as part of a table's."""
    return hashlib.sha256(job.encode()).hexdigest()[:12]
