"""Other databases (Oracle, SQL Server, Dameng, Kingbase and their kin), by an address that SQLAlchemy knows.

The address names the driver, ``oracle+oracledb://…``; the driver is the operator's to install beside the extra
``databases``. Rows go through Python one by one here: some 30,000 a second, where the native ways take ten times that.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import exc

from guantong.exchange.columns import Column, Kind
from guantong.exchange.errors import (
    AddressMissing,
    DatabaseDenied,
    DatabaseLost,
    DatabaseUnreachable,
    ExchangeStopped,
    ExtraMissing,
    TableVanished,
    TargetRefused,
)
from guantong.exchange.sources.reading import Found, Question

BATCH_ROWS = 5_000
_DENIED = re.compile(
    r"denied|password|authenti|login failed|permission|privilege|ORA-0(1017|1031)", re.IGNORECASE
)
_GONE = re.compile(r"no such table|does not exist|doesn't exist|ORA-00942|invalid object", re.IGNORECASE)
# How values are handed to the gate: exact numbers, days and times as text, which it reads and judges.
_HELD: dict[Kind, pl.DataType] = {
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "binary": pl.Binary(),
}
_KINDS: tuple[tuple[Any, Kind], ...] = (
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Float, "float"),
    (sa.Numeric, "decimal"),
    (sa.DateTime, "moment"),
    (sa.Date, "date"),
    (sa.types._Binary, "binary"),  # noqa: SLF001 - what all binary types have in common
    (sa.Enum, "other"),
    (sa.String, "text"),
)


class OtherSource:
    """``dialect+driver://user:password@host:port/database``, as SQLAlchemy writes it."""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        self._engine = connected(name, address)
        self._found: dict[str, tuple[sa.Table, Found]] = {}

    def find(self, table: str) -> Found:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        with truthful(self._name, table):
            self._found[table] = found = find(self._engine, self._name, table)
        return found[1]

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        if question.table not in self._found:
            self.find(question.table)
        table, found = self._found[question.table]
        kinds = {item: found.columns[column].kind for item, column in question.columns.items()}
        with truthful(self._name, question.table), self._engine.connect() as connection:
            streaming = connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS)
            result = streaming.execute(_statement(question, table, found))
            for rows in result.partitions(BATCH_ROWS):
                yield _frame(rows, kinds)

    def now(self) -> str:
        """See :class:`guantong.exchange.sources.reading.Source`. Unknown if the database tells no offset."""
        with truthful(self._name, ""), self._engine.connect() as connection:
            told = connection.execute(sa.select(sa.func.current_timestamp())).scalar_one()
        is_known = isinstance(told, datetime) and told.tzinfo is not None
        return told.astimezone(UTC).isoformat(timespec="microseconds") if is_known else ""

    def close(self) -> None:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        self._engine.dispose()


def connected(name: str, address: str) -> sa.Engine:
    """An engine that has reached its database. DatabaseDenied, DatabaseUnreachable."""
    try:
        engine = sa.create_engine(address, pool_size=1, max_overflow=1)
    except (exc.NoSuchModuleError, ModuleNotFoundError) as missing:
        raise ExtraMissing(name=name, module=address.partition(":")[0], extra="databases") from missing
    except exc.ArgumentError:
        raise AddressMissing(name=name) from None
    try:
        engine.connect().close()
    except exc.DBAPIError as fault:
        engine.dispose()
        if _DENIED.search(str(fault.orig)):
            raise DatabaseDenied(name=name) from None
        raise DatabaseUnreachable(name=name) from None
    return engine


def find(engine: sa.Engine, name: str, table: str) -> tuple[sa.Table, Found]:
    """The table as it stands, or TableVanished."""
    schema, _, last = table.rpartition(".")
    try:
        reflected = sa.Table(
            last, sa.MetaData(), schema=schema or None, autoload_with=engine, resolve_fks=False
        )
    except exc.NoSuchTableError:
        raise TableVanished(name=name, table=table) from None
    columns = {column.name: column_of(column, engine.dialect.name) for column in reflected.columns}
    keys = [frozenset(column.name for column in reflected.primary_key)]
    for index in sa.inspect(engine).get_indexes(last, schema=schema or None):
        keys += [frozenset(filter(None, index["column_names"]))] if index["unique"] else []
    for unique in sa.inspect(engine).get_unique_constraints(last, schema=schema or None):
        keys.append(frozenset(unique["column_names"]))
    sure = [key for key in keys if key and not any(columns[one].is_nullable for one in key)]
    return reflected, Found(columns, tuple(dict.fromkeys(sure)))


def column_of(column: "sa.Column[Any]", dialect: str) -> Column:
    """The kind of a reflected column."""
    held: Any = column.type
    facts: dict[str, Any] = {"is_nullable": bool(column.nullable), "declared": _declared(held)}
    kind: Kind = next((kind for type_, kind in _KINDS if isinstance(held, type_)), "other")
    if kind == "integer":
        is_short = type(held).__name__ in {"INTEGER", "Integer"} and dialect != "sqlite"
        facts["bits"] = 16 if isinstance(held, sa.SmallInteger) else 32 if is_short else 64
    elif kind == "decimal":
        precision, scale = held.precision or 0, held.scale or 0
        if not (0 < precision <= 38 and 0 <= scale <= precision):
            return Column("number", **facts)
        facts |= {"precision": precision, "scale": scale}
    elif kind == "moment" and held.timezone:
        kind = "instant"
    elif kind == "text":
        facts["length"] = held.length or 0
    return Column(kind, **facts)


def native(value: object, kind: Kind) -> object:
    """A value of a place or a chunk as drivers take it."""
    if not value or not isinstance(value, str):
        return value
    if kind == "date":
        return date.fromisoformat(value)
    if kind in {"moment", "instant"}:
        return datetime.fromisoformat(value)
    if kind in {"decimal", "number"}:
        return Decimal(value)
    return value


@contextmanager
def truthful(name: str, table: str) -> Iterator[None]:
    """What a driver says, in our words. Details may hold data, so only the kind of a refusal is told."""
    try:
        yield
    except ExchangeStopped:
        raise
    except (exc.IntegrityError, exc.DataError) as fault:
        raise TargetRefused(table=table, why=type(fault.orig).__name__) from fault
    except exc.DBAPIError as fault:
        said = str(fault.orig)
        if _GONE.search(said):
            raise TableVanished(name=name, table=table) from fault
        raise (DatabaseDenied if _DENIED.search(said) else DatabaseLost)(name=name) from fault
    except exc.StatementError as fault:
        raise TargetRefused(table=table, why=type(fault.orig).__name__) from fault


def _declared(held: Any) -> str:
    try:
        return str(held).lower()
    except exc.CompileError:
        return type(held).__name__.lower()


def _statement(question: Question, table: sa.Table, found: Found) -> "sa.Select[Any]":
    wanted = [
        (
            sa.cast(table.c[column], sa.String) if found.columns[column].kind == "other" else table.c[column]
        ).label(item)
        for item, column in question.columns.items()
    ]
    statement = sa.select(*wanted)
    order = [table.c[question.columns[item]] for item in question.order]
    if question.watermark:
        mark = table.c[question.columns[question.watermark]]
        floor, until = (
            native(one, found.columns[mark.name].kind) for one in (question.floor, question.until)
        )
        if question.floor:
            statement = statement.where(mark > floor if question.is_floor_had else mark >= floor)
        else:
            statement = statement.where(mark.is_not(None))
        if question.until:
            statement = statement.where(mark <= until)
    if question.after:
        values = [
            native(value, found.columns[one.name].kind)
            for one, value in zip(order, question.after, strict=True)
        ]
        statement = statement.where(_beyond(order, values))
    return statement.order_by(*order)


def _beyond(order: Sequence[Any], values: Sequence[object]) -> Any:
    """``(a, b) > (x, y)``, which not every database can say."""
    first = order[0] > values[0]
    if len(order) == 1:
        return first
    return sa.or_(first, sa.and_(order[0] == values[0], _beyond(order[1:], values[1:])))


def _frame(rows: Sequence[Any], kinds: dict[str, Kind]) -> pl.DataFrame:
    columns = zip(*rows, strict=True)
    return pl.DataFrame(
        [
            pl.Series(item, [_plain(value, kind) for value in values], _HELD.get(kind, pl.String()))
            for (item, kind), values in zip(kinds.items(), columns, strict=True)
        ]
    )


def _plain(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind in _MAKERS:
        return _MAKERS[kind](value)
    if isinstance(value, datetime):
        is_day = kind == "date" and value.time() == value.time().min
        return value.date().isoformat() if is_day else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


_MAKERS: dict[Kind, Any] = {"integer": int, "float": float, "boolean": bool, "binary": bytes}
