"""审批的推进: what comes after a decision: the next steps, the way to the provider's node, the grant."""

from datetime import datetime

import msgspec
from django.conf import settings

from guantong.catalog import queries as catalog
from guantong.catalog.types import ResourceContent
from guantong.identity.workdays import after
from guantong.journal.actions import enqueue
from guantong.journal.types import Actor, Subject
from guantong.notices.actions import tell
from guantong.sharing import flows
from guantong.sharing.actions.granting import issue
from guantong.sharing.actions.renewing import end_grace, prolong
from guantong.sharing.errors import ApprovalMissing, FlowUnfit
from guantong.sharing.models import Request, RequestState, Step
from guantong.sharing.telling import filing_of, is_leaving, told_step
from guantong.workflow.engine import Run
from guantong.workflow.types import Approval


def set_out(request: Request, *, by: Actor, at: datetime) -> None:
    """Begin at the consumer's node: its own review, if it has one, then the way to the provider."""
    run = flows.start("leaving", request, _content(request), at=at)
    move_on(request, run, by=by, at=at)


def arrive(request: Request, *, by: Actor, at: datetime) -> None:
    """Begin at the provider's node."""
    run = flows.start("arriving", request, _content(request), at=at)
    move_on(request, run, by=by, at=at)


def move_on(request: Request, run: Run, *, by: Actor, at: datetime) -> None:
    """Open the steps that are ready now; at the end of the flow, what comes after it. Saves the request."""
    request.run = run.state()
    request.save()
    for approval in run.undecided():
        _open(request, approval, by=by, at=at)
    outcome = run.outcome
    if outcome is None:
        tell_decisions(request, by=by, at=at)
    elif is_leaving(request):
        _leave(request, by=by, at=at)
    else:
        _grant(request, by=by, at=at)


def close(request: Request, state: RequestState, *, by: Actor, at: datetime) -> None:
    """The request has come to its end, here and, where it came from another node, there."""
    request.state, request.decided_at, request.run = state, at, None
    request.save()
    if request.renews and state == RequestState.REFUSED:
        end_grace(request, by=by, at=at)
    tell_decisions(request, by=by, at=at)
    notify_consumer(request, by=by, at=at)


def notify_consumer(request: Request, *, by: Actor, at: datetime) -> None:
    """Tell those who asked, if they are of this node, what became of it."""
    if request.consumer_node != settings.NODE.node or request.state not in {"granted", "refused"}:
        return
    refusal = request.steps.filter(decision="refused").first()
    details = {"number": request.number, "words": refusal.reason if refusal else ""}
    about = Subject("request", str(request.uuid))
    code = f"request_{request.state}"
    # A request that was reopened by a ruling ends a second time.
    once = f"end/{request.decided_at}"
    tell(request.consumer, code, details, permission="request:file", subject=about, once=once, by=by, at=at)


def tell_decisions(request: Request, *, by: Actor, at: datetime) -> None:
    """Tell the consumer's node how far its request has come at this, the provider's."""
    if settings.NODE.node == request.consumer_node or is_leaving(request):
        return
    told = {
        "uuid": str(request.uuid),
        "state": request.state,
        "steps": [told_step(step) for step in request.steps.filter(kind__in=flows.ROLES["arriving"])],
        "missing": request.missing,
        "narrowing": request.narrowing,
    }
    message = {"to": request.consumer_node, "topic": "request.decided", "payload": told}
    enqueue("node.message", message, by=by, at=at)


def _open(request: Request, approval: Approval, *, by: Actor, at: datetime) -> None:
    if request.steps.filter(task=approval.id).exists():
        return
    decider = flows.decider(approval.role, request)
    due_on = after(at, approval.days or flows.usual_days(approval.role))
    step = Step.objects.create(
        request=request,
        position=request.steps.count(),
        kind=approval.role,
        task=approval.id,
        decider=decider.code,
        decider_name=decider.name,
        opened_at=at,
        due_on=due_on,
    )
    details = {
        "consumer": request.consumer_name,
        "resource": request.resource_name,
        "due_on": due_on.isoformat(),
    }
    about = Subject("request", str(request.uuid))
    tell(
        step.decider,
        "request_to_decide",
        details,
        permission="request:decide",
        subject=about,
        once=str(step.position),
        by=by,
        at=at,
    )


def _leave(request: Request, *, by: Actor, at: datetime) -> None:
    """On to the provider: its flow here, or its node."""
    if request.provider_node == settings.NODE.node:
        arrive(request, by=by, at=at)
        return
    request.flow, request.run = None, None
    request.save()
    message = {
        "to": request.provider_node,
        "topic": "request.filed",
        "payload": msgspec.to_builtins(filing_of(request)),
    }
    enqueue("node.message", message, by=by, at=at)


def _grant(request: Request, *, by: Actor, at: datetime) -> None:
    content = _content(request)
    approved = request.steps.filter(kind="provider", decision="approved", decider=request.provider).exists()
    if content.sharing_type != "unconditional" and not approved:
        raise ApprovalMissing(request=request.number)
    if not request.pledge:
        raise ApprovalMissing(request=request.number)
    if not (request.renews and prolong(request, by=by, at=at)):
        issue(request, by=by, at=at)
    close(request, RequestState.GRANTED, by=by, at=at)


def _content(request: Request) -> ResourceContent:
    content = catalog.by_code(request.resource).live
    if content is None:
        raise FlowUnfit(why_zh="该资源已下线", why_en="the resource was withdrawn")
    return content
