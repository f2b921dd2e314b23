"""Spark's side of :mod:`exchange.rules` and :mod:`exchange.check_digits`."""

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

import polars as pl
from pyspark.sql import Window
from pyspark.sql import functions as fn

from guantong.bundle.jobs import Check
from guantong.exchange.columns import Column
from guantong.exchange.engines.spark_values import as_text, converted, java, read_double

Expr = Any
ROW = "<row"
"""The column that numbers the rows of a batch: of equal ones the first one counts."""
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_LAST_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def broken(check: Check, columns: Mapping[str, Column]) -> dict[str, Expr]:
    """See :func:`guantong.exchange.rules.broken`."""
    items = {item: fn.col(f"`{item}`") for item in check.items}
    joined = "+".join(check.items)
    if check.rule == "not_null":
        return {f"{item}:not_null": value.isNull() for item, value in items.items()}
    if check.rule == "unique":
        among = Window.partitionBy(*items.values()).orderBy(fn.col(f"`{ROW}`"))
        return {f"{joined}:unique": fn.row_number().over(among) > 1}
    if check.rule == "order":
        first, second = items.values()
        return {f"{joined}:order": first > second}
    if check.rule == "born_on":
        return {f"{joined}:born_on": _born_otherwise(check, columns)}
    return {f"{item}:{check.rule}": _one(check, value, columns[item]) for item, value in items.items()}


def _one(check: Check, value: Expr, column: Column) -> Expr:
    if check.rule == "range":
        return _out_of_range(check, value, column)
    text = as_text(value, column.dtype)
    if check.rule == "pattern":
        return ~text.rlike(java(check.pattern))
    if check.rule == "codes":
        return ~text.isin(check.codes)
    if check.rule == "length":
        return _outside(fn.length(text), check, Column("integer"))
    return ~(_resident(text) if check.rule == "resident_id" else _uscc(text))


def _out_of_range(check: Check, value: Expr, column: Column) -> Expr:
    is_text_range = isinstance(check.low, str) or isinstance(check.high, str)
    if column.kind in {"text", "number"} and not is_text_range:
        number = read_double(value)
        return _outside(number, check, Column("float")) | (value.isNotNull() & number.isNull())
    return _outside(value, check, column)


def _outside(value: Expr, check: Check, column: Column) -> Expr:
    outside = fn.lit(False)
    if check.low is not None:
        outside = outside | (value < _bound(check.low, column))
    if check.high is not None:
        outside = outside | (value > _bound(check.high, column))
    if column.kind == "float":
        outside = outside | fn.isnan(value)
    return value.isNotNull() & outside


def _bound(bound: int | str, column: Column) -> Expr:
    if isinstance(bound, int) or column.kind in {"text", "number"}:
        return fn.lit(bound)
    read = converted(fn.lit(bound), pl.String(), column)
    return fn.lit(bound) if read is None else read


def _born_otherwise(check: Check, columns: Mapping[str, Column]) -> Expr:
    number, day = (fn.col(f"`{item}`") for item in check.items)
    if columns[check.items[1]].kind == "date":
        told = fn.date_format(day, "yyyyMMdd")
    else:
        told = fn.replace(as_text(day, columns[check.items[1]].dtype), fn.lit("-"), fn.lit(""))
    return fn.substring(number, 7, 8) != fn.substring(told, 1, 8)


def _digit(text: Expr, place: int) -> Expr:
    return fn.substring(text, place + 1, 1).try_cast("int")


def _resident(text: Expr) -> Expr:
    total = reduce(add, [_digit(text, place) * weight for place, weight in enumerate(_RESIDENT_WEIGHTS)])
    right = fn.substring(fn.lit("10X98765432"), total % 11 + 1, fn.lit(1)) == fn.substring(text, 18, 1)
    year, month, day = (
        fn.substring(text, at, size).try_cast("int") for at, size in ((7, 4), (11, 2), (13, 2))
    )
    is_leap = (month == 2) & (((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0))
    last = fn.try_element_at(fn.array(*map(fn.lit, _LAST_DAYS)), fn.when(month >= 1, month)) + is_leap.cast(
        "int"
    )
    is_day = fn.coalesce((year >= 1) & (day >= 1) & (day <= last), fn.lit(False))
    is_right = fn.coalesce(right & is_day, fn.lit(False))
    return fn.when(text.isNotNull(), text.rlike(r"^[0-9]{17}[0-9X]\z") & is_right)


def _uscc(text: Expr) -> Expr:
    total = reduce(add, [_uscc_value(text, place) * weight for place, weight in enumerate(_USCC_WEIGHTS)])
    is_right = (fn.lit(31) - total % 31) % 31 == _uscc_value(text, 17)
    return fn.when(text.isNotNull(), text.rlike(r"^[0-9A-HJ-NP-RTUWXY]{18}\z") & is_right)


def _uscc_value(text: Expr, place: int) -> Expr:
    return fn.instr(fn.lit(_USCC_ALPHABET), fn.substring(text, place + 1, 1)) - 1
