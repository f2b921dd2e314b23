"""What service items need and make: from their materials, what their flows look up, and the certificate they give."""

from guantong.catalog.types import ItemNeeds, Wanted
from guantong.counter.models import ServiceItem
from guantong.workflow.queries import newest, specification


def needs_of(item: ServiceItem) -> ItemNeeds:
    """A material is a need; so is what a step of the flow looks up and no material names. The certificate is what it makes."""
    wanted = [
        Wanted(
            str(each["name"]),
            service_item=item.name,
            law=str(each.get("law") or ""),
            resource=str(each.get("obtained_from") or ""),
        )
        for each in item.materials
        if each.get("name")
    ]
    named = {each.resource for each in wanted}
    steps = specification(newest(item.flow)).steps if item.flow else []
    for step in steps:
        if step.lookup.resource not in named:
            named.add(step.lookup.resource)
            wanted.append(Wanted(step.name, service_item=item.name, resource=step.lookup.resource))
    makes = [item.certificate_name] if item.certificate_name else []
    return ItemNeeds(item.department.code, item.code, item.name, wanted, makes)
