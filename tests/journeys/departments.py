"""The departments' tables copied from SQLite into the servers that departments really have."""

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pymysql


def into_postgresql(source: Path, table: str, url: str) -> None:
    """Copy one table into PostgreSQL, text columns and an index on its identity number."""
    columns, rows = _read(source, table)
    with psycopg.connect(url, autocommit=True) as connection:
        declared = ", ".join(f'"{name}" {kind}' for name, kind in columns)
        connection.execute(f"CREATE TABLE {table} ({declared})")  # type: ignore[call-overload]
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:  # type: ignore[call-overload]
            for row in rows:
                copy.write_row(row)
        connection.execute(f"CREATE INDEX ON {table} (id_number)")  # type: ignore[call-overload]


def into_mariadb(source: Path, table: str, url: str) -> None:
    """Copy one table into MariaDB."""
    columns, rows = _read(source, table)
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname or "",
        port=parts.port or 3306,
        user=parts.username,
        database=parts.path[1:],
        charset="utf8mb4",
    )
    with connection, connection.cursor() as cursor:
        declared = ", ".join(
            f"`{name}` {'BIGINT' if kind == 'INTEGER' else 'VARCHAR(200)'}" for name, kind in columns
        )
        cursor.execute(f"CREATE TABLE {table} ({declared}, INDEX (id_number)) CHARACTER SET utf8mb4")
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()


def _read(source: Path, table: str) -> tuple[list[tuple[str, str]], list[tuple[object, ...]]]:
    with sqlite3.connect(source) as database:
        columns = [(row[1], row[2]) for row in database.execute(f"PRAGMA table_info({table})")]
        rows = database.execute(f"SELECT * FROM {table}").fetchall()
    database.close()
    return columns, rows
