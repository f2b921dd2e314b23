"""The only writers of requests and grants.

A request is filed at the consumer's node and decided at the provider's. What the other node must hear goes out
as a message of the outbox (topic ``node.message``), written in the transaction of the act.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from django.db import transaction

from guantong.catalog import queries as catalog
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Application, Organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.sharing.errors import (
    FieldNotInResource,
    GrantNotInForce,
    NotShared,
    NotYourDecision,
    PledgeMissing,
    ReasonMissing,
    RequestIncomplete,
    RequestStateWrong,
)
from guantong.sharing.models import Grant, GrantState, Request, RequestState, Step
from guantong.sharing.types import PLEDGE, ApplicationTerms, GrantTerms, Need


@transaction.atomic
def file_request(need: Need, *, consumer: Organisation, by: Actor, at: datetime) -> Request:
    """File what a department needs. Unconditional resources are granted at once; "not shared" is refused."""
    resource = catalog.by_code(need.resource)
    content = resource.live or ResourceContent(code=need.resource, name=resource.name, provider="")
    if content.sharing_type == "not_shared":
        raise NotShared(basis=content.sharing_basis)
    _demand_complete(need, content)
    applications = list(
        Application.objects.filter(code__in=need.applications, organisation=consumer, is_active=True)
    )
    if len(applications) != len(set(need.applications)):
        raise RequestIncomplete(
            missing_zh="本机构已登记的调用应用", missing_en="applications registered by your organisation"
        )
    request = Request.objects.create(
        number=_next_number(consumer.node, at),
        resource=resource.code,
        resource_name=resource.name,
        consumer=consumer.code,
        consumer_name=consumer.name,
        consumer_node=consumer.node,
        provider=resource.provider.code,
        provider_name=resource.provider.name,
        provider_node=resource.node,
        applications=[
            {"code": a.code, "name": a.name, "public_key": a.public_key, "clearance": a.clearance}
            for a in applications
        ],
        fields=need.fields,
        modes=list(need.modes),
        purpose=need.purpose,
        purpose_text=need.purpose_text,
        legal_basis=need.legal_basis,
        per_day=need.per_day,
        per_second=need.per_second,
        days=need.days,
        pledge="sha-256:" + hashlib.sha256(PLEDGE.encode()).hexdigest(),
        pledged_by=by.name,
        filed_at=at,
        filed_by=by.name,
    )
    record("request.filed", by=by, at=at, subject=Subject("request", str(request.uuid)))
    if resource.node == consumer.node:
        _open_steps(request, by=by, at=at)
    else:
        _tell(resource.node, "request.filed", _as_message(request), by=by, at=at)
    return request


def _demand_complete(need: Need, content: ResourceContent) -> None:
    wanted = {
        "fields": ("所需信息项", "the items"),
        "modes": ("使用方式", "the mode"),
        "purpose": ("对应事项", "the service item"),
        "purpose_text": ("应用场景", "the scenario"),
        "legal_basis": ("法律依据", "the legal basis"),
        "applications": ("调用应用", "the calling application"),
    }
    missing = [words for name, words in wanted.items() if not getattr(need, name)]
    if missing:
        raise RequestIncomplete(
            missing_zh="、".join(zh for zh, _ in missing), missing_en=", ".join(en for _, en in missing)
        )
    if not need.pledge_signed:
        raise PledgeMissing
    strangers = set(need.fields) - {item.name for item in content.items}
    if strangers:
        raise FieldNotInResource(fields="、".join(sorted(strangers)))


def _next_number(node: str, at: datetime) -> str:
    prefix = f"SQ{node}{at:%Y%m%d}"
    return f"{prefix}{Request.objects.filter(number__startswith=prefix).count() + 1:04d}"


def _as_message(request: Request) -> dict[str, Any]:
    kept_here = {"id", "uuid", "state", "decided_at"}
    names = [f.name for f in Request._meta.concrete_fields if f.name not in kept_here]  # noqa: SLF001 - documented
    values = {name: getattr(request, name) for name in names}
    return {**values, "uuid": str(request.uuid), "filed_at": clock.rfc3339(request.filed_at)}


@transaction.atomic
def receive_request(message: dict[str, Any], *, by: Actor, at: datetime) -> Request:
    """Take in a request that another node filed for a resource of ours; a repeat changes nothing."""
    found = Request.objects.filter(uuid=message["uuid"]).first()
    if found:
        return found
    resource = catalog.by_code(message["resource"])
    values = {**message, "filed_at": clock.parse(message["filed_at"]), "provider_node": resource.node}
    request = Request.objects.create(**values)
    record("request.received", by=by, at=at, subject=Subject("request", str(request.uuid)))
    _open_steps(request, by=by, at=at)
    return request


def _open_steps(request: Request, *, by: Actor, at: datetime) -> None:
    """Provider, then bureau; an unconditional resource needs neither."""
    resource = catalog.by_code(request.resource)
    content = resource.live
    if content is not None and content.sharing_type == "unconditional":
        _issue(request, by=by, at=at)
        return
    deciders = [("provider", resource.provider)]
    bureau = Organisation.objects.filter(node=resource.node, is_bureau=True).first()
    if bureau:
        deciders.append(("bureau", bureau))
    for position, (kind, decider) in enumerate(deciders):
        Step.objects.create(
            request=request, position=position, kind=kind, decider=decider.code, decider_name=decider.name
        )


@transaction.atomic
def decide(
    request: Request, decision: Literal["approved", "refused"], *, reason: str = "", by: Actor, at: datetime
) -> Request:
    """Decide the step that a request waits for. The last approval issues the grant; a refusal gives its reason."""
    request = Request.objects.select_for_update().get(pk=request.pk)
    step = request.steps.filter(decision="").first()
    if request.state != RequestState.WAITING or step is None:
        raise RequestStateWrong(request=request.number, state=request.get_state_display())
    if by.organisation != step.decider or by.organisation == request.consumer:
        raise NotYourDecision
    if decision == "refused" and not reason.strip():
        raise ReasonMissing
    step.decision, step.reason, step.decided_by, step.decided_at = decision, reason.strip(), by.name, at
    step.save()
    record(
        f"request.{decision}",
        by=by,
        at=at,
        subject=Subject("request", str(request.uuid)),
        details={"step": step.kind, "reason": step.reason},
    )
    if decision == "refused":
        _close(request, RequestState.REFUSED, by=by, at=at)
    elif not request.steps.filter(decision="").exists():
        _issue(request, by=by, at=at)
    else:
        _tell_decisions(request, by=by, at=at)
    return request


def _close(request: Request, state: RequestState, *, by: Actor, at: datetime) -> None:
    request.state, request.decided_at = state, at
    request.save()
    _tell_decisions(request, by=by, at=at)


def _tell_decisions(request: Request, *, by: Actor, at: datetime) -> None:
    steps = [
        {
            "position": step.position,
            "kind": step.kind,
            "decider": step.decider,
            "decider_name": step.decider_name,
            "decision": step.decision,
            "reason": step.reason,
            "decided_by": step.decided_by,
            "decided_at": clock.rfc3339(step.decided_at) if step.decided_at else None,
        }
        for step in request.steps.all()
    ]
    payload = {"uuid": str(request.uuid), "state": request.state, "steps": steps}
    if request.consumer_node != request.provider_node:
        _tell(request.consumer_node, "request.decided", payload, by=by, at=at)


@transaction.atomic
def receive_decisions(message: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """Copy the provider's node's decisions to the consumer's record of the request."""
    request = Request.objects.select_for_update().get(uuid=message["uuid"])
    request.state = message["state"]
    request.decided_at = at if request.state != RequestState.WAITING else None
    request.save()
    for values in message["steps"]:
        moment = values["decided_at"]
        Step.objects.update_or_create(
            request=request,
            position=values["position"],
            defaults={**values, "decided_at": clock.parse(moment) if moment else None},
        )
    record("request.followed", by=by, at=at, subject=Subject("request", str(request.uuid)))


def _issue(request: Request, *, by: Actor, at: datetime) -> Grant:
    """Compile the grant: the fields asked for, with each item's mask, and nothing more."""
    resource = catalog.by_code(request.resource)
    content = resource.live
    if content is None:
        raise FieldNotInResource(fields="、".join(request.fields))
    masks = {i.name: i.mask for i in content.items if i.name in request.fields and i.mask != "none"}
    ends = at + timedelta(days=request.days)
    terms = GrantTerms(
        code=request.number.replace("SQ", "GX", 1),
        request=str(request.uuid),
        resource=request.resource,
        resource_version=resource.live_version,
        resource_content=msgspec.to_builtins(content),
        provider=request.provider,
        provider_name=request.provider_name,
        provider_node=resource.node,
        consumer=request.consumer,
        consumer_name=request.consumer_name,
        consumer_node=request.consumer_node,
        applications=[msgspec.convert(each, ApplicationTerms) for each in request.applications],
        modes=request.modes,
        fields=request.fields,
        masks=masks,
        purpose=request.purpose,
        purpose_text=request.purpose_text,
        per_second=request.per_second,
        per_day=request.per_day,
        max_rows=20,
        not_before=clock.rfc3339(at),
        not_after=clock.rfc3339(ends),
        agreement=request.pledge,
    )
    grant = receive_grant(msgspec.to_builtins(terms), by=by, at=at)
    if request.consumer_node != resource.node:
        enqueue("route.message", _routed(request, "grant.issued", msgspec.to_builtins(terms)), by=by, at=at)
    _close(request, RequestState.GRANTED, by=by, at=at)
    return grant


@transaction.atomic
def receive_grant(terms: dict[str, Any], *, by: Actor, at: datetime) -> Grant:
    """Keep a grant that we or another node on the route issued; a repeat changes nothing."""
    typed = msgspec.convert(terms, GrantTerms)
    grant, made = Grant.objects.get_or_create(
        code=typed.code,
        defaults={
            "request": typed.request,
            "resource": typed.resource,
            "consumer": typed.consumer,
            "provider_node": typed.provider_node,
            "consumer_node": typed.consumer_node,
            "purpose": typed.purpose,
            "terms": terms,
            "not_before": clock.parse(typed.not_before),
            "not_after": clock.parse(typed.not_after),
            "issued_at": at,
        },
    )
    if made:
        record("grant.issued", by=by, at=at, subject=Subject("grant", grant.code))
        enqueue("bundle.stale", {"because": "grant.issued"}, by=by, at=at)
    return grant


@transaction.atomic
def revoke(grant: Grant, *, reason: str, by: Actor, at: datetime) -> Grant:
    """End a grant at once, here and on every node of its route."""
    terms = grant.terms
    bureaus = Organisation.objects.filter(node=terms["provider_node"], is_bureau=True).values_list(
        "code", flat=True
    )
    if by.kind == "person" and by.organisation not in {terms["provider"], *bureaus}:
        raise NotYourDecision
    if not reason.strip():
        raise ReasonMissing
    receive_revocation({"code": grant.code, "reason": reason}, by=by, at=at)
    if terms["consumer_node"] != terms["provider_node"]:
        message = {"code": grant.code, "reason": reason}
        enqueue("route.message", _routed_terms(terms, "grant.revoked", message), by=by, at=at)
    grant.refresh_from_db()
    return grant


@transaction.atomic
def receive_revocation(message: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """Mark a grant revoked and have the bundle published again; a repeated message changes nothing."""
    grant = Grant.objects.select_for_update().get(code=message["code"])
    if grant.state != GrantState.ACTIVE:
        if by.kind == "person":
            raise GrantNotInForce(grant=grant.code)
        return
    grant.state, grant.revoked_at, grant.revoked_because = GrantState.REVOKED, at, message["reason"]
    grant.save()
    record(
        "grant.revoked",
        by=by,
        at=at,
        subject=Subject("grant", grant.code),
        details={"reason": message["reason"]},
    )
    enqueue("bundle.stale", {"because": "grant.revoked"}, by=by, at=at)


def _tell(node: str, topic: str, payload: dict[str, Any], *, by: Actor, at: datetime) -> None:
    enqueue("node.message", {"to": node, "topic": topic, "payload": payload}, by=by, at=at)


def _routed(request: Request, topic: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"to": request.consumer_node, "topic": topic, "payload": payload}


def _routed_terms(terms: dict[str, Any], topic: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"to": terms["consumer_node"], "topic": topic, "payload": payload}
