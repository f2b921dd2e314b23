"""MariaDB and MySQL as a target: chunks go in by LOAD DATA from memory, in one transaction with the ledger's line.

LOAD DATA turns faults into warnings, so every warning and every missing row undoes the chunk. Tables are renamed
outside transactions here: the closing line is written first, and a table left aside by a crash takes its place when
the job is next looked at.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import polars as pl
import pymysql

from guantong.exchange.errors import ExchangeStopped, TargetRefused
from guantong.exchange.sources import mysql as dialect
from guantong.exchange.sources.mysql import quoted, rows
from guantong.exchange.sources.reading import Found
from guantong.exchange.targets.applying import LEDGER, Entry, Landing, Load, Standing, short, standing_of

STAGE, GONE_STAGE = "guantong_stage", "guantong_gone"
_CREATE = """
CREATE TABLE IF NOT EXISTS {} (
    job varchar(64), run varchar(64), chunk integer, `rows` bigint NOT NULL, digest varchar(100) NOT NULL,
    high varchar(64) NOT NULL, place longtext NOT NULL, manifest longtext NOT NULL,
    applied_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (job, run, chunk)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""
_STANDING = """
SELECT run, chunk, `rows`, place, digest, high, manifest FROM {0} WHERE job = %s
AND run = (SELECT MAX(run) FROM {0} WHERE job = %s) ORDER BY chunk
"""
_ENTER = """
INSERT IGNORE INTO {} (job, run, chunk, `rows`, digest, high, place, manifest) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_HANGS_ON = """
SELECT (SELECT COUNT(*) FROM information_schema.triggers
        WHERE event_object_schema = DATABASE() AND event_object_table = %s)
     + (SELECT COUNT(*) FROM information_schema.key_column_usage WHERE referenced_table_name IS NOT NULL
        AND ((table_schema = DATABASE() AND table_name = %s)
          OR (referenced_table_schema = DATABASE() AND referenced_table_name = %s)))
"""
# Faults of the data, as against those of the server or the way to it.
_REFUSALS = {1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 1644, 4025}


class MySQLTarget:
    """``mysql://user:password@host:port/database``."""

    stores_nul = True
    stores_nan = False

    def __init__(self, name: str, address: str, landing: Landing) -> None:
        self._name = name
        self._landing = landing
        self._connection: dialect.Connection = dialect.connected(name, address, local_infile=True)
        self._aside = "guantong_aside_" + short(landing.job)
        self._found: Found | None = None
        with self._truthful():
            self._do("SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")

    def find(self) -> Found:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        if self._found is None:
            with self._truthful():
                self._found = dialect.find(self._connection, self._name, self._landing.table)
                engine = "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
                if rows(self._connection, engine, [self._landing.table]) not in ([("InnoDB",)], [["InnoDB"]]):
                    raise TargetRefused(table=self._landing.table, why="ENGINE is not InnoDB")
        return self._found

    def standing(self) -> Standing:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            self._do(_CREATE.format(LEDGER))
            job = self._landing.job
            lines = [tuple(line) for line in rows(self._connection, _STANDING.format(LEDGER), (job, job))]
            standing = standing_of(lines, is_whole=not self._landing.aside or self._is_there(self._aside))
            if standing.is_closed and standing.run:
                self._put_in_place()
        return standing

    def begin(self, run: str, *, fresh: bool) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            if fresh:
                self._forget(run)
                if self._landing.aside:
                    self._do(f"CREATE TABLE {self._aside} LIKE {quoted(self._landing.table)}")
            if self._needs_stage():
                self._create_stage(STAGE, self._landing.columns)
            if self._landing.deletes:
                self._create_stage(GONE_STAGE, self._landing.key)

    def _create_stage(self, stage: str, columns: Iterable[str]) -> None:
        names, table = ", ".join(quoted(name) for name in columns), quoted(self._landing.table)
        self._do(f"CREATE TEMPORARY TABLE {stage} SELECT {names} FROM {table} LIMIT 0")  # noqa: S608 - quoted

    def give_up(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            self._forget("")

    def encode(self, rows: pl.DataFrame) -> Load:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        ready = [_written(name, held) for name, held in rows.schema.items()]
        text = rows.select(ready).write_csv(
            None,
            include_header=False,
            null_value="NULL",
            quote_style="non_numeric",
            datetime_format="%Y-%m-%d %H:%M:%S%.6f",
            line_terminator="\n",
        )
        return Load(rows.height, (rows.schema, text.encode()))

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return self.encode(keys)

    def apply(self, load: Load, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._transaction():
            if not self._enter(entry) or not load.rows:
                return
            if not self._needs_stage():
                self._load(load, self._aside if self._landing.aside else self._landing.table)
                return
            self._load(load, STAGE)
            self._do(self._from_stage())
            self._do(f"DELETE FROM {STAGE}")  # noqa: S608 - a name of ours
            if load.gone is not None:
                self._delete(cast("Load", load.gone))

    def _delete(self, gone: Load) -> None:
        """Byte for byte: a collation may hold two keys to be one, of which the other has just come."""
        self._load(gone, GONE_STAGE)
        table = quoted(self._landing.table)
        same = [
            f"t.{name} = s.{name} AND BINARY t.{name} = BINARY s.{name}"
            for name in map(quoted, self._landing.key)
        ]
        self._do(f"DELETE t FROM {table} AS t JOIN {GONE_STAGE} AS s ON {' AND '.join(same)}")
        self._do(f"DELETE FROM {GONE_STAGE}")  # noqa: S608 - a name of ours

    def close_run(self, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._transaction():
            if self._enter(entry) and self._landing.aside and self._moves_rows():
                self._move_rows()
        with self._truthful():
            self._put_in_place()

    def close(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._connection.close()

    def _forget(self, run: str) -> None:
        with self._transaction():
            forget = f"""DELETE FROM {LEDGER} WHERE job = %s AND run <> %s AND run NOT IN
                (SELECT run FROM (SELECT run FROM {LEDGER} WHERE job = %s AND chunk = 0) AS closed)"""  # noqa: S608
            self._do(forget, self._landing.job, run, self._landing.job)
        self._do(f"DROP TABLE IF EXISTS {self._aside}")

    def _moves_rows(self) -> bool:
        """Whether rows are moved, and not the table: always to append, and where triggers or keys hang on it."""
        table = self._landing.table
        return self._landing.writing == "append" or bool(rows(self._connection, _HANGS_ON, [table] * 3)[0][0])

    def _move_rows(self) -> None:
        table = quoted(self._landing.table)
        if self._landing.writing == "replace":
            self._do(f"DELETE FROM {table}")  # noqa: S608 - quoted
        self._do(f"INSERT INTO {table} SELECT * FROM {self._aside}")  # noqa: S608 - quoted
        self._do(f"DELETE FROM {self._aside}")  # noqa: S608 - a name of ours
        self._do(f"UPDATE {LEDGER} SET place = '[\"moved\"]' WHERE job = %s AND chunk = 0", self._landing.job)  # noqa: S608

    def _put_in_place(self) -> None:
        """After the closing line: what is still aside takes its place, or goes if its rows were moved."""
        if not self._is_there(self._aside):
            self._do(f"DROP TABLE IF EXISTS {self._aside}_old")
            return
        moved = f"SELECT place FROM {LEDGER} WHERE job = %s AND chunk = 0 ORDER BY run DESC LIMIT 1"  # noqa: S608
        if rows(self._connection, moved, [self._landing.job])[0][0] != "[]":
            self._do(f"DROP TABLE {self._aside}")
            return
        table = quoted(self._landing.table)
        self._do(f"RENAME TABLE {table} TO {self._aside}_old, {self._aside} TO {table}")
        self._do(f"DROP TABLE {self._aside}_old")

    def _is_there(self, table: str) -> bool:
        there = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
        return bool(rows(self._connection, there, [table])[0][0])

    def _enter(self, entry: Entry) -> bool:
        """Write the ledger's line; False if it is there already."""
        with self._connection.cursor() as cursor:
            values = (
                self._landing.job, entry.run, entry.chunk, entry.rows, entry.digest, entry.high,
                json.dumps(entry.place), entry.manifest.decode(),
            )  # fmt: skip
            return bool(cursor.execute(_ENTER.format(LEDGER), values))

    def _load(self, load: Load, table: str) -> None:
        schema, text = cast("tuple[pl.Schema, bytes]", load.data)
        named, assigned = [], []
        for number, (name, held) in enumerate(schema.items()):
            named.append(f"@b{number}" if held == pl.Binary else quoted(name))
            assigned += [f"{quoted(name)} = UNHEX(@b{number})"] if held == pl.Binary else []
        then = f" SET {', '.join(assigned)}" if assigned else ""
        with _in_memory(text) as path, self._connection.cursor() as cursor:
            written = cursor.execute(
                f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {quoted(table)} CHARACTER SET utf8mb4 "
                "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
                f"LINES TERMINATED BY '\\n' ({', '.join(named)}){then}"
            )
            cursor.execute("SHOW WARNINGS LIMIT 1")
            warning = cursor.fetchone()
        gone = cast("Load", load.gone).rows if load.gone is not None else 0
        if warning or written != load.rows - gone:
            # The message may hold data; its number does not.
            raise TargetRefused(table=self._landing.table, why=f"MySQL {warning[1] if warning else 1062}")

    def _needs_stage(self) -> bool:
        return bool(self._landing.key) and not self._landing.aside

    def _from_stage(self) -> str:
        names = [quoted(name) for name in self._landing.columns]
        keys = {quoted(name) for name in self._landing.key}
        kept = self._landing.writing == "append"
        changed = names if self._landing.deletes else [name for name in names if name not in keys]
        changes = [f"{name} = VALUES({name})" for name in changed if not kept]
        table, key, listed = quoted(self._landing.table), quoted(self._landing.key[0]), ", ".join(names)
        told = ", ".join(changes) or f"{table}.{key} = {table}.{key}"
        return (
            f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {STAGE} "  # noqa: S608 - quoted
            f"ON DUPLICATE KEY UPDATE {told}"
        )

    def _do(self, statement: str, *values: object) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._truthful():
            self._connection.begin()
            try:
                yield
            except BaseException:
                self._roll_back()
                raise
            self._connection.commit()

    def _roll_back(self) -> None:
        if self._connection.open:
            self._connection.rollback()

    @contextmanager
    def _truthful(self) -> Iterator[None]:
        with dialect.truthful(self._name, self._landing.table):
            try:
                yield
            except pymysql.MySQLError as fault:
                raise _told(fault, self._landing.table) from fault


def _told(fault: pymysql.MySQLError, table: str) -> "ExchangeStopped | pymysql.MySQLError":
    number: Any = fault.args[0] if fault.args else 0
    return TargetRefused(table=table, why=f"MySQL {number}") if number in _REFUSALS else fault


def _written(name: str, held: pl.DataType) -> pl.Expr:
    """The value as LOAD DATA reads it."""
    value = pl.col(name)
    if held == pl.Boolean:
        return value.cast(pl.Int8)
    if held == pl.Binary:
        return value.bin.encode("hex")
    if isinstance(held, pl.Datetime) and held.time_zone:
        return value.dt.replace_time_zone(None)
    return value


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A path under which ``data`` can be read, without a file on any disk."""
    file = os.memfd_create("guantong-chunk")
    try:
        with os.fdopen(os.dup(file), "wb") as writing:
            writing.write(data)
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)
