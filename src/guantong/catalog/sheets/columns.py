"""The guide's columns: headings, what a cell may hold, and how it is written. One row an item.

Writing and reading are each other's inverse, but for blanks at the ends of texts.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from guantong.catalog import extensions
from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import ExtensionField


class CellWrong(Exception):
    """A cell does not hold what its column wants, which both sentences say."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


Read = Callable[[str], Any]
Write = Callable[[Any], str]


@dataclass(frozen=True)
class Column:
    """A column: the field of :class:`ResourceContent` (or ``items.`` and one of an item), headings, the cell's form.

    ``choices`` are what people may pick; ``is_told`` columns are written for the reader and not read.
    """

    field: str
    zh: str
    en: str
    read: Read = str
    write: Write = str
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    is_told: bool = False

    @property
    def of_item(self) -> bool:
        """Whether the column tells of an item."""
        return self.field.startswith("items.")


_SPACES = re.compile(r"[\s（）()·*:：_]+")


def heading(text: str) -> str:
    """A heading without what people add to it: spaces, asterisks, brackets."""
    return _SPACES.sub("", text).lower()


def narrow(text: str) -> str:
    """Codes and numbers as typed with a Chinese keyboard: full-width letters and digits become the usual ones."""
    return unicodedata.normalize("NFKC", text).strip()


def _choice(words: Mapping[str, str], zh: str, en: str, **also: str) -> tuple[Read, Write, tuple[str, ...]]:
    """Codes by their Chinese words; the codes themselves and ``also`` are understood, too."""
    codes = {word: code for code, word in words.items()} | {code: code for code in words} | also

    def read(text: str) -> str:
        found = codes.get(text) or codes.get(narrow(text).lower())
        if found is None:
            raise CellWrong(
                f"应为{zh}之一：{'、'.join(words.values())}", f"one of {en} is wanted: {', '.join(words)}"
            )
        return found

    def write(code: str) -> str:
        return words.get(code, code)

    return read, write, tuple(words.values())


SHARING = {"unconditional": "无条件共享", "conditional": "有条件共享", "not_shared": "不予共享"}
CYCLES = {
    "real_time": "实时",
    "daily": "每日",
    "weekly": "每周",
    "ten_days": "每旬",
    "monthly": "每月",
    "quarterly": "每季度",
    "half_yearly": "每半年",
    "yearly": "每年",
    "irregular": "不定期",
}
FORMATS = {
    "electronic_file": "电子文件",
    "spreadsheet": "电子表格",
    "database": "数据库",
    "image": "图形图像",
    "stream": "流媒体",
    "self_described": "自描述格式",
    "interface": "服务接口",
    "file": "文件",
}
WAYS = {
    "platform_database": "共享平台（数据库）",
    "platform_file": "共享平台（文件）",
    "platform_interface": "共享平台（服务接口）",
    "mail": "邮件",
    "disk": "拷盘",
    "paper": "纸质",
    "document": "电子文档",
    "other": "其他",
}
TYPES = {
    "C": "字符型C",
    "N": "数值型N",
    "Y": "货币型Y",
    "D": "日期型D",
    "T": "日期时间型T",
    "L": "逻辑型L",
    "M": "备注型M",
    "G": "通用型G",
    "B": "双精度型B",
    "I": "整型I",
    "F": "浮点型F",
}
COMPARISONS = {"exact": "完全一致", "name": "按姓名", "date": "按日期", "prefix6": "前六位"}
WHO = {"any": "任何部门", "division": "所列区划", "named": "所列部门"}
_TRUTH = {
    "是": True,
    "否": False,
    "true": True,
    "false": False,
    "yes": True,
    "no": False,
    "1": True,
    "0": False,
}


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise CellWrong("应为“是”或“否”", "yes or no is wanted")
    return _TRUTH[text.lower()]


def _count(lowest: int, highest: int) -> Read:
    def read(text: str) -> int:
        text = narrow(text)
        if not re.fullmatch(r"[0-9]{1,10}", text) or not lowest <= int(text) <= highest:
            raise CellWrong(
                f"应为 {lowest} 至 {highest} 的整数", f"a whole number from {lowest} to {highest}"
            )
        return int(text)

    return read


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,，;；、]+", text) if word]


def _ways(text: str) -> list[str]:
    read = _choice(WAYS, "共享方式", "the ways of sharing")[0]
    return list(dict.fromkeys(read(word) for word in _lines(text.replace("；", "\n").replace("、", "\n"))))


def _lookups(text: str) -> list[list[str]]:
    return [[key.strip() for key in line.split("+") if key.strip()] for line in _lines(text)]


def _split(line: str) -> list[str]:
    """The parts of a line between bars that no backslash takes away."""
    parts, part, is_escaped = [], "", False
    for sign in line:
        if is_escaped:
            part, is_escaped = part + sign, False
        elif sign == "\\":
            is_escaped = True
        elif sign == "|":
            parts.append(part.strip())
            part = ""
        else:
            part += sign
    return [*parts, part.strip()]


def _joined(parts: Sequence[str]) -> str:
    return " | ".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)


def _read_terms(text: str) -> list[dict[str, Any]]:
    """``who(: organisations) | scenario | purposes`` a line."""
    found = []
    for line in _lines(text):
        parts = _split(line)
        if len(parts) not in {2, 3}:
            raise CellWrong(
                "每行应写作“对象 | 场景 | 用途”，如“任何部门 | 办理入学 |”",
                "each line is “who | scenario | purposes”",
            )
        who, _colon, named = parts[0].replace("：", ":").partition(":")
        read = _choice(WHO, "对象", "who")[0]
        found.append(
            {
                "who": read(who.strip()),
                "organisations": _words(named),
                "scenario": parts[1],
                "purposes": _words(parts[2]) if len(parts) == 3 else [],
            }
        )
    return found


def _write_terms(terms: list[dict[str, Any]]) -> str:
    return "\n".join(
        _joined(
            [
                WHO[term["who"]] + (f"：{' '.join(term['organisations'])}" if term["organisations"] else ""),
                term["scenario"],
                " ".join(term["purposes"]),
            ]
        )
        for term in terms
    )


def _type(text: str) -> str:
    code = text.strip().upper()[-1:] if re.fullmatch(r"[A-Za-z]|.{1,8}[A-Za-z]", text.strip()) else ""
    plain = {word[:-1]: code for code, word in TYPES.items()} | {
        word[:-2]: code for code, word in TYPES.items()
    }
    found = code if code in TYPES else plain.get(text.strip())
    if found is None:
        raise CellWrong(
            f"应为数据类型之一：{'、'.join(TYPES.values())}", f"one of the types {', '.join(TYPES)}"
        )
    return found


def _format(text: str) -> str:
    return {word: code for code, word in FORMATS.items()}.get(text, text)


_LIST: tuple[Read, Write] = (_lines, "\n".join)
_CODES: tuple[Read, Write] = (_words, "\n".join)
_YES: tuple[Read, Write, tuple[str, ...]] = (_truth, lambda value: "是" if value else "否", ("是", "否"))

COLUMNS: Final[tuple[Column, ...]] = (
    Column("code", "信息资源代码", "resource code", narrow, aliases=("资源代码", "目录代码")),
    Column("classification.0", "类", "class", aliases=("信息资源分类", "类名称")),
    Column("classification.1", "项", "sub-class", aliases=("项名称",)),
    Column("classification.2", "目", "group", aliases=("目名称",)),
    Column("classification.3", "细目", "sub-group", aliases=("细目名称",)),
    Column("name", "信息资源名称", "resource name", aliases=("资源名称", "目录名称")),
    Column(
        "provider_name",
        "信息资源提供方",
        "provider",
        is_told=True,
        aliases=("提供方", "资源提供方", "提供部门"),
    ),
    Column("provider", "提供方代码", "provider code", aliases=("资源提供方代码", "信息资源提供方代码")),
    Column("summary", "信息资源摘要", "summary", aliases=("摘要", "资源摘要")),
    Column(
        "format",
        "信息资源格式",
        "format",
        _format,
        lambda code: str(FORMATS.get(code, code)),
        tuple(FORMATS.values()),
        ("格式", "资源格式"),
    ),
    Column("items.label", "信息项名称", "item name", aliases=("信息项", "数据项名称")),
    Column("items.name", "信息项英文名", "word in calls", narrow, aliases=("字段名", "英文名", "字段英文名")),
    Column(
        "items.type",
        "数据类型",
        "data type",
        _type,
        lambda code: TYPES[code],
        tuple(TYPES.values()),
        ("类型",),
    ),
    Column("items.length", "数据长度", "length", _count(0, 1_000_000_000), aliases=("长度",)),
    Column("items.level", "数据级别", "level", _count(1, 4), choices=("1", "2", "3", "4"), aliases=("级别",)),
    Column("items.mask", "脱敏方式", "mask"),
    Column(
        "items.comparison", "核验方式", "comparison", *_choice(COMPARISONS, "核验方式", "the comparisons")
    ),
    Column("items.is_key", "是否查询键", "is a key", *_YES),
    Column("items.element", "数据元编号", "data element", aliases=("数据元",)),
    Column(
        "sharing_type",
        "共享类型",
        "sharing type",
        *_choice(
            SHARING,
            "共享类型",
            "the sharing types",
            **{"1": "unconditional", "2": "conditional", "3": "not_shared"},
        ),
        aliases=("共享属性",),
    ),
    Column("sharing_condition", "共享条件", "sharing condition"),
    Column("sharing_terms", "结构化共享条件", "terms of sharing", _read_terms, _write_terms),
    Column("sharing_basis", "不予共享依据", "law that forbids sharing"),
    Column(
        "sharing_ways",
        "共享方式",
        "ways of sharing",
        _ways,
        lambda ways: "\n".join(WAYS[way] for way in ways),
    ),
    Column("is_open", "是否向社会开放", "open to the public", *_YES, aliases=("开放属性",)),
    Column("open_condition", "开放条件", "condition of opening"),
    Column("update_cycle", "更新周期", "update cycle", *_choice(CYCLES, "更新周期", "the cycles")),
    Column("published_on", "发布日期", "published on", is_told=True),
    Column("related", "关联资源代码", "related resources", *_CODES, aliases=("关联资源",)),
    Column(
        "lookups", "查询键组合", "look-ups", _lookups, lambda rows: "\n".join(" + ".join(r) for r in rows)
    ),
    Column("keywords", "关键词", "keywords", *_LIST),
    Column("source_url", "来源地址", "source"),
    Column("office", "所属处室", "office in charge"),
    Column("systems", "关联信息系统", "information systems", *_LIST),
    Column("service_items", "关联业务事项", "service items", *_LIST),
)


def columns_with(fields: Sequence[ExtensionField]) -> list[Column]:
    """The guide's columns and the node's own."""
    return [*COLUMNS, *map(_own, fields)]


def _own(field: ExtensionField) -> Column:
    def read(text: str) -> extensions.Value:
        if field.kind == "day" and re.fullmatch(r"[2-7][0-9]{4}", text):
            meant = (date(1899, 12, 30) + timedelta(days=int(text))).isoformat()
            raise CellWrong(
                f"这是日期的序列号（{meant}），请把单元格设为日期格式，或写作 {meant}",
                f"this is a day's serial number ({meant}); format the cell as a date, or write {meant}",
            )
        try:
            value = extensions.read(field, text)
            extensions.check({field.name: value}, [field])
        except ContentWrong as error:
            raise CellWrong(error.details["why_zh"], error.details["why_en"]) from error
        return value

    choices = tuple(map(str, field.choices)) if field.kind == "choice" else ()
    return Column(
        f"extension.{field.name}",
        f"扩展·{field.label}",
        f"extension {field.name}",
        read,
        extensions.written,
        choices,
        (field.label,),
    )
