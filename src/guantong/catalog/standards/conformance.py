"""How well an entry keeps to its data elements: one number, and what takes away from it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from guantong.catalog.models import Element
from guantong.catalog.standards.matching import CHECKS, Deviation, deviations
from guantong.catalog.types import ResourceContent


@dataclass(frozen=True)
class Score:
    """``value`` is the share of checks passed, in whole per cent; ``reasons`` count the deviations by their kind."""

    value: int
    passed: int
    checked: int
    reasons: dict[str, int]


def score(
    content: ResourceContent, elements: Mapping[str, Element] | None = None
) -> tuple[Score | None, list[Deviation]]:
    """An entry's score and its deviations; no score where no item is, or looks like, an element.

    An item that is bound is judged by :data:`CHECKS` checks; one that looks like an element and is not bound, or is
    bound to none that is in force, fails all of them.
    """
    found = deviations(content, elements)
    whole = {each.item for each in found if each.kind in {"unbound", "unknown", "retired"}}
    bound = {item.name for item in content.items if item.element} | whole
    checked = len(bound) * CHECKS
    if not checked:
        return None, found
    failed = sum(
        CHECKS if each.item in whole else 1 for each in {(e.item, e.kind): e for e in found}.values()
    )
    passed = checked - min(failed, checked)
    reasons = dict(Counter(each.kind for each in found))
    return Score(passed * 100 // checked, passed, checked, reasons), found
