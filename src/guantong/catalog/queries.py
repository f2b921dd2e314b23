"""Finding entries."""

from collections.abc import Iterator, Sequence

import msgspec
from django.db.models import F, Max, Q, QuerySet

from guantong.bundle.services import Service
from guantong.catalog.errors import ResourceUnknown, TermsNotMet
from guantong.catalog.links.types import NO_HEALTH_PATH, ServiceTerms
from guantong.catalog.models import Link, Need, Numbering, Resource, ResourceVersion, State, Yield
from guantong.catalog.standards import telling
from guantong.catalog.types import CodeListTerms, ElementTerms, ResourceContent
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import bureaus

MOST_WORDS = 10
SLAB = 500
# So that a feed to which nothing of all this belongs gets on, but holds up no other.
LOOKED_AT_ONCE = 20_000


def published() -> QuerySet[Resource]:
    """Every entry with a live version, of this node and of others."""
    return Resource.objects.filter(is_live=True).select_related("provider")


def search(text: str = "", *, node: str = "", sharing_type: str = "") -> QuerySet[Resource]:
    """Published entries whose code, name, summary or provider has every word of ``text`` (the first ten)."""
    found = published()
    for word in text.split()[:MOST_WORDS]:
        found = found.filter(
            Q(name__icontains=word)
            | Q(summary__icontains=word)
            | Q(code=word)
            | Q(provider__name__icontains=word)
        )
    if node:
        found = found.filter(node=node)
    if sharing_type:
        found = found.filter(sharing_type=sharing_type)
    return found.order_by("-live_version", "code") if not text else found


def by_code(code: str) -> Resource:
    """The entry with that code, or :class:`ResourceUnknown`."""
    found = Resource.objects.filter(code=code).select_related("provider").first()
    if found is None:
        raise ResourceUnknown(resource=code)
    return found


def drafts_of(provider: int) -> QuerySet[Resource]:
    """What a department (by its key) has drafted or submitted and not published yet, edits included."""
    return Resource.objects.filter(provider=provider, draft__isnull=False)


def to_submit(provider: int) -> QuerySet[Resource]:
    """The drafts of a department that wait for being submitted."""
    return drafts_of(provider).exclude(state__in=[State.SUBMITTED, State.REVIEWED])


def to_approve(provider: int) -> QuerySet[Resource]:
    """The submitted drafts of a department, which wait for its own review."""
    return drafts_of(provider).filter(state=State.SUBMITTED)


def to_publish(reviewer: Organisation | None) -> QuerySet[Resource]:
    """What departments have approved and ``reviewer`` is to publish: all of the node's for its bureau."""
    waiting = Resource.objects.filter(state=State.REVIEWED, draft__isnull=False)
    if reviewer is None:
        return waiting.none()
    of_node = bureaus(reviewer.node)
    if of_node:
        return waiting.filter(node=reviewer.node) if reviewer.code in of_node else waiting.none()
    return waiting.filter(provider=reviewer)


def compiled(person: Person) -> QuerySet[Resource]:
    """The entries that a person works on: their department's own, and for the bureau what it is to publish."""
    own = Q(provider=person.organisation_id or 0)
    reviewer = person.organisation
    if reviewer is not None and reviewer.is_bureau:
        own |= Q(node=reviewer.node, state=State.REVIEWED)
    return Resource.objects.filter(own).select_related("provider")


def may_review(person: Person, resource: Resource) -> bool:
    """Whether a person's organisation publishes what the entry's department has approved."""
    return to_publish(person.organisation).filter(pk=resource.pk).exists()


def newest_number() -> int:
    """The last number that a change was given; 0 when nothing was ever published."""
    given = Numbering.objects.aggregate(last=Max("last"))["last"] or 0
    return max(given, ResourceVersion.objects.aggregate(last=Max("number"))["last"] or 0)


def changes_after(number: int, *, nodes: Sequence[str], limit: int) -> tuple[list[ResourceVersion], int]:
    """The feed: what entries of ``nodes`` say now, of what was numbered after ``number``, in order; and how far was looked.

    A version that another has followed is left out: the newest one comes later in the feed, and says it all.
    """
    found: list[ResourceVersion] = []
    looked_to, looked_at = number, 0
    while len(found) < limit and looked_at < LOOKED_AT_ONCE:
        # By number alone; what is for these nodes is picked here: with the nodes among its conditions the database
        # has been seen to begin with every entry of theirs.
        later = ResourceVersion.objects.filter(number__gt=looked_to).order_by("number")
        slab = list(later.select_related("resource__provider")[:SLAB])
        if not slab:
            break
        found += [
            each
            for each in slab
            if each.resource.node in nodes and each.version == each.resource.live_version
        ]
        looked_to, looked_at = slab[-1].number or 0, looked_at + len(slab)
    return found, looked_to


def count_changes(number: int, *, nodes: Sequence[str]) -> int:
    """How many changes for ``nodes`` wait after ``number``."""
    return _said_now(nodes).filter(number__gt=number).count() if number < newest_number() else 0


def _said_now(nodes: Sequence[str]) -> QuerySet[ResourceVersion]:
    return ResourceVersion.objects.filter(resource__node__in=nodes, version=F("resource__live_version"))


def live_versions() -> QuerySet[ResourceVersion]:
    """The live version of every published entry, in one query."""
    return ResourceVersion.objects.filter(
        version=F("resource__live_version"), resource__is_live=True
    ).select_related("resource")


def callable_versions(node: str, *, granted: list[str]) -> Iterator[ResourceVersion]:
    """The live version of every linked entry of ``node`` and of every entry with a code in ``granted``."""
    live = live_versions()
    yield from live.filter(resource__node=node, resource__link__isnull=False).iterator(chunk_size=500)
    for start in range(0, len(granted), 500):
        yield from live.filter(resource__code__in=granted[start : start + 500])


def compiled_services() -> dict[str, Service]:
    """How the interfaces of this node's entries are reached; of those that declare no operations, nothing is served."""
    found = {}
    for link in Link.interfaces().select_related("resource"):
        content = link.resource.live
        if content is None or not content.operations:
            continue
        told = msgspec.convert(link.service, ServiceTerms)
        found[link.resource.code] = Service(
            resource=link.resource.code,
            source=link.source,
            timeout_ms=told.timeout_ms,
            attempts=told.attempts,
            answer_limit=told.answer_limit_kb * 1024,
            body_limit=told.body_limit_kb * 1024,
            breaker_failures=told.breaker_failures,
            breaker_rest_s=told.breaker_rest_s,
            cache_s={name: each.cache_s for name, each in content.operations.items() if each.cache_s},
            response_headers=told.response_headers,
            health="" if link.table == NO_HEALTH_PATH else link.table,
        )
    return found


def latest_of(resources: list[int]) -> dict[int, ResourceContent]:
    """What each of the entries (by key) said last, in force or withdrawn."""
    found: dict[int, ResourceContent] = {}
    for start in range(0, len(resources), 500):
        rows = ResourceVersion.objects.filter(
            resource__in=resources[start : start + 500], version=F("resource__live_version")
        )
        found |= {row.resource_id: row.typed for row in rows}
    return found


def demand_admitted(content: ResourceContent, consumer: Organisation, *, purpose: str) -> None:
    """:class:`TermsNotMet` if a resource has structured terms and none admits ``consumer`` for ``purpose``.

    What the terms say is all there is: nobody adds conditions of their own.
    """
    terms = content.sharing_terms
    if terms and not any(
        term.admits(consumer=consumer.code, division=consumer.division, purpose=purpose) for term in terms
    ):
        raise TermsNotMet(resource=content.code, terms="；".join(term.scenario for term in terms))


def chain_of(item_code: str) -> tuple[list[Need], list[Yield]]:
    """What a service item needs, with who provides it, and what it makes."""
    needs = Need.objects.filter(item_code=item_code).exclude(state="dropped").order_by("pk")
    made = Yield.objects.filter(item_code=item_code)
    return list(needs.select_related("resource", "provider", "organisation")), list(
        made.select_related("resource")
    )


def code_lists_told(own: str) -> list[CodeListTerms]:
    """Every code list as nodes below are told it; ``own`` keeps those that no node above does."""
    return list(telling.code_lists(own))


def elements_told(own: str) -> list[ElementTerms]:
    """Every data element as nodes below are told it."""
    return list(telling.elements(own))


def needs_for(consumer: int, resource: Resource) -> list[Need]:
    """The needs of an organisation (by its key) that an entry meets, those that say which items they read first."""
    met = Q(resource=resource) | Q(resource_code=resource.code)
    rows = Need.objects.filter(met, organisation=consumer).exclude(state="dropped").order_by("pk")
    return sorted(rows[:50], key=lambda need: not need.items)
