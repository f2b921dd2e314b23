"""What service items need and make: from their materials, what their flows look up, and the certificate they give."""

from collections.abc import Sequence
from typing import TypedDict

from guantong.catalog.types import ItemNeeds, Wanted
from guantong.counter.models import ServiceItem
from guantong.workflow.queries import newest, specification
from guantong.workflow.types import Step


class _Reading(TypedDict):
    items: list[str]
    mode: str


def _read(steps: Sequence[Step], resource: str) -> _Reading:
    """What the flow reads of an entry, and how; a query where any step queries."""
    lookups = [step.lookup for step in steps if resource and step.lookup.resource == resource]
    items = dict.fromkeys(name for each in lookups for name in (*each.fields, *each.claims))
    modes = {each.mode for each in lookups}
    return {"items": list(items), "mode": "query" if "query" in modes else next(iter(modes), "")}


def needs_of(item: ServiceItem) -> ItemNeeds:
    """A material is a need; so is what a step of the flow looks up and no material names. The certificate is what it makes."""
    steps = specification(newest(item.flow)).steps if item.flow else []
    wanted = [
        Wanted(
            str(each["name"]),
            service_item=item.name,
            law=str(each.get("law") or ""),
            resource=str(each.get("obtained_from") or ""),
            **_read(steps, str(each.get("obtained_from") or "")),
        )
        for each in item.materials
        if each.get("name")
    ]
    named = {each.resource for each in wanted}
    for step in steps:
        resource = step.lookup.resource
        if resource not in named:
            named.add(resource)
            wanted.append(
                Wanted(step.name, service_item=item.name, resource=resource, **_read(steps, resource))
            )
    makes = [item.certificate_name] if item.certificate_name else []
    return ItemNeeds(item.department.code, item.code, item.name, wanted, makes)
