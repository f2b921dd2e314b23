"""Grants: issued at the provider's node, copied to every node of the route, ended at once."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.catalog import queries as catalog
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.notices.actions import tell
from guantong.sharing.actions.agreeing import agree
from guantong.sharing.errors import (
    GrantNotInForce,
    NotYourDecision,
    NumberTaken,
    ReasonMissing,
    ResourceOffline,
)
from guantong.sharing.models import Grant, GrantChange, GrantState, Request
from guantong.sharing.narrowing import MAX_ROWS, Scope, scope
from guantong.sharing.service_names import give_first_sid
from guantong.sharing.terms import checked_terms, digest_of
from guantong.sharing.types import OPEN_LIMITS, GrantTerms, Revocation


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
        "max_rows": left.max_rows or MAX_ROWS,
        "not_before": clock.rfc3339(at),
        "not_after": clock.rfc3339(at + timedelta(days=asked.days)),
        "agreement": "",
        "fields": asked.fields,
        "modes": asked.modes,
        "per_day": asked.per_day,
        "per_second": asked.per_second,
        "condition": msgspec.to_builtins(left.condition),
        "grace_days": settings.NODE.grant_grace_days,
    }
    names = set(GrantTerms.__struct_fields__) - set(values) - set(OPEN_LIMITS)
    # Named only if there is one: nodes of an earlier release read the rest.
    limits = {name: limit for name in OPEN_LIMITS if (limit := getattr(left, name))}
    terms = {**values, **limits, **{name: getattr(request, name) for name in names}}
    terms["agreement"] = agree(terms, request, by=by, at=at)
    grant = receive_grant(terms, by=by, at=at)
    if request.consumer_node != resource.node:
        tell_route(grant, "grant.issued", terms, by=by, at=at)
    return grant


@transaction.atomic
def receive_grant(terms: dict[str, Any], *, by: Actor, at: datetime) -> Grant:
    """Keep a grant that we or another node on the route issued; a repeat changes nothing.

    That the issuer is the provider's node, whoever carried the message must have seen to.
    """
    typed = checked_terms(terms)
    digest = digest_of(terms)
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
            "issued_digest": digest,
        },
    )
    if not made and digest not in {grant.issued_digest, digest_of(grant.terms)}:
        raise NumberTaken(number=typed.code, node=typed.provider_node)
    if made:
        give_first_sid(grant)
        record("grant.issued", by=by, at=at, subject=Subject("grant", grant.code))
        enqueue("bundle.stale", {"because": "grant.issued"}, by=by, at=at)
    return grant


def _masks(content: ResourceContent, asked: Scope) -> dict[str, str]:
    """What hides what: as the entry says, or as an approver said."""
    masks = {item.name: asked.narrowing.masks.get(item.name, item.mask) for item in content.items}
    return {name: mask for name, mask in masks.items() if name in asked.fields and mask != "none"}


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
    if grant.is_over and by.kind == "person":
        raise GrantNotInForce(grant=grant.code)
    revocation = Revocation(code=grant.code, reason=reason.strip()[:4000])
    receive_revocation(revocation, by=by, at=at)
    if grant.consumer_node != grant.provider_node:
        tell_route(grant, "grant.revoked", msgspec.to_builtins(revocation), by=by, at=at)
    grant.refresh_from_db()
    return grant


@transaction.atomic
def receive_revocation(revocation: Revocation, *, by: Actor, at: datetime) -> None:
    """Mark a grant revoked and have the bundle published again; a repeated message changes nothing."""
    grant = Grant.objects.select_for_update().get(code=revocation.code)
    if grant.state == GrantState.REVOKED:
        return
    grant.state, grant.revoked_at, grant.revoked_because = GrantState.REVOKED, at, revocation.reason
    grant.revision += 1
    grant.save()
    GrantChange.objects.create(
        grant=grant,
        revision=grant.revision,
        act="revoked",
        state=grant.state,
        reason=revocation.reason,
        said_by=by.name,
        said_at=at,
    )
    record(
        "grant.revoked",
        by=by,
        at=at,
        subject=Subject("grant", grant.code),
        details={"reason": revocation.reason},
    )
    enqueue("bundle.stale", {"because": "grant.revoked"}, by=by, at=at)
    notify_parties(grant, "revoked", revocation.reason, by=by, at=at)


def notify_parties(grant: Grant, act: str, reason: str, *, by: Actor, at: datetime) -> None:
    """Tell both parties' people, those of this node, what became of a grant; not the party that did it."""
    words = {
        "code": grant.code,
        "resource": grant.terms["resource_content"]["name"],
        "words": reason or "—",
        "until": grant.not_after.date().isoformat(),
    }
    parties = [
        (grant.consumer, grant.consumer_node, "request:file"),
        (grant.terms["provider"], grant.provider_node, "grant:revoke"),
    ]
    about, code, once = Subject("grant", grant.code), f"grant_{act}", str(grant.revision)
    for organisation, node, permission in parties:
        if node == settings.NODE.node and organisation != by.organisation:
            tell(organisation, code, words, permission=permission, subject=about, once=once, by=by, at=at)


def tell_route(grant: Grant, topic: str, payload: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """Tell every node between the provider's and the consumer's, and that one."""
    message = {"to": grant.consumer_node, "topic": topic, "payload": payload}
    enqueue("route.message", message, by=by, at=at)
