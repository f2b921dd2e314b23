"""PostgreSQL: binary COPY through ADBC, straight into columns.

Types that ADBC does not hold exactly are asked for as text. Infinite dates arrive outside the calendar, where
the quality gate refuses them.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import adbc_driver_manager
import polars as pl
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg import sql

from guantong.exchange.chunks import Frames
from guantong.exchange.columns import Column, Kind
from guantong.exchange.errors import (
    DatabaseDenied,
    DatabaseUnreachable,
    ExchangeStopped,
    TableVanished,
)
from guantong.exchange.sources import postgresql_wire as wire
from guantong.exchange.sources.changing import ChangeLog
from guantong.exchange.sources.database import Database, Refusals
from guantong.exchange.sources.postgresql_log import PostgreSQLLog
from guantong.exchange.sources.postgresql_wire import Connection
from guantong.exchange.sources.reading import BATCH_BYTES, Found, Question

CONNECT_S = 5
_REFUSALS = Refusals(
    denied={"28P01", "28000", "42501"}, full={"53100"}, vanished={"42P01"}, missing={"42703"}
)
_COLUMNS = """
SELECT a.attname, t.typname, a.atttypmod, NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)),
       pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEYS = """
SELECT array_agg(a.attname::text) FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid HAVING bool_and(a.attnotnull)
"""
# What the gate lets through of kinds that have infinities.
_TAME: dict[Kind, tuple[str, str]] = {
    "date": ("DATE '0001-01-01'", "DATE '9999-12-31'"),
    "moment": ("TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"),
    "instant": ("TIMESTAMPTZ '0001-01-01 00:00:00Z'", "TIMESTAMPTZ '9999-12-31 23:59:59.999999Z'"),
    "decimal": ("-1e38", "1e38"),
    "number": ("-1e38", "1e38"),
}
_PLAIN = {
    "text": Column("text"),
    "varchar": Column("text"),
    "bpchar": Column("text"),
    "name": Column("text"),
    "int2": Column("integer", bits=16),
    "int4": Column("integer", bits=32),
    "int8": Column("integer"),
    "float4": Column("float", bits=32),
    "float8": Column("float"),
    "bool": Column("boolean"),
    "date": Column("date"),
    "timestamp": Column("moment"),
    "timestamptz": Column("instant"),
    "bytea": Column("binary"),
}


class PostgreSQLSource(Database):
    """``postgresql://user:password@host:port/database``."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(name)
        self._address = address
        self._connection = connected(name, address)

    def _look(self, table: str) -> Found:
        with truthful(self._name, table):
            return find(self._connection, self._name, table)

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        found = self.known(question.table)
        statement = _statement(question, found).as_string(self._connection)
        with (
            truthful(self._name, question.table),
            dbapi.connect(self._address) as reading,
            reading.cursor() as cursor,
        ):
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            cursor.execute(statement)
            for batch in cursor.fetch_record_batch():
                yield _frame(batch)

    def frames(self, question: Question, *, rows: int, size: int) -> Iterator[Frames] | None:
        """The rows as the server encodes them, or None if they have to be looked at one by one.

        None: the connection is encrypted, or there are values that the quality gate refuses (days without a
        calendar, numbers that are none). Looking for those and reading see the same state of the table.
        """
        found = self.known(question.table)
        named = [(list(question.columns).index(item), question.columns[item]) for item in question.order]
        kinds = [(position, found.columns[column].kind) for position, column in named]
        if not wire.NAMED.issuperset(kind for _, kind in kinds):
            return None
        reading = connected(self._name, self._address)
        with truthful(self._name, question.table):
            if not wire.is_open(reading) or self._has_wild(reading, question, found):
                reading.close()
                return None
        copy = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(_statement(question, found))
        return self._framed(reading, copy.as_string(reading).encode(), question.table, rows, size, kinds)

    def _framed(
        self,
        reading: Connection,
        copy: bytes,
        table: str,
        rows: int,
        size: int,
        named: list[tuple[int, Kind]],
    ) -> Iterator[Frames]:
        with truthful(self._name, table), closing(reading), closing(wire.Wire(reading)) as line:
            yield from line.frames(copy, rows=rows, size=size, named=named)

    def _has_wild(self, reading: Connection, question: Question, found: Found) -> bool:
        """Begins the transaction that the rows are read in."""
        reading.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        bounds = {column: _TAME.get(found.columns[column].kind) for column in question.columns.values()}
        wild = [
            sql.SQL("{} NOT BETWEEN {} AND {}").format(sql.Identifier(column), *map(sql.SQL, bound))
            for column, bound in bounds.items()
            if bound is not None
        ]
        if not wild:
            return False
        looked_for = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
            identifier(question.table), sql.SQL(" OR ").join(wild)
        )
        row = reading.execute(looked_for).fetchone()
        return bool(row and row[0])

    def change_log(self, table: str, key: Sequence[str], job: str) -> ChangeLog:
        """The log of what happens to ``table``, whose rows are found by the columns ``key``."""
        quoted = identifier(table).as_string(self._connection)
        return PostgreSQLLog(self._name, self._connection, quoted, key, job)

    def now(self) -> str:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        with truthful(self._name, ""):
            row = self._connection.execute("SELECT to_char(now() AT TIME ZONE 'UTC', %s)", [_ISO]).fetchone()
        return str(row[0]) if row else ""

    def close(self) -> None:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        self._connection.close()


_ISO = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'


def connected(name: str, address: str) -> Connection:
    """A connection that commits by itself. DatabaseDenied, DatabaseUnreachable."""
    try:
        return psycopg.connect(
            address, autocommit=True, connect_timeout=CONNECT_S, application_name="guantong"
        )
    except psycopg.OperationalError as fault:
        said = str(fault)
        if any(word in said for word in ("password", "authentication", "role", "pg_hba", "permission")):
            raise DatabaseDenied(name=name) from None
        raise DatabaseUnreachable(name=name) from None


def find(connection: Connection, name: str, table: str) -> Found:
    """The table's columns and keys, or TableVanished."""
    quoted = identifier(table).as_string(connection)
    row = connection.execute("SELECT to_regclass(%s)::oid", [quoted]).fetchone()
    if row is None or row[0] is None:
        raise TableVanished(name=name, table=table)
    columns = {str(found[0]): _column(found) for found in connection.execute(_COLUMNS, [row[0]])}
    keys = tuple(frozenset(map(str, key[0])) for key in connection.execute(_KEYS, [row[0]]))  # type: ignore[call-overload]
    estimate = connection.execute(
        "SELECT reltuples::bigint FROM pg_catalog.pg_class WHERE oid = %s", [row[0]]
    )
    counted = estimate.fetchone()
    return Found(columns, keys, rows=max(0, int(str(counted[0]))) if counted else 0)


def identifier(table: str) -> sql.Identifier:
    """``schema.table`` or ``table``, quoted."""
    return sql.Identifier(*table.split("."))


@contextmanager
def truthful(name: str, table: str) -> Iterator[None]:
    """What a driver says, in our words."""
    try:
        yield
    except ExchangeStopped:
        raise
    except (psycopg.Error, adbc_driver_manager.Error) as fault:
        raise _REFUSALS.said(str(getattr(fault, "sqlstate", "") or ""), name, table) from fault


def _column(found: "tuple[object, ...]") -> Column:
    _, kind, modifier, is_nullable, declared = found
    facts = {"is_nullable": bool(is_nullable), "declared": str(declared)}
    size = int(str(modifier)) - 4
    if kind == "numeric":
        precision, scale = (size >> 16 & 0xFFFF, size & 0x7FF) if size >= 0 else (0, 0)
        if 0 < precision <= 38 and scale <= precision:
            return Column("decimal", precision=precision, scale=scale, **facts)  # type: ignore[arg-type]
        return Column("number", **facts)  # type: ignore[arg-type]
    plain = _PLAIN.get(str(kind), Column("other"))
    length = size if kind in {"varchar", "bpchar"} and size > 0 else 0
    return Column(plain.kind, length=length, bits=plain.bits, has_nul=False, **facts)  # type: ignore[arg-type]


def _statement(question: Question, found: Found) -> sql.Composed:
    wanted = [_selected(item, column, found) for item, column in question.columns.items()]
    parts = [sql.SQL("SELECT "), sql.SQL(", ").join(wanted), sql.SQL(" FROM "), identifier(question.table)]
    order = [sql.Identifier(question.columns[item]) for item in question.order]
    conditions: list[sql.Composable] = []
    if question.floor:
        watermark = sql.Identifier(question.columns[question.watermark])
        compared = "{} > {}" if question.is_floor_had else "{} >= {}"
        conditions.append(sql.SQL(compared).format(watermark, sql.Literal(question.floor)))
    elif question.watermark:
        conditions.append(
            sql.SQL("{} IS NOT NULL").format(sql.Identifier(question.columns[question.watermark]))
        )
    if question.until:
        watermark = sql.Identifier(question.columns[question.watermark])
        conditions.append(sql.SQL("{} <= {}").format(watermark, sql.Literal(question.until)))
    if question.after:
        values = [sql.Literal(value) for value in question.after]
        pair = sql.SQL("({}) > ({})")
        conditions.append(pair.format(sql.SQL(", ").join(order), sql.SQL(", ").join(values)))
    if question.among:
        conditions.append(_among(question, found))
    if conditions:
        parts += [sql.SQL(" WHERE "), sql.SQL(" AND ").join(conditions)]
    if order:
        parts += [sql.SQL(" ORDER BY "), sql.SQL(", ").join(order)]
    return sql.Composed(parts)


def _among(question: Question, found: Found) -> sql.Composed:
    """Found by the key's index, however many they are."""
    columns = [question.columns[item] for item in question.key]
    arrays = [
        sql.SQL("{}::{}[]").format(
            sql.Literal([str(one[at]) for one in question.among]), sql.SQL(found.columns[column].declared)
        )
        for at, column in enumerate(columns)
    ]
    names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
    return sql.SQL("({}) IN (SELECT * FROM unnest({}))").format(names, sql.SQL(", ").join(arrays))


def _selected(item: str, column: str, found: Found) -> sql.Composable:
    template = "{}::text AS {}" if found.columns[column].kind == "other" else "{} AS {}"
    return sql.SQL(template).format(sql.Identifier(column), sql.Identifier(item))


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """Numbers come as their digits under a type of ADBC's own; the digits are what we keep."""
    columns = [
        column.storage if isinstance(column, pa.ExtensionArray) else column for column in batch.columns
    ]
    frame = pl.from_arrow(pa.Table.from_arrays(columns, names=batch.schema.names))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame
    return frame
