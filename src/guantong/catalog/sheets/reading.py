"""From the bytes of a file to its rows: xlsx and CSV, whatever people hand in; what cannot be read says why."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from guantong.catalog.sheets.errors import (
    FileNotRead,
    FileTooLarge,
    OldWorkbook,
    SheetHidden,
    TextUnreadable,
)

LARGEST_FILE = 30_000_000
# A workbook unpacks to perhaps twenty times its size; more is a trap.
LARGEST_UNPACKED = 600_000_000
MOST_ROWS = 300_000
MOST_COLUMNS = 200
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell [^>]*?ref=\"([A-Z]+[0-9]+:[A-Z]+[0-9]+)\"")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True)
class Cell:
    """A cell: its text, and whether it is a formula or an error of the spreadsheet program."""

    text: str
    is_formula: bool = False
    is_error: bool = False


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, its rows (numbered from 1, blank ones left out), and cells that were merged.

    ``merged`` are (first column, first row, last column, last row), from 1.
    """

    name: str
    rows: list[tuple[int, list[Cell]]]
    merged: list[tuple[int, int, int, int]]


def read(data: bytes) -> list[Sheet]:
    """The visible sheets of a file; a refusal of :mod:`guantong.catalog.sheets.errors` where it cannot be read."""
    if len(data) > LARGEST_FILE:
        raise FileTooLarge(limit=f"{LARGEST_FILE // 1_000_000} MB")
    if data.startswith(_OLE):
        raise OldWorkbook
    if data.startswith(b"PK"):
        return _workbook(data)
    return [Sheet("CSV", list(_numbered(_csv_rows(_text(data)))), [])]


def _workbook(data: bytes) -> list[Sheet]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > LARGEST_UNPACKED:
                raise FileTooLarge(limit=f"{LARGEST_UNPACKED // 1_000_000} MB")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
            return [_sheet(sheet, archive) for sheet in book.worksheets if _is_wanted(sheet)]
    except (
        zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, OSError, EOFError,
        SyntaxError, AttributeError, IndexError,
    ) as error:  # fmt: skip
        raise FileNotRead from error


def _is_wanted(sheet: Any) -> bool:
    """Whether a sheet is visible; a hidden one that holds anything is refused, so that nothing comes in unseen."""
    if sheet.sheet_state == "visible":
        return True
    sheet.reset_dimensions()
    for row in sheet.iter_rows(max_row=50, values_only=True):
        if any(value not in (None, "") for value in row):
            raise SheetHidden(sheet=sheet.title)
    return False


def _sheet(sheet: Any, archive: zipfile.ZipFile) -> Sheet:
    sheet.reset_dimensions()
    rows = ([_cell(cell) for cell in row[:MOST_COLUMNS]] for row in sheet.iter_rows())
    path = sheet._worksheet_path.lstrip("/")  # noqa: SLF001 - openpyxl tells of merged cells only with all in memory
    merged = [_bounds(found.decode()) for found in _MERGED.findall(_tail(archive, path))]
    return Sheet(sheet.title, list(_numbered(rows)), merged)


def _bounds(reference: str) -> tuple[int, int, int, int]:
    left, top, right, bottom = range_boundaries(reference)
    return left or 1, top or 1, right or MOST_COLUMNS, bottom or MOST_ROWS


def _tail(archive: zipfile.ZipFile, path: str) -> bytes:
    """What stands after the rows of a sheet, without holding the rows."""
    kept = b""
    with archive.open(path) as part:
        while block := part.read(1 << 20):
            kept += block
            head, found, tail = kept.partition(b"</sheetData>")
            kept = tail + b"".join(iter(lambda: part.read(1 << 20), b"")) if found else head[-64:]
            if found:
                return kept
    return b""


def _numbered(rows: Iterator[list[Cell]]) -> Iterator[tuple[int, list[Cell]]]:
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise FileTooLarge(limit=f"{MOST_ROWS} rows / 行")
        if any(cell.text for cell in row):
            yield number, row


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return Cell("")
    kind = getattr(cell, "data_type", "")
    if kind == "f" or not isinstance(value, str | int | float | bool | datetime | date | time):
        return Cell(str(value), is_formula=True)
    return Cell(_plain(value), is_error=kind == "e")


def _plain(value: str | float | bool | datetime | date | time) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return unescaped(str(value)).strip()


def unescaped(text: str) -> str:
    """Characters that XML cannot hold, as Excel writes them (``_x0001_``)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _text(data: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with it, or GB 18030, which Chinese Excel writes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in data:
        raise FileNotRead
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            where = error.start
    raise TextUnreadable(byte=where + 1)


def _csv_rows(text: str) -> Iterator[list[Cell]]:
    head = text[:5000]
    delimiter = max(",\t;", key=head.count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            yield [Cell(cell.strip(), is_formula=cell.startswith("=")) for cell in row[:MOST_COLUMNS]]
    except csv.Error as error:
        raise FileNotRead from error
