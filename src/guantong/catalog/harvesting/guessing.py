"""From a table to a draft: guessed names, types, levels, masks, keys and elements, each with its reason. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from guantong.catalog.harvesting.types import FoundColumn, FoundTable

# Share of a sample that has to look like a kind.
SURE = 0.6


@dataclass(frozen=True)
class Kind:
    """A kind of data: label, level, mask, comparison, and whether rows may be asked for by it."""

    label: str
    level: int
    mask: str = "none"
    comparison: str = "exact"
    is_key: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "resident_id": Kind("公民身份号码", 3, "keep_tail:4", is_key=True),
    "uscc": Kind("统一社会信用代码", 1, is_key=True),
    "phone": Kind("联系电话", 3, "keep_tail:4"),
    "email": Kind("电子邮箱", 3, "keep_head:1"),
    "name": Kind("姓名", 3, "keep_head:1", "name"),
    "address": Kind("地址", 3, "keep_head:6"),
    "day": Kind("日期", 2, comparison="date"),
    "division": Kind("行政区划代码", 1, comparison="prefix6"),
}
# Words in the names and comments of columns, the more telling ones first.
WORDS: Final[tuple[tuple[str, str, str], ...]] = (
    (r"sfzh|idcard|id_card|id_?no|id_number|cert_?no|gmsfhm|身份证|身份号码", "公民身份号码", "resident_id"),
    (r"uscc|tyshxydm|credit_?code|统一社会信用代码", "统一社会信用代码", "uscc"),
    (r"phone|mobile|tel|lxdh|sjh|手机|电话", "联系电话", "phone"),
    (r"e?mail|yx$|邮箱", "电子邮箱", "email"),
    (r"birth|csrq|born|出生日期", "出生日期", "birth"),
    (r"(^|_)(full_?)?name$|^xm$|姓名", "姓名", "name"),
    (r"addr|dz$|zz$|住址|地址", "地址", "address"),
    (r"gender|sex|^xb$|性别", "性别", "sex"),
    (r"nation|ethnic|^mz$|民族", "民族", "ethnic"),
    (r"division|area_?code|region|xzqh|行政区划", "行政区划代码", "division"),
    (r"_(on|date|day)$|rq$|日期", "", "day"),
)
_MORE: Final[Mapping[str, Kind]] = {
    "birth": Kind("出生日期", 3, "year", "date"),
    "sex": Kind("性别", 2),
    "ethnic": Kind("民族", 3),
}
_TYPES: Final[tuple[tuple[str, str], ...]] = (
    (r"bool|^bit|tinyint\(1\)", "L"),
    (r"timestamp|datetime", "T"),
    (r"^date", "D"),
    (r"^time", "T"),
    (r"money", "Y"),
    (r"bigint|smallint|mediumint|tinyint|^int|integer|serial", "I"),
    (r"double|real", "B"),
    (r"float", "F"),
    (r"decimal|numeric", "N"),
    (r"blob|bytea|binary|json|xml|array|geometry", "G"),
    (r"^(medium|long)?text|clob", "M"),
)


def item_type(declared: str) -> str:
    """The guide's letter for a database's type."""
    found = (code for pattern, code in _TYPES if re.search(pattern, declared.lower()))
    return next(found, "C")


def guess_item(column: FoundColumn) -> dict[str, Any]:
    """One item as :class:`ItemContent` has it, with ``why`` for the person who decides."""
    kind, why = _kind(column)
    found = KINDS.get(kind) or _MORE.get(kind)
    label = _label(column.comment) or _named(column.name) or (found.label if found else "") or column.name
    code = item_type(column.type)
    if kind in {"day", "birth"} and code in {"C", "M"}:
        code = "D"
    elif kind and code == "M":
        code = "C"
    return {
        "name": word(column.name),
        "label": label,
        "type": code,
        "length": column.length,
        "level": found.level if found else 2,
        "mask": found.mask if found else "none",
        "comparison": found.comparison if found else "exact",
        "is_key": column.is_key or bool(found and found.is_key),
        "element": "",
        "kind": kind,
        "why": why,
        "column": column.name,
    }


def _kind(column: FoundColumn) -> tuple[str, str]:
    """What a column holds, and what says so: its values before its words, because words lie more often."""
    likely = sorted(column.looks.items(), key=lambda each: -each[1])
    # A resident ID is also nothing else; a division is also many numbers, so it needs its word.
    for kind, share in likely:
        if share >= SURE and kind not in {"division", "name"}:
            return kind, f"{round(share * 100)}%"
    told = f"{column.name.lower()} {column.comment}"
    for pattern, _, kind in WORDS:
        if re.search(pattern, column.name.lower()) or re.search(pattern, column.comment):
            return kind, told.strip()
    if column.looks.get("name", 0) >= SURE:
        return "name", f"{round(column.looks['name'] * 100)}%"
    return "", ""


def _label(comment: str) -> str:
    """The first words of a comment."""
    return re.split(r"[,，;；:：(（\n]", comment.strip())[0].strip()[:60]


def _named(name: str) -> str:
    return next((label for pattern, label, _kind_ in WORDS if label and re.search(pattern, name.lower())), "")


def word(name: str) -> str:
    """A column's name as an item's word in calls: lower-case letters, digits, underscores."""
    plain = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
    if not plain:
        plain = "item_" + "".join(f"{ord(sign):x}" for sign in name)[:24]
    return (plain if plain[0].isalpha() else f"c_{plain}")[:64]


def guess_entry(table: FoundTable, *, code: str, provider: str) -> dict[str, Any]:
    """A draft of an entry; terms are the most careful ones that the guide knows."""
    items: list[dict[str, Any]] = []
    taken: set[str] = set()
    for column in table.columns:
        item = guess_item(column)
        base, number = item["name"], 2
        while item["name"] in taken:
            item["name"] = f"{base[:60]}_{number}"
            number += 1
        taken.add(item["name"])
        items.append(item)
    title = _label(table.comment) or table.name
    return {
        "code": code,
        "name": title,
        "provider": provider,
        "summary": table.comment.strip()[:2000],
        "format": "database",
        "items": items,
        "lookups": [[item["name"]] for item in items if item["is_key"]][:5],
        "sharing_type": "conditional",
        "sharing_condition": "办理政务服务或履行职责需要",
        "sharing_ways": ["platform_database"],
        "update_cycle": "irregular",
    }
