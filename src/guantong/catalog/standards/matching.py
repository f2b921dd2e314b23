"""Which element an item is, by name and synonyms; how the items of an entry deviate from their elements."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Max
from django.db.models.functions import Length

from guantong.catalog.models import Element, ListedCode
from guantong.catalog.types import ItemContent, ResourceContent

# Of a bound item: that the element is in force, type, length, level, name, codes.
CHECKS: Final = 6


@dataclass(frozen=True)
class Deviation:
    """How an item deviates: ``kind`` is a code with a word in :mod:`guantong.site.words`; ``should`` what it should be."""

    item: str
    label: str
    element: str
    kind: str
    says: str
    should: str


def element_for(*names: str) -> str:
    """The identifier of the element in force that one of ``names`` names, or nothing."""
    wanted = {name.strip() for name in names if name.strip()}
    in_force = Element.objects.filter(is_retired=False)
    found = in_force.filter(name__in=wanted).first()
    if found is None:
        found = next((e for e in in_force if wanted & set(e.synonyms)), None)
    return found.identifier if found else ""


def known_elements() -> dict[str, Element]:
    """Every element by its identifier, with the length of the longest code of its list as ``longest_code``."""
    longest = dict(
        ListedCode.objects.filter(until="").values_list("code_list").annotate(most=Max(Length("code")))
    )
    found = {
        element.identifier: element for element in Element.objects.select_related("code_list", "merged_into")
    }
    for element in found.values():
        element.longest_code = longest.get(element.code_list_id, 0)  # type: ignore[attr-defined]
    return found


def deviations(content: ResourceContent, elements: Mapping[str, Element] | None = None) -> list[Deviation]:
    """Every deviation of an entry's items, and items that look like an element and are not bound to it."""
    elements = known_elements() if elements is None else elements
    return [each for item in content.items for each in _of(item, elements)]


def _of(item: ItemContent, elements: Mapping[str, Element]) -> Iterable[Deviation]:
    def told(kind: str, says: object, should: object, element: str = item.element) -> Deviation:
        return Deviation(item.name, item.label, element, kind, str(says), str(should))

    if not item.element:
        in_force = (each for each in elements.values() if not each.is_retired)
        named = next((e for e in in_force if item.label in {e.name, *e.synonyms}), None)
        if named is not None:
            yield told("unbound", "—", named.name, named.identifier)
        return
    element = elements.get(item.element)
    if element is None:
        yield told("unknown", item.element, "—")
        return
    if element.is_retired:
        yield told("retired", item.element, element.merged_into.identifier if element.merged_into else "—")
        return
    if item.type != element.type:
        yield told("type", item.type, element.type)
    if element.length and item.length and item.length != element.length:
        yield told("length", item.length, element.length)
    if item.level < element.level:
        yield told("level", item.level, element.level)
    if item.label not in {element.name, *element.synonyms}:
        yield told("label", item.label, element.name)
    yield from _codes(item, element, told)


def _codes(item: ItemContent, element: Element, told: Callable[..., Deviation]) -> Iterable[Deviation]:
    """Whether the item can hold every code of the element's list."""
    longest = getattr(element, "longest_code", 0)
    if element.code_list is not None and longest:
        if item.type not in {"C", "N", "I", element.type}:
            yield told("codes", item.type, element.code_list.standard)
        elif item.length and item.length < longest:
            yield told("codes", item.length, f"{element.code_list.standard} ({longest})")
