"""Reading a source: PostgreSQL, MySQL/MariaDB and SQLite, by their own catalogues, in a read-only session with limits.

Only sources that the node's ``sources.json`` names. Values of the sample are looked at in memory and let go of.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
from psycopg import sql

from guantong.catalog.harvesting.errors import SourceFailed, SourceUnknown
from guantong.catalog.harvesting.looking import looks
from guantong.catalog.harvesting.types import (
    MOST_COLUMNS,
    MOST_TABLES,
    SAMPLE,
    SECONDS,
    FoundColumn,
    FoundTable,
)

_SCHEMES = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}


def addresses(home: Path) -> dict[str, str]:
    """The node's sources by name; nothing where the file is not there or not readable."""
    try:
        found = json.loads((home / "sources.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(address) for name, address in found.items()} if isinstance(found, dict) else {}


def dialect(address: str) -> str:
    """The dialect of an address; empty for what is not read here."""
    return _SCHEMES.get(urlsplit(address).scheme, "")


def tables(
    name: str, known: Mapping[str, str], *, only: str = "", with_sample: bool = True
) -> list[FoundTable]:
    """The tables and views of the source ``name``, by name; ``only`` one of them, then with a look at its values."""
    address = known.get(name, "")
    readers: dict[str, Callable[[str, str, bool], list[FoundTable]]] = {
        "postgresql": _postgresql,
        "mysql": _mysql,
        "sqlite": _sqlite,
    }
    reader = readers.get(dialect(address))
    if reader is None:
        raise SourceUnknown(source=name)
    try:
        return reader(address, only, with_sample)
    except (psycopg.Error, pymysql.Error, sqlite3.Error, OSError, ValueError) as error:
        raise SourceFailed(source=name) from error


def _most(only: str) -> int:
    """One that is named is found however many there are before it."""
    return 1_000_000 if only else MOST_TABLES


def _looked(columns: list[FoundColumn], rows: Iterable[Iterable[Any]]) -> tuple[FoundColumn, ...]:
    values = list(zip(*rows, strict=False))
    if not values:
        return tuple(columns)
    return tuple(
        FoundColumn(c.name, c.type, c.comment, c.length, c.is_key, looks(values[n]))
        for n, c in enumerate(columns)
    )


_PG_TABLES = """
SELECT c.oid, n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), c.reltuples::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg_toast%%' AND has_table_privilege(c.oid, 'SELECT')
ORDER BY n.nspname, c.relname LIMIT %s
"""
_PG_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), ''),
       CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END,
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey)
               AND i.indnatts = 1)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LIMIT %s
"""


def _postgresql(address: str, only: str, with_sample: bool) -> list[FoundTable]:
    options = (
        f"-c default_transaction_read_only=on -c statement_timeout={SECONDS * 1000} -c lock_timeout=2000"
    )
    with psycopg.connect(address, connect_timeout=5, options=options) as connection:
        found = []
        for oid, schema, table, comment, rows in connection.execute(_PG_TABLES, [_most(only)]).fetchall():
            name = table if schema == "public" else f"{schema}.{table}"
            if only and name != only:
                continue
            columns = [
                FoundColumn(*row) for row in connection.execute(_PG_COLUMNS, [oid, MOST_COLUMNS]).fetchall()
            ]
            told = tuple(columns)
            if only and columns and with_sample:
                names = sql.SQL(", ").join(sql.Identifier(c.name) for c in columns)
                query = sql.SQL("SELECT {} FROM {} LIMIT {}").format(
                    names, sql.Identifier(schema, table), sql.Literal(SAMPLE)
                )
                told = _looked(columns, connection.execute(query).fetchall())
            found.append(FoundTable(name, comment, rows, told))
        return found


def mysql_connection(address: str) -> "pymysql.Connection[Any]":
    """A read-only session with limits."""
    parts = urlsplit(address)
    connection = pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
        charset="utf8mb4",
        connect_timeout=5,
        read_timeout=SECONDS,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.execute("START TRANSACTION READ ONLY")
    return connection


def _mysql(address: str, only: str, with_sample: bool) -> list[FoundTable]:
    with closing(mysql_connection(address)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, table_comment, coalesce(table_rows, -1), table_type FROM information_schema.tables "
            "WHERE table_schema = database() ORDER BY table_name LIMIT %s",
            [_most(only)],
        )
        found = []
        for table, comment, rows, kind in cursor.fetchall():
            if only and table != only:
                continue
            cursor.execute(
                "SELECT column_name, column_type, column_comment, coalesce(character_maximum_length, 0), "
                "column_key = 'PRI' FROM information_schema.columns WHERE table_schema = database() "
                "AND table_name = %s ORDER BY ordinal_position LIMIT %s",
                [table, MOST_COLUMNS],
            )
            columns = [
                FoundColumn(n, t, c, min(int(size), 1_000_000_000), bool(key))
                for n, t, c, size, key in cursor.fetchall()
            ]
            if sum(column.is_key for column in columns) > 1:
                columns = [FoundColumn(c.name, c.type, c.comment, c.length) for c in columns]
            told = tuple(columns)
            if only and columns and with_sample:
                names = ", ".join(backticked(c.name) for c in columns)
                cursor.execute(f"SELECT {names} FROM {backticked(table)} LIMIT {SAMPLE}")  # noqa: S608 - quoted names
                told = _looked(columns, cursor.fetchall())
            found.append(FoundTable(table, "" if kind == "VIEW" else comment, int(rows), told))
        return found


def backticked(name: str) -> str:
    """A name as MySQL takes it."""
    return "`" + name.replace("`", "``") + "`"


def sqlite_connection(path: Path) -> sqlite3.Connection:
    """A read-only session with limits; FileNotFoundError where there is no file, so that none is made."""
    if not path.is_file():
        raise FileNotFoundError(path)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
    steps = iter(range(SECONDS * 10_000))
    # Called every thousand steps of its machine: what takes too long is broken off.
    connection.set_progress_handler(lambda: int(next(steps, None) is None), 10_000)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _sqlite(address: str, only: str, with_sample: bool) -> list[FoundTable]:
    with closing(sqlite_connection(Path(unquote(urlsplit(address).path)))) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "ORDER BY name LIMIT ?",
            [_most(only)],
        ).fetchall()
        found = []
        for (table,) in names:
            if only and table != only:
                continue
            place = quoted(table)
            described = connection.execute(f"PRAGMA table_info({place})").fetchmany(MOST_COLUMNS)
            keys = sum(bool(row[5]) for row in described)
            columns = [
                FoundColumn(r[1], r[2] or "text", "", _sized(r[2]), bool(r[5]) and keys == 1)
                for r in described
            ]
            told, rows = tuple(columns), -1
            if only and columns and with_sample:
                rows = connection.execute(f"SELECT count(*) FROM {place}").fetchone()[0]  # noqa: S608 - quoted names
                wanted = ", ".join(quoted(c.name) for c in columns)
                sample = connection.execute(f"SELECT {wanted} FROM {place} LIMIT {SAMPLE}").fetchall()  # noqa: S608
                told = _looked(columns, sample)
            found.append(FoundTable(table, "", rows, told))
        return found


def quoted(name: str) -> str:
    """A name as SQLite takes it."""
    return '"' + name.replace('"', '""') + '"'


def _sized(declared: str | None) -> int:
    digits = (declared or "").partition("(")[2].rstrip(")")
    return int(digits) if digits.isdigit() and len(digits) < 9 else 0
