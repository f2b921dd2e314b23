"""Finding requests and grants."""

from django.db.models import Q, QuerySet

from guantong.identity.models import Organisation
from guantong.kit import clock
from guantong.sharing.models import Grant, GrantState, Request, RequestState, Step


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


def to_decide(organisation: str) -> QuerySet[Step]:
    """The steps that wait for this organisation: those whose predecessors are all approved."""
    waiting = Step.objects.filter(decider=organisation, decision="", request__state=RequestState.WAITING)
    earlier = Step.objects.filter(decision="").values_list("request_id", "position")
    first: dict[int, int] = {}
    for request_id, position in earlier.filter(request__steps__decider=organisation):
        first[request_id] = min(position, first.get(request_id, position))
    turn = Q(pk__in=[])
    for request_id, position in first.items():
        turn |= Q(request_id=request_id, position=position)
    return waiting.filter(turn).select_related("request").order_by("request__filed_at")


def requests_of(organisation: str) -> QuerySet[Request]:
    """Every request that an organisation filed, provides for or decides on, newest first."""
    return Request.objects.filter(
        Q(consumer=organisation) | Q(provider=organisation) | Q(steps__decider=organisation)
    ).distinct()


def grants_of(organisation: str) -> QuerySet[Grant]:
    """Every grant that an organisation uses or has given."""
    return Grant.objects.filter(Q(consumer=organisation) | Q(terms__provider=organisation))
