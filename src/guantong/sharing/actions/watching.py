"""时限: reminders before a deadline, the bureau after it, and what people do about it: extend, urge."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from guantong.identity.queries import bureaus
from guantong.identity.workdays import after, workdays
from guantong.journal.actions import raise_alert, record
from guantong.journal.types import Actor, Subject
from guantong.notices.actions import tell
from guantong.sharing.actions.moving import tell_decisions
from guantong.sharing.errors import ExtendedAlready, NotYourDecision, ReasonMissing, StepNotOpen
from guantong.sharing.models import RequestState, Step

REMIND_DAYS = 2
"""Working days before the deadline at which people are reminded."""


def watch_deadlines(*, by: Actor, at: datetime) -> int:
    """Remind who is due soon, report who is late to the bureau; each once. How many heard. The worker calls this."""
    today = timezone.localtime(at).date()
    soon = after(at, REMIND_DAYS)
    open_steps = Step.objects.filter(
        decision="", request__state=RequestState.WAITING, due_on__isnull=False, opened_at__isnull=False
    ).select_related("request")
    told = 0
    for step in open_steps.filter(due_on__lte=soon, due_on__gte=today, reminded_at__isnull=True):
        told += _remind(step, by=by, at=at)
    for step in open_steps.filter(due_on__lt=today, escalated_at__isnull=True):
        told += _escalate(step, by=by, at=at)
    return told


@transaction.atomic
def extend(step: Step, *, reason: str, by: Actor, at: datetime) -> Step:
    """延期: put the decision off, once, with a reason that the asker reads."""
    step = _open(step)
    if step.decider != by.organisation:
        raise NotYourDecision
    if not reason.strip():
        raise ReasonMissing
    if step.extended_because:
        raise ExtendedAlready
    step.extended_because = reason.strip()[:4000]
    step.due_on = _later(step, settings.NODE.request_extension_days)
    step.reminded_at = step.escalated_at = None
    step.save()
    details = {"step": step.kind, "due_on": step.due_on.isoformat(), "reason": step.extended_because}
    _record("request.extended", step, details, by=by, at=at)
    words = {**_details(step), "words": step.extended_because}
    if step.request.consumer_node == settings.NODE.node:
        about = Subject("request", str(step.request.uuid))
        tell(
            step.request.consumer,
            "request_extended",
            words,
            permission="request:file",
            subject=about,
            by=by,
            at=at,
        )
    tell_decisions(step.request, by=by, at=at)
    return step


@transaction.atomic
def urge(step: Step, *, words: str, by: Actor, at: datetime) -> Step:
    """督办: the data bureau urges whoever has the step."""
    step = _open(step)
    if by.organisation not in bureaus(settings.NODE.node):
        raise NotYourDecision
    if not words.strip():
        raise ReasonMissing
    step.urged_at, step.urged_with = at, words.strip()[:4000]
    step.save()
    _record("request.urged", step, {"step": step.kind, "words": step.urged_with}, by=by, at=at)
    _tell(step, "request_urged", {"words": step.urged_with}, step.decider, once="", by=by, at=at)
    return step


@transaction.atomic
def _remind(step: Step, *, by: Actor, at: datetime) -> int:
    if not Step.objects.filter(pk=step.pk, decision="", reminded_at__isnull=True).update(reminded_at=at):
        return 0
    _tell(step, "request_due_soon", {}, step.decider, once=f"{step.position}/{step.due_on}", by=by, at=at)
    return 1


@transaction.atomic
def _escalate(step: Step, *, by: Actor, at: datetime) -> int:
    if not Step.objects.filter(pk=step.pk, decision="", escalated_at__isnull=True).update(escalated_at=at):
        return 0
    for bureau in bureaus(settings.NODE.node):
        _tell(step, "request_late", {}, bureau, once=f"{step.position}/{step.due_on}", by=by, at=at)
    about = {"request": step.request.number, "decider": step.decider, "due_on": str(step.due_on)}
    raise_alert("request_late", about, by=by, at=at)
    _record("request.escalated", step, {"step": step.kind, "due_on": str(step.due_on)}, by=by, at=at)
    return 1


def _open(step: Step) -> Step:
    step = Step.objects.select_for_update().select_related("request").get(pk=step.pk)
    if step.decision or not step.task or step.request.state != RequestState.WAITING:
        raise StepNotOpen
    return step


def _later(step: Step, days: int) -> date:
    """That many working days after the step's own last day."""
    if step.due_on is None:
        raise StepNotOpen
    is_workday, day = workdays(), step.due_on
    while days > 0:
        day += timedelta(days=1)
        days -= is_workday(day)
    return day


def _details(step: Step) -> dict[str, str]:
    request = step.request
    return {
        "number": request.number,
        "consumer": request.consumer_name,
        "resource": request.resource_name,
        "decider": step.decider_name,
        "due_on": str(step.due_on),
    }


def _tell(
    step: Step, code: str, more: dict[str, str], organisation: str, *, once: str, by: Actor, at: datetime
) -> None:
    about = Subject("request", str(step.request.uuid))
    details = {**_details(step), **more}
    tell(organisation, code, details, permission="request:decide", subject=about, once=once, by=by, at=at)


def _record(act: str, step: Step, details: dict[str, str], *, by: Actor, at: datetime) -> None:
    record(act, by=by, at=at, subject=Subject("request", str(step.request.uuid)), details=details)
