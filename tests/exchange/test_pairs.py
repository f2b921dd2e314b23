"""Every kind of database to every other: what arrives is what left, first whole, then changed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
import pymysql
import pytest
from adbc_driver_sqlite import dbapi
from tests.exchange import cast
from tests.exchange.cast import Exchange

from guantong.bundle.jobs import Limits
from guantong.exchange.run import run

COLUMNS = {
    "postgresql": "id_number varchar(18), person_no bigint NOT NULL PRIMARY KEY, name text, sex integer, "
    "born_on date, division varchar(12), phone varchar(20), address text, income numeric(12,2), "
    "updated_at timestamp(6)",
    "mysql": "id_number varchar(18), person_no bigint NOT NULL PRIMARY KEY, name text, sex integer, born_on date, "
    "division varchar(12), phone varchar(20), address text, income decimal(12,2), updated_at datetime(6)",
    "sqlite": "id_number varchar(18), person_no integer NOT NULL PRIMARY KEY, name text, sex integer, born_on date, "
    "division varchar(12), phone varchar(20), address text, income decimal(12,2), updated_at datetime",
}
NAMES = ["张三", "", None, "NULL", 'O\'Brien "x"', "a\\b\nc\td,", "𠮷田 😀", "trailing  ", "\\N"]


def person(number: int) -> tuple[Any, ...]:
    name = NAMES[number % len(NAMES)]
    born = None if number % 7 == 0 else f"19{number % 90 + 10}-0{number % 9 + 1}-1{number % 9}"
    moment = f"2026-01-01 {number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000123"
    income = None if number % 5 == 0 else f"{number}.5{number % 10}"
    return (f"5116021990{number:08d}", number * 2**40, name, number % 2, born, "511602", f"13{number:09d}",
            f"广安市{number}号", income, moment)  # fmt: skip


class Place:
    """One database with one table of persons."""

    def __init__(self, dialect: str, url: str, table: str) -> None:
        self.dialect, self.url, self.table = dialect, url, table
        self.do(f"DROP TABLE IF EXISTS {table}")
        self.do("DROP TABLE IF EXISTS guantong_ledger")
        self.do(f"CREATE TABLE {table} ({COLUMNS[dialect]})")

    def connect(self) -> Any:
        if self.dialect == "postgresql":
            return psycopg.connect(self.url, autocommit=True)
        parts = urlsplit(self.url)
        if self.dialect == "mysql":
            return pymysql.connect(
                host=parts.hostname, port=parts.port, user="root", database="guantong", autocommit=True
            )
        # Not sqlite3: two libraries on one file in one process take away each other's locks.
        connection = dbapi.connect(f"file:{quote(unquote(parts.path))}", autocommit=True)
        connection.execute("PRAGMA busy_timeout = 10000").close()
        return connection

    def do(self, statement: str, rows: list[tuple[Any, ...]] | None = None) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as db:
            cursor = db.cursor()
            if rows == []:
                return []
            if rows is not None:
                mark = "?" if self.dialect == "sqlite" else "%s"
                cursor.executemany(statement.replace("?", mark), rows)
                return []
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def fill(self, numbers: range) -> None:
        marks = ", ".join("?" * 10)
        self.do(f"INSERT INTO {self.table} VALUES ({marks})", [person(number) for number in numbers])

    def rows(self) -> list[tuple[str | None, ...]]:
        """All rows as text, alike for all databases."""
        found = self.do(f"SELECT * FROM {self.table} ORDER BY person_no")
        return [tuple(None if v is None else self.text(v) for v in row) for row in found]

    def text(self, value: Any) -> str:
        text = str(value).replace("T", " ")
        return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "").isdigit() else text


@pytest.fixture
def places(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Place, Place, Exchange]]:
    source, target = request.param
    urls = {}
    for role, dialect in (("police", source), ("education", target)):
        if dialect == "sqlite":
            sqlite3.connect(tmp_path / f"{role} 1.db").execute("PRAGMA journal_mode=WAL").connection.close()
            urls[role] = f"sqlite://{tmp_path}/{role} 1.db"
        else:
            urls[role] = request.getfixturevalue("mariadb_url" if dialect == "mysql" else "postgresql_url")
    exchange = Exchange(tmp_path / "home", urls)
    yield Place(source, urls["police"], "person"), Place(target, urls["education"], "pupil"), exchange
    exchange.close()


DIALECTS = ["postgresql", "mysql", "sqlite"]
PAIRS = [(source, target) for source in DIALECTS for target in DIALECTS]


def send(source: Place, target: Place, exchange: Exchange, **job: Any) -> int:
    columns = {item: item for item in cast.FIELDS}
    bundle = cast.bundle(
        exchange.key,
        job=cast.job(limits=Limits(chunk_rows=70), **job),
        grant=cast.grant(),
        source={"dialect": source.dialect, "table": source.table, "columns": columns},
        target={"dialect": target.dialect, "table": target.table, "columns": columns},
    )
    outcome = run(exchange.here, lambda: bundle, cast.JOB)
    assert outcome.refused == 0
    return outcome.read


@pytest.mark.parametrize("places", PAIRS, indirect=True, ids="-".join)
def test_what_arrives_is_what_left(places: tuple[Place, Place, Exchange]) -> None:
    source, target, exchange = places
    source.fill(range(1, 301))
    send(source, target, exchange)
    assert target.rows() == source.rows()
    source.do(f"DELETE FROM {source.table} WHERE sex = 0")
    send(source, target, exchange, key=["person_no"])
    assert target.rows() == source.rows()
    assert len(target.rows()) == 150


@pytest.mark.parametrize("places", PAIRS, indirect=True, ids="-".join)
def test_changes_follow(places: tuple[Place, Place, Exchange]) -> None:
    source, target, exchange = places
    source.fill(range(1, 301))
    how: dict[str, Any] = {
        "writing": "upsert",
        "key": ["person_no"],
        "reading": "watermark",
        "watermark": "updated_at",
        "overlap_s": 5,
    }
    assert send(source, target, exchange, **how) == 300
    source.do(f"UPDATE {source.table} SET name = '改', updated_at = '2026-01-01 00:06:00' WHERE sex = 0")
    source.fill(range(301, 311))
    assert send(source, target, exchange, **how) == 163
    assert target.rows() == source.rows()


@pytest.mark.parametrize("places", PAIRS, indirect=True, ids="-".join)
def test_appending_adds_and_repeats_nothing(places: tuple[Place, Place, Exchange]) -> None:
    source, target, exchange = places
    source.fill(range(1, 101))
    target.fill(range(1000, 1003))
    send(source, target, exchange, writing="append")
    assert target.rows()[:100] == source.rows()
    assert len(target.rows()) == 103
