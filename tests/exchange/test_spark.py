"""The gate on Spark gives the local engine's answers, row for row, with every rule, mask and kind of value."""

import random
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from guantong.bundle.jobs import Check
from guantong.bundle.types import Condition
from guantong.exchange.columns import Column
from guantong.exchange.gate import LocalEngine, Work
from guantong.kit import codes

pytest.importorskip("pyspark", reason="make test fetches it by requirements/spark.lock")

ROWS = 600
COLUMNS = {
    "no": Column("integer"),
    "id": Column("text"),
    "uscc": Column("text"),
    "text": Column("text"),
    "small": Column("integer"),
    "amount": Column("decimal", precision=12, scale=2),
    "number": Column("number"),
    "size": Column("float"),
    "born": Column("date"),
    "ended": Column("date"),
    "told": Column("date"),
    "wall": Column("moment"),
    "point": Column("instant"),
    "clock": Column("instant"),
    "true": Column("boolean"),
    "whole": Column("integer"),
    "bytes": Column("binary"),
}
TEXTS = [
    "",
    " ",
    "a",
    "ab",
    "𠮷田 😀",
    "NULL",
    "1\n",
    "9" * 30,
    "1e5",
    " 12",
    "+7",
    "-0",
    "nan",
    "Infinity",
    "'\"\\",
    "١٢٣٤",
    "1.50",
]
DAYS = [
    "2026-02-29",
    "2024-02-29",
    "20260131",
    "2026-1-1",
    "",
    "x",
    "9999-12-31",
    "0001-01-01",
    "20261301",
    " 2026-01-01",
]
CLOCKS = [
    "2026-01-01 00:00:00",
    "2026-01-01T12:30:00.000123",
    "2026-01-01",
    "2026-01-01 25:00:00",
    "x",
    "2026-13-01 00:00:00",
]
POINTS = [
    *CLOCKS,
    "2026-01-01T00:00:00Z",
    "2026-01-01 08:00:00+08:00",
    "2026-01-01 08:00:00.5+08",
    "2026-01-01 08:00:00-0330",
]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    from pyspark.sql import SparkSession  # an extra: only here

    building = SparkSession.builder.master("local[1]").appName("guantong-tests")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.driver.memory": "600m",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # A few rows under many plans: interpreted, not compiled.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }.items():
        building = building.config(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        made = building.getOrCreate()
        made.sparkContext.setLogLevel("ERROR")
        yield made
        made.stop()


def batch() -> pl.DataFrame:
    dice = random.Random(7)

    def some(values: list[Any], good: list[Any] | None = None) -> list[Any]:
        """One of ``values``, mostly one of ``good`` if such are told, now and then nothing."""
        drawn = (dice.choice(good if good and dice.random() < 0.85 else values) for _ in range(ROWS))
        return [None if dice.random() < 0.1 else one for one in drawn]

    ids = [
        codes.make_resident_id("511602", date(1950, 1, 1) + timedelta(dice.randrange(25000)), n % 1000)
        for n in range(40)
    ]
    usccs = [codes.make_uscc(f"11511600MX{n:07d}") for n in range(40)]
    days = [date(1950, 1, 1) + timedelta(n * 997) for n in range(30)]
    moments = [
        datetime(2026, 1, 1, 12, 30, second, micro, tzinfo=UTC)
        for second in (0, 59)
        for micro in (0, 1, 999_999)
    ]
    ids += [one[:-1] + "0" for one in ids] + [
        "51160219900230123X",
        "511602199001011",
        "x",
        "",
        ids[0] + "\n",
        "\uff15" * 18,
    ]
    usccs += [one[::-1] for one in usccs] + [usccs[0].lower(), "", "I" * 18]
    floats = [
        0.0,
        -0.0,
        1.0,
        1e20,
        1e-7,
        123.456,
        1e16,
        12345678.9,
        float("nan"),
        float("inf"),
        -1.5,
        1e15,
        0.0001,
    ]
    return pl.DataFrame(
        {
            "no": range(ROWS),
            "id": some(ids),
            "uscc": some(usccs),
            "text": some(TEXTS),
            "small": some([0, 1, 2, -5, 99, 2**62]),
            "amount": some([Decimal("0.00"), Decimal("-1.50"), Decimal("9999999999.99"), Decimal("0.07")]),
            "number": some([*TEXTS, "12345678901234567890.123"], ["7", "-0", "+7", "1.50", "12345678901234567890.123"]),
            "size": some(floats),
            "born": some([*days, date(9999, 12, 31), date(1, 1, 1)]),
            "ended": some(days),
            "told": some(DAYS, ["2024-02-29", "20260131", "9999-12-31"]),
            "wall": some(CLOCKS, CLOCKS[:3]),
            "point": some(moments),
            "clock": some(POINTS, [*POINTS[:3], *POINTS[6:]]),
            "true": some(["t", "TRUE", "0", "f", "yes", ""], ["t", "TRUE", "0"]),
            "whole": some([1.0, 2.9, -3.2, float("nan"), 1e30], [1.0, 2.9, -3.2]),
            "bytes": some([b"", b"\0\xff", b"abc"]),
        },
        schema_overrides={
            "amount": pl.Decimal(12, 2), "point": pl.Datetime("us", "UTC"), "bytes": pl.Binary, "small": pl.Int64,
            "no": pl.Int64,
        },
    )  # fmt: skip


NONE: dict[str, Any] = {"masks": {}, "condition": (), "conversions": {}, "checks": ()}
CHECKS = (
    Check(rule="not_null", items=["text", "small"]),
    Check(rule="pattern", items=["text"], pattern=r"^(\d+|[ab]*)$"),
    Check(rule="pattern", items=["amount", "size"], pattern=r"^-?\d{1,4}(\.\d+)?$"),
    Check(rule="length", items=["text", "size"], low=1, high=8),
    Check(rule="range", items=["small", "amount"], low=-2, high=99),
    Check(rule="range", items=["size"], low=0, high=10**15),
    Check(rule="range", items=["number"], low=0, high=100),
    Check(rule="range", items=["text"], low="a"),
    Check(rule="range", items=["born"], low="1960-01-01", high="2000-01-01"),
    Check(rule="range", items=["point"], low="2026-01-01T12:30:30Z"),
    Check(rule="codes", items=["small", "text"], codes=["0", "1", "ab", ""]),
    Check(rule="resident_id", items=["id"]),
    Check(rule="uscc", items=["uscc"]),
    Check(rule="unique", items=["id", "small"]),
    Check(rule="order", items=["born", "ended"]),
    Check(rule="order", items=["size", "whole"]),
    Check(rule="born_on", items=["id", "born"]),
    Check(rule="born_on", items=["id", "text"]),
)
MASKS = ["null", "keep_head:0", "keep_head:2", "keep_tail:2", "hash", "year", "division", "unheard"]
CONDITIONS = [
    Condition(item="text", op="ne", value="a"),
    Condition(item="small", op="ge", value=1),
    Condition(item="size", op="le", value="100.5"),
    Condition(item="born", op="ge", value="1970-01-01"),
    Condition(item="number", op="eq", value=7),
    Condition(item="amount", op="in", value=["0.07", "0.00"]),
    Condition(item="text", op="ge", value="x"),
    Condition(item="small", op="le", value="x"),
    Condition(item="small", op="in", value=[]),
]
WORKS: dict[str, dict[str, Any]] = {
    "kinds": {},
    "conversions": {"conversions": {"small": {"0": "女", "1": "男", "2": ""}, "text": {"a": "b", "": "空"}}},
    "all checks": {"checks": CHECKS},
    **{f"mask {mask}": {"masks": dict.fromkeys(COLUMNS, mask)} for mask in MASKS},
    **{f"{one.item} {one.op} {one.value}": {"condition": (one,)} for one in CONDITIONS},
}


def test_the_same_rows_pass_and_the_same_are_refused_for_the_same_reasons(session: Any) -> None:
    """One test for all, since each Spark job costs most of a second; every difference is told."""
    from guantong.exchange.engines.spark import SparkEngine  # the extra

    rows = batch()
    kinds = Work(tuple(COLUMNS), COLUMNS, **NONE, salt=b"")
    bad = LocalEngine(kinds).sort(rows).refused["no"].cast(pl.Int64)
    good = rows.filter(~pl.col("no").is_in(bad.implode()))
    assert good.height > ROWS // 20
    differences = {}
    for name, changes in WORKS.items():
        work = Work(tuple(COLUMNS), COLUMNS, **{**NONE, **changes}, salt=b"salt")
        if work.condition:
            few = {item: COLUMNS[item] for item in ("no", work.condition[0].item)}
            work = Work(tuple(few), few, **{**NONE, **changes}, salt=b"salt")
        held = (rows if work.checks or name == "kinds" else good).select(list(work.columns))

        local, spark = LocalEngine(work).sort(held), SparkEngine(work, session).sort(held)
        told = _difference(local.passed, spark.passed) or _difference(local.refused, spark.refused)
        if told or local.considered != spark.considered:
            differences[name] = told or (local.considered, spark.considered)
    assert differences == {}


def test_a_difference_is_noticed() -> None:
    assert _difference(pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2]}))
    assert _difference(pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]})) is None


def test_another_time_zone_is_refused(session: Any) -> None:
    from guantong.exchange.engines.spark import SparkEngine

    session.conf.set("spark.sql.session.timeZone", "Asia/Shanghai")
    try:
        with pytest.raises(ValueError, match="UTC"):
            SparkEngine(Work((), {}, **NONE, salt=b""), session)
    finally:
        session.conf.set("spark.sql.session.timeZone", "UTC")


def _difference(one: pl.DataFrame, other: pl.DataFrame) -> Any:
    if one.equals(other, null_equal=True) and one.schema == other.schema:
        return None
    if (one.height, one.schema) != (other.height, other.schema):
        return (
            one.height,
            other.height,
            one.schema == other.schema,
            one.head(3).rows(),
            other.head(3).rows(),
        )
    pairs = zip(one.rows(named=True), other.rows(named=True), strict=True)
    found = [
        {name: (mine[name], yours[name]) for name in mine if repr(mine[name]) != repr(yours[name])}
        for mine, yours in pairs
        if repr(mine) != repr(yours)
    ]
    return found[:3] or None
