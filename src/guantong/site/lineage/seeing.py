"""What one visitor sees of every room, as nodes: names, links, and what may not be shown counted instead."""

from dataclasses import dataclass, field
from typing import Final

from django.db.models import Q
from django.urls import reverse

from guantong.catalog.links.finding import may_see
from guantong.catalog.models import Element, Link, Resource
from guantong.catalog.queries import latest_of
from guantong.catalog.types import ResourceContent
from guantong.counter import queries as counter
from guantong.counter.models import Case, ServiceItem
from guantong.dispatch.models import Job, Target
from guantong.identity.models import Person
from guantong.sharing import queries as sharing
from guantong.sharing.models import Grant
from guantong.site.lineage.types import Graph, Node

CASES_SHOWN: Final = 12
Items = frozenset[str] | None
"""Names of items; None: all of them."""


@dataclass(frozen=True)
class Place:
    """A node with the focus with which it was reached."""

    node: Node
    items: Items = None
    resource: str = ""
    """The entry whose users are followed, where that matters: of a service item's cases, those that drew on it."""


@dataclass
class Eye:
    """What one visitor sees of every room; remembers what it has read."""

    person: Person
    graph: Graph
    contents: dict[int, ResourceContent] = field(default_factory=dict)

    # ── things ──

    def entry(self, resource: Resource) -> Node:
        """An entry."""
        link = getattr(resource, "link", None)
        health = getattr(link, "health", None)
        is_broken = health is not None and health.state in {"broken", "stale"}
        return Node(
            "entry",
            resource.code,
            resource.name,
            reverse("resource", kwargs={"code": resource.code}),
            resource.provider.name,
            is_broken,
        )

    def content(self, resource: Resource) -> ResourceContent | None:
        """What an entry said last."""
        if resource.pk not in self.contents:
            self.contents |= latest_of([resource.pk])
        return self.contents.get(resource.pk)

    def item(self, resource: Resource, name: str) -> Node:
        """An item of an entry."""
        content = self.content(resource)
        label = next((i.label for i in content.items if i.name == name), name) if content else name
        href = reverse("resource", kwargs={"code": resource.code}) + "#items"
        return Node("item", f"{resource.code}#{name}", label, href, f"{resource.name} · {name}")

    def table(self, link: Link) -> Node:
        """What an entry is linked to, for whoever may know."""
        href = reverse("link-history", kwargs={"code": link.resource.code})
        health = getattr(link, "health", None)
        is_broken = health is not None and health.state == "broken"
        return Node("table", f"{link.source}.{link.table}", link.table, href, link.source, is_broken)

    def column(self, link: Link, name: str) -> Node:
        """A column of it."""
        href = reverse("link-history", kwargs={"code": link.resource.code})
        health = getattr(link, "health", None)
        faults = health.faults if health is not None else []
        is_broken = any(fault.get("column") == name for fault in faults)
        return Node(
            "column",
            f"{link.source}.{link.table}.{name}",
            name,
            href,
            f"{link.source}.{link.table}",
            is_broken,
        )

    def element(self, identifier: str) -> Node:
        """A data element; one that is not in the dictionary is only its identifier."""
        found = Element.objects.filter(identifier=identifier).first()
        href = reverse("element", kwargs={"identifier": identifier}) if found else ""
        return Node("element", identifier, found.name if found else identifier, href, identifier)

    def grant(self, grant: Grant) -> Node:
        """A grant."""
        name = grant.terms.get("consumer_name", grant.consumer)
        purpose = grant.terms.get("purpose_text") or grant.purpose
        href = reverse("grant", kwargs={"code": grant.code})
        return Node("grant", grant.code, purpose, href, name, grant.state == "revoked")

    def job(self, job: Job) -> Node:
        """A batch job."""
        return Node("job", job.code, job.name, reverse("job", kwargs={"code": job.code}), job.consumer_name)

    def target(self, target: Target) -> Node:
        """A table that jobs fill."""
        href = reverse("target", kwargs={"code": target.code})
        return Node("target", target.code, target.table, href, f"{target.source} · {target.name}")

    def service(self, item: ServiceItem) -> Node:
        """A service item."""
        href = reverse("item", kwargs={"code": item.code})
        return Node("service", item.code, item.name, href, item.department.name)

    def case(self, case: Case) -> Node:
        """A case, by its number: no name of anybody stands in the picture."""
        href = reverse("case", kwargs={"uuid": case.uuid})
        return Node("case", case.number, case.number, href, case.get_state_display())

    # ── finding things by key ──

    def resource(self, code: str) -> Resource | None:
        """An entry that was published, or is the visitor's department's."""
        found = Resource.objects.select_related("provider", "link__health").filter(code=code).first()
        if found is None or (found.live_version == 0 and found.provider_id != self.person.organisation_id):
            return None
        return found

    def links(self, **wanted: str) -> list[Link]:
        """Links that the visitor may know."""
        found = Link.objects.filter(**wanted).select_related("resource__provider", "health")
        return [
            link for link in found.order_by("resource__code")[:200] if may_see(self.person, link.resource)
        ]

    def grants(self, wanted: Q, kind: str = "grant") -> list[Grant]:
        """Grants that the visitor may read; the others are counted."""
        told = list(sharing.visible_grants(self.person).filter(wanted).distinct().order_by("-pk")[:200])
        self.graph.hide(kind, Grant.objects.filter(wanted).distinct().count() - len(told))
        return told

    def cases(self, wanted: Q) -> list[Case]:
        """The newest cases that the visitor may see; all others are counted."""
        told = list(counter.cases_for(self.person).filter(wanted).distinct().order_by("-pk")[:CASES_SHOWN])
        self.graph.hide("case", Case.objects.filter(wanted).distinct().count() - len(told))
        return told
