"""Nasty values arrive as they were, or wait in quarantine with a reason; nothing is bent to fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_pairs import Place

from guantong.bundle.jobs import Limits
from guantong.bundle.types import Item
from guantong.exchange.quarantine import kept
from guantong.exchange.run import run

LETTERS = {
    "no": "I",
    "a": "C",
    "b": "C",
    "f": "B",
    "d": "D",
    "t": "T",
    "z": "T",
    "n": "N",
    "x": "G",
    "y": "L",
}
ITEMS = {name: Item(name=name, label=name, type=letter, level=1) for name, letter in LETTERS.items()}
COLUMNS = {name: name for name in ITEMS}
TABLES = {
    "postgresql": "no bigint PRIMARY KEY, a text, b char(6), f double precision, d date, t timestamp, z timestamptz, "
    "n numeric, x bytea, y boolean",
    "mysql": "no bigint PRIMARY KEY, a longtext, b varchar(6), f double, d date, t datetime(6), "
    "z timestamp(6) NULL, n decimal(30,10), x longblob, y boolean",
    "sqlite": "no integer PRIMARY KEY, a text, b text, f real, d date, t datetime, z timestamp, n decimal, x blob, "
    "y boolean",
}
BIG = "界😀" * 150_000


class Ground:
    """A source and a target of the nasty table, and the way between them."""

    def __init__(self, home: Path, source: tuple[str, str], target: tuple[str, str]) -> None:
        self.exchange = Exchange(home, {"police": source[1], "education": target[1]})
        self.source, self.target = Place(*source, "person"), Place(*target, "pupil")
        for place in (self.source, self.target):
            place.do(f"DROP TABLE {place.table}")
            place.do(f"CREATE TABLE {place.table} ({TABLES[place.dialect]})")

    def put(self, column: str, values: list[Any]) -> None:
        self.source.do(
            f"INSERT INTO person (no, {column}) VALUES (?, ?)", [(n, value) for n, value in enumerate(values)]
        )

    def send(self) -> tuple[int, dict[int, str]]:
        """Rows that arrived, and reasons by ``no`` of those that did not."""
        bundle = cast.bundle(
            self.exchange.key,
            job=cast.job(fields=list(ITEMS), limits=Limits(bad_rows=100)),
            grant=cast.grant(fields=list(ITEMS)),
            source={"dialect": self.source.dialect, "table": "person", "columns": COLUMNS},
            target={"dialect": self.target.dialect, "table": "pupil", "columns": COLUMNS},
            items=ITEMS,
        )
        outcome = run(self.exchange.here, lambda: bundle, cast.JOB)
        files = kept(self.exchange.here.quarantine, cast.JOB)
        rows = [row for file in files for row in pl.read_parquet(file).iter_rows(named=True)]
        return outcome.rows, {int(row["no"]): row["reasons"] for row in rows}

    def got(self, column: str) -> list[Any]:
        return [row[0] for row in self.target.do(f"SELECT {column} FROM pupil ORDER BY no")]


@pytest.fixture
def ground(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    opened = []

    def url(dialect: str, name: str) -> str:
        if dialect == "sqlite":
            (tmp_path / f"{name}.db").touch()
            return f"sqlite://{tmp_path}/{name}.db"
        found: str = request.getfixturevalue(
            {"postgresql": "postgresql_url", "mysql": "mariadb_url"}[dialect]
        )
        return found

    def between(source: str, target: str) -> Ground:
        if opened:
            opened.pop().exchange.close()
        opened.append(Ground(tmp_path, (source, url(source, "s")), (target, url(target, "t"))))
        return opened[-1]

    yield between
    for one in opened:
        one.exchange.close()


Between = Callable[[str, str], Ground]


def test_texts_between_databases(ground: Between) -> None:
    texts = [
        "",
        " ",
        "end  ",
        "😀",
        "𠮷",
        "a\tb\r\nc",
        "NULL",
        "\\N",
        '"',
        "'",
        ",",
        "\ufeff",
        "é",
        "e\u0301",
        BIG,
    ]
    for source, target in [("postgresql", "mysql"), ("mysql", "postgresql"), ("sqlite", "postgresql")]:
        between = ground(source, target)
        between.put("a", texts)
        assert between.send() == (len(texts), {})
        assert between.got("a") == texts


def test_a_null_character_waits_where_the_target_has_no_room_for_it(ground: Between) -> None:
    between = ground("mysql", "postgresql")
    between.put("a", ["a\0b", "ab"])
    assert between.send() == (1, {0: "a:target_nul"})


def test_a_null_character_passes_where_there_is_room(ground: Between) -> None:
    between = ground("mysql", "sqlite")
    between.put("a", ["a\0b", "ab"])
    assert between.send() == (2, {})
    assert between.got("a") == ["a\0b", "ab"]


def test_numbers_between_two_postgresql(ground: Between) -> None:
    between = ground("postgresql", "postgresql")
    between.put("f", [-0.0, float("nan"), float("inf"), 5e-324, 1.7976931348623157e308])
    assert between.send() == (5, {})
    assert [str(value) for value in between.got("f")] == [
        "-0.0",
        "nan",
        "inf",
        "5e-324",
        "1.7976931348623157e+308",
    ]


def test_numbers_that_a_target_has_not(ground: Between) -> None:
    between = ground("postgresql", "mysql")
    between.put("f", [-0.0, float("nan"), float("-inf"), 0.1])
    assert between.send() == (2, {1: "f:target_nan", 2: "f:target_nan"})


def test_exact_numbers_keep_their_digits_or_wait(ground: Between) -> None:
    between = ground("postgresql", "mysql")
    between.source.do(
        "INSERT INTO person (no, n) SELECT n, v::numeric FROM (VALUES (0, '12345678901234567890.0123456789'), "
        "(1, '0.00000000001'), (2, 'NaN'), (3, '1.50'), (4, '-0.1'), (5, '1' || repeat('0', 30))) AS x (n, v)"
    )
    rows, waiting = between.send()
    assert waiting == {1: "n:target_scale", 2: "n:type", 5: "n:target_range"}
    assert [str(value) for value in between.got("n")] == [
        "12345678901234567890.0123456789", "1.5000000000", "-0.1000000000"
    ]  # fmt: skip
    assert rows == 3


def test_days_that_no_calendar_has_wait(ground: Between) -> None:
    between = ground("mysql", "postgresql")
    between.source.do("SET GLOBAL sql_mode = ''")
    between.source.do(
        "INSERT INTO person (no, d, t) VALUES (0, '0000-00-00', NULL), (1, '2024-02-29', '2024-02-29 23:59:59.999999'), "
        "(2, '2023-02-00', NULL), (3, '9999-12-31', '1000-01-01'), (4, NULL, '0000-00-00')"
    )
    rows, waiting = between.send()
    assert (rows, waiting) == (2, {0: "d:type", 2: "d:type", 4: "t:type"})
    assert [str(value) for value in between.got("t")] == ["2024-02-29 23:59:59.999999", "1000-01-01 00:00:00"]


def test_endless_days_wait(ground: Between) -> None:
    between = ground("postgresql", "postgresql")
    between.put("d", ["infinity", "-infinity", "0044-03-15 BC", "0001-01-01", "9999-12-31", "10000-01-01"])
    between.source.do(
        "INSERT INTO person (no, z, t) VALUES (10, 'infinity', NULL), (11, '-infinity', NULL), (12, NULL, 'infinity')"
    )
    rows, waiting = between.send()
    assert (rows, set(waiting)) == (2, {0, 1, 2, 5, 10, 11, 12})


def test_time_zones_name_the_same_moment(ground: Between) -> None:
    between = ground("postgresql", "mysql")
    between.put("z", ["2026-11-22 08:00:00+08", "2026-11-22 00:00:00.000001Z", "1991-05-01 00:00:00+09"])
    between.send()
    seen = between.target.do(
        "SELECT CAST(CONVERT_TZ(z, @@session.time_zone, '+00:00') AS CHAR) FROM pupil ORDER BY no"
    )
    assert [row[0][:26] for row in seen] == [
        "2026-11-22 00:00:00.000000", "2026-11-22 00:00:00.000001", "1991-04-30 15:00:00.000000"
    ]  # fmt: skip


def test_trailing_blanks_of_fixed_columns_stay(ground: Between) -> None:
    between = ground("postgresql", "mysql")
    between.put("b", ["ab"])
    between.send()
    assert between.got("b") == ["ab    "]


def test_bytes_and_truth(ground: Between) -> None:
    for pair in [
        ("postgresql", "mysql"),
        ("mysql", "postgresql"),
        ("postgresql", "sqlite"),
        ("sqlite", "postgresql"),
    ]:
        between = ground(*pair)
        between.put("x", [b"", b"\0\xff", bytes(range(256))])
        between.source.do("INSERT INTO person (no, y) VALUES (10, true), (11, false), (12, NULL)")
        assert between.send() == (6, {})
        assert [None if one is None else bytes(one) for one in between.got("x")][:3] == [
            b"",
            b"\0\xff",
            bytes(range(256)),
        ]
        assert between.got("y")[3:] == [True, False, None]


def test_what_sqlite_lets_into_its_columns_waits(ground: Between) -> None:
    between = ground("sqlite", "postgresql")
    between.source.do(
        "INSERT INTO person (no, f, d, n, y) VALUES (0, 'abc', NULL, NULL, NULL), (1, NULL, '2023-02-30', NULL, NULL), "
        "(2, NULL, NULL, 'x', NULL), (3, NULL, NULL, NULL, 'maybe'), (4, 0.1, '20240229', 0.1, 1)"
    )
    rows, waiting = between.send()
    assert waiting == {0: "f:type", 1: "d:type", 2: "n:type", 3: "y:type"}
    assert (rows, str(between.got("n")[0]), between.got("f")) == (1, "0.1", [0.1])


def test_wide_rows_travel_in_small_chunks(ground: Between) -> None:
    between = ground("postgresql", "postgresql")
    with psycopg.connect(between.source.url, autocommit=True) as db:
        db.execute("INSERT INTO person (no, a) SELECT g, repeat('界', 400000) FROM generate_series(1, 30) g")
    assert between.send() == (30, {})
    assert len(between.target.do("SELECT chunk FROM guantong_ledger")) > 5
