"""The quality gate on Apache Spark: one declaration, compiled to Column expressions (extra ``spark``).

For tables that outgrow one machine; on one machine the local engine is some twenty times faster. A test runs both on
the same rows with every rule and mask and compares what comes out, row for row.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl
from pyspark.sql import functions as fn
from pyspark.sql import types

from guantong.exchange.engines.spark_rules import ROW, broken
from guantong.exchange.engines.spark_values import (
    as_found,
    as_text,
    converted,
    is_met,
    masked,
    nothing,
    out_of_calendar,
    spark_type,
)
from guantong.exchange.gate import BAD, RAW, REASONS, Sorted, Work

Expr = Any
Frame = Any
"""A pyspark DataFrame."""


@dataclass(frozen=True, slots=True)
class SparkSorted:
    """As :class:`guantong.exchange.gate.Sorted`, on the cluster; nothing is computed before somebody asks.

    ``judged`` has the fields as they leave, the items as they were read as text (named with ``RAW`` before them),
    ``REASONS``, ``BAD`` (whether there are any) and ``ROW``.
    """

    judged: Frame

    @property
    def passed(self) -> Frame:
        """The rows that pass."""
        kept = [
            name for name in self.judged.columns if not name.startswith(RAW) and name not in {REASONS, BAD}
        ]
        return self.judged.filter(~_column(BAD)).select(*map(_column, kept))

    @property
    def refused(self) -> Frame:
        """The rows that do not, as they were, with reasons."""
        items = [name for name in self.judged.columns if name.startswith(RAW) and name != ROW]
        original = [_column(name).alias(name.removeprefix(RAW)) for name in items]
        return self.judged.filter(_column(BAD)).select(*original, _column(REASONS))


def compiled(work: Work, schema: pl.Schema, frame: Frame) -> SparkSorted:
    """``frame``, whose columns are named by item and held as ``schema`` says, passed and refused.

    If it has a column ``ROW``, that tells which of equal rows comes first (rule ``unique``), and stays.
    """
    if ROW not in frame.columns:
        frame = frame.withColumn(ROW, fn.monotonically_increasing_id())
    raw = [_column(item).alias(RAW + item) for item in schema]
    typed = [_typed(item, schema[item], work).alias(item) for item in work.columns]
    rows = frame.select(*raw, *typed, _column(ROW))
    for condition in work.condition:
        rows = rows.filter(is_met(condition, work.columns[condition.item].dtype))
    flags = {BAD + name: fn.coalesce(is_bad, fn.lit(False)) for name, is_bad in _flags(work, schema).items()}
    judged = rows.select("*", *(is_bad.alias(name) for name, is_bad in flags.items()))
    is_bad = fn.lit(False)  # Spark knows no empty OR
    for name in flags:
        is_bad = is_bad | _column(name)
    leaving = [_leaving(work, field).alias(field) for field in work.fields]
    told = [fn.when(_column(name), fn.lit(name.removeprefix(BAD))) for name in flags]
    original = [as_found(_column(RAW + item), held).alias(RAW + item) for item, held in schema.items()]
    reasons = fn.concat_ws("; ", fn.lit(None).cast("string"), *told).alias(REASONS)
    return SparkSorted(judged.select(*leaving, *original, reasons, is_bad.alias(BAD), _column(ROW)))


class SparkEngine:
    """See :class:`guantong.exchange.gate.Engine`. ``session`` is a SparkSession whose time zone is UTC."""

    def __init__(self, work: Work, session: Any) -> None:
        if session.conf.get("spark.sql.session.timeZone") != "UTC":
            raise ValueError("set spark.sql.session.timeZone to UTC")
        self._work = work
        self._session = session

    def sort(self, batch: pl.DataFrame) -> Sorted:
        """See :class:`guantong.exchange.gate.Engine`: from this process's memory and back."""
        numbered = batch.with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64))
        fields = [types.StructField(name, spark_type(held)) for name, held in numbered.schema.items()]
        held = numbered.to_arrow(compat_level=pl.CompatLevel.oldest())
        frame = self._session.createDataFrame(held, types.StructType(fields))
        table = compiled(self._work, batch.schema, frame).judged.toArrow()
        judged = pl.from_arrow(table)
        assert isinstance(judged, pl.DataFrame)  # noqa: S101 - a table becomes a frame
        return _split(judged.sort(ROW), self._work, batch.columns)


def _split(judged: pl.DataFrame, work: Work, items: list[str]) -> Sorted:
    outgoing = {name: column.dtype for name, column in work.outgoing().items()}
    passed = judged.filter(~pl.col(BAD)).select(pl.col(name).cast(held) for name, held in outgoing.items())
    bad = judged.filter(pl.col(BAD))
    refused = bad.select(*(pl.col(RAW + item).alias(item) for item in items), REASONS)
    return Sorted(passed, refused if refused.height else pl.DataFrame(), judged.height)


def _column(name: str) -> Expr:
    return fn.col("`" + name.replace("`", "``") + "`")


def _typed(item: str, held: pl.DataType, work: Work) -> Expr:
    found, column = _column(item), work.columns[item]
    wild = out_of_calendar(found, held)
    value = converted(found if wild is None else fn.when(~wild, found), held, column)
    return nothing(column.dtype) if value is None else value


def _flags(work: Work, schema: pl.Schema) -> dict[str, Expr]:
    """See :mod:`guantong.exchange.gate`: the same reasons in the same order."""
    flags: dict[str, Expr] = {}
    for item, column in work.columns.items():
        if schema[item] != column.dtype or column.kind in {"date", "moment", "instant", "number"}:
            flags[f"{item}:type"] = _column(RAW + item).isNotNull() & _column(item).isNull()
    for check in work.checks:
        flags |= broken(check, work.columns)
    for item, codes in work.conversions.items():
        flags[f"{item}:code_unknown"] = ~as_text(_column(item), work.columns[item].dtype).isin(list(codes))
    return flags


def _leaving(work: Work, field: str) -> Expr:
    value, held = _column(field), work.columns[field].dtype
    if field in work.conversions:
        codes = [fn.lit(word) for pair in work.conversions[field].items() for word in pair]
        value = fn.try_element_at(fn.create_map(*codes), as_text(value, held))
        held = pl.String()
    return masked(value, held, work.masks.get(field, "none"), work.salt)
