"""Decisions: by the department that asks, the provider, the data bureau; in the order of the flow."""

from datetime import date, datetime
from typing import Literal

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.catalog import queries as catalog
from guantong.identity.models import Organisation
from guantong.identity.queries import holds
from guantong.identity.workdays import after
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.notices.actions import tell
from guantong.sharing import flows
from guantong.sharing.actions.moving import close, move_on, notify_consumer, tell_decisions
from guantong.sharing.errors import (
    GroundUnknown,
    NotYourDecision,
    ReasonMissing,
    RequestStateWrong,
    ResourceOffline,
    ToldAlready,
)
from guantong.sharing.grounds import GROUNDS
from guantong.sharing.models import OPEN, Paper, Request, RequestState, Step
from guantong.sharing.narrowing import narrowed
from guantong.sharing.parties import demand_own_organisation
from guantong.sharing.telling import is_leaving
from guantong.sharing.types import Decisions, Narrowing

LONGEST_REASON = 4000


@transaction.atomic
def decide(
    request: Request,
    decision: Literal["approved", "refused"],
    *,
    reason: str = "",
    ground: str = "",
    narrowing: Narrowing | None = None,
    paper: Paper | None = None,
    by: Actor,
    at: datetime,
) -> Request:
    """Decide the step that waits for the actor's organisation. After the last approval comes the grant.

    A refusal names a ``ground`` and gives its reason. An approval may take away (``narrowing``), never add. With
    ``paper`` it is the decision that was signed on it: the record is the same, by the name that signed.
    """
    request = Request.objects.select_for_update().get(pk=request.pk)
    step = _waiting_for(request, by)
    if decision == "refused":
        if ground not in GROUNDS:
            raise GroundUnknown
        if not reason.strip():
            raise ReasonMissing
    if decision == "approved" and narrowing is not None:
        _narrow(request, narrowing)
    step.decision, step.ground = decision, ground if decision == "refused" else ""
    step.reason, step.decided_at = reason.strip()[:LONGEST_REASON], at
    step.decided_by = paper.signed_by if paper else by.name
    if paper:
        step.paper_number, step.paper_digest = paper.number, paper.digest
    step.save()
    details = {"step": step.kind, "reason": step.reason, "ground": step.ground}
    if paper:
        details |= {"paper": paper.number, "digest": paper.digest}
    record(
        f"request.{decision}", by=by, at=at, subject=Subject("request", str(request.uuid)), details=details
    )
    if decision == "refused":
        close(request, RequestState.REFUSED, by=by, at=at)
        return request
    run = flows.resume(request)
    run.complete(step.task)
    move_on(request, run, by=by, at=at)
    return request


@transaction.atomic
def send_back(request: Request, *, missing: str, by: Actor, at: datetime) -> Request:
    """一次性告知: say everything that is missing, once. The clock stands until the consumer has added it."""
    request = Request.objects.select_for_update().get(pk=request.pk)
    step = _waiting_for(request, by)
    if not missing.strip():
        raise ReasonMissing
    if request.returned_at is not None:
        raise ToldAlready(request=request.number)
    request.state, request.missing, request.returned_at = (
        RequestState.RETURNED,
        missing.strip()[:LONGEST_REASON],
        at,
    )
    request.save()
    details = {"step": step.kind, "missing": request.missing}
    record("request.returned", by=by, at=at, subject=Subject("request", str(request.uuid)), details=details)
    tell_decisions(request, by=by, at=at)
    _tell_missing(request, by=by, at=at)
    return request


@transaction.atomic
def receive_decisions(decisions: Decisions, *, by: Actor, at: datetime) -> None:
    """Copy the provider's node's decisions to the consumer's record of the request.

    A request that was decided stays decided, whatever arrives late.
    """
    request = Request.objects.select_for_update().get(uuid=decisions.uuid)
    if request.state not in OPEN or is_leaving(request):
        return
    for step in decisions.steps:
        demand_own_organisation(step.decider, node=request.provider_node)
        if step.kind not in flows.ROLES["arriving"]:
            raise NotYourDecision
    was = request.state
    request.state, request.missing = RequestState(decisions.state), decisions.missing
    request.narrowing = msgspec.to_builtins(decisions.narrowing)
    request.decided_at = at if request.state not in OPEN else None
    if request.state == RequestState.RETURNED and was != RequestState.RETURNED:
        request.returned_at = at
        _tell_missing(request, by=by, at=at)
    request.save()
    for step in decisions.steps:
        values = {
            **msgspec.to_builtins(step),
            "decided_at": clock.parse(step.decided_at) if step.decided_at else None,
            "due_on": date.fromisoformat(step.due_on) if step.due_on else None,
        }
        Step.objects.update_or_create(request=request, position=step.position, defaults=values)
    notify_consumer(request, by=by, at=at)
    record("request.followed", by=by, at=at, subject=Subject("request", str(request.uuid)))


def _waiting_for(request: Request, by: Actor) -> Step:
    """The step that ``by`` may decide now. RequestStateWrong, NotYourDecision."""
    steps = list(request.steps.filter(decision="").exclude(task=""))
    if request.state != RequestState.WAITING:
        raise RequestStateWrong(request=request.number, state=request.get_state_display())
    step = next((each for each in steps if each.decider == by.organisation), None)
    is_ours = Organisation.objects.filter(code=by.organisation, node=settings.NODE.node).exists()
    if step is None or not is_ours or not holds(by, "request:decide") or by.id == request.filed_by_id:
        raise NotYourDecision
    # The department that asks has a say at its own review only.
    if by.organisation == request.consumer and step.kind != "consumer":
        raise NotYourDecision
    return step


def _narrow(request: Request, narrowing: Narrowing) -> None:
    content = catalog.by_code(request.resource).live
    if content is None:
        raise ResourceOffline(resource=request.resource)
    request.narrowing = msgspec.to_builtins(narrowed(request, narrowing, content))


def _tell_missing(request: Request, *, by: Actor, at: datetime) -> None:
    if request.consumer_node != settings.NODE.node:
        return
    due_on = after(at, settings.NODE.request_supplement_days)
    details = {"number": request.number, "words": request.missing, "due_on": due_on.isoformat()}
    about = Subject("request", str(request.uuid))
    tell(
        request.consumer,
        "request_returned",
        details,
        permission="request:file",
        subject=about,
        once="1",
        by=by,
        at=at,
    )
