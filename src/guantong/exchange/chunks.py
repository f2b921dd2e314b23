"""块: a bounded number of rows on their way, with the place in the source up to which they go."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

Place = tuple[int | str | None, ...]
"""Where a reader stands: the ordering values of the last row that was read. Empty: no order."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Rows as a database itself encodes them, for another one of its kind (see :mod:`exchange.passing`)."""

    rows: int
    data: bytes
    place: Place


def cut(batches: Iterable[pl.DataFrame], *, rows: int, size: int) -> Iterator[pl.DataFrame]:
    """The same rows in chunks of at most ``rows`` rows and about ``size`` bytes. None is empty."""
    waiting: list[pl.DataFrame] = []
    count = held = 0
    for batch in batches:
        for part in _parts(batch, rows, size):
            part_size = int(part.estimated_size())
            if waiting and held + part_size > size:
                yield _joined(waiting)
                waiting, count, held = [], 0, 0
            if count + part.height > rows:
                room = rows - count
                yield _joined([*waiting, part.head(room)])
                part = part.slice(room)  # noqa: PLW2901 - what did not fit is the part now
                waiting, count, held = [], 0, 0
                part_size = int(part.estimated_size())
            waiting.append(part)
            count, held = count + part.height, held + part_size
    if waiting:
        yield _joined(waiting)


def _parts(batch: pl.DataFrame, rows: int, size: int) -> Iterator[pl.DataFrame]:
    if batch.is_empty():
        return
    heavy = max(1, -(-int(batch.estimated_size()) // size))
    step = max(1, min(rows, -(-batch.height // heavy)))
    for start in range(0, batch.height, step):
        yield batch.slice(start, step)


def _joined(parts: list[pl.DataFrame]) -> pl.DataFrame:
    parts = [part for part in parts if part.height]
    return parts[0] if len(parts) == 1 else pl.concat(parts, how="vertical")
