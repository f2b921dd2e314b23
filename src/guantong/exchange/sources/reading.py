"""What is asked of a source, and what every source promises."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from guantong.exchange.chunks import Place
from guantong.exchange.columns import Column

# Bytes a reader gathers before it hands a batch on.
BATCH_BYTES = 4 << 20
BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """Which columns of a table, from where on, in which order.

    ``columns`` maps item → column. ``order`` are items that order the rows uniquely; ``after`` their values in
    the last row that is already had. ``floor`` leaves out rows whose ``watermark`` is below it, ``until`` those
    above it.
    """

    table: str
    columns: Mapping[str, str]
    order: tuple[str, ...] = ()
    after: Place = ()
    watermark: str = ""
    floor: str = ""
    until: str = ""
    is_floor_had: bool = False
    """Rows that stand exactly at the floor are had already (nothing in the target would notice a repeat)."""
    key: tuple[str, ...] = ()
    among: tuple[Place, ...] = ()
    """Only rows whose ``key`` (items) is one of these; none: all rows."""


@dataclass(frozen=True, slots=True)
class Found:
    """A table as it stands: its columns by name, and which sets of columns find at most one row."""

    columns: Mapping[str, Column]
    keys: tuple[frozenset[str], ...] = field(default=())
    rows: int = 0
    """The database's own estimate; 0: none."""

    def orders(self, columns: tuple[str, ...]) -> bool:
        """Whether rows sorted by ``columns`` stand in one order only, so that a reader can resume."""
        return any(key <= set(columns) for key in self.keys)


class Source(Protocol):
    """One database or file, open for one run. All methods raise the errors of :mod:`exchange.errors`."""

    def find(self, table: str) -> Found:
        """The table's columns and keys."""

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """The rows, in batches of a few megabytes, columns named by item. Nothing is kept that was yielded."""

    def now(self) -> str:
        """The source's own clock, as text that compares with its watermarks. Empty for files."""

    def close(self) -> None:
        """Give the connection back."""
