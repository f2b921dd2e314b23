"""Checks of the quality gate (质量关), compiled to expressions that say which rows break them."""

from collections.abc import Mapping

import polars as pl

from guantong.bundle.jobs import Check
from guantong.exchange.check_digits import resident_ids_hold, usccs_hold
from guantong.exchange.columns import Column
from guantong.exchange.converting import as_text, converted


def broken(check: Check, columns: Mapping[str, Column]) -> dict[str, pl.Expr]:
    """Reason → whether a row breaks the check for that reason. Absent values break ``not_null`` only."""
    if check.rule == "not_null":
        return {f"{item}:not_null": pl.col(item).is_null() for item in check.items}
    if check.rule == "unique":
        return {f"{'+'.join(check.items)}:unique": ~pl.struct(check.items).is_first_distinct()}
    if check.rule == "order":
        return {f"{'+'.join(check.items)}:order": pl.col(check.items[0]) > pl.col(check.items[1])}
    if check.rule == "born_on":
        return {f"{'+'.join(check.items)}:born_on": _born_otherwise(check, columns)}
    return {f"{item}:{check.rule}": _one(check, pl.col(item), columns[item]) for item in check.items}


def _one(check: Check, value: pl.Expr, column: Column) -> pl.Expr:
    if check.rule == "range":
        return _out_of_range(check, value, column)
    text = as_text(value, column.dtype)
    if check.rule == "pattern":
        return ~text.str.contains(check.pattern)
    if check.rule == "codes":
        return ~text.is_in(check.codes)
    if check.rule == "length":
        return _outside(text.str.len_chars().cast(pl.Int64), check, Column("integer"))
    hold = resident_ids_hold if check.rule == "resident_id" else usccs_hold
    return ~text.map_batches(hold, return_dtype=pl.Boolean)


def _out_of_range(check: Check, value: pl.Expr, column: Column) -> pl.Expr:
    if column.kind in {"text", "number"} and not _is_text_range(check):
        number = value.cast(pl.Float64, strict=False)
        return _outside(number, check, Column("float")) | (value.is_not_null() & number.is_null())
    return _outside(value, check, column)


def _is_text_range(check: Check) -> bool:
    return isinstance(check.low, str) or isinstance(check.high, str)


def _outside(value: pl.Expr, check: Check, column: Column) -> pl.Expr:
    outside = value.is_not_null() & pl.lit(value=False)
    if check.low is not None:
        outside = outside | (value < _bound(check.low, column))
    if check.high is not None:
        outside = outside | (value > _bound(check.high, column))
    if column.kind == "float":
        outside = outside | value.is_nan()
    return outside


def _bound(bound: int | str, column: Column) -> pl.Expr:
    """A bound in the column's own kind: numbers stay numbers, moments are read from ISO 8601 text."""
    if isinstance(bound, int) or column.kind in {"text", "number"}:
        return pl.lit(bound)
    read = converted(pl.lit(bound), pl.String(), column)
    return pl.lit(bound) if read is None else read


def _born_otherwise(check: Check, columns: Mapping[str, Column]) -> pl.Expr:
    number, day = check.items
    born = pl.col(day) if columns[day].kind == "date" else pl.col(day).cast(pl.String)
    told = born.dt.to_string("%Y%m%d") if columns[day].kind == "date" else born.str.replace_all("-", "")
    return pl.col(number).str.slice(6, 8) != told.str.slice(0, 8)
