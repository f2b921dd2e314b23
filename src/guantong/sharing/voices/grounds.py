"""争议的由来与审级: which answers can be disputed, and who decides next. Nothing is written here."""

from typing import Literal

from guantong.identity.queries import bureaus
from guantong.sharing.errors import NoSuperior, NothingToDispute, TermsWrong
from guantong.sharing.models import (
    Correction,
    CorrectionState,
    Dispute,
    DisputeStage,
    Request,
    RequestState,
    Step,
)
from guantong.sharing.telling import is_leaving
from guantong.sharing.voices.types import DisputeTerms


def disputable(matter: Request | Correction) -> tuple[str, str]:
    """What of a matter can be disputed, and the answer in the provider's words. NothingToDispute."""
    if isinstance(matter, Request):
        refusal = matter.steps.filter(decision="refused").last()
        if (
            matter.state == RequestState.REFUSED
            and refusal
            and not is_leaving(matter)
            and refusal.kind in {"provider", "bureau"}
        ):
            return "request", f"{refusal.decider_name}：{refusal.reason}"
        if matter.state == RequestState.GRANTED and matter.narrowing:
            said = "；".join(step.reason for step in matter.steps.all() if step.reason)
            return "narrowing", said or "—"
    elif matter.state == CorrectionState.REJECTED or (
        matter.state == CorrectionState.CLOSED and matter.is_satisfied is False
    ):
        return "correction", f"{matter.provider_name}：{matter.answer}"
    raise NothingToDispute(number=matter.number)


def demand_ours(terms: DisputeTerms) -> None:
    """What is disputed must be an answer of this node, to that asker."""
    if terms.about == "correction":
        found = Correction.objects.filter(uuid=terms.about_uuid).first()
        known: object = found and (found.asker, found.asker_node, found.provider, found.number)
    else:
        asked = Request.objects.filter(uuid=terms.about_uuid).first()
        known = asked and (asked.consumer, asked.consumer_node, asked.provider, asked.number)
    if known != (terms.asker, terms.asker_node, terms.provider, terms.about_number):
        raise TermsWrong(why_zh="争议所指的答复不存在", why_en="there is no such answer to dispute")


def next_stage(found: Dispute) -> Literal["authority", "superior"]:
    """Who decides next: the bureau of the provider's node, unless it gave the answer itself or has decided. NoSuperior."""
    if found.stage == DisputeStage.TALK and not is_judge_in_own_cause(found):
        return "authority"
    if not found.superior_node:
        raise NoSuperior
    return "superior"


def is_judge_in_own_cause(found: Dispute) -> bool:
    """Whether the bureau of the provider's node gave the answer that is disputed, or asks itself."""
    if found.about == "request":
        steps = Step.objects.filter(request__uuid=found.about_uuid, decision="refused")
        if steps.filter(kind="bureau").exists():
            return True
    return bool({found.provider, found.asker} & bureaus(found.provider_node))
