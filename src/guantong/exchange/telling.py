"""What both modes that find deletions have in common: rows and tombstones are gathered to chunks worth sending."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from guantong.bundle.jobs import Limits, Reading
from guantong.exchange.chunks import Place
from guantong.exchange.columns import Column
from guantong.exchange.comparing import Comparison, Sent
from guantong.exchange.converting import converted
from guantong.exchange.gate import Sorted
from guantong.exchange.sources.changing import Touched

TELLING: frozenset[Reading] = frozenset({"compare", "changes"})
"""The reading modes in which tombstones travel."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one chunk is made of: rows and tombstones, marked; refused rows; how many were looked at for it."""

    rows: pl.DataFrame
    refused: pl.DataFrame
    read: int


class Gathering:
    """Pieces come when there is enough."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rows: list[pl.DataFrame] = []
        self._refused: list[pl.DataFrame] = []
        self._read = 0
        self._count = self._size = 0

    def add(self, rows: pl.DataFrame, refused: pl.DataFrame | None = None, read: int = 0) -> bool:
        """Whether it is enough now."""
        self._rows.append(rows)
        self._count += rows.height
        self._size += int(rows.estimated_size())
        self._read += read
        if refused is not None and refused.height:
            self._refused.append(refused)
        return self._count >= self._limits.chunk_rows or self._size >= self._limits.chunk_bytes

    def is_empty(self) -> bool:
        """Whether nothing was even looked at."""
        return not self._read and not self._count

    def piece(self) -> Piece:
        """What was gathered; nothing is, afterwards."""
        refused = pl.concat(self._refused) if self._refused else pl.DataFrame()
        piece = Piece(pl.concat(self._rows), refused, self._read)
        self._rows, self._refused, self._read = [], [], 0
        self._count = self._size = 0
        return piece


def compared(
    chunks: Generator[pl.DataFrame],
    sort: Callable[[pl.DataFrame], Sorted],
    comparison: Comparison,
    key: Sequence[str],
    kinds: Mapping[str, Column],
    limits: Limits,
) -> Iterator[Piece]:
    """What differs from the snapshot; the last piece may hold no row, but tells how many were read."""
    gathering = Gathering(limits)
    with contextlib.closing(chunks):
        for rows in chunks:
            done = sort(rows)
            refused_keys = _typed_keys(done.refused, key, kinds)
            if gathering.add(comparison.changed(done.passed, refused_keys), done.refused, rows.height):
                yield gathering.piece()
    for tombstones in comparison.gone():
        if gathering.add(tombstones):
            yield gathering.piece()
    comparison.finish()
    if not gathering.is_empty():
        yield gathering.piece()


def changed(
    log: Iterable[Touched],
    fetch: Callable[[tuple[Place, ...]], pl.DataFrame | None],
    sort: Callable[[pl.DataFrame], Sorted],
    sent: Sent,
    key: Sequence[str],
    kinds: Mapping[str, Column],
    limits: Limits,
) -> Iterator[Piece]:
    """How the touched rows stand now: as they leave, or as tombstones. Stops short before an entry that is of all."""
    gathering = Gathering(limits)
    for touched in log:
        keys = _typed_keys(
            pl.DataFrame(touched.keys, dict.fromkeys(key, pl.String), orient="row"), key, kinds
        )
        rows = fetch(tuple(keys.rows()))
        passed, refused = keys.head(0), keys.head(0)
        if rows is not None:
            done = sort(rows)
            passed, refused = done.passed.select(key), _typed_keys(done.refused, key, kinds)
            gathering.add(sent.marked(done.passed, is_gone=False), done.refused)
        gone = keys.join(passed, on=key, how="anti")
        if refused.height:
            gone = gone.join(refused, on=key, how="anti")
        if gathering.add(sent.marked(gone, is_gone=True), None, keys.height):
            yield gathering.piece()
    if not gathering.is_empty():
        yield gathering.piece()


def _typed_keys(refused: pl.DataFrame, key: Sequence[str], kinds: Mapping[str, Column]) -> pl.DataFrame:
    """The keys of refused rows, which are kept as text; a key that is bad itself is null."""
    if refused.is_empty():
        return pl.DataFrame()
    values = {item: converted(pl.col(item), pl.String(), kinds[item]) for item in key}
    return refused.select(
        (pl.lit(None, kinds[item].dtype) if value is None else value).alias(item)
        for item, value in values.items()
    )
