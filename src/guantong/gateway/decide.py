"""May this call be answered? A pure function over the bundle, in a fixed order; it says which rule decided.

identity → application → resource → grant in force → purpose → mode → fields ⊆ grant → keys declared
→ label dominance (强制访问控制; no grant overrides it). How much of it, is for :mod:`guantong.gateway.limits`.
"""

from datetime import datetime

import msgspec

from guantong.bundle import deciding, refusals
from guantong.bundle.deciding import Stopped
from guantong.bundle.refusals import Refusal
from guantong.bundle.services import Operation
from guantong.bundle.types import Bundle, Condition, Grant, Resource
from guantong.gateway.call import Call, Sent


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
        _whole(grant, resource, call)
        deciding.check_dominance(application, resource, fields)
    except Stopped as stop:
        return Refuse(stop.reason, stop.rule)
    masks = deciding.masks_of(grant, resource, fields)
    return Allow(
        grant, resource, fields, masks, tuple(grant.condition), grant.max_rows, f"grant:{grant.number}"
    )


def _keys(resource: Resource, call: Call) -> None:
    given = set(call.keys)
    if call.sent is not None:
        operation = resource.operations.get(call.sent.operation)
        is_declared = operation is not None and given <= operation.keys and _declared(operation, call.sent)
    else:
        is_declared = any(given == set(lookup) for lookup in resource.lookups)
    if not is_declared:
        raise Stopped(
            "keys", refusals.KeysNotDeclared(resource=resource.code, keys=deciding.listed(call.keys))
        )


def _declared(operation: Operation, sent: Sent) -> bool:
    known = operation.parameters
    is_known = all(name in known and known[name].where != "json" for name in sent.parameters)
    in_path = {name for name, one in known.items() if one.where == "path"}
    return is_known and in_path <= set(sent.parameters)


def _whole(grant: Grant, resource: Resource, call: Call) -> None:
    """An answer that passes unread takes a grant of everything: nothing in it could be left out or masked."""
    if call.sent is None or resource.operations[call.sent.operation].answer != "whole":
        return
    masks = deciding.masks_of(grant, resource, tuple(resource.items))
    if set(call.fields) != set(resource.items) or grant.condition or set(masks.values()) - {"none"}:
        raise Stopped("fields", refusals.AnswerNotDivisible(grant=grant.id))
