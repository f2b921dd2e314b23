"""Entries written as spreadsheets: the template, the export, and a file handed back with its wrong cells marked."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from guantong.catalog.models import ExtensionField
from guantong.catalog.sheets.columns import Column, columns_with
from guantong.catalog.sheets.guarding import guarded
from guantong.catalog.sheets.parsing import Fault
from guantong.catalog.sheets.reading import read
from guantong.catalog.types import ResourceContent

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f]|_x(?=[0-9A-Fa-f]{4}_)")
_HEAD = PatternFill("solid", fgColor="DCE9EA")
_WRONG = PatternFill("solid", fgColor="FFC7CE")
_MOST_MARKED = 1_000_000
_NOTES = (
    ("一行一个信息项；同一资源的各列只需在第一行填写，以下各行留空或合并单元格均可。",
     "One row an item; what the entry itself says is filled in once, in its first row."),
    ("信息资源代码可只写到“/”为止（如 3070511600001/），由系统续编顺序号。",
     "A code may end with the slash; the system then gives the next number."),
    ("“不予共享”须填写依据；“有条件共享”须填写共享条件。",
     "“Not shared” cites its law; conditional sharing states its condition."),
    ("结构化共享条件每行一条：对象 | 场景 | 用途。对象为“任何部门”“所列区划：5116”或“所列部门：代码 代码”。",
     "Terms of sharing, one a line: who | scenario | purposes."),
    ("请勿使用公式、隐藏工作表。开头的单引号表示该单元格不是公式。",
     "No formulas, no hidden sheets. An apostrophe at the beginning says that a cell is no formula."),
)  # fmt: skip

Entry = tuple[ResourceContent, str, str]
"""Content, the provider's name, the day of publication (or nothing)."""


def rows_of(entries: Iterable[Entry], columns: Sequence[Column]) -> Iterator[list[str]]:
    """The rows below the headings."""
    for content, provider, published_on in entries:
        values = {**msgspec.to_builtins(content), "provider_name": provider, "published_on": published_on}
        items = values["items"] or [{}]
        for number, item in enumerate(items):
            yield [_cell(column, values, item, is_first=number == 0) for column in columns]


def _cell(column: Column, values: dict[str, Any], item: dict[str, Any], *, is_first: bool) -> str:
    if column.of_item:
        name = column.field.removeprefix("items.")
        return guarded(column.write(item[name])) if name in item else ""
    if not is_first and column.field not in {"code", "name"}:
        return ""
    head, _dot, rest = column.field.partition(".")
    value: Any = values.get(head)
    if head == "classification":
        value = value[int(rest)] if len(value) > int(rest) else None
    elif head == "extension":
        value = value.get(rest)
    return guarded(column.write(value)) if value not in (None, "", [], {}) else ""


def workbook(entries: Iterable[Entry], fields: Sequence[ExtensionField]) -> bytes:
    """The entries in the guide's columns, with what may be picked, and a page of notes."""
    columns = columns_with(fields)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("信息资源目录")
    sheet.freeze_panes = "A2"
    for place, column in enumerate(columns, start=1):
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].width = 26 if "名称" in column.zh or "代码" in column.zh else 16
        listed = ",".join(column.choices)
        if column.choices and len(listed) < 250 and not any("," in each for each in column.choices):
            rule = DataValidation(type="list", formula1=f'"{listed}"', allow_blank=True)
            rule.add(f"{letter}2:{letter}100000")
            sheet.data_validations.append(rule)
    sheet.append([_heading(sheet, column) for column in columns])
    for row in rows_of(entries, columns):
        sheet.append([_fit(text) or None for text in row])
    notes = book.create_sheet("填写说明")
    for zh, en in _NOTES:
        notes.append([zh, en])
    return _saved(book)


def text(entries: Iterable[Entry], fields: Sequence[ExtensionField]) -> str:
    """The entries as CSV."""
    columns = columns_with(fields)
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.zh for column in columns])
    writer.writerows(rows_of(entries, columns))
    return "\ufeff" + buffer.getvalue()


def marked(data: bytes, faults: Sequence[Fault]) -> bytes:
    """The file that was handed in, as xlsx, with its wrong cells coloured and commented."""
    told: dict[tuple[int, int], list[Fault]] = {}
    for fault in faults:
        told.setdefault((fault.row, max(fault.column, 1)), []).append(fault)
    if data.startswith(b"PK") and len(data) <= _MOST_MARKED:
        book = openpyxl.load_workbook(io.BytesIO(data))
        sheet = next((each for each in book.worksheets if each.sheet_state == "visible"), book.worksheets[0])
        for (row, column), found in told.items():
            cell = sheet.cell(row=row, column=column)
            if hasattr(cell, "comment") and not isinstance(cell, openpyxl.cell.cell.MergedCell):
                cell.fill, cell.comment = _WRONG, _comment(found)
        return _saved(book)
    return _copied(data, told)


def _copied(data: bytes, told: dict[tuple[int, int], list[Fault]]) -> bytes:
    """A copy of the values, for texts and for workbooks that would fill the memory."""
    book = openpyxl.Workbook(write_only=True)
    for each in read(data):
        sheet = book.create_sheet(each.name[:31])
        last = 0
        for number, cells in each.rows:
            for _blank in range(last + 1, number):
                sheet.append([])
            last = number
            row = []
            for column in range(1, max([len(cells), *(c for r, c in told if r == number)], default=0) + 1):
                text_ = cells[column - 1].text if column <= len(cells) else ""
                cell = WriteOnlyCell(sheet, _fit(guarded(text_)) or None)
                if found := told.get((number, column)):
                    cell.fill, cell.comment = _WRONG, _comment(found)
                row.append(cell)
            sheet.append(row)
    return _saved(book)


def _comment(faults: Sequence[Fault]) -> Comment:
    said = "\n".join(f"{fault.zh}\n{fault.en}" for fault in faults[:5])
    return Comment(said[:1000], "Guantong", height=120, width=320)


def _heading(sheet: Any, column: Column) -> Any:
    cell = WriteOnlyCell(sheet, column.zh)
    cell.font, cell.fill, cell.alignment = Font(bold=True), _HEAD, Alignment(wrap_text=True)
    return cell


def _fit(said: str) -> str:
    """Without what XML cannot hold; :func:`guantong.catalog.sheets.cells.unescaped` brings it back."""
    return _UNFIT.sub(lambda found: f"_x{ord(found[0][0]):04X}_" + found[0][1:], said)[:32_767]


def _saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
