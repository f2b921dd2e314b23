"""From answers to facts: what the departments' rows mean for the rules, dirt and all.

Rows come as departments keep them: several or none, dates as ``2024/1/5``, blanks, trailing spaces, numbers
as text. The rules stay simple because everything is made plain here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from guantong.workflow.expressions import Value

Rows = list[Mapping[str, Any]]
Facts = dict[str, Value]


@dataclass(frozen=True)
class Ground:
    """What a fact is judged against: the day of the decision and the item's division (twelve digits)."""

    on: date
    division: str


def child(answer: Mapping[str, Any], _: Ground) -> Facts:
    """Whether the child is who the form says, and the guardian is the child's guardian."""
    matched = dict(_matched(answer))
    guardianship = matched.pop("guardian", "unknown")
    return {"child_identity": _verdict(matched.values()), "guardianship": _verdict([guardianship])}


def guardian(answer: Mapping[str, Any], _: Ground) -> Facts:
    """Whether the guardian is who the form says."""
    return {"guardian_identity": _verdict(_matched(answer).values())}


def residence(answer: Mapping[str, Any], ground: Ground) -> Facts:
    """``valid``, ``elsewhere``, ``expired``, ``missing`` or ``unclear``: the best that any permit gives."""
    county = ground.division[:6]
    found = {_permit(row, ground.on, county) for row in _rows(answer)} or {"missing"}
    best = ("valid", "elsewhere", "unclear", "expired", "missing")
    return {"residence_permit": next(state for state in best if state in found)}


def insurance(answer: Mapping[str, Any], _: Ground) -> Facts:
    """The most months that any account shows."""
    return {
        "insured_months": max((whole_number(row.get("insured_months")) for row in _rows(answer)), default=0)
    }


def housing(answer: Mapping[str, Any], ground: Ground) -> Facts:
    """The first home that holds; if none does, ``unclear``, ``contract_ended`` or ``missing``."""
    found = {_home(row, ground.on) for row in _rows(answer)} or {"missing"}
    best = ("own", "public_rental", "dormitory", "rented", "unclear", "contract_ended", "missing")
    return {"home": next(state for state in best if state in found)}


def licence(answer: Mapping[str, Any], _: Ground) -> Facts:
    """Whether any business licence in the operator's name is running."""
    return {"licence_running": any(word(row.get("state")) in _RUNNING for row in _rows(answer))}


MAPPINGS: Final[Mapping[str, Callable[[Mapping[str, Any], Ground], Facts]]] = {
    "child": child,
    "guardian": guardian,
    "residence": residence,
    "insurance": insurance,
    "housing": housing,
    "licence": licence,
}
"""By the ``result`` name of a look-up in the diagram."""

_RUNNING: Final = frozenset(
    {"存续", "在业", "在营", "在营（开业）", "开业", "正常", "active", "running", "1"}
)
_HOMES: Final = {
    "own": "own", "自有": "own", "自有住房": "own", "自购": "own",
    "rented": "rented", "租赁": "rented", "租房": "rented", "租住": "rented",
    "public_rental": "public_rental", "公租房": "public_rental", "公共租赁住房": "public_rental",
    "dormitory": "dormitory", "宿舍": "dormitory", "单位宿舍": "dormitory",
}  # fmt: skip


def word(value: object) -> str:
    """A cell's text without the spaces around it (the wide ones too), in lower case; empty for nothing."""
    return "" if value is None else str(value).strip().strip("\u3000").lower()


def whole_number(value: object) -> int:
    """The number that a cell starts with (``"12 个月"`` is 12); 0 for nothing."""
    found = re.match(r"\d{1,6}", word(value))
    return int(found[0]) if found else 0


def day(value: object) -> date | None:
    """The day that a cell names, in any of the ways departments write one; None for nothing or nonsense."""
    text = word(value)
    found = re.match(r"(\d{4})[-/.年]\s?(\d{1,2})[-/.月]\s?(\d{1,2})(?!\d)", text) or re.fullmatch(
        r"(\d{4})(\d{2})(\d{2})(?:\d{6})?", text
    )
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _rows(answer: Mapping[str, Any]) -> Rows:
    return [row for row in answer.get("rows") or [] if isinstance(row, Mapping)]


def _matched(answer: Mapping[str, Any]) -> Mapping[str, str]:
    matched = answer.get("matched")
    return matched if isinstance(matched, Mapping) else {}


def _verdict(said: Iterable[str]) -> str:
    found = set(said)
    if "no_match" in found:
        return "mismatch"
    return "match" if found == {"match"} else "unknown"


def _permit(row: Mapping[str, Any], on: date, county: str) -> str:
    since, until = day(row.get("valid_from")), day(row.get("valid_to"))
    if until is None:
        return "unclear"
    if until < on or (since is not None and since > on):
        return "expired"
    return "valid" if word(row.get("residence_division")).startswith(county) else "elsewhere"


def _home(row: Mapping[str, Any], on: date) -> str:
    kind = _HOMES.get(word(row.get("kind")), "unclear")
    if kind != "rented":
        return kind
    until = day(row.get("contract_to"))
    if until is None:
        return "unclear"
    return "rented" if until >= on else "contract_ended"
