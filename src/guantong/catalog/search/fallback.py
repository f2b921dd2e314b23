"""Searching without the index: the database itself, slower and plainer, while the index is missing. Pages say so."""

from collections.abc import Callable, Mapping
from typing import Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from guantong.catalog.models import Link, Resource, ResourceVersion
from guantong.catalog.queries import published
from guantong.catalog.search import cursors
from guantong.catalog.search.types import Asked, Found

MOST_WORDS: Final = 10
_COLUMNS: Final = {"department": "provider__code", "sharing": "sharing_type", "cycle": "update_cycle"}
_ORDERS: Final = {"name": ("name", "pk"), "updated": ("-published_at", "-pk")}


def search(asked: Asked) -> Found:
    """Published entries that have every word as it is written; no folding, no weights, three facets counted."""
    rows = _filtered(asked)
    after, _ = cursors.read(asked)
    start = int(after) if after.isdigit() else 0
    ordered = rows.order_by(*_ORDERS.get(asked.sort, ("code",)))
    keys = list(ordered.values_list("pk", flat=True)[start : start + asked.limit + 1])
    cursor = cursors.write_after(asked, start + asked.limit) if len(keys) > asked.limit else ""
    counts = {facet: _counted(asked, facet) for facet in asked.facets if facet in _COLUMNS}
    empty: dict[str, Mapping[str, int]] = {facet: {} for facet in asked.facets}
    return Found([key * 2 for key in keys[: asked.limit]], rows.count(), {**empty, **counts}, cursor)


def _filtered(asked: Asked, without: str = "") -> QuerySet[Resource]:
    found = published().exclude(pk__isnull=True)
    for word in asked.text.replace("\0", "").split()[:MOST_WORDS]:
        found = found.filter(
            Q(name__icontains=word)
            | Q(summary__icontains=word)
            | Q(code=word)
            | Q(provider__name__icontains=word)
        )
    for facet, values in asked.chosen.items():
        if values and facet != without:
            found = found.filter(_FILTERS[facet](list(values)))
    return found


def _of_live(**wanted: object) -> Exists:
    live = ResourceVersion.objects.filter(resource=OuterRef("pk"), version=OuterRef("live_version"), **wanted)
    return Exists(live)


def _linked(values: list[str]) -> Q:
    links = Link.objects.filter(resource=OuterRef("pk"))
    ways = {
        "no": ~Q(Exists(links)),
        "yes": Q(Exists(links.exclude(health__state__in=["broken", "stale"]))),
        "broken": Q(Exists(links.filter(health__state="broken"))),
        "stale": Q(Exists(links.filter(health__state="stale"))),
    }
    wanted = Q(pk__in=[])
    for value in values:
        wanted |= ways.get(value, Q(pk__in=[]))
    return wanted


_FILTERS: Final[Mapping[str, Callable[[list[str]], Q]]] = {
    "department": lambda values: Q(provider__code__in=values),
    "region": lambda values: Q(provider__division__startswith=values[0]),
    "kind": lambda values: (
        Q(code__regex=f"^[{''.join(v for v in values if v in '123')}]")
        if any(v in "123" for v in values)
        else Q(pk__in=[])
    ),
    "sharing": lambda values: Q(sharing_type__in=values),
    "open": lambda values: Q(_of_live(content__is_open__in=[value == "yes" for value in values])),
    "cycle": lambda values: Q(update_cycle__in=values),
    "format": lambda values: Q(_of_live(content__format__in=values)),
    # Levels are those of items, which a plain query cannot look into.
    "level": lambda values: Q(),  # noqa: ARG005
    "linked": _linked,
    "stage": lambda values: Q() if "published" in values else Q(pk__in=[]),
}


def _counted(asked: Asked, facet: str) -> dict[str, int]:
    column = _COLUMNS[facet]
    rows = _filtered(asked, without=facet).order_by().values_list(column).annotate(n=Count("pk"))
    return {value: n for value, n in rows.order_by("-n")[:50] if value}
