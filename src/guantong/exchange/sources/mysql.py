"""MariaDB and MySQL: read by connectorx into columns; asked about their tables through PyMySQL.

Days, times and exact numbers are asked for as text: MySQL has days that no calendar has (``0000-00-00``), and the
quality gate refuses them one by one instead of the driver refusing the table.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import connectorx
import polars as pl
import pymysql

from guantong.exchange.columns import Column, Kind
from guantong.exchange.errors import (
    ChangeLogUnusable,
    DatabaseDenied,
    DatabaseUnreachable,
    ExchangeStopped,
    TableVanished,
)
from guantong.exchange.sources.changing import ChangeLog
from guantong.exchange.sources.database import Database, Refusals
from guantong.exchange.sources.reading import BATCH_ROWS, Found, Question
from guantong.exchange.sources.tap import Tap

CONNECT_S = 5
Connection = Any
"""PyMySQL's, which has no types."""
_REFUSALS = Refusals(
    denied={1044, 1045, 1142, 1143, 1227, 1698},
    # Disk full while writing; table full.
    full={3, 1021, 1026, 1114},
    vanished={1051, 1146},
    missing={1054},
)
_KINDS: dict[str, Column] = {
    "tinyint": Column("integer", bits=16),
    "smallint": Column("integer", bits=16),
    "mediumint": Column("integer", bits=32),
    "int": Column("integer", bits=32),
    "bigint": Column("integer"),
    "float": Column("float", bits=32),
    "double": Column("float"),
    "date": Column("date"),
    "datetime": Column("moment"),
    "timestamp": Column("instant"),
    "binary": Column("binary"),
    "varbinary": Column("binary"),
    "blob": Column("binary"),
    "tinyblob": Column("binary"),
    "mediumblob": Column("binary"),
    "longblob": Column("binary"),
}
_TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
_COLUMNS = """
SELECT column_name, data_type, column_type, is_nullable, character_maximum_length, numeric_precision, numeric_scale
FROM information_schema.columns WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s
ORDER BY ordinal_position
"""
_KEYS = """
SELECT index_name, GROUP_CONCAT(column_name SEPARATOR '\\0') FROM information_schema.statistics
WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s AND non_unique = 0
GROUP BY index_name HAVING MAX(COALESCE(nullable, '')) <> 'YES' AND MAX(COALESCE(sub_part, 0)) = 0
"""
_ESTIMATE = """
SELECT table_rows FROM information_schema.tables
WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s
"""


class MySQLSource(Database):
    """``mysql://user:password@host:port/database`` (or ``mariadb://``)."""

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
        statement = _statement(question, found, self._connection)
        parts = urlsplit(self._address)
        with (
            truthful(self._name, question.table),
            Tap(parts.hostname or "127.0.0.1", parts.port or 3306) as tap,
        ):
            user = f"{parts.username or ''}:{parts.password}" if parts.password else parts.username or ""
            # Else the driver would ask the server for its local socket, and go round the tap.
            address = f"mysql://{user}@127.0.0.1:{tap.port}{parts.path}?prefer_socket=false"
            stream = connectorx.read_sql(
                address, statement, return_type="arrow_stream", batch_size=BATCH_ROWS
            )
            for batch in tap.metered(iter(stream)):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch becomes a frame
                yield frame

    def change_log(self, table: str, key: Sequence[str], job: str) -> ChangeLog:
        """The log of what happens to ``table``, whose rows are found by the columns ``key``."""
        # An extra, and only needed here.
        try:
            from guantong.exchange.sources.mysql_log import MySQLLog  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise ChangeLogUnusable(
                name=self._name,
                why_zh="本机未安装 mysql-replication；请安装附加组件 binlog",
                why_en="mysql-replication is not installed here; install the extra binlog",
            ) from missing
        columns = list(self.known(table).columns)
        return MySQLLog(self._name, self._connection, self._address, table, columns, key, job)

    def now(self) -> str:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        with truthful(self._name, ""):
            (row,) = rows(self._connection, "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)")
        return str(row[0]).replace(" ", "T") + "+00:00"

    def close(self) -> None:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        self._connection.close()


def connected(name: str, address: str, **more: Any) -> Connection:
    """A connection that commits by itself. DatabaseDenied, DatabaseUnreachable."""
    parts = urlsplit(address)
    try:
        return pymysql.connect(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path.lstrip("/"),
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=CONNECT_S,
            **more,
        )
    except pymysql.MySQLError as fault:
        if fault.args and fault.args[0] in _REFUSALS.denied:
            raise DatabaseDenied(name=name) from None
        raise DatabaseUnreachable(name=name) from None


def rows(connection: Connection, statement: str, values: Sequence[object] = ()) -> list[Any]:
    """What a statement answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


def find(connection: Connection, name: str, table: str) -> Found:
    """The table's columns and keys, or TableVanished."""
    schema, _, last = table.rpartition(".")
    columns = {str(row[0]): _column(row) for row in rows(connection, _COLUMNS, (schema or None, last))}
    if not columns:
        raise TableVanished(name=name, table=table)
    keys = tuple(
        frozenset(str(row[1]).split("\0")) for row in rows(connection, _KEYS, (schema or None, last))
    )
    estimate = rows(connection, _ESTIMATE, (schema or None, last))
    return Found(columns, keys, rows=int(estimate[0][0] or 0) if estimate else 0)


def quoted(name: str) -> str:
    """An identifier; each part of ``schema.table`` on its own."""
    if "\0" in name:
        raise ValueError("an identifier cannot hold a null character")
    return ".".join("`" + part.replace("`", "``") + "`" for part in name.split("."))


@contextmanager
def truthful(name: str, table: str) -> Iterator[None]:
    """What a driver says, in our words. connectorx panics when a connection breaks; that is an answer too."""
    try:
        yield
    except (ExchangeStopped, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except pymysql.MySQLError as fault:
        raise _REFUSALS.said(int(fault.args[0]) if fault.args else 0, name, table) from fault
    except BaseException as fault:
        if isinstance(fault, RuntimeError) or type(fault).__name__ == "PanicException":
            raise _panicked(str(fault), name, table) from fault
        raise


def _panicked(text: str, name: str, table: str) -> ExchangeStopped:
    _, _, rest = text.partition("ERROR ")
    number = rest.split(" ", 1)[0]
    return _REFUSALS.said(int(number) if number.isdecimal() else 0, name, table)


def _column(row: Any) -> Column:
    _, data_type, column_type, is_nullable, length, precision, scale = row
    kind, declared = str(data_type).lower(), str(column_type)
    is_unsigned_big = kind == "bigint" and "unsigned" in declared
    base = _KINDS.get(kind, Column("other"))
    found: Kind = "text" if kind in _TEXTS else "number" if is_unsigned_big else base.kind
    bits = 64 if "unsigned" in declared else base.bits
    facts: dict[str, Any] = {"is_nullable": is_nullable == "YES", "declared": declared}
    if kind == "decimal":
        exact: Kind = "decimal" if 0 < int(precision) <= 38 else "number"
        return Column(exact, precision=int(precision), scale=int(scale), **facts)
    return Column(found, length=int(length or 0) if kind in {"char", "varchar"} else 0, bits=bits, **facts)


def _statement(question: Question, found: Found, connection: Connection) -> str:
    wanted = [f"{_selected(column, found)} AS {quoted(item)}" for item, column in question.columns.items()]
    order = [quoted(question.columns[item]) for item in question.order]
    conditions = []
    if question.watermark:
        watermark = quoted(question.columns[question.watermark])
        compared = ">" if question.is_floor_had else ">="
        bound = f"{compared} {_moment(question.floor, connection)}" if question.floor else "IS NOT NULL"
        conditions.append(f"{watermark} {bound}")
        if question.until:
            conditions.append(f"{watermark} <= {_moment(question.until, connection)}")
    if question.after:
        values = [_moment(value, connection) for value in question.after]
        conditions.append(_beyond(order, values))
    if question.among:
        names = ", ".join(quoted(question.columns[item]) for item in question.key)
        told = [f"({', '.join(_moment(value, connection) for value in one)})" for one in question.among]
        conditions.append(f"({names}) IN ({', '.join(told)})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    by = f" ORDER BY {', '.join(order)}" if order else ""
    # Names are quoted and values escaped by the driver; connectorx takes whole statements only.
    return f"SELECT {', '.join(wanted)} FROM {quoted(question.table)}{where}{by}"  # noqa: S608


def _beyond(order: list[str], values: list[str]) -> str:
    """``(a, b) > (x, y)`` in a form that uses an index."""
    first = f"{order[0]} > {values[0]}"
    if len(order) == 1:
        return first
    return f"({first} OR ({order[0]} = {values[0]} AND {_beyond(order[1:], values[1:])}))"


def _moment(value: object, connection: Connection) -> str:
    """A value as the server reads it: its days know neither ``T`` nor offsets."""
    if isinstance(value, str) and value[10:11] == "T":
        value = value.replace("T", " ").removesuffix("+00:00")
    with connection.cursor() as cursor:
        return str(cursor.mogrify("%s", (value,)))


def _selected(column: str, found: Found) -> str:
    name, kind = quoted(column), found.columns[column].kind
    if kind == "instant":
        return f"CONCAT(CAST(CONVERT_TZ({name}, @@session.time_zone, '+00:00') AS CHAR), '+00:00')"
    if kind in {"date", "moment", "decimal", "number", "other"}:
        return f"CAST({name} AS CHAR)"
    return name
