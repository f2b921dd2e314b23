"""The cells of an xlsx sheet, as they stand in its XML: one pass, a block at a time, whatever its size.

openpyxl reads what is around them (strings, number formats, names of sheets). Its own way through the cells takes four
times as long and all of a sheet before the first row.
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.parsers import expat

from openpyxl.utils.datetime import from_excel

BLOCK = 1 << 18
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LETTERS = re.compile(r"[A-Z]{1,3}")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, and whether it is a formula or an error of the spreadsheet program."""

    text: str
    is_formula: bool = False
    is_error: bool = False


NOTHING = Cell("")


@dataclass(frozen=True)
class Around:
    """What cells refer to: shared strings, styles that are dates or lengths of time, the first day of all."""

    strings: Sequence[str]
    days: frozenset[int]
    times: frozenset[int]
    epoch: datetime


def rows_of(
    archive: zipfile.ZipFile, path: str, around: Around, *, most_columns: int
) -> Iterator[tuple[int, list[Cell]]]:
    """The rows of a sheet with their numbers, blank ones too where the file has them. ``ValueError`` for what is no sheet."""
    found = _Finder(around, most_columns)
    with archive.open(path) as part:
        while block := part.read(BLOCK):
            found.feed(block)
            yield from found.taken()
        found.feed(b"", is_last=True)
        yield from found.taken()


@dataclass
class _Finder:
    """Follows the XML. ``row`` is the one that is open, ``kept`` those that are complete."""

    around: Around
    most_columns: int
    kept: list[tuple[int, list[Cell]]] = field(default_factory=list)
    row: list[Cell] = field(default_factory=list)
    number: int = 0
    column: int = 0
    kind: str = ""
    style: int = 0
    text: list[str] = field(default_factory=list)
    has_formula: bool = False
    is_heard: bool = False
    is_reading_aloud: bool = False

    def __post_init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._hear
        self._parser.EntityDeclHandler = self._refuse

    def feed(self, block: bytes, *, is_last: bool = False) -> None:
        try:
            self._parser.Parse(block, is_last)
        except expat.ExpatError as error:
            raise ValueError(str(error)) from error

    def taken(self) -> list[tuple[int, list[Cell]]]:
        rows, self.kept = self.kept, []
        return rows

    def _refuse(self, *_entity: Any) -> None:
        # No sheet declares entities; what does wants to grow.
        raise ValueError("entity")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "c":
            place = _LETTERS.match(attributes.get("r", ""))
            self.column = _column(place[0]) if place else len(self.row) + 1
            self.kind, self.style = attributes.get("t", ""), int(attributes.get("s", "0"))
            self.text, self.has_formula = [], False
        elif tag in {"v", "t"}:
            self.is_heard = not self.is_reading_aloud
        elif tag == "f":
            self.has_formula = True
        elif tag == "rPh":
            self.is_reading_aloud = True
        elif tag == "row":
            self.number, self.row = int(attributes.get("r", self.number + 1)), []

    def _hear(self, text: str) -> None:
        if self.is_heard:
            self.text.append(text)

    def _end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "c":
            if self.text or self.has_formula:
                self._put()
        elif tag in {"v", "t"}:
            self.is_heard = False
        elif tag == "rPh":
            self.is_reading_aloud = False
        elif tag == "row":
            self.kept.append((self.number, self.row))
            self.row = []

    def _put(self) -> None:
        if self.column > self.most_columns:
            return
        if (missing := self.column - 1 - len(self.row)) > 0:
            self.row.extend([NOTHING] * missing)
        text = "".join(self.text)
        if self.has_formula:
            self.row.append(Cell(f"={text}", is_formula=True))
        else:
            self.row.append(Cell(self._said(text), is_error=self.kind == "e"))

    def _said(self, text: str) -> str:
        if self.kind == "s":
            return unescaped(self.around.strings[int(text)]).strip()
        if self.kind == "b":
            return "是" if text == "1" else "否"
        if self.kind in {"", "n"}:
            return plain(self._valued(text))
        return unescaped(text).strip()

    def _valued(self, text: str) -> str | float | datetime | date | time:
        number = float(text)
        if self.style in self.around.times or self.style in self.around.days:
            try:
                value = from_excel(number, self.around.epoch, timedelta=self.style in self.around.times)
            except (OverflowError, ValueError):
                return number
            return str(value) if isinstance(value, timedelta) else value
        return number


def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place


def plain(value: str | float | datetime | date | time) -> str:
    """A value as people write it: whole numbers without a point, days as 2026-11-22."""
    if isinstance(value, float | int) and float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return unescaped(str(value)).strip()


def unescaped(text: str) -> str:
    """Characters that XML cannot hold, as Excel writes them (``_x0001_``)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
