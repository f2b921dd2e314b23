"""争议: who does not accept an answer talks with the provider, then asks the bureau of the provider's node, then the
lowest node above both. What is decided for the asker opens the matter again: the provider must carry it out.
"""

import uuid
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.identity.queries import bureaus, holds, organisation
from guantong.identity.workdays import after
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.sharing.actions.correcting import reopen_correction
from guantong.sharing.actions.moving import arrive
from guantong.sharing.errors import (
    NothingToDispute,
    NotYourVoice,
    NumberTaken,
    ReasonMissing,
    TermsWrong,
    VoiceStateWrong,
)
from guantong.sharing.models import (
    Correction,
    Dispute,
    DisputeStage,
    DisputeState,
    Paper,
    Request,
    RequestState,
    Statement,
)
from guantong.sharing.voices.entitling import NAMES, demand_fitting, demand_side
from guantong.sharing.voices.grounds import demand_ours, disputable, is_judge_in_own_cause, next_stage
from guantong.sharing.voices.notifying import tell_of_dispute, tell_of_statement
from guantong.sharing.voices.queries import running_about
from guantong.sharing.voices.standing import next_number, own, send, speaker_of, superior_of
from guantong.sharing.voices.telling import statement_terms, terms_of
from guantong.sharing.voices.types import (
    DisputeDue,
    DisputeSaid,
    DisputeTerms,
    Side,
    StatementAct,
    StatementTerms,
)


@transaction.atomic
def raise_dispute(
    matter: Request | Correction, *, words: str, paper: Paper | None = None, by: Actor, at: datetime
) -> Dispute:
    """Dispute the refusal or the narrowing of a request, or the rejection of a correction. NothingToDispute."""
    if isinstance(matter, Request):
        matter = Request.objects.select_for_update().get(pk=matter.pk)
    else:
        matter = Correction.objects.select_for_update().get(pk=matter.pk)
    about, answer = disputable(matter)
    is_ours = isinstance(matter, Request) or bool(matter.asker)
    asker = matter.consumer if isinstance(matter, Request) else matter.asker
    if not is_ours or asker != by.organisation or not holds(by, "dispute:speak"):
        raise NotYourVoice(whose_zh=NAMES["asker"][0], whose_en=NAMES["asker"][1])
    if running_about(matter.uuid).exists():
        raise NothingToDispute(number=matter.number)
    dispute = Dispute.objects.create(
        number=next_number("ZY", own(), at),
        about=about,
        about_uuid=matter.uuid,
        about_number=matter.number,
        answer=answer[:4000],
        resource=matter.resource,
        resource_name=matter.resource_name,
        asker=asker,
        asker_name=matter.consumer_name if isinstance(matter, Request) else matter.asker_name,
        asker_node=own(),
        provider=matter.provider,
        provider_name=matter.provider_name,
        provider_node=matter.provider_node,
        superior_node=superior_of(own(), matter.provider_node),
        raised_at=at,
        stage_at=at,
        due_on=after(at, settings.NODE.dispute_talk_days),
    )
    _write(dispute, "asker", "raised", words, paper, by=by, at=at)
    _record("dispute.raised", dispute, {"about": matter.number}, by=by, at=at)
    send("dispute.raised", msgspec.to_builtins(terms_of(dispute)), dispute.provider_node, by=by, at=at)
    tell_of_dispute(dispute, dispute.provider, "dispute_raised", {}, by=by, at=at)
    return dispute


@transaction.atomic
def receive_dispute(terms: DisputeTerms, *, by: Actor, at: datetime) -> Dispute:
    """Take in a dispute about an answer of ours, or one that is brought to us as the node above both; once."""
    known = Dispute.objects.filter(uuid=terms.uuid).first()
    if known:
        return known
    if (
        not terms.number.startswith(f"ZY{terms.asker_node}")
        or Dispute.objects.filter(number=terms.number).exists()
    ):
        raise NumberTaken(number=terms.number, node=terms.asker_node)
    superior = superior_of(terms.asker_node, terms.provider_node)
    values = msgspec.to_builtins(terms)
    values.pop("statements")
    dispute = Dispute(
        **{**values, "raised_at": clock.parse(terms.raised_at), "superior_node": superior, "stage_at": at}
    )
    if terms.provider_node == own():
        demand_ours(terms)
        dispute.due_on = after(at, settings.NODE.dispute_talk_days)
    elif superior == own():
        dispute.stage = DisputeStage.SUPERIOR
        dispute.due_on = after(at, settings.NODE.dispute_superior_days)
    else:
        raise TermsWrong(
            why_zh="本节点既非提供方节点，也非共同上级",
            why_en="this node is neither the provider's nor above both",
        )
    dispute.save(force_insert=True)
    for each in terms.statements:
        _keep(dispute, each)
    _record("dispute.received", dispute, {"stage": dispute.stage}, by=by, at=at)
    if superior == own():
        for bureau in bureaus(own()):
            tell_of_dispute(dispute, bureau, "dispute_to_rule", {}, permission="dispute:rule", by=by, at=at)
        told = {"uuid": str(dispute.uuid), "due_on": str(dispute.due_on)}
        send("dispute.due", told, dispute.asker_node, dispute.provider_node, by=by, at=at)
    else:
        tell_of_dispute(dispute, dispute.provider, "dispute_raised", {}, by=by, at=at)
    return dispute


@transaction.atomic
def speak(
    dispute: Dispute,
    act: Literal["said", "settled", "conceded", "taken_up", "withdrawn", "carried_out"],
    *,
    words: str,
    paper: Paper | None = None,
    by: Actor,
    at: datetime,
) -> Dispute:
    """What a party does: states its case, agrees (``settled`` by the asker), gives in (``conceded`` by the provider),
    takes it to the next who decides, withdraws, or says that a decision was carried out.
    """
    found = _locked(dispute)
    side: Side = "asker" if by.organisation == found.asker and found.asker_node == own() else "provider"
    belongs = {
        "settled": "asker",
        "taken_up": "asker",
        "withdrawn": "asker",
        "conceded": "provider",
        "carried_out": "provider",
    }
    side = belongs.get(act, side)  # type: ignore[assignment]
    demand_side(found, side, by)
    demand_fitting(found, side, act)
    _say(found, side, act, words, paper, by=by, at=at)
    return found


@transaction.atomic
def rule(
    dispute: Dispute,
    ruling: Literal["asker", "provider"],
    *,
    words: str,
    paper: Paper | None = None,
    by: Actor,
    at: datetime,
) -> Dispute:
    """The bureau that has the dispute decides it, with reasons. For the asker: the matter is opened again on that ground."""
    found = _locked(dispute)
    side: Side = "superior" if found.stage == DisputeStage.SUPERIOR else "authority"
    demand_side(found, side, by)
    demand_fitting(found, side, "ruled")
    _say(found, side, "ruled", words, paper, ruling=ruling, by=by, at=at)
    return found


@transaction.atomic
def receive_said(told: DisputeSaid, *, sender: str, by: Actor, at: datetime) -> None:
    """A statement from another node: it may speak for its own side only. Out of place or repeated it changes nothing."""
    found = Dispute.objects.select_for_update().get(uuid=told.uuid)
    if sender != speaker_of(found, told.statement.side):
        zh, en = NAMES[told.statement.side]
        raise NotYourVoice(whose_zh=zh, whose_en=en)
    if Statement.objects.filter(uuid=told.statement.uuid).exists():
        return
    try:
        demand_fitting(found, told.statement.side, told.statement.act)
    except VoiceStateWrong:
        # It was sent before the other side's last word had come; the words stand, and change nothing.
        _keep(found, told.statement)
        return
    _keep(found, told.statement)
    _apply(found, told.statement, told.ruling, told.due_on, stage=told.stage, by=by, at=at)
    if told.statement.act == "taken_up":
        _pass_on(found, by=by, at=at)


@transaction.atomic
def receive_due(told: DisputeDue, *, sender: str, by: Actor, at: datetime) -> None:
    """By when the node above both means to decide."""
    found = Dispute.objects.select_for_update().get(uuid=told.uuid)
    if sender != found.superior_node:
        raise NotYourVoice(whose_zh=NAMES["superior"][0], whose_en=NAMES["superior"][1])
    if found.stage == DisputeStage.SUPERIOR and found.state == DisputeState.OPEN:
        found.due_on = date.fromisoformat(told.due_on)
        found.save()
        _record("dispute.followed", found, {"due_on": told.due_on}, by=by, at=at)


@transaction.atomic
def carry_out(dispute: Dispute, *, by: Actor, at: datetime) -> None:
    """The provider's node sees that what was decided has been done, and tells everyone."""
    found = _locked(dispute)
    if found.provider_node != own() or found.state != DisputeState.RULED or found.ruling != "asker":
        return
    said = "已按裁定办理" if found.about == "request" else "已按裁定更正"
    _say(found, "provider", "carried_out", said, None, by=by, at=at)


def _say(
    found: Dispute,
    side: Side,
    act: StatementAct,
    words: str,
    paper: Paper | None,
    *,
    ruling: Literal["", "asker", "provider"] = "",
    by: Actor,
    at: datetime,
) -> None:
    statement = _write(found, side, act, words, paper, by=by, at=at)
    terms = statement_terms(statement)
    carry = after(at, settings.NODE.dispute_carry_days) if (ruling or act == "conceded") else None
    due_on = carry.isoformat() if carry else None
    was_with = found.superior_node if found.stage == DisputeStage.SUPERIOR else ""
    stage = next_stage(found) if act == "taken_up" else ""
    _apply(found, terms, ruling, due_on, stage=stage, by=by, at=at)
    told = DisputeSaid(str(found.uuid), terms, ruling, due_on, stage)
    if stage == "superior":
        _bring(found, by=by, at=at)
    nodes = [found.asker_node, found.provider_node, was_with]
    send("dispute.said", msgspec.to_builtins(told), *nodes, by=by, at=at)


def _apply(
    found: Dispute,
    said: StatementTerms,
    ruling: str,
    due_on: str | None,
    *,
    stage: str = "",
    by: Actor,
    at: datetime,
) -> None:
    """What a statement changes, at whichever node it is heard."""
    if said.act == "taken_up":
        _take_up(found, stage, at=at)
    elif said.act in {"settled", "withdrawn"}:
        found.state, found.due_on = DisputeState(said.act), None
    elif said.act in {"ruled", "conceded"}:
        found.state, found.ruling = DisputeState.RULED, ruling or "asker"
        found.ruled_with, found.ruled_by, found.ruled_at = said.words, said.organisation_name, at
        found.ruled_node, found.due_on = speaker_of(found, said.side), None
        found.carry_due_on = date.fromisoformat(due_on) if due_on and found.ruling == "asker" else None
        found.escalated_at = None
    elif said.act == "carried_out":
        found.state, found.carried_out_at = DisputeState.CARRIED_OUT, at
        found.carried_out_with = said.words[:400]
    found.save()
    details = {"side": said.side, "act": said.act, "ruling": ruling, "words": said.words[:400]}
    _record(f"dispute.{said.act}", found, details, by=by, at=at)
    if said.act in {"ruled", "conceded"} and found.ruling == "asker":
        _open_again(found, by=by, at=at)
    tell_of_statement(found, said, by=by, at=at)


def _take_up(found: Dispute, stage: str, *, at: datetime) -> None:
    node, found.stage = settings.NODE, DisputeStage(stage)
    days = node.dispute_superior_days if found.stage == DisputeStage.SUPERIOR else node.dispute_authority_days
    found.due_on, found.stage_at = after(at, days), at
    found.state, found.ruling, found.escalated_at = DisputeState.OPEN, "", None


def _pass_on(found: Dispute, *, by: Actor, at: datetime) -> None:
    """What another node cannot know: whether our bureau has a part in the answer. Then the asker's node brings it further up."""
    if found.provider_node == own() and found.stage == DisputeStage.AUTHORITY:
        if found.superior_node and is_judge_in_own_cause(found):
            here = Actor("node", own(), settings.NODE.title, own())
            words = "同级主管部门参与了被争议的答复，转由共同上级处理。"
            _say(found, "authority", "taken_up", words, None, by=here, at=at)
    elif found.asker_node == own() and found.stage == DisputeStage.SUPERIOR:
        _bring(found, by=by, at=at)


def _bring(found: Dispute, *, by: Actor, at: datetime) -> None:
    if found.asker_node == own():
        terms = msgspec.to_builtins(terms_of(found))
        send("dispute.raised", terms, found.superior_node, by=by, at=at)


def _open_again(found: Dispute, *, by: Actor, at: datetime) -> None:
    """The matter is answered once more, on the ground of the decision; by the provider, and by nobody in its place."""
    because = f"{found.number} {found.ruled_by}：{found.ruled_with}"
    if found.about == "correction":
        correction = Correction.objects.filter(uuid=found.about_uuid).first()
        if correction:
            reopen_correction(correction, because=because, by=by, at=at)
        return
    request = (
        Request.objects.select_for_update().filter(uuid=found.about_uuid, state=RequestState.REFUSED).first()
    )
    if (
        found.about != "request"
        or request is None
        or own() not in {request.provider_node, request.consumer_node}
    ):
        return
    request.state, request.decided_at, request.narrowing, request.run = RequestState.WAITING, None, {}, None
    request.flow = None
    request.save()
    # What was decided before stays as the record; the tasks are free for new decisions.
    request.steps.update(task="")
    details = {"dispute": found.number, "words": found.ruled_with[:400]}
    record("request.reopened", by=by, at=at, subject=Subject("request", str(request.uuid)), details=details)
    if request.provider_node == own():
        arrive(request, by=by, at=at)


def _write(
    found: Dispute, side: Side, act: StatementAct, words: str, paper: Paper | None, *, by: Actor, at: datetime
) -> Statement:
    if not words.strip():
        raise ReasonMissing
    names = {found.asker: found.asker_name, found.provider: found.provider_name}
    terms = StatementTerms(
        uuid=str(uuid.uuid4()),
        side=side,
        act=act,
        organisation_name=(names.get(by.organisation) or _name(by))[:120],
        person=by.name[:120],
        words=words.strip()[:4000],
        at=clock.rfc3339(at),
        paper_number=paper.number if paper else "",
        paper_digest=paper.digest if paper else "",
    )
    statement = _keep(found, terms)
    if paper:
        statement.paper = paper
        statement.save()
    return statement


def _name(by: Actor) -> str:
    found = organisation(by.organisation)
    return found.name if found else by.name


def _keep(found: Dispute, terms: StatementTerms) -> Statement:
    values = {**msgspec.to_builtins(terms), "at": clock.parse(terms.at)}
    return Statement.objects.create(dispute=found, **values)


def _locked(dispute: Dispute) -> Dispute:
    return Dispute.objects.select_for_update().get(pk=dispute.pk)


def _record(act: str, found: Dispute, details: dict[str, Any], *, by: Actor, at: datetime) -> None:
    record(act, by=by, at=at, subject=Subject("dispute", str(found.uuid)), details=details)
