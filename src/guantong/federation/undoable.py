"""What could be taken back of what a neighbour sent, and what grants keep here."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from guantong.catalog.models import Resource, ResourceVersion
from guantong.federation import queries
from guantong.sharing.models import Grant, GrantState


@dataclass(frozen=True)
class Scope:
    """What to take back: all that a neighbour sent; only entries of ``node``; only what came since a moment or number."""

    sender: str
    node: str = ""
    since: datetime | None = None
    since_number: int | None = None


def going(scope: Scope, *, at: datetime) -> QuerySet[Resource]:
    """The entries that would be taken back."""
    return _learnt(scope).exclude(_granted(at))


def staying(scope: Scope, *, at: datetime) -> QuerySet[Resource]:
    """The entries that would go, but have grants in force."""
    return _learnt(scope).filter(_granted(at))


def _granted(at: datetime) -> Exists:
    return Exists(Grant.objects.filter(resource=OuterRef("code"), state=GrantState.ACTIVE, not_after__gt=at))


def _learnt(scope: Scope) -> QuerySet[Resource]:
    nodes = [scope.node] if scope.node else queries.behind(scope.sender)
    said = ResourceVersion.objects.filter(
        resource=OuterRef("pk"), version=OuterRef("live_version"), learnt_at__isnull=False
    )
    if scope.since is not None:
        said = said.filter(learnt_at__gte=scope.since)
    if scope.since_number is not None:
        said = said.filter(learnt_number__gte=scope.since_number)
    return Resource.objects.filter(Exists(said), node__in=nodes, is_live=True)
