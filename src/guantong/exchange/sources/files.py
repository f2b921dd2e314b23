"""CSV and Parquet files below a folder that ``file:///folder`` names; streamed, whatever their size.

A CSV file has a header, and every value is text until the gate has judged it; an empty field is absent, a quoted
empty one is empty. It is UTF-8, or GB 18030 if it is not (as spreadsheets in Chinese offices save it).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl
import pyarrow as pa
from pyarrow import csv, parquet

from guantong.exchange.columns import Column, Kind
from guantong.exchange.errors import ColumnsMissing, FileUnreadable, TableVanished
from guantong.exchange.sources.reading import BATCH_BYTES, BATCH_ROWS, Found, Question

_HEAD = 1 << 16


class FileSource:
    """What all kinds of files have in common: no order to resume by, no clock."""

    format = ""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        self._folder = Path(unquote(urlsplit(address).path))

    def now(self) -> str:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        return ""

    def close(self) -> None:
        """See :class:`guantong.exchange.sources.reading.Source`."""

    def _path(self, table: str) -> Path:
        return below(self._folder, table, self._name)

    @contextmanager
    def _truthful(self, table: str) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as fault:
            raise FileUnreadable(table=table, format=self.format) from fault
        except FileNotFoundError:
            raise TableVanished(name=self._name, table=table) from None


class CSVSource(FileSource):
    """Comma-separated values with a header."""

    format = "CSV"

    def find(self, table: str) -> Found:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        path = self._path(table)
        with self._truthful(table), self._opened(path, None) as reading:
            return Found({name: Column("text") for name in reading.schema.names})

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        columns = list(dict.fromkeys(question.columns.values()))
        with self._truthful(question.table), self._opened(self._path(question.table), columns) as reading:
            for batch in reading:
                yield named(pa.Table.from_batches([batch]), question)

    def _opened(self, path: Path, columns: "list[str] | None") -> csv.CSVStreamingReader:
        types = dict.fromkeys(columns or [], pa.string())
        return csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=BATCH_BYTES, encoding=_encoding(path)),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                include_columns=columns,
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


class ParquetSource(FileSource):
    """Apache Parquet."""

    format = "Parquet"

    def find(self, table: str) -> Found:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        with self._truthful(table), parquet.ParquetFile(self._path(table)) as file:
            columns = {field.name: _column(field.type) for field in file.schema_arrow}
            return Found(columns, rows=int(file.metadata.num_rows))

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        columns = list(dict.fromkeys(question.columns.values()))
        with self._truthful(question.table), parquet.ParquetFile(self._path(question.table)) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
                yield named(pa.Table.from_batches([batch]), question)


def below(folder: Path, table: str, name: str) -> Path:
    """The file ``table`` below ``folder``, or TableVanished: no name leads out of the folder."""
    path = (folder / table).resolve()
    if "\0" in table or folder.resolve() not in path.parents:
        raise TableVanished(name=name, table=table)
    return path


def named(table: pa.Table, question: Question) -> pl.DataFrame:
    """The columns under their items' names. ColumnsMissing."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame
    missing = [column for column in question.columns.values() if column not in frame.columns]
    if missing:
        raise ColumnsMissing(name=question.table, table=question.table, columns=", ".join(missing))
    return frame.select(pl.col(column).alias(item) for item, column in question.columns.items())


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for cut in range(4):
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf8"
    return "gb18030"


def _column(kind: pa.DataType) -> Column:
    if pa.types.is_decimal(kind):
        exact = kind.precision <= 38
        return Column("decimal", precision=kind.precision, scale=kind.scale) if exact else Column("number")
    if pa.types.is_timestamp(kind):
        return Column("instant" if kind.tz else "moment")
    tests: tuple[tuple[Kind, bool], ...] = (
        ("boolean", pa.types.is_boolean(kind)),
        ("integer", pa.types.is_integer(kind)),
        ("float", pa.types.is_floating(kind)),
        ("date", pa.types.is_date(kind)),
        ("binary", pa.types.is_binary(kind) or pa.types.is_large_binary(kind)),
    )
    return Column(next((name for name, is_so in tests if is_so), "text"))
