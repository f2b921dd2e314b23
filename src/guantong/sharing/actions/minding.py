"""时限: corrections and disputes that fall due or lie too long, and decisions that nobody carries out."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from guantong.identity.queries import bureaus
from guantong.identity.workdays import after
from guantong.journal.actions import raise_alert, record
from guantong.journal.types import Actor, Subject
from guantong.notices.actions import tell
from guantong.sharing.actions.disputing import carry_out
from guantong.sharing.actions.watching import REMIND_DAYS
from guantong.sharing.models import (
    Correction,
    CorrectionState,
    Dispute,
    DisputeStage,
    DisputeState,
    Request,
    RequestState,
)
from guantong.sharing.voices.models import ANSWERED
from guantong.sharing.voices.standing import own


def watch_voices(*, by: Actor, at: datetime) -> int:
    """Remind who is due soon, tell the bureau of what is late, note what was carried out; each once. The worker calls this."""
    today, soon = timezone.localtime(at).date(), after(at, REMIND_DAYS)
    waiting = Correction.objects.filter(provider_node=own(), state=CorrectionState.WAITING)
    told = 0
    for row in waiting.filter(due_on__range=(today, soon), reminded_at__isnull=True):
        told += _remind(row, by=by, at=at)
    for row in waiting.filter(due_on__lt=today, escalated_at__isnull=True):
        told += _report_correction(row, by=by, at=at)
    for dispute in Dispute.objects.filter(
        state=DisputeState.OPEN, due_on__lt=today, escalated_at__isnull=True
    ):
        told += _report_dispute(dispute, by=by, at=at)
    ruled = Dispute.objects.filter(state=DisputeState.RULED, ruling="asker")
    for dispute in ruled.filter(provider_node=own()):
        told += _follow(dispute, by=by, at=at)
    for dispute in ruled.filter(carry_due_on__lt=today, escalated_at__isnull=True):
        told += _report_not_carried_out(dispute, by=by, at=at)
    return told


@transaction.atomic
def _remind(row: Correction, *, by: Actor, at: datetime) -> int:
    if not Correction.objects.filter(pk=row.pk, reminded_at__isnull=True).update(reminded_at=at):
        return 0
    about = Subject("correction", str(row.uuid))
    details = {"number": row.number, "resource": row.resource_name, "due_on": str(row.due_on)}
    tell(
        row.provider, "correction_due_soon", details, permission="correction:answer", subject=about,
        once=str(row.due_on), by=by, at=at,
    )  # fmt: skip
    return 1


@transaction.atomic
def _report_correction(row: Correction, *, by: Actor, at: datetime) -> int:
    if not Correction.objects.filter(pk=row.pk, escalated_at__isnull=True).update(escalated_at=at):
        return 0
    details = {"number": row.number, "provider": row.provider_name, "due_on": str(row.due_on)}
    _report(
        "correction_late", Subject("correction", str(row.uuid)), details, "correction:answer", by=by, at=at
    )
    return 1


@transaction.atomic
def _report_dispute(dispute: Dispute, *, by: Actor, at: datetime) -> int:
    """Late talk or a late decision: the asker may take it on, the bureau that has it is told."""
    if not Dispute.objects.filter(pk=dispute.pk, escalated_at__isnull=True).update(escalated_at=at):
        return 0
    details = {"number": dispute.number, "provider": dispute.provider_name, "due_on": str(dispute.due_on)}
    about = Subject("dispute", str(dispute.uuid))
    has_it = dispute.superior_node if dispute.stage == DisputeStage.SUPERIOR else dispute.provider_node
    if has_it == own():
        _report("dispute_late", about, details, "dispute:rule", by=by, at=at)
    if dispute.asker_node == own():
        once = f"{dispute.stage}/{dispute.due_on}"
        tell(
            dispute.asker,
            "dispute_late",
            details,
            permission="dispute:speak",
            subject=about,
            once=once,
            by=by,
            at=at,
        )
    return 1


@transaction.atomic
def _follow(dispute: Dispute, *, by: Actor, at: datetime) -> int:
    """Note that the provider has done what was decided: the request was granted, or the value put right."""
    if dispute.about == "request":
        request = Request.objects.filter(uuid=dispute.about_uuid).first()
        is_done = request is not None and request.state == RequestState.GRANTED
        has_refused = request is not None and request.state == RequestState.REFUSED
    elif dispute.about == "correction":
        correction = Correction.objects.filter(uuid=dispute.about_uuid).first()
        is_done = correction is not None and (
            correction.state == CorrectionState.CORRECTED
            or (correction.state == CorrectionState.CLOSED and correction.is_satisfied is True)
        )
        has_refused = correction is not None and correction.state in ANSWERED and not is_done
    else:
        return 0
    if is_done:
        carry_out(dispute, by=by, at=at)
        return 1
    if has_refused and dispute.escalated_at is None:
        return _report_not_carried_out(dispute, by=by, at=at)
    return 0


@transaction.atomic
def _report_not_carried_out(dispute: Dispute, *, by: Actor, at: datetime) -> int:
    if not Dispute.objects.filter(pk=dispute.pk, escalated_at__isnull=True).update(escalated_at=at):
        return 0
    due_on = str(dispute.carry_due_on)
    details = {"number": dispute.number, "provider": dispute.provider_name, "due_on": due_on}
    _report(
        "ruling_not_carried_out", Subject("dispute", str(dispute.uuid)), details, "dispute:rule", by=by, at=at
    )
    return 1


def _report(
    code: str, about: Subject, details: dict[str, str], permission: str, *, by: Actor, at: datetime
) -> None:
    for bureau in bureaus(own()):
        tell(
            bureau, code, details, permission=permission, subject=about, once=details["due_on"], by=by, at=at
        )
    raise_alert(code, details, by=by, at=at)
    record("voice.escalated", by=by, at=at, subject=about, details={"because": code, **details})
