"""From rows to entries: which cell says what, and every cell that is wrong.

Rows of one entry follow each other; the entry's own cells need to be filled in once, in its first row. Blank and
vertically merged cells below repeat it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from guantong.catalog.models import ExtensionField
from guantong.catalog.sheets.cells import Cell
from guantong.catalog.sheets.columns import CellWrong, Column, columns_with, heading
from guantong.catalog.sheets.errors import FileEmpty, FileTooLarge, HeadingsMissing, SheetsMany
from guantong.catalog.sheets.guarding import bare
from guantong.catalog.sheets.reading import Sheet
from guantong.catalog.types import ResourceContent

MOST_ENTRIES = 20_000
MOST_FAULTS = 2_000
# Columns that people add and nobody misses.
_IGNORED = {"序号", "编号", "备注", "no", "number", "remark"}
_HEADING_ROWS = 10
_PATH = re.compile(r"`\$((?:\.\w+|\[[^\]]*\])+)`")


@dataclass(frozen=True)
class Fault:
    """A wrong cell: row and column from 1 (0 where the row as a whole is meant), its heading, what it says, what is wanted."""

    row: int
    column: int
    heading: str
    read: str
    zh: str
    en: str
    blocks: bool = True

    def as_json(self) -> dict[str, Any]:
        """For the database."""
        return asdict(self)


@dataclass
class Parsed:
    """One entry of the file: its first row, its code as written, its values, where each value stands, its faults."""

    row: int
    values: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    content: ResourceContent | None = None
    provider_name: tuple[str, int, int] = ("", 0, 0)
    """What the file calls the provider, and where; whether that is their name the catalogue says."""
    bad: set[str] = field(default_factory=set)
    """Fields of which a cell is wrong: what follows from that is not told again."""

    @property
    def code(self) -> str:
        """The code as written; empty where one is to be given."""
        return str(self.values.get("code", ""))


@dataclass
class Table:
    """A sheet with headings: which column stands where, and the rows below."""

    sheet: Sheet
    columns: dict[int, Column]
    first: int
    """Index (in ``sheet.rows``) of the first row below the headings."""
    faults: list[Fault] = field(default_factory=list)


def find_table(sheets: Sequence[Sheet], fields: Sequence[ExtensionField]) -> Table:
    """The one sheet that has the guide's headings."""
    known = columns_with(fields)
    tables = [table for table in (_table(sheet, known) for sheet in sheets) if table is not None]
    if not tables:
        raise HeadingsMissing
    if len(tables) > 1:
        raise SheetsMany(sheets="、".join(table.sheet.name for table in tables))
    if tables[0].first >= len(tables[0].sheet.rows):
        raise FileEmpty
    return tables[0]


def _table(sheet: Sheet, known: Sequence[Column]) -> Table | None:
    by_heading: dict[str, Column] = {}
    for column in known:
        for text in (column.zh, column.en, column.field, *column.aliases):
            by_heading.setdefault(heading(text), column)
    best: tuple[int, dict[int, str], int] = (0, {}, 0)
    rows = sheet.rows[:_HEADING_ROWS]
    for index, (_number, cells) in enumerate(rows):
        texts = {place: cell.text for place, cell in enumerate(cells, start=1) if cell.text}
        for deeper in (0, 1):
            if deeper and index + 1 < len(rows):
                # Headings in two rows: the lower one says more.
                below = rows[index + 1][1]
                texts = texts | {place: cell.text for place, cell in enumerate(below, start=1) if cell.text}
            found = len({by_heading[heading(t)].field for t in texts.values() if heading(t) in by_heading})
            if found > best[0]:
                best = (found, dict(texts), index + 1 + deeper)
    found, texts, first = best
    columns = {place: by_heading[heading(t)] for place, t in texts.items() if heading(t) in by_heading}
    fields = {column.field for column in columns.values()}
    if found < 3 or "name" not in fields:
        return None
    table = Table(sheet, columns, first)
    table.faults = _heading_faults(table, texts)
    return table


def _heading_faults(table: Table, texts: dict[int, str]) -> list[Fault]:
    row = table.sheet.rows[table.first - 1][0]
    seen: dict[str, int] = {}
    faults = []
    for place, text in texts.items():
        column = table.columns.get(place)
        if column is None and heading(text) not in _IGNORED:
            zh, en = "没有这一列；不需要的列请删除", "there is no such column; delete what is not wanted"
            faults.append(Fault(row, place, text, text, zh, en))
        elif column is not None and column.field in seen:
            zh, en = f"与第 {seen[column.field]} 列重复", f"the same as column {seen[column.field]}"
            faults.append(Fault(row, place, text, text, zh, en))
        elif column is not None:
            seen[column.field] = place
    return faults


def parse(table: Table, *, progress: Callable[[int], None] | None = None) -> Iterator[Parsed]:
    """The entries of a table, one after the other."""
    by_field = {column.field: place for place, column in table.columns.items()}
    merged = _bad_merges(table)
    current: Parsed | None = None
    count = 0
    for done, (number, cells) in enumerate(table.sheet.rows[table.first :], start=1):
        if progress and done % 500 == 0:
            progress(done)
        code, name = _at(cells, by_field.get("code")), _at(cells, by_field.get("name"))
        if current is None or _is_another(current, code, name):
            if current is not None:
                yield _closed(current)
            count += 1
            if count > MOST_ENTRIES:
                raise FileTooLarge(limit=f"{MOST_ENTRIES} entries / 条")
            current = Parsed(number, values={"items": []})
        _take(current, number, cells, table.columns, merged)
    if current is not None:
        yield _closed(current)


def _at(cells: list[Cell], place: int | None) -> str:
    return bare(cells[place - 1].text) if place is not None and place <= len(cells) else ""


def _is_another(current: Parsed, code: str, name: str) -> bool:
    if code and current.code and not code.endswith("/"):
        return code != current.code
    if code and current.code and code != current.code:
        return True
    return bool(name) and name != current.values.get("name")


def _bad_merges(table: Table) -> dict[tuple[int, int], str]:
    """Merged cells whose text stands for something it cannot: across columns, or down a column of items."""
    first = table.sheet.rows[table.first][0] if table.first < len(table.sheet.rows) else 0
    found = {}
    for left, top, right, bottom in table.sheet.merged:
        column = table.columns.get(left)
        if bottom >= first and (right > left or (bottom > top and column is not None and column.of_item)):
            found[max(top, first), left] = f"{left}:{top}-{right}:{bottom}"
    return found


def _take(
    entry: Parsed,
    number: int,
    cells: list[Cell],
    columns: dict[int, Column],
    merged: dict[tuple[int, int], str],
) -> None:
    """One row: its item, and what it says of the entry."""
    item: dict[str, Any] = {}
    where: dict[str, tuple[int, int]] = {}
    for place, column in columns.items():
        cell = cells[place - 1] if place <= len(cells) else Cell("")

        def fault(zh: str, en: str, place: int = place, column: Column = column, cell: Cell = cell) -> None:
            entry.faults.append(Fault(number, place, column.zh, cell.text[:200], zh, en))
            entry.bad.add(column.field.partition(".")[0])

        if column.field == "provider_name" and cell.text and not entry.provider_name[0]:
            entry.provider_name = (bare(cell.text), number, place)
        try:
            value = _value(cell, column, is_merged=(number, place) in merged)
        except CellWrong as error:
            fault(error.zh, error.en)
            continue
        if value is None:
            continue
        if column.of_item:
            item[column.field.removeprefix("items.")] = value
            where[column.field] = (number, place)
        elif column.field not in entry.cells:
            _put(entry.values, column.field, value)
            entry.cells[column.field] = (number, place)
        elif _got(entry.values, column.field) != value:
            before = entry.cells[column.field][0]
            fault(f"与第 {before} 行不一致", f"row {before} says something else")
    if item:
        index = len(entry.values["items"])
        entry.values["items"].append(item)
        entry.cells |= {f"{name}.{index}": place for name, place in where.items()}
        entry.cells[f"items.{index}"] = next(iter(where.values()))


def _value(cell: Cell, column: Column, *, is_merged: bool) -> Any:
    """What a cell says; None where it says nothing."""
    if is_merged:
        raise CellWrong("合并的单元格无法逐项读取，请取消合并", "these cells are merged; split them")
    text = bare(cell.text)
    if not text or column.is_told:
        return None
    if cell.is_formula:
        raise CellWrong("单元格是公式，请改为数值或文字", "this is a formula; put its value there")
    if cell.is_error:
        raise CellWrong("单元格是错误值", "this is an error of the spreadsheet program")
    return column.read(text)


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    head, _dot, rest = name.partition(".")
    if head == "classification":
        values.setdefault(head, {})[int(rest)] = value
    elif head == "extension":
        values.setdefault(head, {})[rest] = value
    else:
        values[name] = value


def _got(values: dict[str, Any], name: str) -> Any:
    head, _dot, rest = name.partition(".")
    if head == "classification":
        return values[head].get(int(rest))
    return values[head].get(rest) if head == "extension" else values[name]


def _closed(entry: Parsed) -> Parsed:
    """The entry with its content, or the faults that keep it from having one."""
    values = entry.values
    if "classification" in values:
        parts = values["classification"]
        values["classification"] = [parts.get(n, "") for n in range(max(parts) + 1)]
    for index, item in enumerate(values["items"]):
        item.setdefault("name", f"item_{index + 1}")
        item.setdefault("label", item["name"])
    if not values.get("code"):
        # So that the rest can be judged; the code is given when the file is taken in.
        values["code"] = ""
    values.setdefault("name", "")
    return entry


def judge(entry: Parsed) -> None:
    """Set the entry's content, or say of each rule that it breaks in which cell."""
    try:
        content = msgspec.convert(entry.values, ResourceContent)
    except msgspec.ValidationError as error:
        entry.faults.append(_misfit(entry, str(error)))
        return
    for wrong in content.faults():
        name, said = str(wrong.details["field"]), (wrong.details["why_zh"], wrong.details["why_en"])
        if name in entry.bad or (name.startswith("sharing_") and "sharing_type" in entry.bad):
            continue
        if name == "items":
            index, column = _bad_item(content)
            place = entry.cells.get(f"{column}.{index}", entry.cells.get(f"items.{index}", (entry.row, 0)))
            read = str(entry.values["items"][index].get(column.removeprefix("items."), ""))
            entry.faults.append(Fault(*place, _heading_of(column), read[:200], *said))
        else:
            place = entry.cells.get(name, (entry.row, 0))
            read = str(entry.values.get(name, ""))[:200] if place[1] else ""
            entry.faults.append(Fault(*place, _heading_of(name), read, *said))
    if not entry.faults:
        entry.content = content


def _bad_item(content: ResourceContent) -> tuple[int, str]:
    """The first item that breaks a rule, and the column that does."""
    names = [item.name for item in content.items]
    for index, item in enumerate(content.items):
        if item.name in names[:index] or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", item.name):
            return index, "items.name"
        if not 1 <= item.level <= 4:
            return index, "items.level"
    return 0, "items.name"


def _heading_of(name: Any) -> str:
    return next((column.zh for column in columns_with([]) if column.field == name), str(name))


def _misfit(entry: Parsed, said: str) -> Fault:
    """A value of the wrong shape: too long, or with characters that cannot be."""
    found = _PATH.search(said)
    path = re.sub(r"\[(\d+)\]", r".\1", found[1]).strip(".").split(".") if found else []
    name, place, value = "", (entry.row, 0), ""
    if path[:1] == ["items"] and len(path) > 2:
        name = f"items.{path[2]}"
        place = entry.cells.get(f"{name}.{path[1]}", entry.cells.get(f"items.{path[1]}", place))
        value = entry.values["items"][int(path[1])].get(path[2], "")
    elif path:
        name = path[0]
        place = entry.cells.get(name, entry.cells.get(".".join(path[:2]), place))
        value = entry.values.get(name, "")
    what = said.partition(" - ")[0]
    zh = "过长、为空或含有不允许的字符"
    if "length <=" in what:
        zh = f"过长，至多 {what.rpartition('<=')[2].strip()}"
    return Fault(place[0], place[1], _heading_of(name), str(value)[:200], zh, what)
