"""Lists of links and of entries that have none: who may see which, and counts per department."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from guantong.catalog.models import Link, Resource
from guantong.identity.models import Person
from guantong.identity.queries import may

WHYS = ("never", "broken", "stale")


def is_overseer(person: Person) -> bool:
    """Whether somebody sees every department's links: the bureau, auditors, operators."""
    is_bureau = person.organisation is not None and person.organisation.is_bureau
    return is_bureau or may(person, "alert:read")


def may_see(person: object, resource: Resource) -> bool:
    """Whether somebody may read what a link is bound to and what was found wrong with it."""
    return isinstance(person, Person) and (
        person.organisation_id == resource.provider_id or is_overseer(person)
    )


def links_for(person: Person) -> QuerySet[Link]:
    """The links that somebody may read: their department's, or all of this node; the worst first."""
    found = Link.objects.select_related("resource__provider", "health")
    if not is_overseer(person):
        found = found.filter(resource__provider=person.organisation_id or 0)
    return found.order_by("health__good_at", "resource__code")


def without_data(node: str) -> QuerySet[Resource]:
    """有目录无数据: entries in force of a node that are linked to nothing, or whose link is broken or stale."""
    linked = Exists(Link.objects.filter(resource=OuterRef("pk")))
    live = Resource.objects.filter(is_live=True, node=node).select_related("provider", "link__health")
    return live.filter(~linked | Q(link__health__state__in=["broken", "stale"])).order_by(
        "provider__name", "code"
    )


def narrowed(rows: QuerySet[Resource], *, why: str, department: str) -> QuerySet[Resource]:
    """Of those, the ones for one reason (:data:`WHYS`) and of one department (its code)."""
    if why == "never":
        rows = rows.filter(link__isnull=True)
    elif why in WHYS:
        rows = rows.filter(link__health__state=why)
    return rows.filter(provider__code=department) if department else rows


def why_without(resource: Resource) -> str:
    """Why an entry counts as one without data."""
    link = getattr(resource, "link", None)
    return "never" if link is None else str(link.health.state)


@dataclass(frozen=True)
class Share:
    """A department's entries in force, and how many have no data, by reason."""

    code: str
    name: str
    entries: int
    never: int
    broken: int
    stale: int

    @property
    def without(self) -> int:
        """Those without data."""
        return self.never + self.broken + self.stale

    @property
    def linked_percent(self) -> int:
        """The share that has data (挂接率), in whole percent, never rounded up to a hundred."""
        return (self.entries - self.without) * 100 // self.entries if self.entries else 100


def shares(node: str) -> list[Share]:
    """Every department of a node that has entries in force; those with the most missing first."""
    state = "link__health__state"
    rows = (
        Resource.objects.filter(is_live=True, node=node)
        .order_by()
        .values_list("provider__code", "provider__name")
        .annotate(
            entries=Count("pk"),
            never=Count("pk", filter=Q(link__isnull=True)),
            broken=Count("pk", filter=Q(**{state: "broken"})),
            stale=Count("pk", filter=Q(**{state: "stale"})),
        )
    )
    return sorted((Share(*row) for row in rows), key=lambda share: (-share.without, share.name))
