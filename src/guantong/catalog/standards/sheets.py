"""Directories and code lists as files: rows read and judged cell by cell, and written with headings people know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guantong.catalog.sheets.cells import Cell
from guantong.catalog.sheets.errors import FileEmpty, HeadingsMissing
from guantong.catalog.sheets.guarding import bare
from guantong.catalog.sheets.parsing import Fault
from guantong.catalog.sheets.reading import Sheet, read
from guantong.catalog.standards.directories import Directory

_HEADING_ROWS = 10
CODE_HEADINGS = {"code": ("代码", "code"), "name": ("名称", "name")}


@dataclass(frozen=True)
class Row:
    """One row: its number in the file, its texts by column, the place of each."""

    number: int
    texts: dict[str, str]
    places: dict[str, int]


def read_rows(data: bytes, directory: Directory) -> tuple[list[Row], list[Fault]]:
    """The rows of a directory's file, and the cells that cannot be read as texts."""
    names = {
        column.field: (column.zh, column.en, column.field, *column.aliases) for column in directory.columns
    }
    return _rows(data, names, needed=directory.name)


def read_codes(data: bytes) -> tuple[dict[str, str], list[Fault]]:
    """A code list of two columns, code and name; codes that occur twice are told."""
    rows, faults = _rows(data, CODE_HEADINGS, needed="code")
    codes: dict[str, str] = {}
    seen: dict[str, int] = {}
    for row in rows:
        code, name = row.texts.get("code", ""), row.texts.get("name", "")
        for field, text, longest in (("code", code, 32), ("name", name, 120)):
            if not text or len(text) > longest:
                zh, en = f"不能为空，至多 {longest} 个字符", f"needed, and at most {longest} characters"
                faults.append(
                    Fault(row.number, row.places.get(field, 0), CODE_HEADINGS[field][0], text[:200], zh, en)
                )
        if code in seen:
            zh, en = f"代码与第 {seen[code]} 行重复", f"row {seen[code]} has the same code"
            faults.append(Fault(row.number, row.places.get("code", 0), "代码", code, zh, en))
        seen.setdefault(code, row.number)
        codes[code] = name
    return codes, faults


def _rows(data: bytes, names: Mapping[str, tuple[str, ...]], *, needed: str) -> tuple[list[Row], list[Fault]]:
    by_heading = {_plain(text): field for field, texts in names.items() for text in texts}
    for sheet in read(data):
        if found := _headings(sheet, by_heading, needed):
            first, columns, faults = found
            rows = [_row(number, cells, columns, faults) for number, cells in sheet.rows[first:]]
            if not rows:
                raise FileEmpty
            return rows, faults
    raise HeadingsMissing


def _headings(
    sheet: Sheet, by_heading: dict[str, str], needed: str
) -> tuple[int, dict[int, str], list[Fault]] | None:
    for index, (number, cells) in enumerate(sheet.rows[:_HEADING_ROWS]):
        columns: dict[int, str] = {}
        faults = []
        for place, cell in enumerate(cells, start=1):
            field = by_heading.get(_plain(cell.text))
            if field is not None and field not in columns.values():
                columns[place] = field
            elif cell.text:
                zh, en = (
                    "没有这一列，或重复；不需要的列请删除",
                    "no such column, or twice; delete what is not wanted",
                )
                faults.append(Fault(number, place, cell.text[:40], cell.text[:200], zh, en))
        if needed in columns.values():
            return index + 1, columns, faults
    return None


def _row(number: int, cells: Sequence[Cell], columns: dict[int, str], faults: list[Fault]) -> Row:
    texts, places = {}, {}
    for place, field in columns.items():
        cell = cells[place - 1] if place <= len(cells) else Cell("")
        if cell.is_formula and cell.text:
            zh, en = "单元格是公式，请改为数值或文字", "this is a formula; put its value there"
            faults.append(Fault(number, place, field, cell.text[:200], zh, en))
        texts[field], places[field] = bare(cell.text), place
    return Row(number, texts, places)


def _plain(text: str) -> str:
    return text.strip().lower().rstrip("*：: ")
