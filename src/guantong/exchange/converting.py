"""From one kind of value to another, as expressions over whole columns. What cannot be converted becomes null.

A wall-clock time (``moment``) stands in Beijing time, China's one legal time, whenever it has to become an
``instant`` or comes from one; a source that keeps other wall clocks must say so in its view.
"""

import polars as pl

from guantong.exchange.columns import Column

BEIJING = "Asia/Shanghai"
# The first and last microsecond of the years 1 to 9999, counted from 1970.
FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_INSTANT = ("%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f%#z")


def converted(value: pl.Expr, held: pl.DataType, wanted: Column) -> pl.Expr | None:
    """``value``, held as ``held``, as the kind ``wanted``; None if such values never become that kind."""
    if held == wanted.dtype and wanted.kind != "number":
        return value
    if wanted.kind in {"text", "other", "number"}:
        return _number(as_text(value, held)) if wanted.kind == "number" else as_text(value, held)
    if held == pl.String:
        return _parsed(value, wanted)
    return _cast(value, held, wanted)


def as_text(value: pl.Expr, held: pl.DataType) -> pl.Expr:
    """The value as text: ISO 8601 for dates and times, plain digits for numbers, hexadecimal for bytes."""
    if held == pl.String:
        return value
    if held == pl.Binary:
        return value.bin.encode("hex")
    if held == pl.Date:
        return value.dt.to_string("%Y-%m-%d")
    if isinstance(held, pl.Datetime):
        whole = value.dt.to_string("%Y-%m-%dT%H:%M:%S")
        fraction = value.dt.to_string("%Y-%m-%dT%H:%M:%S.%6f")
        text = pl.when(value.dt.microsecond() == 0).then(whole).otherwise(fraction)
        return text + pl.lit("+00:00") if held.time_zone else text
    return value.cast(pl.String)


def as_found(value: pl.Expr, held: pl.DataType) -> pl.Expr:
    """The value as text for people, even a day that no calendar has (an infinite one, its number then)."""
    wild = out_of_calendar(value, held)
    if wild is None:
        return as_text(value, held)
    number = pl.format("beyond the calendar: {}", value.to_physical())
    return pl.when(wild).then(number).otherwise(as_text(pl.when(~wild).then(value), held))


def out_of_calendar(value: pl.Expr, held: pl.DataType) -> pl.Expr | None:
    """Whether a day or moment lies outside the years 1 to 9999 (databases have infinities there)."""
    if held == pl.Date:
        return (value < pl.date(1, 1, 1)) | (value > pl.date(9999, 12, 31))
    if not isinstance(held, pl.Datetime):
        return None
    number = value.dt.timestamp("us")
    return (number < FIRST_US) | (number > LAST_US)


def _number(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(_NUMBER)).then(text)


def _parsed(text: pl.Expr, wanted: Column) -> pl.Expr:
    if wanted.kind == "date":
        return _date(text)
    if wanted.kind == "moment":
        return _moment(text)
    if wanted.kind == "instant":
        zoned = text.str.replace("T", " ").str.replace(r"Z$", "+00:00")
        tried = [zoned.str.to_datetime(f, strict=False, time_unit="us", time_zone="UTC") for f in _INSTANT]
        return pl.coalesce(*tried, _in_beijing(_moment(text)))
    if wanted.kind == "boolean":
        return text.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
    if wanted.kind == "binary":
        return text.cast(pl.Binary)
    return text.cast(wanted.dtype, strict=False)


def _date(text: pl.Expr) -> pl.Expr:
    """``2026-11-22`` or ``20261122``; a day that does not exist is null."""
    dashed = pl.when(text.str.len_bytes() == 10).then(text).str.to_date("%Y-%m-%d", strict=False)
    return dashed.fill_null(pl.when(text.str.len_bytes() == 8).then(text).str.to_date("%Y%m%d", strict=False))


def _moment(text: pl.Expr) -> pl.Expr:
    spaced = text.str.replace("T", " ")
    whole = spaced.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    return whole.fill_null(_date(text).cast(pl.Datetime("us")))


def _in_beijing(moment: pl.Expr) -> pl.Expr:
    zoned = moment.dt.replace_time_zone(BEIJING, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def _cast(value: pl.Expr, held: pl.DataType, wanted: Column) -> pl.Expr | None:
    if wanted.kind in {"integer", "decimal", "float"}:
        is_number = held.is_numeric() or held == pl.Boolean
        return value.cast(wanted.dtype, strict=False) if is_number else None
    if wanted.kind == "boolean":
        return pl.when(value.is_in([0, 1])).then(value == 1) if held.is_integer() else None
    if wanted.kind == "moment" and held == pl.Date:
        return value.cast(pl.Datetime("us"))
    if wanted.kind in {"moment", "instant"} and isinstance(held, pl.Datetime):
        return _clock(value, held, wanted)
    return None


def _clock(value: pl.Expr, held: pl.Datetime, wanted: Column) -> pl.Expr:
    if wanted.kind == "moment":
        wall = value.dt.convert_time_zone(BEIJING).dt.replace_time_zone(None) if held.time_zone else value
        return wall.cast(pl.Datetime("us"))
    return value.cast(pl.Datetime("us", "UTC")) if held.time_zone else _in_beijing(value)
