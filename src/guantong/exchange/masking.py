"""脱敏 and row conditions over whole columns; value for value the same as the gateway's (a test compares them)."""

import hmac
from decimal import Decimal, InvalidOperation

import polars as pl

from guantong.bundle.types import Condition
from guantong.exchange.converting import as_text


def masked(value: pl.Expr, held: pl.DataType, mask: str, salt: bytes) -> pl.Expr:
    """What ``mask`` leaves of ``value``: text, unless the mask is ``none``. Unknown masks withhold it."""
    if mask == "none":
        return value
    text = as_text(value, held)
    name, _, number = mask.partition(":")
    if name == "keep_head" and number.isdecimal():
        count = int(number)
        return text.str.slice(0, count) + _starred(text.str.slice(count))
    if name == "keep_tail" and number.isdecimal():
        hidden = (text.str.len_chars().cast(pl.Int64) - int(number)).clip(lower_bound=0)
        return _starred(text.str.slice(0, hidden)) + text.str.slice(hidden)
    if name == "hash":
        return text.map_batches(lambda column: _hashed(column, salt), return_dtype=pl.String)
    if name in {"year", "division"}:
        return pl.when(text.str.contains(r"^\d{4}")).then(text.str.slice(0, 4))
    return pl.when(value.is_null() & value.is_not_null()).then(text)  # null, once a row


def is_met(condition: Condition, held: pl.DataType) -> pl.Expr:
    """Whether a row exists for the consumer. An absent value meets no condition."""
    item, wanted = pl.col(condition.item), condition.value
    if isinstance(wanted, list):
        if condition.op != "in" or not wanted:
            return pl.lit(value=False)
        return pl.any_horizontal([_equal(item, held, one) for one in wanted]).fill_null(value=False)
    if condition.op in {"eq", "ne"}:
        equal = _equal(item, held, wanted).fill_null(value=False)
        return item.is_not_null() & (equal if condition.op == "eq" else ~equal)
    return _ordered(item, held, condition.op, wanted).fill_null(value=False)


def _starred(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"(?s).", "*")


def _hashed(column: pl.Series, salt: bytes) -> pl.Series:
    hashes = [
        None if text is None else hmac.digest(salt, text.encode(), "sha256").hex()
        for text in column.to_list()
    ]
    return pl.Series(column.name, hashes, pl.String)


def _equal(item: pl.Expr, held: pl.DataType, wanted: str | int) -> pl.Expr:
    if isinstance(wanted, int):
        return _numbers(item, held) == wanted
    return as_text(item, held) == wanted


def _ordered(item: pl.Expr, held: pl.DataType, op: str, wanted: str | int) -> pl.Expr:
    if isinstance(wanted, str) and not held.is_integer():
        text = as_text(item, held)
        return text >= wanted if op == "ge" else text <= wanted if op == "le" else pl.lit(value=False)
    bound = bound_of(wanted)
    if bound is None:
        return pl.lit(value=False)
    number = _numbers(item, held)
    return number >= bound if op == "ge" else number <= bound if op == "le" else pl.lit(value=False)


def _numbers(item: pl.Expr, held: pl.DataType) -> pl.Expr:
    """The values as numbers; days and the like are none."""
    return item if held.is_numeric() else as_text(item, held).cast(pl.Float64, strict=False)


def bound_of(wanted: str | int) -> int | float | None:
    """What a condition compares numbers with; None if it is no number."""
    if isinstance(wanted, int):
        return wanted
    try:
        number = Decimal(wanted)
    except InvalidOperation:
        return None
    return float(number) if number.is_finite() else None
