"""The rules that every use of a grant obeys, whichever way the data goes: pure functions over the bundle.

Each raises :class:`Stopped` with the reason and the name of the rule. Their order is fixed by whoever calls
them: identity → application → resource → grant in force → purpose → mode → fields ⊆ grant → label dominance.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from guantong.bundle import refusals
from guantong.bundle.refusals import Refusal
from guantong.bundle.types import Application, Bundle, Grant, Mode, Resource
from guantong.kit import clock


class Stopped(Exception):
    """A rule says no. ``rule`` names it, ``reason`` is the refusal that the caller hears."""

    def __init__(self, rule: str, reason: Refusal) -> None:
        super().__init__(rule)
        self.rule = rule
        self.reason = reason


def application_of(bundle: Bundle, name: str, *, node: str, organisation: str | None = None) -> Application:
    """The active application ``name`` at home on ``node``; of ``organisation``, where the caller claims one."""
    if node not in bundle.nodes:
        raise Stopped("identity", refusals.CallerNodeUnknown(node=node))
    application = bundle.applications.get(name)
    if application is None:
        raise Stopped("application", refusals.ApplicationUnknown(application=name))
    claimed = application.organisation if organisation is None else organisation
    if (application.organisation, application.node) != (claimed, node):
        raise Stopped("identity", refusals.ApplicationNotOfCaller(application=application.id))
    if not application.active:
        raise Stopped("application", refusals.ApplicationInactive(application=application.id))
    return application


def resource_of(bundle: Bundle, code: str) -> Resource:
    """The resource of that code."""
    resource = bundle.resources.get(code)
    if resource is None:
        raise Stopped("resource", refusals.ResourceUnknown(resource=code))
    return resource


def grant_of(bundle: Bundle, name: str, application: Application, resource: Resource) -> Grant:
    """The grant of that id, if it was given to this application for this resource."""
    grant = bundle.grants.get(name)
    if grant is None:
        raise Stopped("grant", refusals.GrantUnknown(grant=name))
    meant = (grant.resource, grant.consumer, grant.consumer_node, grant.provider_node)
    asked = (resource.code, application.organisation, application.node, resource.node)
    if meant != asked or application.id not in grant.applications:
        raise Stopped("grant", refusals.GrantNotForCall(grant=grant.id))
    return grant


def check_in_force(grant: Grant, at: datetime) -> None:
    """Neither revoked nor suspended, and within its dates at ``at``."""
    if grant.state == "revoked":
        raise Stopped("grant.state", refusals.GrantRevoked(grant=grant.id))
    if grant.state != "active":
        raise Stopped("grant.state", refusals.GrantSuspended(grant=grant.id))
    if at < _moment(grant.not_before):
        raise Stopped("grant.validity", refusals.GrantNotStarted(grant=grant.id))
    if at >= _moment(grant.not_after):
        raise Stopped("grant.validity", refusals.GrantExpired(grant=grant.id))


def check_purpose_and_mode(grant: Grant, purpose: str, mode: Mode) -> None:
    """The stated purpose is the granted one, and this way of using the data is granted."""
    if purpose != grant.purpose:
        raise Stopped("purpose", refusals.PurposeNotGranted(grant=grant.id))
    if mode not in grant.modes:
        raise Stopped("mode", refusals.ModeNotGranted(grant=grant.id, mode=mode))


def check_fields(grant: Grant, resource: Resource, fields: tuple[str, ...]) -> None:
    """Something is asked for, and all of it is granted and still an item of the resource."""
    beyond = [field for field in fields if field not in grant.fields or field not in resource.items]
    if beyond or not fields:
        raise Stopped("fields", refusals.FieldsNotGranted(grant=grant.id, fields=listed(beyond)))


def check_dominance(application: Application, resource: Resource, fields: tuple[str, ...]) -> None:
    """强制访问控制: no field's level is above the application's clearance; no grant overrides that."""
    above = [field for field in fields if resource.items[field].level > application.clearance]
    if above:
        raise Stopped("label", refusals.LevelAboveClearance(fields=listed(above)))


def masks_of(grant: Grant, resource: Resource, fields: tuple[str, ...]) -> dict[str, str]:
    """What is left of each field: the grant's mask, else the item's usual one."""
    return {field: grant.masks.get(field, resource.items[field].mask) for field in fields}


def listed(names: Iterable[str]) -> str:
    """Names for a sentence; ten at most."""
    return ", ".join(_shortened(names))


def _shortened(names: Iterable[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        if number == 10:
            yield "…"
            return
        yield name


# The few moments that stand in grants are read over and over.
_moment = lru_cache(maxsize=4096)(clock.parse)
