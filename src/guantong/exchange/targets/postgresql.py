"""PostgreSQL as a target: chunks are encoded to binary COPY outside the connection and written in one transaction
with their line in the ledger.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import cast

import polars as pl
import psycopg
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from guantong.exchange.chunks import Frames
from guantong.exchange.errors import ExchangeStopped, TargetRefused
from guantong.exchange.sources import postgresql as dialect
from guantong.exchange.sources import postgresql_wire as wire
from guantong.exchange.sources.postgresql import identifier
from guantong.exchange.sources.reading import Found
from guantong.exchange.targets.applying import LEDGER, Entry, Landing, Load, Standing, short, standing_of
from guantong.exchange.targets.postgresql_swap import create_aside, put_in_place

STAGE, GONE_STAGE = "guantong_stage", "guantong_gone"
HAS_MERGE = 150_000
"""The first server version with MERGE."""
_CREATE = """
CREATE TABLE IF NOT EXISTS {} (
    job text, run text, chunk integer, rows bigint NOT NULL, digest text NOT NULL, high text NOT NULL,
    place text NOT NULL, manifest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job, run, chunk))
"""
_ENTER = """
INSERT INTO {} (job, run, chunk, rows, digest, high, place, manifest) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_STANDING = """
SELECT run, chunk, rows, place, digest, high, manifest FROM {0} WHERE job = %s AND run =
(SELECT max(run COLLATE "C") FROM {0} WHERE job = %s) ORDER BY chunk
"""

_REFUSALS = (
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.errors.RaiseException,
    psycopg.errors.CardinalityViolation,
)


class PostgreSQLTarget:
    """``postgresql://user:password@host:port/database``."""

    stores_nul = False
    stores_nan = True

    def __init__(self, name: str, address: str, landing: Landing) -> None:
        self._name = name
        self._landing = landing
        self._connection = dialect.connected(name, address)
        self._table = identifier(landing.table)
        self._aside_name = (*landing.table.split(".")[:-1], "guantong_aside_" + short(landing.job))
        self._aside = sql.Identifier(*self._aside_name)
        self._ledger = sql.Identifier(*landing.table.split(".")[:-1], LEDGER)
        self._found: Found | None = None

    def find(self) -> Found:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        if self._found is None:
            with dialect.truthful(self._name, self._landing.table):
                self._found = dialect.find(self._connection, self._name, self._landing.table)
        return self._found

    def standing(self) -> Standing:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with dialect.truthful(self._name, self._landing.table):
            self._connection.execute("SET client_min_messages = warning")
            self._do(sql.SQL(_CREATE).format(self._ledger))
            job = self._landing.job
            lines = self._connection.execute(sql.SQL(_STANDING).format(self._ledger), [job, job]).fetchall()
            aside = self._aside.as_string(self._connection)
            there = self._connection.execute("SELECT to_regclass(%s) IS NOT NULL", [aside]).fetchone()
        return standing_of(lines, is_whole=not self._landing.aside or bool(there and there[0]))

    def begin(self, run: str, *, fresh: bool) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with dialect.truthful(self._name, self._landing.table):
            if fresh:
                with self._connection.transaction():
                    self._forget(run)
                    if self._landing.aside:
                        create_aside(self._connection, self._aside, self._table)
            if self._needs_stage():
                self._do(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DELETE ROWS").format(
                    sql.Identifier(STAGE), sql.SQL(", ").join(self._stage_columns(self._landing.columns))))  # fmt: skip
            if self._landing.deletes:
                self._do(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DELETE ROWS").format(
                    sql.Identifier(GONE_STAGE), sql.SQL(", ").join(self._stage_columns(self._landing.key))))  # fmt: skip

    def give_up(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with dialect.truthful(self._name, self._landing.table), self._connection.transaction():
            self._forget("")

    def encode(self, rows: pl.DataFrame) -> Load:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return Load(rows.height, (rows.columns, self._encoded(rows)))

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return self._encoded(keys)

    def _encoded(self, rows: pl.DataFrame) -> list[bytes]:
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        encoder = ArrowToPostgresBinaryEncoder(table.schema)
        parts = [encoder.write_header()]
        parts += [encoder.write_batch(batch) for batch in table.to_batches()]
        return [*parts, encoder.finish()]

    def takes_frames(self) -> bool:
        """Whether rows may come as another PostgreSQL has encoded them."""
        with dialect.truthful(self._name, self._landing.table):
            return wire.is_open(self._connection)

    def apply(self, load: Load, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._refusals(), self._connection.transaction():
            if not self._enter(entry) or not load.rows:
                return
            self._copy(load)
            if self._needs_stage():
                # A chunk is small beside its table: rows are found by the key's index, one by one.
                self._connection.execute("SET LOCAL enable_hashjoin = off")
                self._connection.execute("SET LOCAL enable_mergejoin = off")
                self._do(self._from_stage())
            if load.gone is not None:
                self._delete(cast("list[bytes]", load.gone))

    def close_run(self, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._refusals(), self._connection.transaction():
            if not self._enter(entry) or not self._landing.aside:
                return
            if self._landing.writing == "append":
                self._do(sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {2}").format(
                    self._table, self._columns(), self._aside))  # fmt: skip
                self._do(sql.SQL("DROP TABLE {}").format(self._aside))
            else:
                put_in_place(self._connection, self._aside_name, tuple(self._landing.table.split(".")))

    def close(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._connection.close()

    def _forget(self, run: str) -> None:
        forget = "DELETE FROM {0} l WHERE job = %s AND run <> %s AND NOT EXISTS (SELECT FROM {0} c \
                  WHERE c.job = l.job AND c.run = l.run AND c.chunk = 0)"
        self._connection.execute(sql.SQL(forget).format(self._ledger), [self._landing.job, run])
        self._do(sql.SQL("DROP TABLE IF EXISTS {}").format(self._aside))

    def _enter(self, entry: Entry) -> bool:
        """Write the ledger's line; False if it is there already."""
        values = [
            self._landing.job, entry.run, entry.chunk, entry.rows, entry.digest, entry.high,
            json.dumps(entry.place), entry.manifest.decode(),
        ]  # fmt: skip
        return self._connection.execute(sql.SQL(_ENTER).format(self._ledger), values).rowcount == 1

    def _copy(self, load: Load) -> None:
        if isinstance(load.data, Frames):
            copy = self._copy_into(list(self._landing.columns))
            with closing(wire.Wire(self._connection)) as line:
                line.take(copy.as_string(self._connection).encode(), load.data)
            return
        names, parts = cast("tuple[list[str], list[bytes]]", load.data)  # what encode() made
        self._write(self._copy_into(names), parts)

    def _write(self, copy: sql.Composed, parts: list[bytes]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(copy) as copying:
            for part in parts:
                copying.write(part)

    def _copy_into(self, names: Sequence[str]) -> sql.Composed:
        into = sql.Identifier(STAGE) if self._needs_stage() else self._landing_place()
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in names)
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(into, columns)

    def _landing_place(self) -> sql.Identifier:
        return self._aside if self._landing.aside else self._table

    def _columns(self) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(name) for name in self._landing.columns)

    def _needs_stage(self) -> bool:
        """Rows of keyed jobs meet the target's rows; some types are made by the database from text."""
        is_keyed = bool(self._landing.key) and not self._landing.aside
        return is_keyed or any(self._is_cast(name) for name in self._landing.columns)

    def _is_cast(self, name: str) -> bool:
        travelling, found = self._landing.columns[name], self.find().columns[name]
        return found.kind == "other" or (found.kind == "number" and travelling.kind != "decimal")

    def _stage_columns(self, names: Iterable[str]) -> list[sql.Composed]:
        found = self.find().columns
        return [
            sql.SQL("{} {}").format(
                sql.Identifier(name), sql.SQL("text" if self._is_cast(name) else found[name].declared)
            )
            for name in names
        ]

    def _delete(self, parts: list[bytes]) -> None:
        key = self._landing.key
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in key)
        into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(GONE_STAGE), columns)
        self._write(into, parts)
        same = [sql.SQL("t.{} = {}").format(sql.Identifier(name), self._staged(name)) for name in key]
        self._do(sql.SQL("DELETE FROM {} AS t USING {} AS s WHERE {}").format(
            self._table, sql.Identifier(GONE_STAGE), sql.SQL(" AND ").join(same)))  # fmt: skip

    def _staged(self, name: str) -> sql.Composed:
        value = sql.SQL("s.{}").format(sql.Identifier(name))
        if not self._is_cast(name):
            return value
        return sql.SQL("{}::{}").format(value, sql.SQL(self.find().columns[name].declared))

    def _from_stage(self) -> sql.Composed:
        values = [self._staged(name) for name in self._landing.columns]
        insert = sql.SQL("INSERT INTO {} AS t ({}) SELECT {} FROM {} AS s").format(
            self._landing_place(), self._columns(), sql.SQL(", ").join(values), sql.Identifier(STAGE)
        )
        if self._landing.aside or not self._landing.key:
            return insert
        rest = [name for name in self._landing.columns if name not in self._landing.key]
        if self._landing.writing == "append" or not rest:
            return sql.Composed([insert, sql.SQL(" ON CONFLICT DO NOTHING")])
        pairs = dict(zip(self._landing.columns, values, strict=True))
        if self._connection.info.server_version >= HAS_MERGE:
            return self._merge(pairs, rest)
        return sql.Composed([insert, self._on_conflict(rest)])

    def _merge(self, values: Mapping[str, sql.Composable], rest: Sequence[str]) -> sql.Composed:
        """A third faster than ON CONFLICT, as rows are found by a join."""
        same = [sql.SQL("t.{} = {}").format(sql.Identifier(name), values[name]) for name in self._landing.key]
        old = sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in rest)
        new = sql.SQL(", ").join(values[name] for name in rest)
        changes = sql.SQL(", ").join(sql.Identifier(name) for name in rest)
        return sql.SQL(
            "MERGE INTO {} AS t USING {} AS s ON {} WHEN MATCHED AND ({}) IS DISTINCT FROM ({}) "
            "THEN UPDATE SET ({}) = ROW ({}) WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})"
        ).format(
            self._table, sql.Identifier(STAGE), sql.SQL(" AND ").join(same), old, new, changes, new,
            self._columns(), sql.SQL(", ").join(values.values()),
        )  # fmt: skip

    def _on_conflict(self, rest: Sequence[str]) -> sql.Composed:
        key = sql.SQL(", ").join(sql.Identifier(name) for name in self._landing.key)
        names = [sql.Identifier(name) for name in rest]
        old = sql.SQL(", ").join(sql.SQL("t.{}").format(name) for name in names)
        new = sql.SQL(", ").join(sql.SQL("EXCLUDED.{}").format(name) for name in names)
        return sql.SQL(
            " ON CONFLICT ({}) DO UPDATE SET ({}) = ROW ({}) WHERE ({}) IS DISTINCT FROM ({})"
        ).format(key, sql.SQL(", ").join(names), new, old, new)

    def _do(self, statement: sql.Composed) -> None:
        self._connection.execute(statement)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Constraints and triggers of the target speak for themselves; their details may hold data."""
        with dialect.truthful(self._name, self._landing.table):
            try:
                yield
            except _REFUSALS as fault:
                raise _refusal(self._landing.table, fault) from fault


def _refusal(table: str, fault: psycopg.Error) -> ExchangeStopped:
    return TargetRefused(table=table, why=fault.diag.message_primary or str(fault) or type(fault).__name__)
