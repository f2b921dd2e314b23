"""Spark's side of :mod:`exchange.converting` and :mod:`exchange.masking`: the same answers, as Column expressions.

The session must be in UTC. Where Spark and the local engine read or write a value differently by nature (blanks around
numbers, floating point as text, regular expressions), it is brought to the local engine's way here.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import polars as pl
from pyspark.sql import functions as fn
from pyspark.sql import types

from guantong.bundle.types import Condition
from guantong.exchange.columns import Column
from guantong.exchange.converting import BEIJING, FIRST_US, LAST_US
from guantong.exchange.masking import bound_of

Expr = Any
"""A pyspark Column; the library has no types that mypy takes."""
_NUMBER = r"^[+-]?\d+(\.\d+)?\z"
_FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\z"
_DAY, _SHORT_DAY = r"^\d{4}-\d{2}-\d{2}\z", r"^\d{8}\z"
_CLOCK = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,9})?"
_SIMPLE = {
    pl.String: types.StringType,
    pl.Int8: types.ByteType,
    pl.Int16: types.ShortType,
    pl.Int32: types.IntegerType,
    pl.Int64: types.LongType,
    pl.Float32: types.FloatType,
    pl.Float64: types.DoubleType,
    pl.Boolean: types.BooleanType,
    pl.Date: types.DateType,
    pl.Binary: types.BinaryType,
}


def spark_type(held: pl.DataType) -> Any:
    """How Spark holds what the local engine holds as ``held``."""
    if isinstance(held, pl.Decimal):
        return types.DecimalType(held.precision or 38, held.scale or 0)
    if isinstance(held, pl.Datetime):
        return types.TimestampType() if held.time_zone else types.TimestampNTZType()
    return _SIMPLE[held.base_type()]()


def nothing(held: pl.DataType) -> Expr:
    """Null of that type."""
    return fn.lit(None).cast(spark_type(held))


def java(pattern: str) -> str:
    """A pattern in Rust's notation as Java reads it: ``$`` is the very end, classes are Unicode's."""
    made, is_escaped, in_class = ["(?Ud)"], False, False
    for letter in pattern.replace("(?P<", "(?<"):
        is_end = letter == "$" and not is_escaped and not in_class
        made.append(r"\z" if is_end else letter)
        if not is_escaped:
            in_class = (in_class or letter == "[") and letter != "]"
        is_escaped = letter == "\\" and not is_escaped
    return "".join(made)


def converted(value: Expr, held: pl.DataType, wanted: Column) -> Expr | None:
    """See :func:`guantong.exchange.converting.converted`."""
    if held == wanted.dtype and wanted.kind != "number":
        return value
    if wanted.kind == "number":
        text = as_text(value, held)
        return fn.when(text.rlike(_NUMBER), text)
    if wanted.kind in {"text", "other"}:
        return as_text(value, held)
    if held == pl.String:
        return _parsed(value, wanted)
    return _cast(value, held, wanted)


def as_text(value: Expr, held: pl.DataType) -> Expr:
    """See :func:`guantong.exchange.converting.as_text`."""
    if held == pl.String:
        return value
    if held == pl.Binary:
        return fn.lower(fn.hex(value))
    if held == pl.Date:
        return fn.date_format(value, "yyyy-MM-dd")
    if isinstance(held, pl.Datetime):
        whole = fn.date_format(value, "yyyy-MM-dd'T'HH:mm:ss")
        fraction = fn.date_format(value, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
        text = fn.when(fn.date_format(value, "SSSSSS") == "000000", whole).otherwise(fraction)
        return fn.concat(text, fn.lit("+00:00")) if held.time_zone else text
    if held.is_float():
        return _float_as_text(held)(value)
    return value.cast("string")


def as_found(value: Expr, held: pl.DataType) -> Expr:
    """See :func:`guantong.exchange.converting.as_found`."""
    wild = out_of_calendar(value, held)
    if wild is None:
        return as_text(value, held)
    number = fn.unix_date(value) if held == pl.Date else _micros(value, held)
    told = fn.concat(fn.lit("beyond the calendar: "), number.cast("string"))
    return fn.when(wild, told).otherwise(as_text(value, held))


def out_of_calendar(value: Expr, held: pl.DataType) -> Expr | None:
    """See :func:`guantong.exchange.converting.out_of_calendar`."""
    if held == pl.Date:
        days = fn.unix_date(value)
        return (days < FIRST_US // 86_400_000_000) | (days > LAST_US // 86_400_000_000)
    if not isinstance(held, pl.Datetime):
        return None
    number = _micros(value, held)
    return (number < FIRST_US) | (number > LAST_US)


def masked(value: Expr, held: pl.DataType, mask: str, salt: bytes) -> Expr:
    """See :func:`guantong.exchange.masking.masked`."""
    if mask == "none":
        return value
    text = as_text(value, held)
    name, _, number = mask.partition(":")
    length = fn.length(text)
    if name in {"keep_head", "keep_tail"} and number.isdecimal():
        count = int(number)
        stars = fn.repeat(fn.lit("*"), fn.greatest(length - count, fn.lit(0)))
        if name == "keep_head":
            return fn.concat(fn.substring(text, 1, count), stars)
        tail = fn.substring(text, fn.greatest(length - count, fn.lit(0)) + 1, fn.lit(count))
        return fn.concat(stars, tail)
    if name == "hash":
        return _hmac(text, salt)
    if name in {"year", "division"}:
        return fn.when(text.rlike(java(r"^\d{4}")), fn.substring(text, 1, 4))
    return nothing(pl.String())


def is_met(condition: Condition, held: pl.DataType) -> Expr:
    """See :func:`guantong.exchange.masking.is_met`."""
    item, wanted = fn.col(f"`{condition.item}`"), condition.value
    if isinstance(wanted, list):
        if condition.op != "in" or not wanted:
            return fn.lit(False)
        any_of = _equal(item, held, wanted[0])
        for one in wanted[1:]:
            any_of = any_of | _equal(item, held, one)
        return _surely(any_of)
    if condition.op in {"eq", "ne"}:
        equal = _surely(_equal(item, held, wanted))
        return item.isNotNull() & (equal if condition.op == "eq" else ~equal)
    return _surely(_ordered(item, held, condition.op, wanted))


def as_double(value: Expr, held: pl.DataType) -> Expr:
    """Numbers as they are, anything else as a number if its text is one."""
    return value if held.is_numeric() else read_double(as_text(value, held))


def read_double(text: Expr) -> Expr:
    """A text that is a floating-point number, nothing around it."""
    odd = fn.lower(fn.regexp_replace(text, r"^\+", ""))
    return (
        fn.when(text.rlike(_FLOAT), text.try_cast("double"))
        .when(odd.isin("nan", "-nan"), fn.lit(float("nan")))
        .when(odd.isin("inf", "infinity"), fn.lit(float("inf")))
        .when(odd.isin("-inf", "-infinity"), fn.lit(float("-inf")))
    )


def _surely(condition: Expr) -> Expr:
    return fn.coalesce(condition, fn.lit(False))


def _equal(item: Expr, held: pl.DataType, wanted: str | int) -> Expr:
    if isinstance(wanted, int):
        return as_double(item, held) == fn.lit(wanted)
    return as_text(item, held) == fn.lit(wanted)


def _ordered(item: Expr, held: pl.DataType, op: str, wanted: str | int) -> Expr:
    nowhere = fn.lit(False)
    if isinstance(wanted, str) and not held.is_integer():
        value, bound = as_text(item, held), fn.lit(wanted)
    else:
        number = bound_of(wanted)
        if number is None:
            return nowhere
        value, bound = as_double(item, held), fn.lit(number)
    return value >= bound if op == "ge" else value <= bound if op == "le" else nowhere


def _micros(value: Expr, held: pl.DataType) -> Expr:
    """Microseconds since 1970; a wall clock counts as if it stood in UTC, as the session does."""
    del held
    return fn.unix_micros(value.cast("timestamp"))


def _parsed(text: Expr, wanted: Column) -> Expr:
    read = _READERS.get(wanted.kind)
    if read is not None:
        return read(text)
    return fn.when(text.rlike(_NUMBER), text.try_cast(f"decimal({wanted.precision},{wanted.scale})"))


def _truth(text: Expr) -> Expr:
    low = fn.lower(text)
    said = fn.lit(True)
    return fn.when(low.isin("true", "t", "1"), said).when(low.isin("false", "f", "0"), ~said)


def _date(text: Expr) -> Expr:
    dashed = fn.when(text.rlike(_DAY), text.try_cast("date"))
    short = fn.concat_ws("-", fn.substring(text, 1, 4), fn.substring(text, 5, 2), fn.substring(text, 7, 2))
    return fn.coalesce(dashed, fn.when(text.rlike(_SHORT_DAY), short.try_cast("date")))


def _moment(text: Expr) -> Expr:
    spaced = fn.regexp_replace(text, r"^([^T]*)T", "$1 ")
    clock = fn.when(spaced.rlike(_CLOCK + r"\z"), spaced.try_cast("timestamp_ntz"))
    return fn.coalesce(clock, _date(text).cast("timestamp_ntz"))


def _zoned(text: Expr) -> Expr:
    """With an offset: ``Z``, ``+08``, ``+0800``, ``+08:00``."""
    spaced = fn.regexp_replace(fn.regexp_replace(text, r"^([^T]*)T", "$1 "), r"Z\z", "+00:00")
    spaced = fn.regexp_replace(spaced, r"([+-]\d{2})(\d{2})?\z", "$1:$2")
    spaced = fn.regexp_replace(spaced, r":\z", ":00")
    is_zoned = text.rlike(_CLOCK.replace(" ", "[ T]") + r"(Z|[+-]\d{2}(:?\d{2})?)\z")
    return fn.when(is_zoned, spaced.try_cast("timestamp"))


def _in_beijing(moment: Expr) -> Expr:
    return fn.to_utc_timestamp(moment.cast("timestamp"), BEIJING)


def _cast(value: Expr, held: pl.DataType, wanted: Column) -> Expr | None:
    if wanted.kind in {"integer", "decimal", "float"}:
        is_number = held.is_numeric() or held == pl.Boolean
        return value.try_cast(spark_type(wanted.dtype)) if is_number else None
    if wanted.kind == "boolean":
        return fn.when(value.isin(0, 1), value == 1) if held.is_integer() else None
    if wanted.kind == "moment" and held == pl.Date:
        return value.cast("timestamp_ntz")
    if wanted.kind in {"moment", "instant"} and isinstance(held, pl.Datetime):
        if wanted.kind == "moment":
            wall = fn.from_utc_timestamp(value, BEIJING) if held.time_zone else value
            return wall.cast("timestamp_ntz")
        return value if held.time_zone else _in_beijing(value)
    return None


def _hmac(text: Expr, salt: bytes) -> Expr:
    """HMAC-SHA-256 (RFC 2104) of two plain digests."""
    key = (hashlib.sha256(salt).digest() if len(salt) > 64 else salt).ljust(64, b"\0")
    inner, outer = (fn.lit(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))
    return fn.sha2(fn.concat(outer, fn.unhex(fn.sha2(fn.concat(inner, text.cast("binary")), 256))), 256)


def _float_as_text(held: pl.DataType) -> Any:
    """Java writes floating point in a way of its own; the local engine's library writes it here too."""
    is_short = held == pl.Float32

    @fn.arrow_udf("string")
    def written(numbers):  # type: ignore[no-untyped-def]
        import polars  # noqa: PLC0415 - on the worker

        series = polars.from_arrow(numbers).cast(polars.Float32 if is_short else polars.Float64)
        return series.cast(polars.String).to_arrow(compat_level=polars.CompatLevel.oldest())

    return written


_READERS: dict[str, Callable[[Expr], Expr]] = {
    "date": _date,
    "moment": _moment,
    "instant": lambda text: fn.coalesce(_zoned(text), _in_beijing(_moment(text))),
    "boolean": _truth,
    "binary": lambda text: text.cast("binary"),
    "integer": lambda text: fn.when(text.rlike(r"^[+-]?[0-9]+\z"), text.try_cast("bigint")),
    "float": read_double,
}
