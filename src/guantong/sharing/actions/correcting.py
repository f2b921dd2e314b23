"""校核: a wrong value is reported, answered by whoever provides it, judged by who asked. The data itself is put right
by its department in its own system: nothing here edits it.
"""

import uuid
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.catalog import queries as catalog
from guantong.catalog.models import Resource
from guantong.identity.models import Organisation
from guantong.identity.queries import holds
from guantong.identity.workdays import after
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.notices.actions import tell
from guantong.sharing.errors import (
    NotYoursToCorrect,
    NotYourVoice,
    NumberTaken,
    ReasonMissing,
    ReopenedAlready,
    ResourceOfAnotherNode,
    ToldAlready,
    VoiceStateWrong,
)
from guantong.sharing.models import Correction, CorrectionState, Paper
from guantong.sharing.parties import demand_own_organisation
from guantong.sharing.voices.models import ANSWERED, RUNNING
from guantong.sharing.voices.naming import demand_discreet, key_digest, key_tail
from guantong.sharing.voices.notifying import subject_of, tell_asker, tell_provider
from guantong.sharing.voices.queries import consumers_of
from guantong.sharing.voices.reporting import (
    ABOUT_VALUES,
    Report,
    demand_complete,
    demand_item,
    demand_standing,
    uses,
)
from guantong.sharing.voices.standing import next_number, own, send
from guantong.sharing.voices.telling import filing_of
from guantong.sharing.voices.types import (
    CorrectionAnswer,
    CorrectionFiling,
    CorrectionMove,
    ValueCorrected,
)


@transaction.atomic
def file_correction(report: Report, *, paper: Paper | None = None, by: Actor, at: datetime) -> Correction:
    """Report what is wrong, with the proof on ``paper``: an official with a grant, a clerk from a case, or a citizen.

    CorrectionIncomplete, NotYoursToCorrect, FieldNotInResource, WordsTellTooMuch.
    """
    resource = catalog.by_code(report.resource)
    demand_complete(report, paper)
    demand_item(report.item, resource)
    demand_standing(report, by)
    name = uuid.uuid4()
    asker = Organisation.objects.filter(code=by.organisation).first() if by.organisation else None
    found = Correction(
        uuid=name,
        number=next_number("JH", own(), at),
        kind=report.kind,
        resource=resource.code,
        item=report.item,
        grant=report.grant[:64],
        call=report.call.strip()[:64],
        key_tail=key_tail(report.key),
        key_digest=key_digest(report.key, str(name)) if report.key.strip() else "",
        words=demand_discreet(report.words),
        case=report.case[:40],
        asker=asker.code if asker else "",
        asker_name=asker.name if asker else "本人",
        asker_node=own(),
        asked_by_id=by.id,
        filed_at=at,
    )
    if paper:
        demand_discreet(paper.number)
        found.paper, found.proof_number, found.proof_digest = paper, paper.number, paper.digest
    _keep(found, resource, by=by, at=at)
    _record("correction.filed", found, {"kind": found.kind, "proof": found.proof_digest}, by=by, at=at)
    send("correction.filed", msgspec.to_builtins(filing_of(found)), found.provider_node, by=by, at=at)
    return found


@transaction.atomic
def receive_correction(filing: CorrectionFiling, *, by: Actor, at: datetime) -> Correction:
    """Take in what another node's official or citizen reports of a resource of ours; a repeat changes nothing."""
    known = Correction.objects.filter(uuid=filing.uuid).first()
    if known:
        return known
    resource = catalog.by_code(filing.resource)
    if resource.node != own():
        raise ResourceOfAnotherNode(resource=filing.resource, node=own())
    prefix = f"JH{filing.asker_node}"
    if not filing.number.startswith(prefix) or Correction.objects.filter(number=filing.number).exists():
        raise NumberTaken(number=filing.number, node=filing.asker_node)
    demand_item(filing.item, resource)
    if filing.asker:
        demand_own_organisation(filing.asker, node=filing.asker_node)
        if filing.kind in ABOUT_VALUES and not uses(filing.asker, filing.resource):
            raise NotYoursToCorrect
    values = {**msgspec.to_builtins(filing), "filed_at": clock.parse(filing.filed_at)}
    demand_discreet(filing.words)
    found = Correction(**values)
    _keep(found, resource, by=by, at=at)
    _record("correction.received", found, {"kind": found.kind}, by=by, at=at)
    _tell_answer(found, by=by, at=at)
    return found


@transaction.atomic
def answer_correction(
    correction: Correction,
    decision: Literal["corrected", "rejected", "returned"],
    *,
    words: str,
    by: Actor,
    at: datetime,
) -> Correction:
    """The provider answers: put right at its source, rejected with reasons, or asked once for more.

    Every consumer with a grant in force on the item hears of what was put right.
    """
    found = _locked(correction)
    if (
        found.provider != by.organisation
        or found.provider_node != own()
        or not holds(by, "correction:answer")
    ):
        raise NotYourVoice(whose_zh="数据提供方", whose_en="the providing department")
    if found.state != CorrectionState.WAITING:
        raise VoiceStateWrong(number=found.number, state=found.get_state_display())
    if not words.strip():
        raise ReasonMissing
    said = demand_discreet(words)
    if decision == "returned":
        if found.returned_at is not None:
            raise ToldAlready(request=found.number)
        found.state, found.missing, found.returned_at = CorrectionState.RETURNED, said, at
    else:
        found.state, found.answer = CorrectionState(decision), said
        found.answered_by, found.answered_at = by.name, at
    found.save()
    _record(f"correction.{decision}", found, {"words": said}, by=by, at=at)
    _tell_answer(found, by=by, at=at)
    tell_asker(found, by=by, at=at)
    if decision == "corrected":
        _tell_consumers(found, by=by, at=at)
    return found


@transaction.atomic
def receive_answer(told: CorrectionAnswer, *, by: Actor, at: datetime) -> None:
    """How the provider's node answers what was asked here; what was judged stays judged, and a repeat changes nothing."""
    found = Correction.objects.select_for_update().get(uuid=told.uuid)
    is_reopened = bool(told.reopened_because) and told.state == "waiting" and found.state in ANSWERED
    if found.state not in RUNNING and not is_reopened and found.state != CorrectionState.CLOSED:
        return
    if found.state == CorrectionState.CLOSED and not (found.is_satisfied is False and told.reopened_because):
        return
    was = found.state
    found.state, found.missing, found.answer = CorrectionState(told.state), told.missing, told.answer
    found.answered_by, found.reopened_because = told.answered_by, told.reopened_because
    found.due_on = date.fromisoformat(told.due_on) if told.due_on else None
    if found.state in ANSWERED:
        found.answered_at = at
    if found.state == CorrectionState.RETURNED and was != CorrectionState.RETURNED:
        found.returned_at = at
    if told.state == "waiting" and told.reopened_because:
        found.is_satisfied = None
    found.save()
    _record("correction.followed", found, {"state": found.state}, by=by, at=at)
    if found.state not in {was, CorrectionState.WAITING}:
        tell_asker(found, by=by, at=at)


@transaction.atomic
def add_to_correction(
    correction: Correction, *, words: str, paper: Paper | None = None, by: Actor, at: datetime
) -> Correction:
    """Add what the provider asked for."""
    found = _asked_by(correction, by)
    if found.state != CorrectionState.RETURNED:
        raise VoiceStateWrong(number=found.number, state=found.get_state_display())
    if not words.strip():
        raise ReasonMissing
    if paper:
        found.paper, found.proof_number, found.proof_digest = paper, paper.number, paper.digest
        found.save()
    _move(found, CorrectionMove(str(found.uuid), "added", demand_discreet(words)), by=by, at=at)
    return found


@transaction.atomic
def judge_correction(
    correction: Correction,
    *,
    is_satisfied: bool,
    words: str,
    look_again: bool = False,
    by: Actor,
    at: datetime,
) -> Correction:
    """The asker judges the answer. Who is not satisfied may have it looked at again once; after that there is the dispute."""
    found = _asked_by(correction, by)
    if found.state not in ANSWERED:
        raise VoiceStateWrong(number=found.number, state=found.get_state_display())
    if not is_satisfied and not words.strip():
        raise ReasonMissing
    if look_again and found.reopened_at is not None:
        raise ReopenedAlready(number=found.number)
    said = demand_discreet(words)
    again = look_again and not is_satisfied
    _move(found, CorrectionMove(str(found.uuid), "judged", said, is_satisfied, again), by=by, at=at)
    return found


@transaction.atomic
def withdraw_correction(correction: Correction, *, words: str, by: Actor, at: datetime) -> Correction:
    """The asker no longer says so."""
    found = _asked_by(correction, by)
    if found.state not in RUNNING:
        raise VoiceStateWrong(number=found.number, state=found.get_state_display())
    _move(found, CorrectionMove(str(found.uuid), "withdrawn", demand_discreet(words)), by=by, at=at)
    return found


@transaction.atomic
def receive_move(move: CorrectionMove, *, by: Actor, at: datetime) -> None:
    """What the asker's node says its asker does; out of place it changes nothing."""
    found = Correction.objects.select_for_update().get(uuid=move.uuid)
    fitting = {"added": ("returned",), "judged": ANSWERED, "withdrawn": RUNNING}[move.act]
    if found.state not in fitting or (move.is_reopened and found.reopened_at is not None):
        return
    demand_discreet(move.words)
    _apply(found, move, by=by, at=at)


@transaction.atomic
def reopen_correction(correction: Correction, *, because: str, by: Actor, at: datetime) -> None:
    """A decision in a dispute has the correction looked at again, at the provider's node."""
    found = _locked(correction)
    if found.provider_node != own() or found.state in RUNNING:
        return
    _begin_again(found, because[:400], at=at)
    _record("correction.reopened", found, {"because": because[:400]}, by=by, at=at)
    _tell_answer(found, by=by, at=at)
    tell_provider(found, by=by, at=at)


@transaction.atomic
def hear_of_correction(told: ValueCorrected, *, by: Actor, at: datetime) -> None:
    """Tell the consumers of this node that something they use was put right, and to ask again."""
    for consumer in (
        consumers_of(told.resource, told.item).filter(consumer_node=own()).values_list("consumer", flat=True)
    ):
        details = {"number": told.number, "resource": _name_of(told.resource), "item": told.item or "—"}
        about = Subject("resource", told.resource)
        tell(
            consumer, "value_corrected", details, permission="request:file", subject=about,
            once=told.uuid, by=by, at=at,
        )  # fmt: skip


def _move(found: Correction, move: CorrectionMove, *, by: Actor, at: datetime) -> None:
    _apply(found, move, by=by, at=at)
    send("correction.moved", msgspec.to_builtins(move), found.provider_node, by=by, at=at)


def _apply(found: Correction, move: CorrectionMove, *, by: Actor, at: datetime) -> None:
    if move.act == "added":
        found.added, found.state = move.words, CorrectionState.WAITING
        found.due_on = after(at, settings.NODE.correction_days)
    elif move.act == "withdrawn":
        found.state = CorrectionState.WITHDRAWN
    else:
        found.is_satisfied, found.judged_with, found.judged_at = move.is_satisfied, move.words, at
        found.state = CorrectionState.CLOSED
        if move.is_reopened:
            found.reopened_at = at
            _begin_again(found, move.words, at=at)
    found.save()
    act = {"added": "correction.added", "judged": "correction.judged", "withdrawn": "correction.withdrawn"}[
        move.act
    ]
    details = {"words": move.words, "satisfied": move.is_satisfied, "reopened": move.is_reopened}
    _record(act, found, details, by=by, at=at)
    if found.state == CorrectionState.WAITING:
        tell_provider(found, by=by, at=at)


def _begin_again(found: Correction, because: str, *, at: datetime) -> None:
    found.state, found.due_on, found.reopened_because = (
        CorrectionState.WAITING,
        after(at, settings.NODE.correction_days),
        because,
    )
    found.is_satisfied = found.reminded_at = found.escalated_at = None
    found.save()


def _keep(found: Correction, resource: Resource, *, by: Actor, at: datetime) -> None:
    found.resource_name, found.provider_node = resource.name, resource.node
    found.provider, found.provider_name = resource.provider.code, resource.provider.name
    found.due_on = after(at, settings.NODE.correction_days)
    found.save(force_insert=True)
    tell_provider(found, by=by, at=at)


def _tell_consumers(found: Correction, *, by: Actor, at: datetime) -> None:
    told = ValueCorrected(str(found.uuid), found.number, found.resource, found.item)
    hear_of_correction(told, by=by, at=at)
    nodes = sorted(
        set(consumers_of(found.resource, found.item).order_by().values_list("consumer_node", flat=True))
    )
    send("correction.heard", msgspec.to_builtins(told), *nodes, by=by, at=at)


def _tell_answer(found: Correction, *, by: Actor, at: datetime) -> None:
    told = CorrectionAnswer(
        uuid=str(found.uuid),
        state=found.state,  # type: ignore[arg-type]
        due_on=found.due_on.isoformat() if found.due_on else None,
        missing=found.missing,
        answer=found.answer,
        answered_by=found.answered_by,
        reopened_because=found.reopened_because,
    )
    send("correction.answered", msgspec.to_builtins(told), found.asker_node, by=by, at=at)


def _locked(correction: Correction) -> Correction:
    return Correction.objects.select_for_update().get(pk=correction.pk)


def _asked_by(correction: Correction, by: Actor) -> Correction:
    found = _locked(correction)
    is_same = found.asker == by.organisation if found.asker else found.asked_by_id == by.id
    may = holds(by, "correction:file") if found.asker else holds(by, "correction:own")
    if found.asker_node != own() or not is_same or not may:
        raise NotYourVoice(whose_zh="提出校核的一方", whose_en="whoever asked for the correction")
    return found


def _name_of(resource: str) -> str:
    row = Resource.objects.filter(code=resource).first()
    return row.name if row else resource


def _record(act: str, found: Correction, details: dict[str, Any], *, by: Actor, at: datetime) -> None:
    record(act, by=by, at=at, subject=subject_of(found), details=details)
