"""XLSX: one sheet, its first row the header, read row by row. ``file.xlsx`` or ``file.xlsx#sheet``.

Formulas count by their last computed values. Every value is text until the gate has judged it.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any

import openpyxl
import polars as pl
from openpyxl.utils.exceptions import InvalidFileException

from guantong.exchange.columns import Column
from guantong.exchange.errors import ColumnsMissing, FileUnreadable, TableVanished
from guantong.exchange.sources.files import FileSource
from guantong.exchange.sources.reading import Found, Question

ROWS = 5_000
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""How the standard writes characters that XML has not (ECMA-376, ST_Xstring)."""


class XLSXSource(FileSource):
    """Office Open XML spreadsheets."""

    format = "XLSX"

    def find(self, table: str) -> Found:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        with self._sheet(table) as rows:
            return Found({name: Column("text") for name in _header(rows) if name})

    def read(self, question: Question) -> Iterator[pl.DataFrame]:
        """See :class:`guantong.exchange.sources.reading.Source`."""
        with self._sheet(question.table) as rows:
            header = _header(rows)
            missing = [column for column in question.columns.values() if column not in header]
            if missing:
                raise ColumnsMissing(name=self._name, table=question.table, columns=", ".join(missing))
            places = {item: header.index(column) for item, column in question.columns.items()}
            held: list[list[str | None]] = []
            for row in rows:
                values = [_text(row[place]) if place < len(row) else None for place in places.values()]
                if any(value is not None for value in values):
                    held.append(values)
                if len(held) == ROWS:
                    yield _frame(held, places)
                    held = []
            yield _frame(held, places)

    @contextmanager
    def _sheet(self, table: str) -> Iterator[Iterator[tuple[Any, ...]]]:
        name, _, sheet = table.partition("#")
        try:
            book = openpyxl.load_workbook(self._path(name), read_only=True, data_only=True)
        except FileNotFoundError:
            raise TableVanished(name=self._name, table=table) from None
        except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as fault:
            raise FileUnreadable(table=table, format=self.format) from fault
        try:
            if sheet and sheet not in book.sheetnames:
                raise TableVanished(name=self._name, table=table)
            yield book[sheet or book.sheetnames[0]].iter_rows(values_only=True)
        finally:
            book.close()


def _header(rows: Iterator[tuple[Any, ...]]) -> list[str]:
    return [_text(value) or "" for value in next(rows, ())]


def _frame(rows: list[list[str | None]], places: "dict[str, int]") -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(places, pl.String), orient="row")


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)
