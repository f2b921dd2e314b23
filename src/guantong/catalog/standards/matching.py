"""Which element an item is, by name and synonyms; how the items of an entry deviate from their elements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from guantong.catalog.models import Element
from guantong.catalog.types import ItemContent, ResourceContent


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
    """The identifier of the element that one of ``names`` names, or nothing."""
    wanted = {name.strip() for name in names if name.strip()}
    found = Element.objects.filter(name__in=wanted).first()
    if found is None:
        found = next((e for e in Element.objects.all() if wanted & set(e.synonyms)), None)
    return found.identifier if found else ""


def deviations(content: ResourceContent) -> list[Deviation]:
    """Every deviation of an entry's items, and items that look like an element and are not bound to it."""
    elements = {element.identifier: element for element in Element.objects.select_related("code_list")}
    return [each for item in content.items for each in _of(item, elements)]


def _of(item: ItemContent, elements: Mapping[str, Element]) -> Iterable[Deviation]:
    def told(kind: str, says: object, should: object, element: str = item.element) -> Deviation:
        return Deviation(item.name, item.label, element, kind, str(says), str(should))

    if not item.element:
        named = next((e for e in elements.values() if item.label in {e.name, *e.synonyms}), None)
        if named is not None:
            yield told("unbound", "—", named.name, named.identifier)
        return
    element = elements.get(item.element)
    if element is None:
        yield told("unknown", item.element, "—")
        return
    if item.type != element.type:
        yield told("type", item.type, element.type)
    if element.length and item.length and item.length != element.length:
        yield told("length", item.length, element.length)
    if item.level < element.level:
        yield told("level", item.level, element.level)
    if item.label not in {element.name, *element.synonyms}:
        yield told("label", item.label, element.name)
