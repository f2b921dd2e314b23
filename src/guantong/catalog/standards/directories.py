"""名录: data elements, regulations, forms and parameters as rows of texts: what a page shows, a file holds, a revision keeps.

Reading and writing a cell are each other's inverse, as in :mod:`guantong.catalog.sheets.columns`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db.models import Model

from guantong.catalog.models import BusinessForm, CodeList, Element, Parameter, Regulation
from guantong.catalog.sheets.columns import TYPES, CellWrong, Column
from guantong.catalog.sheets.columns import heading as plain
from guantong.identity.models import Organisation

RANKS: Final = {
    "law": "法律",
    "statute": "行政法规",
    "local": "地方性法规",
    "rule": "部门规章",
    "local_rule": "地方政府规章",
    "document": "规范性文件",
    "standard": "标准",
    "other": "其他",
}
KINDS: Final = {"text": "文本", "number": "数值", "truth": "是否", "day": "日期", "list": "列表"}
RULES: Final = {"resident_id": "公民身份号码校验", "uscc": "统一社会信用代码校验", "codes": "代码集"}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_FIELDS = ("label", "name", "type", "length", "element", "entry", "item")


@dataclass(frozen=True)
class Directory:
    """One directory: the word of its kind, its rows' model, its columns, and how identifiers are made.

    ``is_own``: rows belong to a department, which keeps them itself; others are kept by the data bureau.
    """

    kind: str
    model: type[Any]
    prefix: str
    columns: tuple[Column, ...]
    name: str
    is_own: bool = False
    long: frozenset[str] = field(default_factory=frozenset)

    def texts(self, row: Model) -> dict[str, str]:
        """What a row says, column by column, as texts."""
        return {column.field: _written(column, getattr(row, column.field)) for column in self.columns}

    def read(self, texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, CellWrong]]:
        """Values for the model of what was typed or read, and what is wrong by column."""
        values: dict[str, Any] = {}
        wrong: dict[str, CellWrong] = {}
        for column in self.columns:
            text = texts.get(column.field, "").strip()
            try:
                values[column.field] = column.read(text)
            except CellWrong as error:
                wrong[column.field] = error
        if not wrong and self.kind == "parameter":
            _fit_value(values, wrong)
        return values, wrong

    def column_of(self, text: str) -> Column | None:
        """The column that a heading of a file means."""
        wanted = plain(text)
        for column in self.columns:
            if wanted in {plain(each) for each in (column.zh, column.en, column.field, *column.aliases)}:
                return column
        return None


def _written(column: Column, value: Any) -> str:
    return "" if value in (None, "", []) else column.write(value)


def _line(longest: int, *, is_needed: bool = False) -> Callable[[str], str]:
    def read(text: str) -> str:
        if is_needed and not text:
            raise CellWrong("不能为空", "this is needed")
        if len(text) > longest:
            raise CellWrong(f"至多 {longest} 个字符", f"at most {longest} characters")
        if any(ord(sign) < 32 and sign not in "\n\t" for sign in text):
            raise CellWrong("含有不允许的字符", "there are characters that cannot be")
        return text

    return read


def _identifier(text: str) -> str:
    if text and not _WORD.fullmatch(text):
        raise CellWrong("编号由字母、数字和 . _ - 组成，至多 40 个", "letters, digits and . _ -, at most 40")
    return text


def _one_of(words: Mapping[str, str], *, default: str | None = None) -> tuple[Any, Any, tuple[str, ...]]:
    codes = {word: code for code, word in words.items()} | {code: code for code in words}

    def read(text: str) -> str:
        if not text and default is not None:
            return default
        if text not in codes:
            raise CellWrong(f"应为 {'、'.join(words.values())} 之一", f"one of {', '.join(words)} is wanted")
        return codes[text]

    return read, lambda code: str(words.get(code, code)), tuple(words.values())


def _extended(text: str) -> str:
    if text and not Element.objects.filter(identifier=text, is_retired=False).exists():
        raise CellWrong("没有这个编号的现行数据元", "there is no element of that identifier in force")
    return text


def _whole(lowest: int, highest: int, default: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise CellWrong(
                f"应为 {lowest} 至 {highest} 的整数", f"a whole number from {lowest} to {highest}"
            )
        return int(text)

    return read


def _several(text: str) -> list[str]:
    words = (word.strip() for word in re.split(r"[\n,，;；、|]+", text))
    return list(dict.fromkeys(word for word in words if word))[:50]


def _day(text: str) -> date | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", text)
    try:
        return date(*map(int, found.groups())) if found else date.fromisoformat(text)
    except ValueError:
        raise CellWrong("日期应写作 2026-11-22", "write the day as 2026-11-22") from None


def _needed_day(text: str) -> date:
    day = _day(text)
    if day is None:
        raise CellWrong("应填写日期", "a day is needed")
    return day


def _code_list(text: str) -> CodeList | None:
    found = CodeList.objects.filter(identifier=text).first() or CodeList.objects.filter(standard=text).first()
    if text and found is None:
        raise CellWrong("没有这个代码集", "there is no such code list")
    return found


def _organisation(text: str) -> Organisation:
    found = Organisation.objects.filter(code=text).first()
    if found is None:
        raise CellWrong("没有这个机构代码", "no organisation has this code")
    return found


def _read_fields(text: str) -> list[dict[str, Any]]:
    """A field a line: 名称 | 英文名 | 类型 | 长度 | 数据元 | 目录代码 | 信息项."""
    found = []
    for number, line in enumerate((each for each in text.splitlines() if each.strip()), start=1):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) > len(_FIELDS) or not parts[0] or len(line) > 500:
            raise CellWrong(
                f"第 {number} 行应写作“名称 | 英文名 | 类型 | 长度 | 数据元 | 目录代码 | 信息项”",
                f"line {number}: label | name | type | length | element | entry | item",
            )
        said = dict(zip(_FIELDS, parts + [""] * len(_FIELDS), strict=False))
        letter = (said["type"] or "C").upper()[-1:]
        if letter not in TYPES or not re.fullmatch(r"[0-9]{0,6}", said["length"]):
            raise CellWrong(f"第 {number} 行的类型或长度有误", f"line {number}: a wrong type or length")
        found.append({**said, "type": letter, "length": int(said["length"] or 0)})
    return found[:500]


def _write_fields(fields: list[dict[str, Any]]) -> str:
    lines = []
    for each in fields:
        parts = [str(each.get(name) or "") for name in _FIELDS]
        while parts and not parts[-1]:
            parts.pop()
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def _fit_value(values: dict[str, Any], wrong: dict[str, CellWrong]) -> None:
    """Whether a parameter's value is of its kind."""
    kind, value = values["kind"], values["value"]
    fits: dict[str, Callable[[], bool]] = {
        "number": lambda: bool(re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?", value)),
        "truth": lambda: value in {"是", "否"},
        "day": lambda: _is_day(value),
    }
    if kind in fits and not fits[kind]():
        wanted = {
            "number": ("数值", "a number"),
            "truth": ("“是”或“否”", "yes (是) or no (否)"),
            "day": ("日期", "a day"),
        }
        zh, en = wanted[kind]
        wrong["value"] = CellWrong(f"应为{zh}", f"{en} is wanted")


def _is_day(text: str) -> bool:
    try:
        return _day(text) is not None
    except CellWrong:
        return False


def _iso(day: date) -> str:
    return day.isoformat()


_ID = Column("identifier", "编号", "identifier", _identifier)
_NOTE = Column("note", "说明", "note", _line(2000), aliases=("备注",))
_LIST = {"write": "\n".join}

DIRECTORIES: Final[Mapping[str, Directory]] = {
    each.kind: each
    for each in (
        Directory(
            "element",
            Element,
            "DE",
            (
                _ID,
                Column(
                    "name", "数据元名称", "name", _line(120, is_needed=True), aliases=("名称", "中文名称")
                ),
                Column("synonyms", "同义词", "synonyms", _several, "\n".join),
                Column("definition", "定义", "definition", _line(2000)),
                Column("standard", "标准", "standard", _line(80)),
                Column("type", "数据类型", "type", *_one_of(TYPES, default="C")),
                Column("length", "数据长度", "length", _whole(0, 1_000_000, 0), str),
                Column("code_list", "代码集", "code list", _code_list, lambda listed: str(listed.identifier)),
                Column("level", "最低级别", "lowest level", _whole(1, 4, 1), str, ("1", "2", "3", "4")),
                Column("rule", "校验规则", "rule", *_one_of(RULES, default="")),
                Column("extends", "扩展自", "extends", _extended),
            ),
            "name",
            long=frozenset({"synonyms", "definition"}),
        ),
        Directory(
            "regulation",
            Regulation,
            "LAW",
            (
                _ID,
                Column("title", "法规名称", "title", _line(200, is_needed=True), aliases=("名称",)),
                Column("short_titles", "简称", "short titles", _several, "\n".join),
                Column("document_number", "文号", "document number", _line(80)),
                Column("issuer", "发布机关", "issuer", _line(120)),
                Column("rank", "效力级别", "rank", *_one_of(RANKS, default="other")),
                Column("in_force_on", "施行日期", "in force on", _day, _iso),
                Column("ended_on", "废止日期", "ended on", _day, _iso),
                Column("url", "网址", "address", _line(500)),
                _NOTE,
            ),
            "title",
            long=frozenset({"short_titles", "note"}),
        ),
        Directory(
            "form",
            BusinessForm,
            "FORM",
            (
                _ID,
                Column("name", "表单名称", "name", _line(200, is_needed=True), aliases=("名称",)),
                Column(
                    "organisation",
                    "所属部门代码",
                    "department code",
                    _organisation,
                    lambda owner: str(owner.code),
                ),
                Column("service_item", "业务事项", "service item", _line(200)),
                Column("fields", "字段", "fields", _read_fields, _write_fields),
                _NOTE,
            ),
            "name",
            is_own=True,
            long=frozenset({"fields", "note"}),
        ),
        Directory(
            "parameter",
            Parameter,
            "P",
            (
                Column("identifier", "参数名", "identifier", _identifier, aliases=("编号",)),
                Column("label", "含义", "label", _line(200, is_needed=True)),
                Column("kind", "类型", "kind", *_one_of(KINDS, default="text")),
                Column("value", "值", "value", _line(4000, is_needed=True)),
                Column("unit", "单位", "unit", _line(40)),
                Column("valid_from", "生效日期", "valid from", _needed_day, _iso),
                _NOTE,
            ),
            "label",
            long=frozenset({"note"}),
        ),
    )
}
