"""扩展项: what the node's own fields may hold, and what an entry says in them."""

import re
from collections.abc import Iterable
from datetime import date

from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import ExtensionField

Value = str | int | bool
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_TRUTHS = {
    "是": True,
    "true": True,
    "yes": True,
    "1": True,
    "否": False,
    "false": False,
    "no": False,
    "0": False,
}
LARGEST = 2**53


def declared() -> list[ExtensionField]:
    """The fields in force."""
    return list(ExtensionField.objects.filter(is_retired=False))


def read(field: ExtensionField, text: str) -> Value:
    """What was typed or read as the field's type, or :class:`ContentWrong`."""
    text = text.strip()
    if field.kind == "number" and _NUMBER.fullmatch(text):
        return int(text)
    if field.kind == "truth" and text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    if field.kind in {"text", "choice", "day"}:
        return text
    raise _wrong(field)


def labelled(extension: dict[str, Value]) -> list[tuple[str, str]]:
    """Labels and values of what an entry says, for reading; other nodes' fields are known by their names."""
    labels = dict(ExtensionField.objects.values_list("name", "label")) if extension else {}
    return [(labels.get(name, name), written(value)) for name, value in extension.items()]


def written(value: Value | None) -> str:
    """The value as people and spreadsheets have it."""
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(value)


def check(extension: dict[str, Value], fields: Iterable[ExtensionField]) -> None:
    """:class:`ContentWrong` for the first value that its field does not allow, or that no field declares."""
    by_name = {field.name: field for field in fields}
    for name in set(extension) - set(by_name):
        raise ContentWrong(
            field="extension", why_zh=f"没有扩展项 {name}", why_en=f"no extension field is called {name}"
        )
    for name, field in by_name.items():
        value = extension.get(name)
        if value in (None, ""):
            if field.is_required:
                raise ContentWrong(
                    field="extension",
                    why_zh=f"扩展项「{field.label}」为必填",
                    why_en=f"the extension field {field.label} is required",
                )
        elif not _fits(field, value):
            raise _wrong(field)


def _fits(field: ExtensionField, value: Value | None) -> bool:
    if field.kind == "number":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST
    if field.kind == "truth":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if field.kind == "choice":
        return value in field.choices
    return field.kind != "day" or _is_day(value)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _wrong(field: ExtensionField) -> ContentWrong:
    wanted = {
        "number": ("整数", "a whole number"),
        "truth": ("“是”或“否”", "yes or no"),
        "day": ("日期，如 2026-11-22", "a day as 2026-11-22"),
        "choice": (
            "“" + "、".join(map(str, field.choices)) + "”之一",
            "one of " + ", ".join(map(str, field.choices)),
        ),
    }.get(field.kind, ("文本", "text"))
    return ContentWrong(
        field="extension",
        why_zh=f"扩展项「{field.label}」应为{wanted[0]}",
        why_en=f"the extension field {field.label} is {wanted[1]}",
    )
