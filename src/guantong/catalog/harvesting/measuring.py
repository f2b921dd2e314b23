"""How many rows a table has and how new they are; read-only, within seconds, no value of a row looked at but one date."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
from psycopg import sql

from guantong.catalog.harvesting import reading
from guantong.catalog.harvesting.errors import SourceFailed
from guantong.catalog.harvesting.types import SECONDS

COUNTED_UP_TO: Final = 2_000_000
"""Tables that the database itself thinks are larger are not counted; its estimate is told."""

Measured = tuple[int | None, datetime | None]


def measure(name: str, known: Mapping[str, str], table: str, *, newest_of: str = "") -> Measured:
    """Rows of ``table`` (counted, or the database's estimate), and the greatest moment in the column ``newest_of``."""
    address = known[name]
    ways: dict[str, Callable[[str, str, str], Measured]] = {
        "postgresql": _postgresql,
        "mysql": _mysql,
        "sqlite": _sqlite,
    }
    try:
        return ways[reading.dialect(address)](address, table, newest_of)
    except (psycopg.Error, pymysql.Error, sqlite3.Error, OSError, ValueError) as error:
        raise SourceFailed(source=name) from error


def moment_of(value: Any) -> datetime | None:
    """A moment as databases tell it; a day counts from its end, what has no zone is the machine's own."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.combine(value, time.max).astimezone(UTC) if isinstance(value, date) else None


def _postgresql(address: str, table: str, newest_of: str) -> Measured:
    options = (
        f"-c default_transaction_read_only=on -c statement_timeout={SECONDS * 1000} -c lock_timeout=2000"
    )
    parts = table.split(".", 1) if "." in table else ["public", table]
    place = sql.Identifier(*parts)
    with psycopg.connect(address, connect_timeout=5, options=options) as connection:
        estimate = connection.execute(
            "SELECT reltuples::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relname = %s",
            parts,
        ).fetchone()
        rows = int(estimate[0]) if estimate else 0
        if rows <= COUNTED_UP_TO:
            counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(place)).fetchone()
            rows = int(counted[0]) if counted else 0
        newest = None
        if newest_of:
            query = sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(newest_of), place)
            newest = connection.execute(query).fetchone()
        return rows, moment_of(newest[0]) if newest else None


def _mysql(address: str, table: str, newest_of: str) -> Measured:
    with closing(reading.mysql_connection(address)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(table_rows, 0) FROM information_schema.tables "
            "WHERE table_schema = database() AND table_name = %s",
            [table],
        )
        estimate = cursor.fetchone()
        rows, place = int(estimate[0]) if estimate else 0, reading.backticked(table)
        if rows <= COUNTED_UP_TO:
            cursor.execute(f"SELECT count(*) FROM {place}")  # noqa: S608 - quoted name
            counted = cursor.fetchone()
            rows = int(counted[0]) if counted else 0
        if not newest_of:
            return rows, None
        cursor.execute(f"SELECT max({reading.backticked(newest_of)}) FROM {place}")  # noqa: S608 - quoted names
        newest = cursor.fetchone()
        return rows, moment_of(newest[0]) if newest else None


def _sqlite(address: str, table: str, newest_of: str) -> Measured:
    path = Path(unquote(urlsplit(address).path))
    with closing(reading.sqlite_connection(path)) as connection:
        place = reading.quoted(table)
        rows = int(connection.execute(f"SELECT count(*) FROM {place}").fetchone()[0])  # noqa: S608 - quoted name
        if not newest_of:
            return rows, None
        query = f"SELECT max({reading.quoted(newest_of)}) FROM {place}"  # noqa: S608 - quoted names
        return rows, moment_of(connection.execute(query).fetchone()[0])
