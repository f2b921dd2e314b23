"""What lies next to a thing, up and down, as far as the visitor may see.

A *focus* are items of an entry: whoever starts at a column or an element follows only what comes from it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from django.db.models import Q

from guantong.catalog.links.finding import may_see
from guantong.catalog.models import ElementUse, Link
from guantong.counter import queries as counter
from guantong.counter.models import Lookup, ServiceItem
from guantong.dispatch import queries as dispatch
from guantong.dispatch.models import Job, Target
from guantong.journal.models import Receipt
from guantong.sharing import queries as sharing
from guantong.sharing.models import Grant
from guantong.site.lineage.seeing import Eye, Items, Place

Way = Callable[[Eye, Place, bool], Iterator[Place]]
"""From a place to its neighbours on one side; the truth value asks for columns and items in place of tables and entries."""


def down(eye: Eye, place: Place, *, is_detailed: bool) -> Iterator[Place]:
    """Who lives on it, directly."""
    way = _DOWN.get(place.node.kind)
    return way(eye, place, is_detailed) if way else iter(())


def up(eye: Eye, place: Place, *, is_detailed: bool) -> Iterator[Place]:
    """What it lives on, directly."""
    way = _UP.get(place.node.kind)
    return way(eye, place, is_detailed) if way else iter(())


def _below_source(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    return _served(eye, place.node.kind, place.node.key, is_detailed=is_detailed)


def _below_entry(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    return _used(eye, place.node.key, place.items, is_detailed=is_detailed)


def _below_item(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    code, _, name = place.node.key.partition("#")
    uses = ElementUse.objects.filter(resource__code=code, item=name)
    for identifier in uses.values_list("element", flat=True):
        yield Place(eye.element(identifier))
    yield from _granted(eye, code, frozenset({name}))


def _below_grant(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    return _working(eye, place.node.key)


def _below_job(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    for job in Job.objects.filter(code=place.node.key).select_related("target"):
        yield Place(eye.target(job.target))


def _below_target(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    for target in Target.objects.filter(code=place.node.key):
        for link in eye.links(source=target.source, table=target.table):
            yield Place(eye.table(link))


def _below_service(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    wanted = Q(item__code=place.node.key)
    if place.resource:
        named = Receipt.objects.filter(resource=place.resource, purpose=place.node.key).exclude(case="")
        wanted &= Q(number__in=named.values("case")) | Q(lookups__resource=place.resource)
    for case in eye.cases(wanted):
        yield Place(eye.case(case))


def _above_case(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    return _asked(eye, place.node.key)


def _above_service(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    return _drawn_on(eye, place.node.key)


def _above_target(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    jobs = dispatch.visible_jobs(eye.person).filter(target__code=place.node.key).exclude(state="retired")
    yield from (Place(eye.job(job)) for job in jobs[:100])


def _above_job(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    for grant in sharing.visible_grants(eye.person).filter(jobs__code=place.node.key):
        yield Place(eye.grant(grant))


def _above_grant(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    for grant in sharing.visible_grants(eye.person).filter(code=place.node.key):
        fields = frozenset(grant.terms.get("fields", []))
        yield from _entry_or_items(eye, grant.resource, fields, is_detailed)


def _above_element(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    uses = ElementUse.objects.filter(element=place.node.key, resource__is_live=True)
    for use in uses.select_related("resource__provider")[:200]:
        yield Place(eye.item(use.resource, use.item), frozenset({use.item}))


def _above_entry(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    return _sources(eye, place.node.key.partition("#")[0], place, is_detailed=is_detailed)


def _above_source(eye: Eye, place: Place, is_detailed: bool) -> Iterator[Place]:
    del is_detailed
    return _filled_by(eye, place.node.key, place.node.kind)


def _served(eye: Eye, kind: str, key: str, *, is_detailed: bool) -> Iterator[Place]:
    """The entries, or items, that a table or column serves."""
    for link in links_at(eye, key, with_column=kind == "column"):
        told = f"{link.source}.{link.table}"
        names = [
            item for item, column in link.columns.items() if kind == "table" or key == f"{told}.{column}"
        ]
        if is_detailed or kind == "column":
            if kind == "table":
                yield from (Place(eye.column(link, link.columns[name])) for name in names)
            else:
                yield from (Place(eye.item(link.resource, name), frozenset({name})) for name in names)
        else:
            yield Place(eye.entry(link.resource))


def links_at(eye: Eye, key: str, *, with_column: bool) -> list[Link]:
    """The links behind a table's or a column's key; sources' and tables' names may hold dots, so all ways are tried."""
    parts = key.split(".")
    found: list[Link] = []
    for cut in range(1, len(parts)):
        source, rest = ".".join(parts[:cut]), parts[cut:]
        ends = range(1, len(rest)) if with_column else [len(rest)]
        for end in ends:
            table, column = ".".join(rest[:end]), ".".join(rest[end:])
            links = eye.links(source=source, table=table)
            found += [link for link in links if not with_column or column in link.columns.values()]
    return found


def _used(eye: Eye, code: str, items: Items, *, is_detailed: bool) -> Iterator[Place]:
    resource = eye.resource(code)
    if resource is None:
        return
    if is_detailed:
        content = eye.content(resource)
        names = (
            [item.name for item in content.items if items is None or item.name in items] if content else []
        )
        yield from (Place(eye.item(resource, name), frozenset({name})) for name in names)
        return
    yield from _granted(eye, code, items)


def _granted(eye: Eye, code: str, items: Items) -> Iterator[Place]:
    """The grants under an entry; where only some items count, those that have one of them."""
    for grant in eye.grants(Q(resource=code)):
        if items is None or items & set(grant.terms.get("fields", [])):
            yield Place(eye.grant(grant))


def _working(eye: Eye, code: str) -> Iterator[Place]:
    """The jobs under a grant, and the service item that it is for."""
    grant = Grant.objects.filter(code=code).first()
    if grant is None:
        return
    jobs = list(dispatch.visible_jobs(eye.person).filter(grant=grant).exclude(state="retired")[:100])
    eye.graph.hide("job", Job.objects.filter(grant=grant).exclude(state="retired").count() - len(jobs))
    yield from (Place(eye.job(job)) for job in jobs)
    for item in ServiceItem.objects.filter(code=grant.purpose).select_related("department"):
        yield Place(eye.service(item), resource=grant.resource)


def _asked(eye: Eye, number: str) -> Iterator[Place]:
    """The service item of a case, and the grants that its receipts name."""
    case = counter.cases_for(eye.person).filter(number=number).first()
    if case is None:
        return
    yield Place(eye.service(case.item))
    named = Receipt.objects.filter(case__in=[case.number, str(case.uuid)]).values("grant")
    for grant in eye.grants(Q(code__in=named)):
        yield Place(eye.grant(grant))


def _drawn_on(eye: Eye, code: str) -> Iterator[Place]:
    """The grants for a service item, and the entries that its materials come from."""
    granted = eye.grants(Q(purpose=code))
    yield from (Place(eye.grant(grant)) for grant in granted)
    item = ServiceItem.objects.filter(code=code).first()
    named = {material.get("obtained_from") for material in item.materials} if item else set()
    asked = Lookup.objects.filter(case__item__code=code).values_list("resource", flat=True).distinct()
    for entry in sorted(({*named, *asked} - {grant.resource for grant in granted}) - {None, ""}):
        resource = eye.resource(entry)
        if resource is not None:
            yield Place(eye.entry(resource))


def _entry_or_items(eye: Eye, code: str, items: frozenset[str], is_detailed: bool) -> Iterator[Place]:
    resource = eye.resource(code)
    if resource is None:
        return
    if not is_detailed:
        yield Place(eye.entry(resource), items)
        return
    yield from (Place(eye.item(resource, name), frozenset({name})) for name in sorted(items))


def _sources(eye: Eye, code: str, place: Place, *, is_detailed: bool) -> Iterator[Place]:
    """What an entry or item is served from; its entry stands above an item where nobody may know the columns."""
    resource = eye.resource(code)
    link = getattr(resource, "link", None) if resource is not None else None
    if resource is None or link is None:
        return
    if not may_see(eye.person, resource):
        eye.graph.hide("table", 1)
        return
    if place.node.kind == "item" or is_detailed:
        names = link.columns if place.items is None else [n for n in link.columns if n in place.items]
        yield from (Place(eye.column(link, link.columns[name])) for name in names)
    else:
        yield Place(eye.table(link))


def _filled_by(eye: Eye, key: str, kind: str) -> Iterator[Place]:
    """What a column belongs to; what fills a table, where a job of this platform does."""
    for link in links_at(eye, key, with_column=kind == "column"):
        if kind == "column":
            yield Place(eye.table(link))
            continue
        targets = Target.objects.filter(source=link.source, table=link.table, is_retired=False)
        yield from (Place(eye.target(target)) for target in _seen(eye, targets))


def _seen(eye: Eye, targets: Iterable[Target]) -> Iterator[Target]:
    allowed = set(dispatch.visible_targets(eye.person).values_list("pk", flat=True))
    for target in targets:
        if target.pk in allowed:
            yield target
        else:
            eye.graph.hide("target", 1)


_DOWN: Final[dict[str, Way]] = {
    "table": _below_source,
    "column": _below_source,
    "entry": _below_entry,
    "item": _below_item,
    "grant": _below_grant,
    "job": _below_job,
    "target": _below_target,
    "service": _below_service,
}
_UP: Final[dict[str, Way]] = {
    "case": _above_case,
    "service": _above_service,
    "target": _above_target,
    "job": _above_job,
    "grant": _above_grant,
    "element": _above_element,
    "entry": _above_entry,
    "item": _above_entry,
    "table": _above_source,
    "column": _above_source,
}
