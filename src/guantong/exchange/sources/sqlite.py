"""SQLite: read through ADBC. Its columns hold what they like, so every value comes as text and is judged as such.

Everything of a run goes through ADBC's own SQLite: a second library in the same process would take away the file
locks of the first (https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import adbc_driver_manager
import polars as pl
from adbc_driver_sqlite import dbapi

from guantong.exchange.columns import Column, Kind
from guantong.exchange.errors import (
    DatabaseLost,
    DatabaseUnreachable,
    ExchangeStopped,
    TableVanished,
    TargetFull,
)
from guantong.exchange.sources.database import Database
from guantong.exchange.sources.reading import BATCH_ROWS, Found, Question
from guantong.kit import clock

# SQLite's own rule of affinity, after the types that it does not know but people declare.
_DECLARED: tuple[tuple[str, Kind], ...] = (
    ("DATETIME", "moment"),
    ("TIMESTAMP", "moment"),
    ("DATE", "date"),
    ("BOOL", "boolean"),
    ("DECIMAL", "number"),
    ("NUMERIC", "number"),
    ("INT", "integer"),
    ("CHAR", "text"),
    ("CLOB", "text"),
    ("TEXT", "text"),
    ("BLOB", "binary"),
    ("REAL", "float"),
    ("FLOA", "float"),
    ("DOUB", "float"),
)
WAIT = "PRAGMA busy_timeout = 10000"
_EMPTY = {True: "x''", False: "''"}


class SQLiteSource(Database):
    """``sqlite:///absolute/path``. The file is never created and never written."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(name)
        self._uri = uri_of(address, "ro")
        self._link = Link(name, self._uri)

    def _look(self, table: str) -> Found:
        with truthful(self._name, table):
            return find(self._link, self._name, table)

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        found = self.known(question.table)
        statement, values = _statement(question, found)
        with (
            truthful(self._name, question.table),
            Link(self._name, self._uri).connection as reading,
            reading.cursor() as cursor,
        ):
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
            cursor.execute(statement, values or None)
            skipped = 1
            for batch in cursor.fetch_record_batch():
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch becomes a frame
                yield frame.slice(skipped)
                skipped = 0

    def now(self) -> str:
        """See :class:`guantong.exchange.sources.reading.Source`. The file's clock is this machine's."""
        return clock.now().isoformat()

    def close(self) -> None:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        self._link.close()


def uri_of(address: str, mode: str) -> str:
    """The file's URI as SQLite takes it; ``mode`` is ``ro`` or ``rw``, so that no file is ever made."""
    return f"file:{quote(unquote(urlsplit(address).path))}?mode={mode}"


class Link:
    """A connection that commits by itself and waits ten seconds for other writers. DatabaseUnreachable."""

    def __init__(self, name: str, uri: str) -> None:
        try:
            self.connection = dbapi.connect(uri, autocommit=True)
        except adbc_driver_manager.Error:
            raise DatabaseUnreachable(name=name) from None
        self.do(WAIT)

    def do(self, statement: str, *values: object) -> list[Any]:
        """The rows that a statement answers with."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """Give the file back."""
        self.connection.close()


def find(link: Link, name: str, table: str) -> Found:
    """The table's columns and keys, or TableVanished."""
    described = link.do('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', table)
    if not described:
        raise TableVanished(name=name, table=table)
    columns = {row[0]: _column(row) for row in described}
    primary = frozenset(row[0] for row in described if row[3])
    keys = [primary] if primary else []
    for (index,) in link.do('SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', table):
        parts = [row[0] for row in link.do("SELECT name FROM pragma_index_info(?)", index)]
        if all(part in columns and not columns[part].is_nullable for part in parts):
            keys.append(frozenset(parts))
    return Found(columns, tuple(keys))


def quoted(name: str) -> str:
    """An identifier."""
    if "\0" in name:
        raise ValueError("an identifier cannot hold a null character")
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def truthful(name: str, table: str) -> Iterator[None]:
    """What a driver says, in our words."""
    try:
        yield
    except ExchangeStopped:
        raise
    except adbc_driver_manager.Error as fault:
        if "database or disk is full" in str(fault):
            raise TargetFull(name=name) from fault
        if "no such table" in str(fault):
            raise TableVanished(name=name, table=table) from fault
        raise DatabaseLost(name=name) from fault


def _column(row: "tuple[str, str, int, int]") -> Column:
    declared = row[1].upper()
    kind: Kind = next((kind for word, kind in _DECLARED if word in declared), "text")
    is_rowid = row[3] and declared == "INTEGER"
    return Column(kind, is_nullable=not row[2] and not is_rowid, declared=row[1] or "TEXT")


def _statement(question: Question, found: Found) -> "tuple[str, list[object]]":
    wanted = [f"{_selected(column, found)} AS {quoted(item)}" for item, column in question.columns.items()]
    order = [f"t.{quoted(question.columns[item])}" for item in question.order]
    conditions, values = [], list[object]()
    if question.watermark:
        # Both spellings of a moment, with a T and with a space, are met.
        watermark = f"replace(t.{quoted(question.columns[question.watermark])}, 'T', ' ')"
        bound = "IS NOT NULL"
        if question.floor:
            bound = f"{'>' if question.is_floor_had else '>='} replace(?, 'T', ' ')"
            values.append(_bound(question.floor, found.columns[question.columns[question.watermark]]))
        conditions.append(f"{watermark} {bound}")
        if question.until:
            last = _bound(question.until, found.columns[question.columns[question.watermark]])
            # A moment that is written more finely than the bound lies within it.
            cut = f"substr({watermark}, 1, {len(last)})" if isinstance(last, str) else watermark
            conditions.append(f"{cut} <= replace(?, 'T', ' ')")
            values.append(last)
    if question.after:
        marks = ", ".join("?" for _ in order)
        conditions.append(f"({', '.join(order)}) > ({marks})")
        kinds = [found.columns[question.columns[item]] for item in question.order]
        values += [_bound(value, kind) for value, kind in zip(question.after, kinds, strict=True)]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    by = f" ORDER BY {', '.join(order)}" if order else ""
    # ADBC takes a column's type from the first rows: a row of ours says it, and is left out again. The limit
    # keeps SQLite from dropping the inner order.
    typed = [
        f"{_EMPTY[found.columns[column].kind == 'binary']} AS {quoted(item)}"
        for item, column in question.columns.items()
    ]
    inner = f"SELECT {', '.join(wanted)} FROM {quoted(question.table)} AS t{where}{by} LIMIT -1"  # noqa: S608
    return f"SELECT {', '.join(typed)} UNION ALL SELECT * FROM ({inner})", values  # noqa: S608


def _bound(value: object, column: Column) -> object:
    """Numbers compare as numbers, whatever they were kept as on the way."""
    return (
        int(value)
        if column.kind == "integer" and isinstance(value, str) and value.lstrip("-").isdigit()
        else value
    )


def _selected(column: str, found: Found) -> str:
    name, kind = f"t.{quoted(column)}", found.columns[column].kind
    if kind == "binary":
        return f"CAST({name} AS BLOB)"
    if kind == "float":
        # SQLite writes fifteen digits unless asked for all seventeen.
        return f"CASE typeof({name}) WHEN 'real' THEN printf('%!.17g', {name}) ELSE CAST({name} AS TEXT) END"
    return f"CAST({name} AS TEXT)"
