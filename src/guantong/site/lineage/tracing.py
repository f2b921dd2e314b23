"""From a start to the whole picture: everything that lies up of it and down of it, each reached once."""

from collections import deque
from typing import Final

from guantong.counter import queries as counter
from guantong.counter.models import ServiceItem
from guantong.dispatch import queries as dispatch
from guantong.identity.models import Person
from guantong.sharing import queries as sharing
from guantong.site.lineage import neighbours
from guantong.site.lineage.errors import StartUnknown
from guantong.site.lineage.seeing import Eye, Place
from guantong.site.lineage.types import Graph, Node

MOST: Final = 300
_FINE: Final = frozenset({"column", "item", "element"})


def trace(start: str, person: Person, *, is_detailed: bool = False) -> Graph:
    """The picture around ``start`` (``kind:key``), as ``person`` may see it; :class:`StartUnknown`.

    ``is_detailed`` has columns and items stand for tables and entries; it is so anyway where one of them is the start.
    """
    graph = Graph(Node("", "", ""))
    eye = Eye(person, graph)
    place = _start(eye, start)
    graph.start = place.node
    graph.nodes[place.node.id] = place.node
    is_fine = is_detailed or place.node.kind in _FINE
    _walk(eye, place, graph.up, is_up=True, is_detailed=is_fine)
    _walk(eye, place, graph.down, is_up=False, is_detailed=is_fine)
    if place.node.kind == "element":
        # Who uses an element uses the items that are bound to it.
        for each in sorted(graph.up):
            if graph.nodes[each].kind == "item":
                name = frozenset({each.partition("#")[2]})
                _walk(eye, Place(graph.nodes[each], name), graph.down, is_up=False, is_detailed=True)
        graph.down -= {place.node.id} | graph.up
    return graph


def _walk(eye: Eye, start: Place, side: set[str], *, is_up: bool, is_detailed: bool) -> None:
    """Breadth first, so that what is nearest is there even where the picture is cut."""
    graph, waiting, seen = eye.graph, deque([start]), {start.node.id: start.items}
    reach = neighbours.up if is_up else neighbours.down
    while waiting:
        here = waiting.popleft()
        for there in reach(eye, here, is_detailed=is_detailed):
            key = there.node.id
            if key not in graph.nodes and len(graph.nodes) >= MOST:
                graph.is_cut = True
                continue
            graph.nodes.setdefault(key, there.node)
            graph.edges.add((key, here.node.id) if is_up else (here.node.id, key))
            if key != graph.start.id:
                side.add(key)
            if key not in seen:
                seen[key] = there.items
                waiting.append(there)


def _start(eye: Eye, start: str) -> Place:
    kind, _, key = start.partition(":")
    unknown = StartUnknown(start=start[:120])
    found = _BY_KIND[kind](eye, key) if kind in _BY_KIND and key else None
    if found is None:
        raise unknown
    return found


def _entry(eye: Eye, key: str) -> Place | None:
    resource = eye.resource(key)
    return Place(eye.entry(resource)) if resource else None


def _item(eye: Eye, key: str) -> Place | None:
    code, _, name = key.partition("#")
    resource = eye.resource(code)
    content = eye.content(resource) if resource else None
    if resource is None or content is None or name not in {item.name for item in content.items}:
        return None
    return Place(eye.item(resource, name), frozenset({name}))


def _table(eye: Eye, key: str) -> Place | None:
    links = neighbours.links_at(eye, key, with_column=False)
    return Place(eye.table(links[0])) if links else None


def _column(eye: Eye, key: str) -> Place | None:
    links = neighbours.links_at(eye, key, with_column=True)
    if not links:
        return None
    told = f"{links[0].source}.{links[0].table}."
    return Place(eye.column(links[0], key.removeprefix(told)))


def _element(eye: Eye, key: str) -> Place | None:
    node = eye.element(key)
    return Place(node) if node.href or any(neighbours.up(eye, Place(node), is_detailed=True)) else None


def _grant(eye: Eye, key: str) -> Place | None:
    found = sharing.visible_grants(eye.person).filter(code=key).first()
    return Place(eye.grant(found)) if found else None


def _job(eye: Eye, key: str) -> Place | None:
    found = dispatch.visible_jobs(eye.person).filter(code=key).first()
    return Place(eye.job(found)) if found else None


def _target(eye: Eye, key: str) -> Place | None:
    found = dispatch.visible_targets(eye.person).filter(code=key).first()
    return Place(eye.target(found)) if found else None


def _service(eye: Eye, key: str) -> Place | None:
    found = ServiceItem.objects.select_related("department").filter(code=key).first()
    return Place(eye.service(found)) if found else None


def _case(eye: Eye, key: str) -> Place | None:
    found = counter.cases_for(eye.person).filter(number=key).first()
    return Place(eye.case(found)) if found else None


_BY_KIND: Final = {
    "entry": _entry,
    "item": _item,
    "table": _table,
    "column": _column,
    "element": _element,
    "grant": _grant,
    "job": _job,
    "target": _target,
    "service": _service,
    "case": _case,
}
