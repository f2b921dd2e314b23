"""Other databases as a target, through SQLAlchemy (extra ``databases``): rows and ledger's line in one transaction.

What every one of them understands: INSERT, UPDATE, DELETE and SELECT. A replacement exchanges the rows.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import polars as pl
import sqlalchemy as sa

from guantong.exchange.columns import Kind
from guantong.exchange.sources import others as dialect
from guantong.exchange.sources.others import native
from guantong.exchange.sources.reading import Found
from guantong.exchange.targets.applying import LEDGER, Entry, Landing, Load, Standing, short, standing_of
from guantong.kit import clock

_ASKED_AT_ONCE = 200
Row = dict[str, Any]


class OtherTarget:
    """See :class:`guantong.exchange.sources.others.OtherSource` for the address."""

    stores_nul = False
    stores_nan = False

    def __init__(self, name: str, address: str, landing: Landing) -> None:
        self._name = name
        self._landing = landing
        self._engine = dialect.connected(name, address)
        schema, _, last = landing.table.rpartition(".")
        self._schema = schema or None
        with self._truthful():
            self._table, self._found = dialect.find(self._engine, name, landing.table)
        self._aside = sa.Table(
            "guantong_aside_" + short(landing.job), sa.MetaData(), *(_alike(one) for one in self._table.columns),
            schema=self._schema,
        )  # fmt: skip
        self._ledger = _ledger(self._schema)
        self._kinds: dict[str, Kind] = {column: found.kind for column, found in self._found.columns.items()}
        del last

    def find(self) -> Found:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return self._found

    def standing(self) -> Standing:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        ledger = self._ledger.c
        newest = sa.select(sa.func.max(ledger.run)).where(ledger.job == self._landing.job).scalar_subquery()
        columns = (
            ledger.run,
            ledger.chunk,
            ledger.rows,
            ledger.place,
            ledger.digest,
            ledger.high,
            ledger.manifest,
        )
        told = (
            sa.select(*columns)
            .where(ledger.job == self._landing.job, ledger.run == newest)
            .order_by(ledger.chunk)
        )
        with self._truthful():
            self._ledger.create(self._engine, checkfirst=True)
            with self._engine.connect() as connection:
                lines = [
                    tuple("" if one is None else one for one in line) for line in connection.execute(told)
                ]
            is_there = sa.inspect(self._engine).has_table(self._aside.name, schema=self._schema)
            standing = standing_of(lines, is_whole=not self._landing.aside or is_there)
            if standing.is_closed and is_there:
                self._aside.drop(self._engine, checkfirst=True)
        return standing

    def begin(self, run: str, *, fresh: bool) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        if fresh:
            self._forget(run)
            if self._landing.aside:
                with self._truthful():
                    self._aside.create(self._engine)

    def give_up(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._forget("")

    def encode(self, rows: pl.DataFrame) -> Load:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return Load(rows.height, self._native(rows))

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return self._native(keys)

    def apply(self, load: Load, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        rows, gone = cast("list[Row]", load.data), cast("list[Row]", load.gone or [])
        with self._truthful(), self._engine.begin() as connection:
            if not self._enter(connection, entry):
                return
            if self._landing.aside or not self._landing.key:
                self._insert(connection, self._aside if self._landing.aside else self._table, rows)
                return
            self._merge(connection, rows)
            if gone:
                connection.execute(
                    sa.delete(self._table).where(*self._is_key()), [self._named(row) for row in gone]
                )

    def close_run(self, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        names = list(self._landing.columns)
        with self._truthful():
            with self._engine.begin() as connection:
                if self._enter(connection, entry) and self._landing.aside:
                    if self._landing.writing == "replace":
                        connection.execute(sa.delete(self._table))
                    rows = sa.select(*(self._aside.c[name] for name in names))
                    connection.execute(sa.insert(self._table).from_select(names, rows))
            # Tables come and go outside transactions in most databases: after the line is written.
            self._aside.drop(self._engine, checkfirst=True)

    def close(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._engine.dispose()

    def _forget(self, run: str) -> None:
        ledger = self._ledger.c
        closed = sa.select(ledger.run).where(ledger.job == self._landing.job, ledger.chunk == 0)
        with self._truthful():
            with self._engine.begin() as connection:
                kept = {run, *connection.execute(closed).scalars()}
                forget = sa.delete(self._ledger).where(
                    ledger.job == self._landing.job, ledger.run.not_in(kept)
                )
                connection.execute(forget)
            self._aside.drop(self._engine, checkfirst=True)

    def _enter(self, connection: sa.Connection, entry: Entry) -> bool:
        """Write the ledger's line; False if it is there already. A job has one writer at a time."""
        ledger = self._ledger.c
        same = (ledger.job == self._landing.job, ledger.run == entry.run, ledger.chunk == entry.chunk)
        if connection.execute(sa.select(ledger.chunk).where(*same)).first() is not None:
            return False
        line = {
            "job": self._landing.job, "run": entry.run, "chunk": entry.chunk, "rows": entry.rows,
            "digest": entry.digest, "high": entry.high, "place": json.dumps(entry.place),
            "manifest": entry.manifest.decode(), "applied_at": clock.now().replace(tzinfo=None),
        }  # fmt: skip
        connection.execute(sa.insert(self._ledger), line)
        return True

    def _insert(self, connection: sa.Connection, table: sa.Table, rows: list[Row]) -> None:
        if rows:
            connection.execute(sa.insert(table).values({name: sa.bindparam(name) for name in rows[0]}), rows)

    def _merge(self, connection: sa.Connection, rows: list[Row]) -> None:
        """Changes what is there and adds the rest: nothing that hangs on a row is ever cut off by deleting it."""
        there = self._there(connection, rows)
        old = [row for row in rows if self._key_of(row) in there]
        rest = [name for name in self._landing.columns if name not in self._landing.key]
        if old and rest and self._landing.writing == "upsert":
            change = sa.update(self._table).where(*self._is_key())
            change = change.values({name: sa.bindparam(f"v_{at}") for at, name in enumerate(rest)})
            told = [self._named(row) | {f"v_{at}": row[name] for at, name in enumerate(rest)} for row in old]
            connection.execute(change, told)
        self._insert(connection, self._table, [row for row in rows if self._key_of(row) not in there])

    def _there(self, connection: sa.Connection, rows: list[Row]) -> set[tuple[object, ...]]:
        """The keys of those of ``rows`` that the table has."""
        columns = [self._table.c[name] for name in self._landing.key]
        found: set[tuple[object, ...]] = set()
        for start in range(0, len(rows), _ASKED_AT_ONCE):
            some = rows[start : start + _ASKED_AT_ONCE]
            is_one: Any
            if len(columns) == 1:
                is_one = columns[0].in_([row[columns[0].name] for row in some])
            else:
                is_one = sa.or_(
                    *(sa.and_(*(column == row[column.name] for column in columns)) for row in some)
                )
            found |= {tuple(line) for line in connection.execute(sa.select(*columns).where(is_one))}
        return found

    def _key_of(self, row: Row) -> tuple[object, ...]:
        return tuple(row[name] for name in self._landing.key)

    def _is_key(self) -> list[Any]:
        return [self._table.c[name] == sa.bindparam(f"k_{at}") for at, name in enumerate(self._landing.key)]

    def _named(self, row: Row) -> Row:
        return {f"k_{at}": row[name] for at, name in enumerate(self._landing.key)}

    def _native(self, rows: pl.DataFrame) -> list[Row]:
        made = rows.rows(named=True)
        read = [
            name for name, held in rows.schema.items() if held == pl.String and self._kinds[name] != "text"
        ]
        for row in made:
            for name in read:
                row[name] = native(row[name], self._kinds[name])
        return made

    @contextmanager
    def _truthful(self) -> Iterator[None]:
        with dialect.truthful(self._name, self._landing.table):
            yield


def _alike(column: "sa.Column[Any]") -> "sa.Column[Any]":
    return sa.Column(column.name, column.type, nullable=True)


def _ledger(schema: str | None) -> sa.Table:
    """Empty texts are null to some databases, so only the name of a line must be there."""
    return sa.Table(
        LEDGER, sa.MetaData(),
        sa.Column("job", sa.String(64), primary_key=True), sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False), sa.Column("rows", sa.BigInteger),
        sa.Column("digest", sa.String(100)), sa.Column("high", sa.String(64)), sa.Column("place", sa.Text),
        sa.Column("manifest", sa.Text), sa.Column("applied_at", sa.DateTime),
        schema=schema,
    )  # fmt: skip
