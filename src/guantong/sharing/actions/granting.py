"""Grants: issued at the provider's node, copied to every node of the route, ended at once."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction

from guantong.catalog import queries as catalog
from guantong.catalog.actions import read_content
from guantong.catalog.models import Resource
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.sharing.errors import (
    FieldNotInResource,
    GrantNotInForce,
    NotYourDecision,
    NumberTaken,
    ReasonMissing,
    ResourceOfAnotherNode,
    ResourceOffline,
    TermsWrong,
)
from guantong.sharing.models import Grant, GrantState, Request
from guantong.sharing.narrowing import Scope, scope
from guantong.sharing.parties import demand_free_codes, demand_own_organisation
from guantong.sharing.types import GrantTerms, Revocation

LONGEST = timedelta(days=10 * 366)


@transaction.atomic
def issue(request: Request, *, by: Actor, at: datetime) -> Grant:
    """Compile the grant: the fields asked for, less what approvers took away, with each item's mask."""
    resource = catalog.by_code(request.resource)
    content = resource.live
    if content is None:
        raise ResourceOffline(resource=request.resource)
    asked = scope(request)
    left = asked.narrowing
    values = {
        # The provider's node in front, so that no two nodes can give the same code.
        "code": f"GX{resource.node}{request.number.removeprefix('SQ')}",
        "request": str(request.uuid),
        "resource": request.resource,
        "resource_version": resource.live_version,
        "resource_content": msgspec.to_builtins(content),
        "provider": resource.provider.code,
        "provider_name": resource.provider.name,
        "provider_node": resource.node,
        "masks": _masks(content, asked),
        "max_rows": 20,
        "not_before": clock.rfc3339(at),
        "not_after": clock.rfc3339(at + timedelta(days=asked.days)),
        "agreement": request.pledge,
        "fields": asked.fields,
        "modes": asked.modes,
        "per_day": asked.per_day,
        "per_second": asked.per_second,
        "condition": msgspec.to_builtins(left.condition),
    }
    names = set(GrantTerms.__struct_fields__) - set(values)
    terms = {**values, **{name: getattr(request, name) for name in names}}
    grant = receive_grant(terms, by=by, at=at)
    if request.consumer_node != resource.node:
        _tell_route(grant, "grant.issued", terms, by=by, at=at)
    return grant


@transaction.atomic
def receive_grant(terms: dict[str, Any], *, by: Actor, at: datetime) -> Grant:
    """Keep a grant that we or another node on the route issued; a repeat changes nothing.

    That the issuer is the provider's node, whoever carried the message must have seen to.
    """
    typed = _checked(terms)
    grant, made = Grant.objects.get_or_create(
        code=typed.code,
        defaults={
            "request": typed.request,
            "resource": typed.resource,
            "consumer": typed.consumer,
            "provider": typed.provider,
            "provider_node": typed.provider_node,
            "consumer_node": typed.consumer_node,
            "purpose": typed.purpose,
            "terms": terms,
            "not_before": clock.parse(typed.not_before),
            "not_after": clock.parse(typed.not_after),
            "issued_at": at,
        },
    )
    if not made and grant.terms != terms:
        raise NumberTaken(number=typed.code, node=typed.provider_node)
    if made:
        record("grant.issued", by=by, at=at, subject=Subject("grant", grant.code))
        enqueue("bundle.stale", {"because": "grant.issued"}, by=by, at=at)
    return grant


def _masks(content: ResourceContent, asked: Scope) -> dict[str, str]:
    """What hides what: as the entry says, or as an approver said."""
    masks = {item.name: asked.narrowing.masks.get(item.name, item.mask) for item in content.items}
    return {name: mask for name, mask in masks.items() if name in asked.fields and mask != "none"}


def _checked(terms: dict[str, Any]) -> GrantTerms:
    """The terms, if they fit together and name nothing that is another node's."""
    try:
        typed = msgspec.convert(terms, GrantTerms)
    except msgspec.ValidationError as error:
        raise TermsWrong(why_zh=str(error), why_en=str(error)) from error
    if not typed.code.startswith(f"GX{typed.provider_node}"):
        raise NumberTaken(number=typed.code, node=typed.provider_node)
    content = read_content(typed.resource_content)
    if (content.code, content.provider) != (typed.resource, typed.provider):
        raise TermsWrong(why_zh="所附目录不是该信息资源的", why_en="the entry enclosed is not the resource's")
    strangers = {*typed.fields, *typed.masks, *(each.item for each in typed.condition)} - {
        item.name for item in content.items
    }
    if strangers:
        raise FieldNotInResource(fields="、".join(sorted(strangers)))
    _demand_dates(typed)
    known = Resource.objects.filter(code=typed.resource).first()
    if known and known.node != typed.provider_node:
        raise ResourceOfAnotherNode(resource=typed.resource, node=typed.provider_node)
    demand_own_organisation(typed.provider, node=typed.provider_node)
    demand_own_organisation(typed.consumer, node=typed.consumer_node)
    demand_free_codes(typed.applications, node=typed.consumer_node)
    return typed


def _demand_dates(terms: GrantTerms) -> None:
    try:
        begins, ends = clock.parse(terms.not_before), clock.parse(terms.not_after)
    except ValueError as error:
        raise TermsWrong(why_zh="日期无法读取", why_en="its dates cannot be read") from error
    if not begins < ends <= begins + LONGEST:
        raise TermsWrong(why_zh="期限不合理", why_en="its dates make no sense")


@transaction.atomic
def revoke(grant: Grant, *, reason: str, by: Actor, at: datetime) -> Grant:
    """End a grant at once, here and on every node of its route."""
    givers = Organisation.objects.filter(node=grant.provider_node, is_bureau=True).values_list(
        "code", flat=True
    )
    if by.kind == "person" and by.organisation not in {grant.terms["provider"], *givers}:
        raise NotYourDecision
    if not reason.strip():
        raise ReasonMissing
    if grant.state != GrantState.ACTIVE and by.kind == "person":
        raise GrantNotInForce(grant=grant.code)
    revocation = Revocation(code=grant.code, reason=reason.strip()[:4000])
    receive_revocation(revocation, by=by, at=at)
    if grant.consumer_node != grant.provider_node:
        _tell_route(grant, "grant.revoked", msgspec.to_builtins(revocation), by=by, at=at)
    grant.refresh_from_db()
    return grant


@transaction.atomic
def receive_revocation(revocation: Revocation, *, by: Actor, at: datetime) -> None:
    """Mark a grant revoked and have the bundle published again; a repeated message changes nothing."""
    grant = Grant.objects.select_for_update().get(code=revocation.code)
    if grant.state != GrantState.ACTIVE:
        return
    grant.state, grant.revoked_at, grant.revoked_because = GrantState.REVOKED, at, revocation.reason
    grant.save()
    record(
        "grant.revoked",
        by=by,
        at=at,
        subject=Subject("grant", grant.code),
        details={"reason": revocation.reason},
    )
    enqueue("bundle.stale", {"because": "grant.revoked"}, by=by, at=at)


def _tell_route(grant: Grant, topic: str, payload: dict[str, Any], *, by: Actor, at: datetime) -> None:
    message = {"to": grant.consumer_node, "topic": topic, "payload": payload}
    enqueue("route.message", message, by=by, at=at)
