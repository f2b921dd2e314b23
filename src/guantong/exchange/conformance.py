"""验收: whether a database does for batch exchange what it must, tried out on throw-away tables of its own.

For databases that are reached through SQLAlchemy and that nobody here has: their operator runs
``guantong conform SOURCE`` and reads, line by line, what works and what does not.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa

from guantong.exchange.columns import Column
from guantong.exchange.converting import converted
from guantong.exchange.errors import TargetRefused
from guantong.exchange.fitting import Fit
from guantong.exchange.sources import others
from guantong.exchange.sources.others import OtherSource
from guantong.exchange.sources.reading import Question
from guantong.exchange.targets.applying import LEDGER, Entry, Landing, short
from guantong.exchange.targets.others import OtherTarget
from guantong.kit.errors import GuantongError

JOB = "guantong-conform"
SOURCE, TARGET = "guantong_conform_s", "guantong_conform_t"
KINDS = {
    "no": Column("integer"),
    "name": Column("text"),
    "amount": Column("decimal", precision=12, scale=2),
    "size": Column("float"),
    "born": Column("date"),
    "told": Column("moment"),
}
TEXTS = ["plain", 'O\'Brien "x"', "a\\b\nc\td", "𠮷田 😀", "end  ", "NULL", "%s :no", None]
ROWS = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was tried: what, whether it worked, and if not, why."""

    zh: str
    en: str
    is_good: bool
    why: str = ""


def conform(name: str, address: str) -> Iterator[Line]:
    """Try everything, in order; the tables are gone afterwards. Nothing else is touched, but a new ledger may stay."""
    trial = None
    try:
        trial = _Trial(name, address)
        yield Line("连接", "connect", is_good=True)
        for zh, en, step in trial.steps():
            yield _tried(zh, en, step)
    except GuantongError as fault:
        yield Line("连接", "connect", is_good=False, why=fault.sentence("zh") + " " + fault.sentence("en"))
    finally:
        if trial is not None:
            trial.tidy()


def _tried(zh: str, en: str, step: Callable[[], None]) -> Line:
    try:
        step()
    except GuantongError as fault:
        return Line(zh, en, is_good=False, why=fault.sentence("zh") + " " + fault.sentence("en"))
    except _Otherwise as fault:
        return Line(zh, en, is_good=False, why=str(fault))
    except Exception as fault:  # noqa: BLE001 - whatever a driver raises is an answer
        return Line(zh, en, is_good=False, why=f"{type(fault).__name__}: {fault}")
    return Line(zh, en, is_good=True)


class _Otherwise(Exception):
    """It did something, but not that."""


def _demand(is_so: object, otherwise: str) -> None:
    if not is_so:
        raise _Otherwise(otherwise)


class _Trial:
    def __init__(self, name: str, address: str) -> None:
        self._name = name
        self._address = address
        self._engine = others.connected(name, address)
        self._columns = {item: item for item in KINDS}

    def steps(self) -> list[tuple[str, str, Callable[[], None]]]:
        return [
            ("建表并写入各种难值", "make tables, write nasty values", self.fill),
            ("识别列类型和唯一键", "see types and unique keys", self.find),
            ("读出与写入一致", "what is read is what was written", self.read),
            ("按主键排序，断点续读", "order by key, go on after a row", self.resume),
            ("整表替换，台账同一事务", "replace a table, ledger in the same transaction", self.replace),
            ("重复写入同一块无效果", "a chunk applied twice counts once", self.repeat),
            ("出错的块不留痕迹", "a chunk that fails leaves nothing", self.fail),
            ("按主键更新、新增、删除", "update, add and delete by key", self.merge),
            ("断开后从台账接续", "go on from the ledger after a break", self.go_on),
        ]

    def fill(self) -> None:
        self.tidy(keep=True)
        for table in (SOURCE, TARGET):
            self._table(table).create(self._engine)
        with self._engine.begin() as connection:
            connection.execute(sa.insert(self._table(SOURCE)), self._rows().rows(named=True))

    def find(self) -> None:
        with closing(OtherSource(self._name, self._address)) as source:
            found = source.find(SOURCE)
        _demand(set(found.columns) == set(KINDS), f"columns {sorted(found.columns)}")
        _demand(found.orders(("no",)), f"no unique key seen in {found.keys}")

    def read(self) -> None:
        _demand(_same(self._read(SOURCE), self._rows()), _first_difference(self._read(SOURCE), self._rows()))

    def resume(self) -> None:
        with closing(OtherSource(self._name, self._address)) as source:
            question = Question(SOURCE, self._columns, order=("no",), after=(ROWS - 10,))
            rows = pl.concat(source.read(question))
        _demand(
            rows["no"].to_list() == list(range(ROWS - 9, ROWS + 1)), "rows are not in the order of their key"
        )

    def replace(self) -> None:
        with closing(self._target("replace", aside=True)) as target:
            target.standing()
            target.begin("1", fresh=True)
            for chunk, part in enumerate(self._rows().iter_slices(200), 1):
                target.apply(target.encode(self._fitted(target, part)), self._entry("1", chunk, part.height))
            _demand(self._count() == 0, "rows were seen before the run was complete")
            target.close_run(self._entry("1", 0, ROWS))
            standing = target.standing()
        _demand(standing.is_closed, "the ledger lost the run")
        _demand(standing.rows == ROWS, f"the ledger counts {standing.rows}")
        _demand(_same(self._read(TARGET), self._rows()), _first_difference(self._read(TARGET), self._rows()))

    def repeat(self) -> None:
        fresh = self._rows().head(3).with_columns(pl.col("no") + 10_000)
        with closing(self._target("append", key=())) as target:
            target.begin("2", fresh=True)
            for _ in range(2):
                target.apply(target.encode(self._fitted(target, fresh)), self._entry("2", 1, 3))
        _demand(self._count() == ROWS + 3, f"{self._count() - ROWS} rows instead of 3")

    def fail(self) -> None:
        twice = self._rows().head(1).with_columns(pl.col("no") + 20_000)
        bad = pl.concat([twice, twice])
        with closing(self._target("append", key=())) as target:
            with suppress(TargetRefused):  # refusing is right; what counts is what is there afterwards
                target.apply(target.encode(self._fitted(target, bad)), self._entry("2", 2, 2))
            standing = target.standing()
        _demand(self._count() == ROWS + 3, "one of its rows is there")
        _demand(standing.chunk == 1, "its line in the ledger is there")

    def merge(self) -> None:
        some = self._rows().head(5).with_columns(pl.lit("changed").alias("name"))
        new = self._rows().head(2).with_columns(pl.col("no") + 30_000)
        gone = pl.DataFrame({"no": [10_001, 10_002, 10_003, 99_999]})
        with closing(self._target("upsert")) as target:
            target.begin("3", fresh=True)
            load = target.encode(self._fitted(target, pl.concat([some, new])))
            load = type(load)(load.rows, load.data, target.encode_gone(gone))
            target.apply(load, self._entry("3", 1, load.rows))
        rows = self._read(TARGET)
        _demand(rows.height == ROWS + 2, f"{rows.height} rows instead of {ROWS + 2}")
        _demand((rows["name"] == "changed").sum() == 5, "rows were not updated")

    def go_on(self) -> None:
        with closing(self._target("upsert")) as target:
            standing = target.standing()
        _demand(
            (standing.run, standing.chunk, standing.is_closed) == ("3", 1, False), f"it stands at {standing}"
        )

    def tidy(self, *, keep: bool = False) -> None:
        """No trial table, and no line of ours in the ledger, is left."""
        with suppress(sa.exc.SQLAlchemyError):  # the trial has been told; a table left over is named in it
            for name in (SOURCE, TARGET, "guantong_aside_" + short(JOB)):
                sa.Table(name, sa.MetaData()).drop(self._engine, checkfirst=True)
            if sa.inspect(self._engine).has_table(LEDGER):
                ledger = sa.table(LEDGER, sa.column("job"))
                with self._engine.begin() as connection:
                    connection.execute(sa.delete(ledger).where(ledger.c.job == JOB))
        if not keep:
            self._engine.dispose()

    def _table(self, name: str) -> sa.Table:
        return sa.Table(
            name, sa.MetaData(),
            sa.Column("no", sa.BigInteger, primary_key=True, autoincrement=False), sa.Column("name", sa.String(200)),
            sa.Column("amount", sa.Numeric(12, 2)), sa.Column("size", sa.Double), sa.Column("born", sa.Date),
            sa.Column("told", sa.DateTime),
        )  # fmt: skip

    def _rows(self) -> pl.DataFrame:
        numbers = pl.DataFrame({"no": range(1, ROWS + 1)})
        day = pl.date(1950, 1, 1) + pl.duration(days=pl.col("no") * 37)
        return numbers.select(
            pl.col("no"),
            pl.Series("name", [TEXTS[number % len(TEXTS)] for number in range(ROWS)]),
            (pl.col("no") * 7).cast(pl.Decimal(12, 2)).alias("amount"),
            (pl.col("no") / 8).alias("size"),
            pl.when(pl.col("no") % 9 > 0).then(day).alias("born"),
            pl.when(pl.col("no") % 7 > 0)
            .then(day.cast(pl.Datetime("us")) + pl.duration(seconds="no"))
            .alias("told"),
        )

    def _read(self, table: str) -> pl.DataFrame:
        with closing(OtherSource(self._name, self._address)) as source:
            found = source.find(table)
            rows = pl.concat(source.read(Question(table, self._columns, order=("no",))))
        del found
        values: dict[str, Any] = {
            item: converted(pl.col(item), rows.schema[item], column) for item, column in KINDS.items()
        }
        return rows.select(value.alias(item) for item, value in values.items())

    def _target(self, writing: Any, *, key: tuple[str, ...] = ("no",), aside: bool = False) -> OtherTarget:
        landing = Landing(JOB, TARGET, KINDS, writing, key, aside, deletes=writing == "upsert")
        return OtherTarget(self._name, self._address, landing)

    def _fitted(self, target: OtherTarget, rows: pl.DataFrame) -> pl.DataFrame:
        fit = Fit(KINDS, target.find().columns, self._columns, stores_nul=False, stores_nan=False)
        fitted = fit.fit(rows)
        for reasons in fitted.refused["reasons"] if fitted.refused.height else ():
            raise _Otherwise(f"values are refused: {reasons}")
        return fitted.rows

    def _entry(self, run: str, chunk: int, rows: int) -> Entry:
        return Entry(run, chunk, rows, b"{}", (), "", "sha-256:" + "0" * 64)

    def _count(self) -> int:
        with self._engine.connect() as connection:
            return int(
                connection.execute(sa.select(sa.func.count()).select_from(sa.table(TARGET))).scalar_one()
            )


def _same(rows: pl.DataFrame, wanted: pl.DataFrame) -> bool:
    return rows.rows() == wanted.rows()


def _first_difference(rows: pl.DataFrame, wanted: pl.DataFrame) -> str:
    pairs = zip(rows.rows(), wanted.rows(), strict=False)
    return next((f"{one} instead of {other}" for one, other in pairs if one != other), f"{rows.height} rows")
