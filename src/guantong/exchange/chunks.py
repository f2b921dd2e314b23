"""块: a bounded number of rows on their way, with the place in the source up to which they go."""

from collections.abc import Iterable, Iterator

import polars as pl

Place = tuple[int | str | None, ...]
"""Where a reader stands: the ordering values of the last row that was read. Empty: no order."""


def cut(batches: Iterable[pl.DataFrame], *, rows: int, size: int) -> Iterator[pl.DataFrame]:
    """The same rows in chunks of at most ``rows`` rows and about ``size`` bytes. None is empty."""
    waiting: list[pl.DataFrame] = []
    count = held = 0
    for batch in batches:
        for part in _parts(batch, rows, size):
            part_size = int(part.estimated_size())
            if waiting and (count + part.height > rows or held + part_size > size):
                yield _joined(waiting)
                waiting, count, held = [], 0, 0
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
    return parts[0] if len(parts) == 1 else pl.concat(parts, how="vertical")
