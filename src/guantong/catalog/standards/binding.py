"""How the fields of a form, the items of entries and data elements hang together."""

from dataclasses import dataclass
from typing import Any

from guantong.catalog.models import BusinessForm, CodeList, Element, ElementUse, Resource


@dataclass(frozen=True)
class BoundField:
    """A field of a form: its element, the entry and item that hold its value already, and whether those are live."""

    label: str
    name: str
    type: str
    length: int
    element: Element | None
    entry: Resource | None
    item: str
    others: list[Resource]
    """Other live entries with an item of the same element: the value need not be asked for."""

    @property
    def is_asked_again(self) -> bool:
        """Whether some live entry holds the value, so that asking a person for it is collecting it again."""
        return bool(self.others) or (self.entry is not None and self.entry.is_live)


def bound_fields(form: BusinessForm) -> list[BoundField]:
    """Every field of a form with what it is bound to."""
    fields: list[dict[str, Any]] = form.fields
    elements = Element.objects.in_bulk(
        [f["element"] for f in fields if f.get("element")], field_name="identifier"
    )
    entries = Resource.objects.select_related("provider").in_bulk(
        [f["entry"] for f in fields if f.get("entry")], field_name="code"
    )
    uses: dict[str, list[Resource]] = {}
    rows = ElementUse.objects.filter(element__in=elements).select_related("resource__provider")
    for use in rows.order_by("resource__code")[:2000]:
        uses.setdefault(use.element, []).append(use.resource)
    return [
        BoundField(
            label=f["label"],
            name=f.get("name", ""),
            type=f.get("type", "C"),
            length=f.get("length", 0),
            element=elements.get(f.get("element", "")),
            entry=entries.get(f.get("entry", "")),
            item=f.get("item", ""),
            others=list(dict.fromkeys(uses.get(f.get("element", ""), [])))[:5],
        )
        for f in fields
    ]


def forms_with(code: str) -> list[tuple[BusinessForm, list[str]]]:
    """The forms in force that take values from an entry, and which of its items."""
    found = []
    for form in BusinessForm.objects.filter(is_retired=False).select_related("organisation"):
        items = [f.get("item", "") for f in form.fields if f.get("entry") == code]
        if items:
            found.append((form, items))
    return found


def code_lists() -> list[str]:
    """The identifiers of the code lists, for choosing one."""
    return list(CodeList.objects.values_list("identifier", flat=True))
