"""May this call be answered? A pure function over the bundle, in a fixed order; it says which rule decided.

identity → application → resource → grant in force → purpose → mode → fields ⊆ grant → keys declared
→ label dominance (强制访问控制; no grant overrides it) → rate and quota.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from guantong.bundle.types import Application, Bundle, Condition, Grant, Resource
from guantong.gateway import refusals
from guantong.gateway.call import Call
from guantong.gateway.refusals import Refusal
from guantong.kit import clock


@dataclass(frozen=True, slots=True)
class Usage:
    """How often a grant was used before this call: in this second, and on this day."""

    this_second: int = 0
    today: int = 0


@dataclass(frozen=True, slots=True)
class Allow:
    """Yes: these fields, masked so, of rows that meet the condition, at most so many."""

    grant: Grant
    resource: Resource
    fields: tuple[str, ...]
    masks: dict[str, str]
    condition: tuple[Condition, ...]
    max_rows: int
    rule: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """No, for this reason. ``rule`` names the step of the order that refused."""

    reason: Refusal
    rule: str


class _Stop(Exception):
    def __init__(self, rule: str, reason: Refusal) -> None:
        self.refuse = Refuse(reason, rule)


def decide(bundle: Bundle, call: Call, *, at: datetime, usage: Usage) -> Allow | Refuse:
    """Judge ``call`` by ``bundle`` at the moment ``at``; ``usage`` is that of the call's grant so far."""
    try:
        application = _application(bundle, call)
        resource = _resource(bundle, call)
        grant = _grant(bundle, call, application, resource)
        _in_force(grant, at)
        _purpose_and_mode(grant, call)
        fields = _fields(grant, resource, call)
        _keys(resource, call)
        _dominance(application, resource, fields)
        _rate_and_quota(grant, usage)
    except _Stop as stop:
        return stop.refuse
    masks = {field: grant.masks.get(field, resource.items[field].mask) for field in fields}
    return Allow(
        grant, resource, fields, masks, tuple(grant.condition), grant.max_rows, f"grant:{grant.number}"
    )


def _application(bundle: Bundle, call: Call) -> Application:
    consumer = call.consumer
    if consumer.node not in bundle.nodes:
        raise _Stop("identity", refusals.CallerNodeUnknown(node=consumer.node))
    application = bundle.applications.get(consumer.application)
    if application is None:
        raise _Stop("application", refusals.ApplicationUnknown(application=consumer.application))
    if (application.organisation, application.node) != (consumer.organisation, consumer.node):
        raise _Stop("identity", refusals.ApplicationNotOfCaller(application=application.id))
    if not application.active:
        raise _Stop("application", refusals.ApplicationInactive(application=application.id))
    return application


def _resource(bundle: Bundle, call: Call) -> Resource:
    resource = bundle.resources.get(call.resource)
    if resource is None:
        raise _Stop("resource", refusals.ResourceUnknown(resource=call.resource))
    return resource


def _grant(bundle: Bundle, call: Call, application: Application, resource: Resource) -> Grant:
    grant = bundle.grants.get(call.grant)
    if grant is None:
        raise _Stop("grant", refusals.GrantUnknown(grant=call.grant))
    meant = (grant.resource, grant.consumer, grant.consumer_node, grant.provider_node)
    asked = (resource.code, application.organisation, application.node, resource.node)
    if meant != asked or application.id not in grant.applications:
        raise _Stop("grant", refusals.GrantNotForCall(grant=grant.id))
    return grant


def _in_force(grant: Grant, at: datetime) -> None:
    if grant.state == "revoked":
        raise _Stop("grant.state", refusals.GrantRevoked(grant=grant.id))
    if grant.state != "active":
        raise _Stop("grant.state", refusals.GrantSuspended(grant=grant.id))
    if at < _moment(grant.not_before):
        raise _Stop("grant.validity", refusals.GrantNotStarted(grant=grant.id))
    if at >= _moment(grant.not_after):
        raise _Stop("grant.validity", refusals.GrantExpired(grant=grant.id))


def _purpose_and_mode(grant: Grant, call: Call) -> None:
    if call.purpose != grant.purpose:
        raise _Stop("purpose", refusals.PurposeNotGranted(grant=grant.id))
    if call.mode not in grant.modes:
        raise _Stop("mode", refusals.ModeNotGranted(grant=grant.id, mode=call.mode))


def _fields(grant: Grant, resource: Resource, call: Call) -> tuple[str, ...]:
    """The fields asked for; each must be granted, and be an item that the resource still has."""
    asked = tuple(call.wanted)
    beyond = [field for field in asked if field not in grant.fields or field not in resource.items]
    if beyond or not asked:
        raise _Stop("fields", refusals.FieldsNotGranted(grant=grant.id, fields=_listed(beyond)))
    return asked


def _keys(resource: Resource, call: Call) -> None:
    given = set(call.keys)
    if not any(given == set(lookup) for lookup in resource.lookups):
        raise _Stop("keys", refusals.KeysNotDeclared(resource=resource.code, keys=_listed(call.keys)))


def _dominance(application: Application, resource: Resource, fields: tuple[str, ...]) -> None:
    above = [field for field in fields if resource.items[field].level > application.clearance]
    if above:
        raise _Stop("label", refusals.LevelAboveClearance(fields=_listed(above)))


def _rate_and_quota(grant: Grant, usage: Usage) -> None:
    if usage.this_second >= grant.per_second:
        raise _Stop("rate", refusals.RateExceeded(grant=grant.id, limit=grant.per_second))
    if usage.today >= grant.per_day:
        raise _Stop("quota", refusals.QuotaExceeded(grant=grant.id, limit=grant.per_day))


def _listed(names: "list[str] | dict[str, str]") -> str:
    return ", ".join(_shortened(names))


def _shortened(names: "list[str] | dict[str, str]") -> Iterator[str]:
    for number, name in enumerate(names):
        if number == 10:
            yield "…"
            return
        yield name


# The few moments that stand in grants are read over and over.
_moment = lru_cache(maxsize=4096)(clock.parse)
