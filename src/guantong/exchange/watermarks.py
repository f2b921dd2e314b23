"""水位: how far an increment has come, and from where the next one starts.

Rows come late and clocks differ: the next run starts ``overlap_s`` before the highest watermark, applying the
same row twice is harmless, and a row dated in the future does not carry the mark past the source's own clock.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from guantong.exchange.columns import Column
from guantong.exchange.converting import BEIJING, as_text, converted, out_of_calendar


def highest(rows: pl.DataFrame, item: str, column: Column) -> str:
    """The highest watermark among ``rows`` as they were read, as text; empty if there is none."""
    found, held = pl.col(item), rows.schema[item]
    wild = out_of_calendar(found, held)
    value = converted(found if wild is None else pl.when(~wild).then(found), held, column)
    if value is None:
        return ""
    highest_found = rows.select(as_text(value.max(), column.dtype)).item()
    return "" if highest_found is None else str(highest_found)


def later(one: str, other: str, column: Column) -> str:
    """The higher of two watermarks of the same item; either may be empty."""
    if not one or not other:
        return one or other
    if column.kind in {"integer", "decimal", "float", "number"}:
        return max(one, other, key=float)
    return max(one, other)


def capped(high: str, now: str, column: Column) -> str:
    """``high``, but not later than the source's clock ``now`` (an instant as ISO 8601 text, or empty)."""
    if not high or not now or column.kind not in {"date", "moment", "instant"}:
        return high
    moment = datetime.fromisoformat(now)
    if column.kind == "instant":
        return min(high, moment.isoformat())
    wall = moment.astimezone(ZoneInfo(BEIJING)).replace(tzinfo=None)
    return min(high, wall.date().isoformat() if column.kind == "date" else wall.isoformat())


def floor_of(high: str, overlap_s: int, column: Column) -> str:
    """Where the next run starts."""
    if not high or not overlap_s or column.kind not in {"date", "moment", "instant"}:
        return high
    if column.kind == "date":
        return (date.fromisoformat(high) - timedelta(days=-(-overlap_s // 86_400))).isoformat()
    return (datetime.fromisoformat(high) - timedelta(seconds=overlap_s)).isoformat()
