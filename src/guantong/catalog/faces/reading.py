"""What the public may see of the catalogue, read for programs: entries in force, their versions, changes."""

from collections.abc import Iterator, Sequence
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Max, Q, QuerySet

from guantong.catalog import queries
from guantong.catalog.errors import ResourceUnknown
from guantong.catalog.faces.errors import ResourceWithdrawn, VersionUnknown
from guantong.catalog.models import Link, Resource, ResourceVersion
from guantong.catalog.search.sight import sight_of

SLAB: Final = 200


def public_sight() -> tuple[str, ...]:
    """What anybody may find, whoever asks."""
    return sight_of(AnonymousUser())


def live_version(code: str) -> ResourceVersion:
    """The version in force; ResourceUnknown for what was never published, :class:`ResourceWithdrawn`."""
    resource = known(code)
    found = resource.versions.filter(version=resource.live_version).first() if resource.is_live else None
    if found is None:
        raise ResourceWithdrawn(resource=code)
    found.resource = resource
    return found


def known(code: str) -> Resource:
    """An entry that was published once; drafts are not known outside."""
    resource = queries.by_code(code)
    if resource.live_version == 0:
        raise ResourceUnknown(resource=code)
    return resource


def one_version(code: str, number: int) -> ResourceVersion:
    """One version of an entry in force."""
    resource = known(code)
    if not resource.is_live:
        raise ResourceWithdrawn(resource=code)
    found = resource.versions.filter(version=number).first()
    if found is None:
        raise VersionUnknown(resource=code, version=number)
    return found


def changes_after(number: int, limit: int) -> list[ResourceVersion]:
    """Publications and withdrawals after a number of this node's feed, in order, one more than ``limit``."""
    rows = ResourceVersion.objects.filter(number__gt=number).select_related("resource")
    return list(rows.order_by("number")[: limit + 1])


def live_slabs(after: int, limit: int) -> Iterator[list[ResourceVersion]]:
    """At most ``limit`` entries in force behind a key, in slabs, so that few wait in memory."""
    left = limit
    while left > 0:
        slab = list(_live().filter(resource_id__gt=after).order_by("resource_id")[: min(SLAB, left)])
        if not slab:
            return
        yield slab
        after, left = slab[-1].resource_id, left - len(slab)


def last_key(after: int, limit: int) -> int:
    """The key of the last entry of a page, 0 if nothing comes after that page."""
    keys = list(
        Resource.objects.filter(is_live=True, pk__gt=after)
        .order_by("pk")
        .values_list("pk", flat=True)[limit - 1 : limit + 1]
    )
    return keys[0] if len(keys) > 1 else 0


def count_and_newest() -> tuple[int, int, object]:
    """How many entries are in force, the last number of the feed, and when the last one was published."""
    told = ResourceVersion.objects.aggregate(number=Max("number"), at=Max("published_at"))
    return Resource.objects.filter(is_live=True).count(), told["number"] or 0, told["at"]


def linked_among(versions: Sequence[ResourceVersion]) -> frozenset[int]:
    """The keys of those entries whose data can be called: linked, and not found broken."""
    keys = [version.resource_id for version in versions]
    found = Link.objects.filter(resource_id__in=keys).filter(
        Q(health__isnull=True) | ~Q(health__state="broken")
    )
    return frozenset(found.values_list("resource_id", flat=True))


def linked(resource: Resource) -> str | None:
    """How an entry's link stands, in the words of the search's facet; None for another node's, which knows it itself."""
    if resource.node != settings.NODE.node:
        return None
    link = Link.objects.filter(resource=resource).values_list("health__state", flat=True).first()
    if link is None and not Link.objects.filter(resource=resource).exists():
        return "no"
    return link if link in {"broken", "stale"} else "yes"


def _live() -> QuerySet[ResourceVersion]:
    return ResourceVersion.objects.filter(
        version=F("resource__live_version"), resource__is_live=True
    ).select_related("resource__provider")


def links_mark() -> str:
    """What changes whenever an entry is linked, or its link found otherwise."""
    told = Link.objects.aggregate(linked=Max("linked_at"), since=Max("health__since"))
    return f"{Link.objects.count()} {told['linked']} {told['since']}"
