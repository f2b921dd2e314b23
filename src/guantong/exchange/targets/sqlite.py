"""SQLite as a target: one file, one writer, chunks and the ledger's lines in the same transactions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import adbc_driver_manager
import polars as pl

from guantong.exchange.converting import as_text
from guantong.exchange.errors import TargetRefused
from guantong.exchange.sources import sqlite as dialect
from guantong.exchange.sources.reading import Found
from guantong.exchange.sources.sqlite import quoted
from guantong.exchange.targets.applying import LEDGER, Entry, Landing, Load, Standing, short, standing_of

_CREATE = f"""
CREATE TABLE IF NOT EXISTS {LEDGER} (
    job TEXT, run TEXT, chunk INTEGER, rows INTEGER NOT NULL, digest TEXT NOT NULL, high TEXT NOT NULL,
    place TEXT NOT NULL, manifest TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (job, run, chunk)) WITHOUT ROWID
"""
_STANDING = f"""
SELECT run, chunk, rows, place, digest, high, manifest FROM {LEDGER} WHERE job = ?
AND run = (SELECT max(run) FROM {LEDGER} WHERE job = ?) ORDER BY chunk
"""  # noqa: S608 - a name of ours
_ENTER = f"""
INSERT OR IGNORE INTO {LEDGER} (job, run, chunk, rows, digest, high, place, manifest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 - a name of ours


class SQLiteTarget:
    """``sqlite:///absolute/path`` of a file that is there."""

    stores_nul = True
    stores_nan = False

    def __init__(self, name: str, address: str, landing: Landing) -> None:
        self._name = name
        self._landing = landing
        self._link = dialect.Link(name, dialect.uri_of(address, "rw"))
        self._table = quoted(landing.table)
        self._aside = "guantong_aside_" + short(landing.job)

    def find(self) -> Found:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            return dialect.find(self._link, self._name, self._landing.table)

    def standing(self) -> Standing:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            self._link.do(_CREATE)
            lines = self._link.do(_STANDING, self._landing.job, self._landing.job)
            there = self._link.do("SELECT 1 FROM sqlite_master WHERE name = ?", self._aside)
        return standing_of(lines, is_whole=not self._landing.aside or bool(there))

    def begin(self, run: str, *, fresh: bool) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        if not fresh:
            return
        with self._transaction():
            self._forget(run)
            if self._landing.aside:
                self._link.do(
                    f"CREATE TABLE {self._aside} AS SELECT {self._names()} FROM {self._table} LIMIT 0"  # noqa: S608 - quoted
                )

    def give_up(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._transaction():
            self._forget("")

    def encode(self, rows: pl.DataFrame) -> Load:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return Load(rows.height, _tuples(rows))

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return _tuples(keys)

    def apply(self, load: Load, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._transaction():
            if not self._enter(entry) or not load.rows:
                return
            marks = ", ".join("?" for _ in self._landing.columns)
            into = self._aside if self._landing.aside else self._table
            insert = f"INSERT INTO {into} ({self._names()}) VALUES ({marks}){self._on_conflict()}"  # noqa: S608 - quoted
            same = " AND ".join(f"{quoted(name)} = ?" for name in self._landing.key)
            with self._link.connection.cursor() as cursor:
                if load.data:
                    cursor.executemany(insert, load.data)
                if load.gone:
                    cursor.executemany(f"DELETE FROM {self._table} WHERE {same}", load.gone)  # noqa: S608 - quoted

    def close_run(self, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._transaction():
            if not self._enter(entry) or not self._landing.aside:
                return
            if self._landing.writing == "replace":
                self._link.do(f"DELETE FROM {self._table}")  # noqa: S608 - quoted
            names = self._names()
            self._link.do(
                f"INSERT INTO {self._table} ({names}) SELECT {names} FROM {self._aside}"  # noqa: S608 - quoted
            )
            self._link.do(f"DROP TABLE {self._aside}")

    def close(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._link.close()

    def _forget(self, run: str) -> None:
        forget = f"""DELETE FROM {LEDGER} WHERE job = ? AND run <> ? AND run NOT IN
            (SELECT run FROM {LEDGER} WHERE job = ? AND chunk = 0)"""  # noqa: S608 - a name of ours
        self._link.do(forget, self._landing.job, run, self._landing.job)
        self._link.do(f"DROP TABLE IF EXISTS {self._aside}")

    def _enter(self, entry: Entry) -> bool:
        """Write the ledger's line; False if it is there already."""
        values = [
            self._landing.job, entry.run, entry.chunk, entry.rows, entry.digest, entry.high,
            json.dumps(entry.place), entry.manifest.decode(),
        ]  # fmt: skip
        self._link.do(_ENTER, *values)
        return bool(self._link.do("SELECT changes()")[0][0])

    def _names(self) -> str:
        return ", ".join(quoted(name) for name in self._landing.columns)

    def _on_conflict(self) -> str:
        if self._landing.aside or not self._landing.key:
            return ""
        key = ", ".join(quoted(name) for name in self._landing.key)
        rest = [quoted(name) for name in self._landing.columns if name not in self._landing.key]
        if self._landing.writing == "append" or not rest:
            return f" ON CONFLICT ({key}) DO NOTHING"
        changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
        return f" ON CONFLICT ({key}) DO UPDATE SET {changes}"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._truthful():
            self._link.do("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(adbc_driver_manager.Error):  # a full disk may have rolled back by itself
                    self._link.do("ROLLBACK")
                raise
            self._link.do("COMMIT")

    @contextmanager
    def _truthful(self) -> Iterator[None]:
        with dialect.truthful(self._name, self._landing.table):
            try:
                yield
            except adbc_driver_manager.Error as fault:
                if "constraint failed" not in str(fault):
                    raise
                raise TargetRefused(table=self._landing.table, why="SQLite constraint") from fault


def _tuples(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    return rows.select(_written(name, held) for name, held in rows.schema.items()).rows()


def _written(name: str, held: pl.DataType) -> pl.Expr:
    """Days, moments and exact numbers stand as text in SQLite."""
    value = pl.col(name)
    if held.is_temporal() or held.is_decimal():
        return as_text(value, held).alias(name)
    return value
