"""The quality gate (质量关) between source and chunk: condition, types, checks, code conversion, masks.

``Engine`` is the seam: the local one holds a chunk in memory and runs on polars; another may compile the same
:class:`Work` for a cluster. A row is either passed whole or refused whole, with all its reasons.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from guantong.bundle.jobs import Check
from guantong.bundle.types import Condition
from guantong.exchange.columns import Column
from guantong.exchange.converting import as_found, as_text, converted, out_of_calendar
from guantong.exchange.masking import is_met, masked
from guantong.exchange.rules import broken

REASONS = "reasons"
RAW, BAD = "<", "!"


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done to every row. ``columns`` are the kinds wanted of all items that are read."""

    fields: tuple[str, ...]
    columns: Mapping[str, Column]
    masks: Mapping[str, str]
    condition: tuple[Condition, ...]
    conversions: Mapping[str, Mapping[str, str]]
    checks: tuple[Check, ...]
    salt: bytes

    def outgoing(self) -> dict[str, Column]:
        """The fields as they leave: masked and converted ones are text."""
        return {field: self._outgoing(field) for field in self.fields}

    def _outgoing(self, field: str) -> Column:
        changed = self.masks.get(field, "none") != "none" or field in self.conversions
        return Column("text") if changed else self.columns[field]


@dataclass(frozen=True, slots=True)
class Sorted:
    """What became of a batch: rows that pass, as they leave, and refused ones as they were, with reasons.

    ``considered`` counts the rows that exist for the consumer: those that meet the grant's condition.
    """

    passed: pl.DataFrame
    refused: pl.DataFrame
    considered: int


class Engine(Protocol):
    """Does a :class:`Work` to one batch of rows."""

    def sort(self, batch: pl.DataFrame) -> Sorted:
        """Passed and refused rows of ``batch``, whose columns are named by item."""


class LocalEngine:
    """The default: polars, in this process, on all its cores."""

    def __init__(self, work: Work) -> None:
        self._work = work
        # The first batch says how values are held; later batches of the same run are held alike.
        self._compiled: Callable[[pl.DataFrame], Sorted] | None = None

    def sort(self, batch: pl.DataFrame) -> Sorted:
        """See :class:`Engine`."""
        if self._compiled is None:
            self._compiled = _compile(self._work, batch.schema)
        return self._compiled(batch)


def _compile(work: Work, schema: pl.Schema) -> Callable[[pl.DataFrame], Sorted]:
    # Items go on under their names in the kind that travels; what was read stays beside them under RAW.
    raw = [pl.col(item).alias(RAW + item) for item in schema]
    typed = [_typed(item, schema[item], column).alias(item) for item, column in work.columns.items()]
    flags = {BAD + reason: is_bad.fill_null(value=False) for reason, is_bad in _flags(work, schema).items()}
    leaving = [_leaving(work, field).alias(field) for field in work.fields]
    conditions = [is_met(condition, work.columns[condition.item].dtype) for condition in work.condition]

    def sort(batch: pl.DataFrame) -> Sorted:
        lazy = batch.lazy().select(raw + typed)
        if conditions:
            lazy = lazy.filter(pl.all_horizontal(conditions))
        if not flags:
            passed = lazy.select(leaving).collect()
            return Sorted(passed, pl.DataFrame(), passed.height)
        judged = lazy.with_columns([is_bad.alias(name) for name, is_bad in flags.items()])
        whole = judged.with_columns(pl.any_horizontal(list(flags)).alias(BAD)).collect()
        if not whole[BAD].any():
            return Sorted(whole.select(leaving), pl.DataFrame(), whole.height)
        refused = _refused(whole.filter(pl.col(BAD)), schema, list(flags))
        return Sorted(whole.filter(~pl.col(BAD)).select(leaving), refused, whole.height)

    return sort


def _typed(item: str, held: pl.DataType, column: Column) -> pl.Expr:
    found = pl.col(item)
    wild = out_of_calendar(found, held)
    value = converted(found if wild is None else pl.when(~wild).then(found), held, column)
    if value is None:
        # Null, once a row.
        return pl.when(found.is_null() & found.is_not_null()).then(pl.lit(None, column.dtype))
    return value


def _flags(work: Work, schema: pl.Schema) -> dict[str, pl.Expr]:
    """Reason → whether the row is bad for that reason."""
    flags: dict[str, pl.Expr] = {}
    for item, column in work.columns.items():
        if schema[item] != column.dtype or column.kind in {"date", "moment", "instant", "number"}:
            flags[f"{item}:type"] = pl.col(RAW + item).is_not_null() & pl.col(item).is_null()
    for check in work.checks:
        flags |= broken(check, work.columns)
    for item, codes in work.conversions.items():
        text = as_text(pl.col(item), work.columns[item].dtype)
        flags[f"{item}:code_unknown"] = ~text.is_in(list(codes))
    return flags


def _leaving(work: Work, field: str) -> pl.Expr:
    value, held = pl.col(field), work.columns[field].dtype
    if field in work.conversions:
        codes = dict(work.conversions[field])
        value = as_text(value, held).replace_strict(codes, default=None, return_dtype=pl.String)
        held = pl.String()
    return masked(value, held, work.masks.get(field, "none"), work.salt)


def _refused(bad: pl.DataFrame, schema: pl.Schema, flags: list[str]) -> pl.DataFrame:
    """The rows as they were read, as text, with their reasons."""
    told = [pl.when(pl.col(name)).then(pl.lit(name.removeprefix(BAD))) for name in flags]
    original = [as_found(pl.col(RAW + item), held).alias(item) for item, held in schema.items()]
    return bad.select(*original, pl.concat_str(told, separator="; ", ignore_nulls=True).alias(REASONS))
