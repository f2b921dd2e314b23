"""The form of a rule, made from what its kind declares: every number with its bounds, words in both languages."""

from dataclasses import dataclass
from typing import Any

import msgspec
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from guantong.risk.types import AnyRule

LABELS = {
    "floor": _("At least so many"),
    "times": _("Times the usual"),
    "new_floor": _("Without history: more than"),
    "percent": _("At least so many per cent"),
    "new_percent": _("Without history: per cent"),
    "history_days": _("Days of use that count as a history"),
    "day_percent": _("Weight of calls between 7:00 and 21:00, per cent"),
    "repeated_percent": _("At most so many per cent asked twice"),
    "plain_percent": _("At least so many per cent without a case"),
    "days": _("Days in a row"),
    "silent_days": _("Days without a call"),
    "crowd_times": _("Times what hardly anybody reached before"),
    "on_days": _("On so many different days at least"),
}
"""What the numbers of rules are called."""


@dataclass(frozen=True)
class Field:
    """A number of a rule."""

    name: str
    label: str
    value: Any
    least: Any
    most: Any
    step: str


def fields_of(rule: AnyRule) -> list[Field]:
    """The numbers of a rule, in the order in which its kind declares them."""
    found = []
    for each in msgspec.structs.fields(rule):
        if each.name not in LABELS:
            continue
        bounds = msgspec.json.schema(each.type)
        is_whole = bounds.get("type") == "integer"
        found.append(
            Field(
                each.name,
                str(LABELS[each.name]),
                getattr(rule, each.name),
                bounds.get("minimum"),
                bounds.get("maximum"),
                "1" if is_whole else "0.1",
            )
        )
    return found


def numbers_of(rule: AnyRule) -> str:
    """The numbers of a rule in a line."""
    return " · ".join(f"{field.label} {_shown(field.value)}" for field in fields_of(rule))


def _shown(value: float) -> str:
    return f"{value:,.10g}"


def numbers_from(post: QueryDict, rule: AnyRule) -> dict[str, Any]:
    """The terms that the form of one grant says: numbers, and whether the rule is judged by."""
    terms: dict[str, Any] = msgspec.to_builtins(rule)
    for field in fields_of(rule):
        terms[field.name] = _number(post.get(field.name, ""), is_whole=field.step == "1")
    terms["is_on"] = bool(post.get("is_on"))
    return terms


def terms_from(post: QueryDict, rule: AnyRule) -> dict[str, Any]:
    """The terms that a form says; what it cannot change stays. Numbers that are none stay text, and are refused later."""
    terms = numbers_from(post, rule)
    terms["severity"] = post.get("severity", "")
    for what in ("name", "says"):
        terms[what] = {tongue: post.get(f"{what}_{tongue}", "").strip() for tongue in ("zh", "en")}
    return terms


def _number(text: str, *, is_whole: bool) -> Any:
    try:
        return int(text) if is_whole else float(text)
    except ValueError:
        return text
