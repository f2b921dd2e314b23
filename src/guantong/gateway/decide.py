"""May this call be answered? A pure function over the bundle, in a fixed order; it says which rule decided.

identity → application → resource → grant in force → purpose → mode → fields ⊆ grant → keys declared
→ label dominance (强制访问控制; no grant overrides it). How much of it, is for :mod:`guantong.gateway.limits`.
"""

from datetime import datetime

import msgspec

from guantong.bundle import deciding, refusals
from guantong.bundle.deciding import Stopped
from guantong.bundle.refusals import Refusal
from guantong.bundle.types import Bundle, Condition, Grant, Resource
from guantong.gateway.call import Call


class Allow(msgspec.Struct, frozen=True, gc=False):
    """Yes: these fields, masked so, of rows that meet the condition, at most so many."""

    grant: Grant
    resource: Resource
    fields: tuple[str, ...]
    masks: dict[str, str]
    condition: tuple[Condition, ...]
    max_rows: int
    rule: str


class Refuse(msgspec.Struct, frozen=True, gc=False):
    """No, for this reason. ``rule`` names the step of the order that refused."""

    reason: Refusal
    rule: str


def decide(bundle: Bundle, call: Call, *, at: datetime) -> Allow | Refuse:
    """Judge ``call`` by ``bundle`` at the moment ``at``."""
    consumer, fields = call.consumer, tuple(call.wanted)
    try:
        application = deciding.application_of(
            bundle, consumer.application, node=consumer.node, organisation=consumer.organisation
        )
        resource = deciding.resource_of(bundle, call.resource)
        grant = deciding.grant_of(bundle, call.grant, application, resource)
        deciding.check_in_force(grant, at)
        deciding.check_purpose_and_mode(grant, call.purpose, call.mode)
        deciding.check_fields(grant, resource, fields)
        _keys(resource, call)
        deciding.check_dominance(application, resource, fields)
    except Stopped as stop:
        return Refuse(stop.reason, stop.rule)
    masks = deciding.masks_of(grant, resource, fields)
    return Allow(
        grant, resource, fields, masks, tuple(grant.condition), grant.max_rows, f"grant:{grant.number}"
    )


def _keys(resource: Resource, call: Call) -> None:
    given = set(call.keys)
    if not any(given == set(lookup) for lookup in resource.lookups):
        raise Stopped(
            "keys", refusals.KeysNotDeclared(resource=resource.code, keys=deciding.listed(call.keys))
        )
