"""Finding corrections and disputes: whose they are, what waits for whom."""

from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from guantong.identity.models import Person
from guantong.identity.queries import bureaus, may
from guantong.kit import clock
from guantong.sharing.models import (
    Correction,
    CorrectionState,
    Dispute,
    DisputeStage,
    DisputeState,
    Grant,
    GrantState,
    Paper,
    Statement,
)
from guantong.sharing.voices.models import ANSWERED, RUNNING


def consumers_of(resource: str, item: str = "") -> QuerySet[Grant]:
    """The grants in force on a resource; with ``item``, those that give it."""
    moment = clock.now()
    rows = Grant.objects.filter(
        resource=resource, state=GrantState.ACTIVE, not_before__lte=moment, not_after__gt=moment
    )
    if not item:
        return rows
    having = [row.pk for row in rows.only("pk", "terms") if item in row.terms.get("fields", [])]
    return rows.filter(pk__in=having)


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""


def _is_bureau(code: str) -> bool:
    return bool(code) and code in bureaus(settings.NODE.node)


def visible_corrections(person: Person) -> QuerySet[Correction]:
    """The corrections that someone may read: their organisation's, a citizen's own, a bureau's node's, all for an auditor."""
    if may(person, "correction:audit"):
        return Correction.objects.all()
    own = Q(asked_by_id=str(person.uuid))
    code = _code(person)
    if code and may(person, "correction:read"):
        own |= Q(asker=code) | Q(provider=code)
        if _is_bureau(code):
            own = Q()
    return Correction.objects.filter(own)


def corrections_to_answer(organisation: str) -> QuerySet[Correction]:
    """What waits for an organisation's answer, the most pressing first."""
    node = settings.NODE.node
    rows = Correction.objects.filter(provider=organisation, provider_node=node, state=CorrectionState.WAITING)
    return rows.order_by("due_on", "pk")


def corrections_to_follow(person: Person) -> QuerySet[Correction]:
    """What waits for who asked: to add what is missing, or to judge the answer."""
    code = _code(person)
    whose = Q(asker=code) if code else Q(asked_by_id=str(person.uuid), asker="")
    states = [CorrectionState.RETURNED, *ANSWERED]
    return Correction.objects.filter(whose, asker_node=settings.NODE.node, state__in=states).order_by("pk")


def late_corrections(organisation: str) -> QuerySet[Correction]:
    """For a data bureau: what others at its node should have answered before today."""
    if not _is_bureau(organisation):
        return Correction.objects.none()
    today = timezone.localdate(clock.now())
    rows = Correction.objects.filter(
        provider_node=settings.NODE.node, state=CorrectionState.WAITING, due_on__lt=today
    )
    return rows.exclude(provider=organisation).order_by("due_on", "pk")


def running_for_case(case: str) -> QuerySet[Correction]:
    """The corrections that run for a case and have a proof registered: its applicant is served all the same."""
    return Correction.objects.filter(case=case, state__in=RUNNING).exclude(proof_digest="").exclude(case="")


def for_case(case: str) -> QuerySet[Correction]:
    """Every correction that came of a case."""
    return Correction.objects.filter(case=case).exclude(case="")


def matching_corrections(rows: QuerySet[Correction], *, words: str) -> QuerySet[Correction]:
    """Of ``rows``, those whose number, resource, item or parties have ``words``."""
    if not words:
        return rows
    return rows.filter(
        Q(number__iexact=words)
        | Q(resource_name__icontains=words)
        | Q(resource=words)
        | Q(item=words)
        | Q(asker_name__icontains=words)
        | Q(provider_name__icontains=words)
    )


def visible_disputes(person: Person) -> QuerySet[Dispute]:
    """The disputes that someone may read: their organisation's; for a bureau its node's; all for an auditor."""
    if may(person, "dispute:audit"):
        return Dispute.objects.all()
    code = _code(person)
    if not code or not may(person, "dispute:read"):
        return Dispute.objects.none()
    return (
        Dispute.objects.all()
        if _is_bureau(code)
        else Dispute.objects.filter(Q(asker=code) | Q(provider=code))
    )


def disputes_waiting(organisation: str) -> QuerySet[Dispute]:
    """What waits for an organisation: to talk, to decide (its node's bureau), to carry a decision out, to go on or to rest."""
    node = settings.NODE.node
    talking = Q(provider=organisation, state=DisputeState.OPEN, stage=DisputeStage.TALK, provider_node=node)
    carrying = Q(provider=organisation, state=DisputeState.RULED, ruling="asker", provider_node=node)
    waiting = talking | carrying
    if _is_bureau(organisation):
        deciding = Q(stage=DisputeStage.AUTHORITY, provider_node=node)
        deciding |= Q(stage=DisputeStage.SUPERIOR, superior_node=node)
        waiting |= deciding & Q(state=DisputeState.OPEN) & ~Q(provider=organisation) & ~Q(asker=organisation)
    return Dispute.objects.filter(waiting).order_by("due_on", "pk")


def matching_disputes(rows: QuerySet[Dispute], *, words: str) -> QuerySet[Dispute]:
    """Of ``rows``, those whose number, resource or parties have ``words``."""
    if not words:
        return rows
    return rows.filter(
        Q(number__iexact=words)
        | Q(about_number__iexact=words)
        | Q(resource_name__icontains=words)
        | Q(asker_name__icontains=words)
        | Q(provider_name__icontains=words)
    )


def running_about(uuid: UUID | str) -> QuerySet[Dispute]:
    """The disputes about one request or correction that are not at rest."""
    return Dispute.objects.filter(about_uuid=uuid, state__in=[DisputeState.OPEN, DisputeState.RULED])


def visible_papers(person: Person, paper: Paper) -> bool:
    """Whether a scan belongs to a correction or a statement that someone may read."""
    if visible_corrections(person).filter(paper=paper).exists():
        return True
    return Statement.objects.filter(paper=paper, dispute__in=visible_disputes(person)).exists()
