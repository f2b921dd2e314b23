"""Checks that an item's name, label and type suggest. A person reads them before the job is declared."""

from collections.abc import Iterable, Mapping
from typing import Any

from guantong.bundle.jobs import Check

_RESIDENT_ID = ("公民身份号码", "身份证号", "居民身份证")
_USCC = ("统一社会信用代码",)
_BORN = ("出生日期", "出生年月日")
EARLIEST, LATEST = "1900-01-01", "2100-12-31"


def proposed_checks(items: Iterable[Mapping[str, Any]]) -> list[Check]:
    """Keys are there; resident IDs, USCCs and dates are what they claim; an ID fits its date of birth."""
    found: list[Check] = []
    ids: list[str] = []
    births: list[str] = []
    for item in items:
        name, label, kind = item["name"], item["label"], item.get("type", "C")
        if item.get("is_key"):
            found.append(Check(rule="not_null", items=[name]))
        if _says(label, _RESIDENT_ID):
            ids.append(name)
            found.append(Check(rule="resident_id", items=[name]))
        elif _says(label, _USCC) or name == "uscc":
            found.append(Check(rule="uscc", items=[name]))
        elif kind in {"D", "T"}:
            found.append(Check(rule="range", items=[name], low=EARLIEST, high=LATEST))
            births += [name] if _says(label, _BORN) else []
    if len(ids) == len(births) == 1:
        found.append(Check(rule="born_on", items=[ids[0], births[0]]))
    return found


def _says(label: str, words: Iterable[str]) -> bool:
    return any(word in label for word in words)
