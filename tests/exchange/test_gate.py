"""The gate by itself: each rule breaks on a sample, masks and conditions are the gateway's, value for value."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guantong.bundle.jobs import Check
from guantong.bundle.types import Condition
from guantong.exchange.check_digits import resident_ids_hold, usccs_hold
from guantong.exchange.columns import Column
from guantong.exchange.gate import LocalEngine, Work
from guantong.exchange.masking import is_met, masked
from guantong.gateway import conditions, masks
from guantong.gateway.values import plain
from guantong.kit import codes
from guantong.kit.codes import CodeError

KINDS = {"text": Column("text"), "n": Column("integer"), "d": Column("date"), "e": Column("date")}
ROW: dict[str, list[Any]] = {
    "text": ["511602199001011234"], "n": [5], "d": [date(2020, 1, 1)], "e": [date(2021, 1, 1)]
}  # fmt: skip


def sorted_by(check: Check, **changes: Any) -> list[str]:
    """The reasons for which a row is refused."""
    batch = pl.DataFrame({**ROW, **{name: [value] for name, value in changes.items()}})
    batch = batch.cast({name: column.dtype for name, column in KINDS.items()})
    work = Work(tuple(KINDS), KINDS, {}, (), {}, (check,), b"")
    refused = LocalEngine(work).sort(batch).refused
    return refused["reasons"].to_list() if refused.height else []


ID = codes.make_resident_id("511602", date(1990, 1, 1), 7)
USCC = codes.make_uscc("11511600MX0000005")


@pytest.mark.parametrize(
    ("check", "good", "bad", "reason"),
    [
        (Check(rule="not_null", items=["text"]), {"text": ""}, {"text": None}, "text:not_null"),
        (
            Check(rule="pattern", items=["text"], pattern="^a+$"),
            {"text": "aa"},
            {"text": "ab"},
            "text:pattern",
        ),
        (
            Check(rule="length", items=["text"], low=2, high=3),
            {"text": "你好"},
            {"text": "你"},
            "text:length",
        ),
        (Check(rule="range", items=["n"], low=1, high=5), {"n": 5}, {"n": 6}, "n:range"),
        (Check(rule="range", items=["text"], low=1, high=5), {"text": "4.9"}, {"text": "x"}, "text:range"),
        (
            Check(rule="range", items=["d"], low="2020-01-01"),
            {"d": date(2020, 1, 1)},
            {"d": date(2019, 12, 31)},
            "d:range",
        ),
        (Check(rule="codes", items=["n"], codes=["1", "2"]), {"n": 1}, {"n": 3}, "n:codes"),
        (
            Check(rule="resident_id", items=["text"]),
            {"text": ID},
            {"text": ID[:-1] + "?"},
            "text:resident_id",
        ),
        (Check(rule="uscc", items=["text"]), {"text": USCC}, {"text": USCC[::-1]}, "text:uscc"),
        (Check(rule="order", items=["d", "e"]), {}, {"e": date(2019, 1, 1)}, "d+e:order"),
        (
            Check(rule="born_on", items=["text", "d"]),
            {"text": ID, "d": date(1990, 1, 1)},
            {"text": ID},
            "text+d:born_on",
        ),
    ],
)
def test_each_rule_lets_the_good_pass_and_names_the_bad(
    check: Check, good: dict[str, Any], bad: dict[str, Any], reason: str
) -> None:
    assert sorted_by(check, **good) == []
    assert sorted_by(check, **bad) == [reason]


@pytest.mark.parametrize("rule", ["pattern", "length", "range", "codes", "resident_id", "uscc"])
def test_an_absent_value_breaks_no_rule_but_one(rule: Any) -> None:
    assert sorted_by(Check(rule=rule, items=["text"], pattern="x", low=1, codes=["1"]), text=None) == []


def test_the_second_of_two_is_refused() -> None:
    batch = pl.DataFrame({"text": ["a", "a", "b", None, None]})
    work = Work(("text",), {"text": Column("text")}, {}, (), {}, (Check(rule="unique", items=["text"]),), b"")
    done = LocalEngine(work).sort(batch)
    assert done.passed["text"].to_list()[:2] == ["a", "b"]
    assert done.refused["reasons"][0] == "text:unique"


def test_codes_are_converted_and_unknown_ones_refused() -> None:
    batch = pl.DataFrame({"n": [1, 2, 9, None]})
    work = Work(("n",), {"n": Column("integer")}, {}, (), {"n": {"1": "男", "2": "女"}}, (), b"")
    done = LocalEngine(work).sort(batch)
    assert done.passed["n"].to_list() == ["男", "女", None]
    assert done.refused["reasons"].to_list() == ["n:code_unknown"]
    assert work.outgoing() == {"n": Column("text")}


def holds(check: Any, text: str) -> bool:
    try:
        check(text)
    except CodeError:
        return False
    return True


CODE = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=19)
IDS = st.builds(codes.make_resident_id, st.just("511602"), st.dates(date(1000, 1, 1)), st.integers(0, 999))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(CODE, IDS, st.none(), st.text(max_size=20)), min_size=1, max_size=20))
def test_check_digits_agree_with_the_kit(texts: list[str | None]) -> None:
    series = pl.Series(texts, dtype=pl.String)
    for fast, slow in [(resident_ids_hold, codes.check_resident_id), (usccs_hold, codes.check_uscc)]:
        compact = [
            text is None or text == text.strip().upper().replace("-", "").replace(" ", "") for text in texts
        ]
        expected = [None if text is None else holds(slow, text) for text in texts]
        got = fast(series).to_list()
        assert [one for one, is_compact in zip(got, compact, strict=True) if is_compact] == [
            one for one, is_compact in zip(expected, compact, strict=True) if is_compact
        ]


VALUES = st.one_of(
    st.text(max_size=12), st.integers(-(2**40), 2**40), st.dates(date(1, 1, 1)),
    st.decimals(-1000, 1000, places=2, allow_nan=False),
)  # fmt: skip
MASKS = st.sampled_from(
    ["none", "null", "keep_head:0", "keep_head:3", "keep_tail:4", "hash", "year", "division", "x"]
)


@settings(max_examples=200, deadline=None)
@given(VALUES, MASKS)
def test_masks_are_the_gateways(value: Any, mask: str) -> None:
    series = pl.Series("v", [value, None])
    got = series.to_frame().select(masked(pl.col("v"), series.dtype, mask, b"salt").alias("v"))["v"].to_list()
    if mask == "none":
        assert got == [value, None]
    else:
        assert got == [masks.masked(plain(value), mask, b"salt"), None]


WANTED = st.one_of(
    st.text("0123456789.-a", max_size=4), st.integers(-20, 20), st.lists(st.sampled_from(["1", "a", "12"]))
)
HELD = st.one_of(
    st.text("0123456789.-a", max_size=4), st.integers(-20, 20), st.dates(date(1990, 1, 1), date(2000, 1, 1)),
    st.decimals(-20, 20, places=1, allow_nan=False).map(Decimal),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(HELD, st.sampled_from(["eq", "ne", "in", "ge", "le"]), WANTED)
def test_conditions_are_the_gateways(held: Any, op: Any, wanted: Any) -> None:
    condition = Condition(item="v", op=op, value=wanted)
    frame = pl.DataFrame({"v": [held, None]})
    got = frame.select(is_met(condition, frame.schema["v"]).alias("m"))["m"]
    answers = got.to_list() if len(got) == 2 else [got[0], got[0]]
    assert answers == [conditions.met(condition, {"v": plain(held)}), False]
