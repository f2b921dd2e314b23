"""XLSX as a target: one sheet with a header. Texts stay texts: one that begins with ``=`` is no formula."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
from openpyxl.cell import WriteOnlyCell

from guantong.exchange.columns import Column
from guantong.exchange.errors import RunTooLong
from guantong.exchange.sources.files import named
from guantong.exchange.sources.reading import Question
from guantong.exchange.sources.spreadsheets import XLSXSource
from guantong.exchange.targets.files import FileTarget

MOST_ROWS = 1_048_575
_ESCAPED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]|_x[0-9A-Fa-f]{4}_")
# Beyond these digits a spreadsheet rounds.
_EXACT = 10**15


class XLSXTarget(FileTarget):
    """Office Open XML spreadsheets."""

    stores_nan = False
    longest_text = 32_767

    def _write(self, path: Path, frames: Iterator[pl.DataFrame]) -> None:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("Sheet1")
        sheet.append([_cell(sheet, name) for name in self._landing.columns])
        count = 0
        for frame in frames:
            count += frame.height
            if count > MOST_ROWS:
                raise RunTooLong(limit=MOST_ROWS)
            for row in frame.iter_rows():
                sheet.append([_cell(sheet, value) for value in row])
        book.save(path)

    def _old(self) -> Iterator[pl.DataFrame]:
        source = XLSXSource("", f"file://{self._path.parent}")
        columns = {name: name for name in self._landing.columns}
        for frame in source.read(Question(self._path.name, columns)):
            yield named(frame.to_arrow(), Question(self._path.name, columns))

    def _taken(self, column: Column) -> Column:
        """Spreadsheets know neither time zones nor bytes."""
        if column.kind in {"instant", "binary"}:
            return Column("moment" if column.kind == "instant" else "text")
        return super()._taken(column)


def _cell(sheet: Any, value: Any) -> Any:
    """What a spreadsheet would round or compute stands as text."""
    text = _as_text(value)
    if text is None:
        return value
    cell = WriteOnlyCell(sheet, value=None)
    cell.value = _ESCAPED.sub(_escape, text)
    cell.data_type = "s"
    return cell


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime) and value.microsecond:
        return value.isoformat(" ")
    if isinstance(value, int | Decimal) and abs(int(value)) >= _EXACT:
        return str(value)
    return None


def _escape(match: "re.Match[str]") -> str:
    """As the standard writes characters that XML has not (ECMA-376, ST_Xstring)."""
    first = match[0][0]
    return f"_x{ord(first):04X}_" + match[0][1:]
