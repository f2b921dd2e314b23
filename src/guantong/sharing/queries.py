"""Finding requests and grants."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from guantong.identity.models import Organisation, Person
from guantong.identity.queries import may
from guantong.journal.models import Receipt
from guantong.kit import clock
from guantong.sharing.models import Grant, GrantState, Request, RequestState, Step
from guantong.sharing.voices.queries import (
    corrections_to_answer,
    corrections_to_follow,
    disputes_waiting,
    for_case,
    late_corrections,
    running_for_case,
)
from guantong.sharing.voices.standing import learn_superior

__all__ = [
    "corrections_to_answer",
    "corrections_to_follow",
    "disputes_waiting",
    "for_case",
    "grant_for",
    "grants_of",
    "grants_reading",
    "late_corrections",
    "late_steps",
    "learn_superior",
    "matching_grants",
    "matching_requests",
    "requests_of",
    "running_for_case",
    "to_decide",
    "to_supplement",
    "uses",
    "visible_grants",
    "visible_requests",
]


def grant_for(*, consumer: Organisation, resource: str, purpose: str, mode: str) -> str | None:
    """The code of the newest grant in force by which ``consumer`` may use ``resource`` so, or None."""
    moment = clock.now()
    found = Grant.objects.filter(
        consumer=consumer.code,
        resource=resource,
        purpose=purpose,
        state=GrantState.ACTIVE,
        not_before__lte=moment,
        not_after__gt=moment,
    )
    return next((grant.code for grant in found if mode in grant.terms["modes"]), None)


def uses(resources: Sequence[str] | None = None) -> dict[str, int]:
    """How many grants are in force under each resource's code: under these, or under all."""
    moment = clock.now()
    found = Grant.objects.filter(state=GrantState.ACTIVE, not_before__lte=moment, not_after__gt=moment)
    if resources is not None:
        found = found.filter(resource__in=resources)
    return dict(found.order_by().values_list("resource").annotate(Count("pk")))


def to_decide(organisation: str) -> QuerySet[Step]:
    """The steps that wait for this organisation, the most pressing first."""
    return (
        Step.objects.filter(decider=organisation, decision="", request__state=RequestState.WAITING)
        .exclude(task="")
        .select_related("request")
        .order_by("due_on", "pk")
    )


def to_supplement(organisation: str) -> QuerySet[Request]:
    """The requests of this organisation that were sent back to it, the oldest first."""
    return Request.objects.filter(consumer=organisation, state=RequestState.RETURNED).order_by("returned_at")


def late_steps(bureau: Organisation | None) -> QuerySet[Step]:
    """The steps of others at a data bureau's node that should have been decided before today, the latest first."""
    if bureau is None or not bureau.is_bureau:
        return Step.objects.none()
    node = bureau.node
    return (
        Step.objects.filter(
            decision="", request__state=RequestState.WAITING, due_on__lt=timezone.localdate(clock.now())
        )
        .exclude(task="")
        .exclude(decider=bureau.code)
        .filter(Q(request__provider_node=node) | Q(request__consumer_node=node))
        .select_related("request")
        .order_by("due_on", "pk")
    )


def requests_of(organisation: str) -> QuerySet[Request]:
    """Every request that an organisation filed, provides for or decides on, newest first; for a bureau its node's."""
    if not organisation:
        return Request.objects.none()
    decided = Step.objects.filter(decider=organisation).values("request")
    concerned = Q(consumer=organisation) | Q(provider=organisation) | Q(pk__in=decided)
    own = Organisation.objects.filter(code=organisation, is_bureau=True).first()
    if own is not None:
        concerned |= Q(consumer_node=own.node) | Q(provider_node=own.node)
    return Request.objects.filter(concerned)


def grants_of(organisation: str) -> QuerySet[Grant]:
    """Every grant that an organisation uses, has given or has decided on, newest first."""
    if not organisation:
        return Grant.objects.none()
    decided = Step.objects.filter(decider=organisation).values("request__uuid")
    return Grant.objects.filter(Q(consumer=organisation) | Q(provider=organisation) | Q(request__in=decided))


def visible_requests(person: Person) -> QuerySet[Request]:
    """The requests that someone may read: those of their organisation, or all of them for an auditor."""
    if may(person, "request:audit"):
        return Request.objects.all()
    return requests_of(_code(person)) if may(person, "request:read") else Request.objects.none()


def visible_grants(person: Person) -> QuerySet[Grant]:
    """The grants that someone may read: those of their organisation, or all of them for an auditor."""
    if may(person, "grant:audit"):
        return Grant.objects.all()
    return grants_of(_code(person)) if may(person, "grant:read") else Grant.objects.none()


def matching_requests(rows: QuerySet[Request], *, words: str, organisation: str) -> QuerySet[Request]:
    """Of ``rows``, those whose resource, number or purpose has ``words`` and whose party is ``organisation``."""
    if words:
        rows = rows.filter(
            Q(resource_name__icontains=words)
            | Q(resource=words)
            | Q(number__iexact=words)
            | Q(purpose=words)
            | Q(purpose_text__icontains=words)
        )
    if organisation:
        names = Q(consumer_name__icontains=organisation) | Q(provider_name__icontains=organisation)
        rows = rows.filter(names | Q(consumer=organisation) | Q(provider=organisation))
    return rows


def matching_grants(rows: QuerySet[Grant], *, words: str, organisation: str) -> QuerySet[Grant]:
    """Of ``rows``, those whose resource, code or purpose has ``words`` and whose party is ``organisation``."""
    if words:
        rows = rows.filter(
            Q(terms__resource_content__name__icontains=words)
            | Q(resource=words)
            | Q(code__iexact=words)
            | Q(purpose=words)
        )
    if organisation:
        names = Q(terms__consumer_name__icontains=organisation)
        names |= Q(terms__provider_name__icontains=organisation)
        rows = rows.filter(names | Q(consumer=organisation) | Q(provider=organisation))
    return rows


def grants_reading(items: Sequence[tuple[str, str]], person: Person) -> list[Grant]:
    """The grants in force that ``person`` may read and that give any of ``items`` (a resource's code, an item's name)."""
    moment, wanted = clock.now(), set(items)
    codes = sorted({code for code, _ in wanted})
    rows = visible_grants(person).filter(
        resource__in=codes[:5000], state=GrantState.ACTIVE, not_before__lte=moment, not_after__gt=moment
    )
    given = ((grant, grant.terms.get("fields", [])) for grant in rows.order_by("-pk")[:500])
    return [grant for grant, fields in given if any((grant.resource, name) in wanted for name in fields)][
        :100
    ]


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""


def unused_grants(*, at: datetime) -> QuerySet[Grant]:
    """The grants in force for longer than the setting's days that nobody has used in as many: no call was allowed."""
    since = at - timedelta(days=settings.NODE.grant_unused_days)
    used = Receipt.objects.filter(grant=OuterRef("code"), at__gt=since, decision="allow")
    rows = Grant.objects.filter(
        state=GrantState.ACTIVE, not_before__lte=since, issued_at__lte=since, not_after__gt=at
    )
    if not settings.NODE.grant_unused_days:
        return rows.none()
    return rows.filter(~Exists(used))


def warning_days() -> list[int]:
    """The days before its end on which the consumer of a grant is warned, the fewest first."""
    return sorted(int(each) for each in settings.NODE.grant_warning_days.split(",") if each.strip())
