"""通知: who of this node is told what about corrections and disputes."""

from datetime import datetime

from guantong.identity.models import Person
from guantong.identity.queries import bureaus
from guantong.journal.types import Actor, Subject
from guantong.notices.actions import tell, tell_person
from guantong.sharing.models import Correction, CorrectionState, Dispute, DisputeStage
from guantong.sharing.voices.standing import own
from guantong.sharing.voices.types import StatementTerms


def tell_of_statement(found: Dispute, said: StatementTerms, *, by: Actor, at: datetime) -> None:
    """Tell those of this node whom a statement concerns: the other side, or who is to decide."""
    words = {"words": said.words[:200], "who": said.organisation_name}
    if found.asker_node == own() and said.side != "asker":
        tell_of_dispute(found, found.asker, f"dispute_{said.act}", words, by=by, at=at)
    if found.provider_node == own() and said.side != "provider":
        tell_of_dispute(found, found.provider, f"dispute_{said.act}", words, by=by, at=at)
    is_authority = found.stage == DisputeStage.AUTHORITY and found.provider_node == own()
    is_superior = found.stage == DisputeStage.SUPERIOR and found.superior_node == own()
    if said.act == "taken_up" and (is_authority or is_superior):
        for bureau in bureaus(own()) - {found.asker, found.provider}:
            tell_of_dispute(found, bureau, "dispute_to_rule", {}, permission="dispute:rule", by=by, at=at)


def tell_of_dispute(
    found: Dispute, whom: str, code: str, more: dict[str, str], *,
    permission: str = "dispute:speak", by: Actor, at: datetime,
) -> None:  # fmt: skip
    """Tell a department of this node, or a bureau that is to decide, what happened in a dispute."""
    if whom not in bureaus(own()) and own() not in {found.asker_node, found.provider_node}:
        return
    details = {
        "number": found.number, "asker": found.asker_name, "provider": found.provider_name,
        "resource": found.resource_name, "due_on": str(found.due_on or ""), **more,
    }  # fmt: skip
    about = Subject("dispute", str(found.uuid))
    tell(whom, code, details, permission=permission, subject=about, by=by, at=at)


def tell_provider(found: Correction, *, by: Actor, at: datetime) -> None:
    """Tell the provider, at its node, that a correction waits for an answer."""
    if found.provider_node != own():
        return
    details = {
        "asker": found.asker_name,
        "resource": found.resource_name,
        "due_on": str(found.due_on),
        "number": found.number,
    }
    tell(
        found.provider, "correction_to_answer", details, permission="correction:answer", subject=subject_of(found),
        by=by, at=at,
    )  # fmt: skip


def tell_asker(found: Correction, *, by: Actor, at: datetime) -> None:
    """Tell whoever asked, at their node, how a correction was answered: a department, or a citizen."""
    if found.asker_node != own():
        return
    code = f"correction_{found.state}"
    words = found.missing if found.state == CorrectionState.RETURNED else found.answer
    details = {"number": found.number, "resource": found.resource_name, "words": words}
    if found.asker:
        tell(
            found.asker, code, details, permission="correction:file", subject=subject_of(found), by=by, at=at
        )
    elif Person.objects.filter(uuid=found.asked_by_id).exists():
        tell_person(found.asked_by_id, code, details, subject=subject_of(found), by=by, at=at)


def subject_of(found: Correction) -> Subject:
    """A correction as the journal and notices name it."""
    return Subject("correction", str(found.uuid))
