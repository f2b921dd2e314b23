"""Whether what travels goes into the target's columns: kinds before the first row, values with every chunk."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from guantong.exchange.columns import Column
from guantong.exchange.converting import as_text, converted
from guantong.exchange.errors import TypeUnfit
from guantong.exchange.gate import BAD, REASONS

_TO_TEXT = {"text", "integer", "decimal", "number", "date", "moment", "instant", "boolean", "float"}
_ACCEPTS: Mapping[str, set[str]] = {
    "text": _TO_TEXT,
    "other": {"text"},
    "integer": {"integer", "boolean"},
    "decimal": {"integer", "decimal", "number"},
    "number": {"integer", "decimal", "number"},
    "float": {"integer", "decimal", "float"},
    "boolean": {"boolean"},
    "date": {"date"},
    "moment": {"date", "moment", "instant"},
    "instant": {"moment", "instant"},
    "binary": {"binary"},
}
_NUMBER_PARTS = r"^[+-]?0*(\d*?)(?:\.(\d*?)0*)?$"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A chunk in the target's own types, named by its columns, and the rows that cannot be stored."""

    rows: pl.DataFrame
    refused: pl.DataFrame


class Fit:
    """One job's way into one table, whose texts may hold the character NUL or not, and whose numbers NaN."""

    def __init__(
        self,
        travelling: Mapping[str, Column],
        found: Mapping[str, Column],
        columns: Mapping[str, str],
        *,
        stores_nul: bool,
        stores_nan: bool,
    ) -> None:
        """TypeUnfit for the first item whose kind the target's column does not take."""
        self._flags: dict[str, pl.Expr] = {}
        self._values: list[pl.Expr] = []
        self._stores_nan = stores_nan
        for item, column in travelling.items():
            self._add(item, column, columns[item], found[columns[item]], stores_nul=stores_nul)
        self._is_plain = not self._flags

    def fit(self, chunk: pl.DataFrame) -> Fitted:
        """``chunk`` ready to be written."""
        if self._is_plain:
            return Fitted(chunk.select(self._values), pl.DataFrame())
        flags = [is_bad.fill_null(value=False).alias(BAD + reason) for reason, is_bad in self._flags.items()]
        judged = chunk.lazy().with_columns(flags)
        whole = judged.with_columns(
            pl.any_horizontal([BAD + name for name in self._flags]).alias(BAD)
        ).collect()
        if not whole[BAD].any():
            return Fitted(whole.select(self._values), pl.DataFrame())
        refused = self._refused(whole.filter(pl.col(BAD)), chunk)
        return Fitted(whole.filter(~pl.col(BAD)).select(self._values), refused)

    def _refused(self, bad: pl.DataFrame, chunk: pl.DataFrame) -> pl.DataFrame:
        told = [pl.when(pl.col(BAD + reason)).then(pl.lit(reason)) for reason in self._flags]
        values = [as_text(pl.col(name), held).alias(name) for name, held in chunk.schema.items()]
        return bad.select(*values, pl.concat_str(told, separator="; ", ignore_nulls=True).alias(REASONS))

    def _add(self, item: str, column: Column, name: str, found: Column, *, stores_nul: bool) -> None:
        if column.kind not in _ACCEPTS[found.kind]:
            raise TypeUnfit(item=item, found=str(column), column=name, wanted=str(found))
        value = pl.col(item)
        stored = _stored(value, column, found)
        self._values.append(stored.alias(name))
        if not found.is_nullable:
            self._flags[f"{item}:target_not_null"] = value.is_null()
        if found.kind in {"text", "other"}:
            self._text(item, column, found, stores_nul=stores_nul)
        if found.kind == "float" and column.kind == "float" and not self._stores_nan:
            self._flags[f"{item}:target_nan"] = ~value.is_finite()
        if found.kind in {"integer", "decimal"} and stored is not value:
            self._flags[f"{item}:target_range"] = value.is_not_null() & stored.is_null()
        if found.kind == "decimal" and column.kind in {"number", "decimal"}:
            self._flags[f"{item}:target_scale"] = _loses_digits(value, column, found)

    def _text(self, item: str, column: Column, found: Column, *, stores_nul: bool) -> None:
        """What the source promises of its texts is not looked at again."""
        text = as_text(pl.col(item), column.dtype)
        if found.length and not 0 < column.length <= found.length:
            self._flags[f"{item}:target_length"] = text.str.len_chars() > found.length
        if not stores_nul and column.has_nul and column.kind == "text":
            self._flags[f"{item}:target_nul"] = text.str.contains("\0", literal=True)


def _stored(value: pl.Expr, column: Column, found: Column) -> pl.Expr:
    if found.kind == "integer" and found.bits < 64:
        return value.cast(pl.Int16 if found.bits == 16 else pl.Int32, strict=False)
    if found.kind == "float":
        return value.cast(pl.Float32 if found.bits == 32 else pl.Float64)
    if found.kind == "number" and column.kind == "decimal":
        return value
    held = converted(value, column.dtype, found)
    return value if held is None else held


def _loses_digits(value: pl.Expr, column: Column, found: Column) -> pl.Expr:
    """More digits after the point than the target keeps; rounding would be a change."""
    if column.kind == "decimal" and column.scale <= found.scale:
        return pl.lit(value=False)
    fraction = as_text(value, column.dtype).str.extract(_NUMBER_PARTS, 2)
    return fraction.str.len_chars() > found.scale
