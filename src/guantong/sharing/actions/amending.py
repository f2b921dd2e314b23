"""补正与撤回: what the department that asks may still do once a request is on its way."""

from datetime import datetime

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from guantong.identity.workdays import after, days_between
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.notices.actions import tell
from guantong.sharing.errors import (
    NarrowingWidens,
    NotYourRequest,
    ReasonMissing,
    RequestClosed,
    RequestNotReturned,
)
from guantong.sharing.models import OPEN, Request, RequestState
from guantong.sharing.telling import is_leaving
from guantong.sharing.types import Supplement, Withdrawal


@transaction.atomic
def supplement(request: Request, added: Supplement, *, by: Actor, at: datetime) -> Request:
    """Add what was missing. The request may ask for less than before, and never for more."""
    request = Request.objects.select_for_update().get(pk=request.pk)
    if by.organisation != request.consumer:
        raise NotYourRequest
    _take(request, added, by=by, at=at)
    if not is_leaving(request) and request.provider_node != settings.NODE.node:
        _tell_provider(request, "request.supplemented", msgspec.to_builtins(added), by=by, at=at)
    return request


@transaction.atomic
def receive_supplement(added: Supplement, *, by: Actor, at: datetime) -> None:
    """The same, as the consumer's node tells it; a repeat changes nothing."""
    request = Request.objects.select_for_update().get(uuid=added.uuid)
    if request.state == RequestState.RETURNED:
        _take(request, added, by=by, at=at)


@transaction.atomic
def withdraw(request: Request, *, reason: str, by: Actor, at: datetime) -> Request:
    """Ask no longer, while nothing is decided."""
    request = Request.objects.select_for_update().get(pk=request.pk)
    if by.organisation != request.consumer:
        raise NotYourRequest
    if not reason.strip():
        raise ReasonMissing
    if request.state not in OPEN:
        raise RequestClosed(request=request.number, state=request.get_state_display())
    gone = Withdrawal(str(request.uuid), reason.strip()[:4000])
    is_told = not is_leaving(request) and request.provider_node != settings.NODE.node
    _end(request, gone, by=by, at=at)
    if is_told:
        _tell_provider(request, "request.withdrawn", msgspec.to_builtins(gone), by=by, at=at)
    return request


@transaction.atomic
def receive_withdrawal(gone: Withdrawal, *, by: Actor, at: datetime) -> None:
    """The same, as the consumer's node tells it. What was granted meanwhile stays granted: it can be given back."""
    request = Request.objects.select_for_update().get(uuid=gone.uuid)
    if request.state in OPEN:
        _end(request, gone, by=by, at=at)


def _take(request: Request, added: Supplement, *, by: Actor, at: datetime) -> None:
    if request.state != RequestState.RETURNED:
        raise RequestNotReturned(request=request.number, state=request.get_state_display())
    beyond = sorted(set(added.fields) - set(request.fields))
    if beyond:
        raise NarrowingWidens(what_zh=f"信息项 {'、'.join(beyond)}", what_en=f"items {', '.join(beyond)}")
    request.purpose_text, request.legal_basis = added.purpose_text, added.legal_basis
    request.fields = list(dict.fromkeys(added.fields))
    request.particulars = msgspec.to_builtins(added.particulars)
    request.state = RequestState.WAITING
    request.save()
    about = Subject("request", str(request.uuid))
    record("request.supplemented", by=by, at=at, subject=about, details={"note": added.note})
    # The clock stood meanwhile: whoever decides has the working days that were left, from now on.
    for step in request.steps.filter(decision="").exclude(task=""):
        if step.opened_at and step.due_on and request.returned_at:
            left = days_between(timezone.localtime(request.returned_at).date(), step.due_on)
            step.due_on = max(step.due_on, after(at, max(left, 1)))
            step.save()
        details = {"number": request.number}
        tell(
            step.decider,
            "request_supplemented",
            details,
            permission="request:decide",
            subject=about,
            by=by,
            at=at,
        )


def _end(request: Request, gone: Withdrawal, *, by: Actor, at: datetime) -> None:
    deciders = list(request.steps.filter(decision="").exclude(task="").values_list("decider", flat=True))
    request.state, request.decided_at, request.run = RequestState.WITHDRAWN, at, None
    request.save()
    about = Subject("request", str(request.uuid))
    record("request.withdrawn", by=by, at=at, subject=about, details={"reason": gone.reason})
    for decider in deciders:
        details = {"number": request.number, "consumer": request.consumer_name}
        tell(decider, "request_withdrawn", details, permission="request:decide", subject=about, by=by, at=at)


def _tell_provider(request: Request, topic: str, payload: object, *, by: Actor, at: datetime) -> None:
    message = {"to": request.provider_node, "topic": topic, "payload": payload}
    enqueue("node.message", message, by=by, at=at)
