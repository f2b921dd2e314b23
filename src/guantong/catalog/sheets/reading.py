"""From the bytes of a file to its rows: xlsx and CSV, whatever people hand in; what cannot be read says why."""

import csv
import io
import logging
import re
import traceback
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from xml.etree.ElementTree import ParseError

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from guantong.catalog.sheets.cells import Around, Cell, rows_of
from guantong.catalog.sheets.errors import (
    FileNotRead,
    FileTooLarge,
    MacrosInside,
    OldWorkbook,
    SheetHidden,
    TextUnreadable,
)
from guantong.kit import zips

logger = logging.getLogger(__name__)

LARGEST_FILE = 30_000_000
# A workbook unpacks to perhaps twenty times its size; more is a trap.
LARGEST_UNPACKED = 600_000_000
MOST_ROWS = 300_000
MOST_COLUMNS = 200
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell [^>]*?ref=\"([A-Z]+[0-9]+:[A-Z]+[0-9]+)\"")
# In how many ways the libraries say that a file is not the workbook its name promises: the zip's own; the XML parser of
# what is no XML (SyntaxError is ParseError's base); openpyxl, which looks for parts and attributes that are not there,
# by whatever that raises. Which one it was goes into the log, lest a fault of ours be taken for one of the file.
_DAMAGE: tuple[type[Exception], ...] = (
    *zips.DAMAGE, InvalidFileException, ParseError, KeyError, ValueError, TypeError, SyntaxError, AttributeError, IndexError,
)  # fmt: skip


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
    return [Sheet("CSV", list(_numbered(enumerate(_csv_rows(_text(data)), start=1))), [])]


def _workbook(data: bytes) -> list[Sheet]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _demand_small(archive)
            return list(_sheets(data, archive))
    except _DAMAGE as error:
        # What was met, and where; not its message, which may quote a cell.
        where = traceback.extract_tb(error.__traceback__)[-1]
        logger.warning(
            "a workbook could not be read: %s in %s:%s", type(error).__name__, where.name, where.lineno
        )
        raise FileNotRead from error


def _demand_small(archive: zipfile.ZipFile) -> None:
    """Whether the parts unpack to what can be read, by what the file says of itself; reading stops at that, too."""
    if sum(part.file_size for part in archive.infolist()) > LARGEST_UNPACKED:
        raise FileTooLarge(limit=f"{LARGEST_UNPACKED // 1_000_000} MB unpacked / 解压后")
    if any(part.filename.lower().endswith("vbaproject.bin") for part in archive.infolist()):
        raise MacrosInside


def _sheets(data: bytes, archive: zipfile.ZipFile) -> Iterator[Sheet]:
    reader = ExcelReader(io.BytesIO(data), read_only=True)
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)
    # What openpyxl itself goes by to tell days from numbers; its stubs do not know them.
    days, times = (frozenset(getattr(reader.wb, name)) for name in ("_date_formats", "_timedelta_formats"))
    around = Around(reader.shared_strings, days, times, reader.wb.epoch)
    for sheet, relation in reader.parser.find_sheets():
        if not relation.Type.endswith("/worksheet"):
            continue
        rows = rows_of(archive, relation.target, around, most_columns=MOST_COLUMNS)
        if sheet.state not in {None, "visible"}:
            if any(cell.text for _, row in islice(rows, 50) for cell in row):
                raise SheetHidden(sheet=sheet.name)
            continue
        listed = list(_numbered(rows))
        merged = [_bounds(found.decode()) for found in _MERGED.findall(_tail(archive, relation.target))]
        yield Sheet(sheet.name, listed, merged)


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


def _numbered(rows: Iterable[tuple[int, list[Cell]]]) -> Iterator[tuple[int, list[Cell]]]:
    for count, (number, row) in enumerate(rows, start=1):
        if count > MOST_ROWS:
            raise FileTooLarge(limit=f"{MOST_ROWS} rows / 行")
        if any(cell.text for cell in row):
            yield number, row


def _text(data: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with it, or GB 18030, which Chinese Excel writes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif (nothing := data.find(b"\0")) >= 0:
        is_text = any("名称" in data[:2000].decode(name, "ignore") for name in ("utf-16-le", "utf-16-be"))
        raise TextUnreadable(byte=nothing + 1) if is_text else FileNotRead
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
