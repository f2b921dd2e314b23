"""What leaves: masks, comparisons, conditions, limits."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.gateway import cast

from guantong.bundle.refusals import TooManyRows
from guantong.bundle.types import Condition
from guantong.gateway.answers import answer, items_needed
from guantong.gateway.comparisons import compared
from guantong.gateway.conditions import met
from guantong.gateway.decide import Allow, decide
from guantong.gateway.masks import masked
from guantong.gateway.usage import Days, day_of, next_midnight
from guantong.gateway.values import plain

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
KEYS = cast.Keys()


@pytest.mark.parametrize(
    ("value", "mask", "expected"),
    [
        ("张三丰", "none", "张三丰"),
        ("张三丰", "null", None),
        ("张三丰", "keep_head:1", "张**"),
        ("13812345678", "keep_tail:4", "*******5678"),
        ("123", "keep_tail:4", "123"),
        ("123", "keep_tail:0", "***"),
        ("123", "keep_head:9", "123"),
        ("1990-01-02", "year", "1990"),
        (19900102, "year", "1990"),
        ("about 1990", "year", None),
        ("511602000000", "division", "5116"),
        ("51", "division", None),
        ("x", "rot13", None),
        ("x", "keep_head:x", None),
        ("x", "keep_tail:", None),
        (None, "hash", None),
    ],
)
def test_masks(value: Any, mask: str, expected: Any) -> None:
    assert masked(value, mask, b"salt") == expected


def test_a_hash_differs_by_grant() -> None:
    assert masked("x", "hash", b"a") != masked("x", "hash", b"b")
    assert len(str(masked("x", "hash", b"a"))) == 64


@pytest.mark.parametrize(
    ("claimed", "held", "comparison", "outcome"),
    [
        ("阿依古丽•买买提", "阿依古丽·买买提", "name", "match"),
        ("\uff2c\uff29 lei", "Li Lei", "name", "match"),
        ("张三", "张四", "name", "no_match"),
        ("", "张三", "name", "no_match"),
        ("··", "··", "name", "no_match"),
        ("19900102", "1990-01-02", "date", "match"),
        ("1990年1月2日", "1990-01-02", "date", "match"),
        ("1990/1/2", "1990-01-02T00:00:00", "date", "match"),
        ("1990-02-31", "1990-02-31", "date", "no_match"),
        ("1990-01-02", "1990-01-03", "date", "no_match"),
        ("511602", "511602001001", "prefix6", "match"),
        ("5116", "511602001001", "prefix6", "no_match"),
        ("511602", "511603", "prefix6", "no_match"),
        ("1", 1, "exact", "match"),
        ("1 ", "1", "exact", "no_match"),
        ("x", None, "exact", "unknown"),
    ],
)
def test_comparisons(claimed: str, held: Any, comparison: Any, outcome: str) -> None:
    assert compared(claimed, held, comparison) == outcome


@pytest.mark.parametrize(
    ("op", "value", "held", "expected"),
    [
        ("eq", "a", "a", True),
        ("eq", "a", "b", False),
        ("eq", 1, "1.0", True),
        ("eq", 1, "x", False),
        ("ne", "a", "b", True),
        ("ne", "a", None, False),
        ("in", ["a", 2], 2, True),
        ("in", ["a", 2], "b", False),
        ("eq", ["a"], "a", False),
        ("in", "a", "a", False),
        ("ge", "2020-01-01", "2020-01-01", True),
        ("ge", "2020-01-01", "2019-12-31", False),
        ("ge", 10, 9, False),
        ("ge", 10, "11", True),
        ("le", 10, 9, True),
        ("le", 10, "NaN", False),
        ("le", "b", "a", True),
    ],
)
def test_conditions(op: Any, value: Any, held: Any, expected: bool) -> None:
    assert met(Condition(item="x", op=op, value=value), {"x": held}) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(1990, 1, 2), "1990-01-02"),
        (Decimal("1E+2"), "100"),
        (1.5, "1.5"),
        (2**60, str(2**60)),
        (b"\x01", "01"),
        (True, True),
    ],
)
def test_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def allowed(**changes: Any) -> Allow:
    grant = cast.grant(**changes.pop("grant", {}))
    verdict = decide(cast.bundle(KEYS, grants={grant.id: grant}), cast.call(**changes), at=AT)
    assert isinstance(verdict, Allow)
    return verdict


def test_a_query_shows_granted_fields_masked_of_rows_that_meet_the_condition() -> None:
    condition = [Condition(item="birthplace", op="eq", value="511602")]
    allow = allowed(fields=["name", "phone"], grant={"condition": condition})
    assert items_needed(allow) == ["name", "phone", "birthplace"]
    rows = [("张三", "13812345678", "511602"), ("李四", "1", "510000"), ("王五", "1", None)]
    given, count = answer(cast.call(), allow, rows, b"")
    assert given == {"rows": [{"name": "张三", "phone": "*******5678"}]}
    assert count == 1


def test_too_many_rows_are_refused_not_cut() -> None:
    allow = allowed(fields=["name"], grant={"max_rows": 1})
    with pytest.raises(TooManyRows):
        answer(cast.call(), allow, [("a",), ("b",)], b"")


def test_verify_never_discloses() -> None:
    call = cast.call(mode="verify", fields=[], claims={"name": "张三", "born_on": "19900101"})
    allow = allowed(mode="verify", fields=[], claims=call.claims)
    given, _ = answer(call, allow, [("1991-01-01", "张三")], b"")
    assert given == {"matched": {"name": "match", "born_on": "no_match"}}
    given, count = answer(call, allow, [], b"")
    assert (given, count) == ({"matched": {"name": "unknown", "born_on": "unknown"}}, 0)


def test_days_are_those_of_china() -> None:
    days = Days({})
    days.count("g", 2, AT)
    days.count("g", 3, AT.replace(hour=15, minute=59))
    assert days.as_dict() == {"g": (day_of(AT), 2, 5)}
    days.count("g", 1, AT.replace(hour=16))
    assert days.as_dict() == {"g": (day_of(AT) + 1, 1, 1)}, "16:00 UTC is midnight in China"
    now = int(AT.replace(hour=15, minute=59).timestamp())
    assert next_midnight(now) - now == 60
