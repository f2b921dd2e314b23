"""Approvals: the provider's department first, then the bureau; the last one grants."""

from datetime import datetime
from typing import Literal

import msgspec
from django.db import transaction

from guantong.catalog import queries as catalog
from guantong.identity.models import Organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.sharing.actions.granting import issue
from guantong.sharing.errors import NotYourDecision, ReasonMissing, RequestStateWrong
from guantong.sharing.models import Request, RequestState, Step
from guantong.sharing.parties import demand_own_organisation
from guantong.sharing.types import Decisions, StepTerms


@transaction.atomic
def open_steps(request: Request, *, by: Actor, at: datetime) -> None:
    """Provider, then bureau; an unconditional resource needs neither and is granted at once."""
    resource = catalog.by_code(request.resource)
    content = resource.live
    if content is not None and content.sharing_type == "unconditional":
        _grant(request, by=by, at=at)
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
    """Decide the step that a request waits for. The last approval issues the grant; a refusal gives its reason.

    Only at the provider's node: what another node says about its steps is followed, never decided, here.
    """
    request = Request.objects.select_for_update().get(pk=request.pk)
    step = request.steps.filter(decision="").first()
    if request.state != RequestState.WAITING or step is None:
        raise RequestStateWrong(request=request.number, state=request.get_state_display())
    is_decider = Organisation.objects.filter(code=by.organisation, node=request.provider_node).exists()
    if not is_decider or by.organisation != step.decider or by.organisation == request.consumer:
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
        _grant(request, by=by, at=at)
    else:
        _tell_decisions(request, by=by, at=at)
    return request


@transaction.atomic
def receive_decisions(decisions: Decisions, *, by: Actor, at: datetime) -> None:
    """Copy the provider's node's decisions to the consumer's record of the request.

    A request that was decided stays decided, whatever arrives late.
    """
    request = Request.objects.select_for_update().get(uuid=decisions.uuid)
    if request.state != RequestState.WAITING:
        return
    request.state = RequestState(decisions.state)
    request.decided_at = at if request.state != RequestState.WAITING else None
    request.save()
    for step in decisions.steps:
        demand_own_organisation(step.decider, node=request.provider_node)
        moment = clock.parse(step.decided_at) if step.decided_at else None
        values = {**msgspec.to_builtins(step), "decided_at": moment}
        Step.objects.update_or_create(request=request, position=step.position, defaults=values)
    record("request.followed", by=by, at=at, subject=Subject("request", str(request.uuid)))


def _grant(request: Request, *, by: Actor, at: datetime) -> None:
    issue(request, by=by, at=at)
    _close(request, RequestState.GRANTED, by=by, at=at)


def _close(request: Request, state: RequestState, *, by: Actor, at: datetime) -> None:
    request.state, request.decided_at = state, at
    request.save()
    _tell_decisions(request, by=by, at=at)


def _tell_decisions(request: Request, *, by: Actor, at: datetime) -> None:
    if request.consumer_node == request.provider_node:
        return
    told = {
        "uuid": str(request.uuid),
        "state": request.state,
        "steps": [_told(step) for step in request.steps.all()],
    }
    message = {"to": request.consumer_node, "topic": "request.decided", "payload": told}
    enqueue("node.message", message, by=by, at=at)


def _told(step: Step) -> dict[str, object]:
    values = {name: getattr(step, name) for name in StepTerms.__struct_fields__}
    return {**values, "decided_at": clock.rfc3339(step.decided_at) if step.decided_at else None}
