"""血缘 on a page: the picture, the same as a table, and as JSON; every state is an address."""

from dataclasses import replace
from urllib.parse import quote

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from guantong.catalog.models import Resource
from guantong.identity.models import Person
from guantong.pages.answers import wants_json
from guantong.site.lineage import telling
from guantong.site.lineage.errors import StartUnknown
from guantong.site.lineage.picture import picture
from guantong.site.lineage.tracing import trace
from guantong.site.lineage.types import KINDS, Graph, Node
from guantong.site.words import word


@require_GET
@login_required
def lineage(request: HttpRequest) -> HttpResponse:
    """``?start=kind:key``; ``detail=1`` for columns and items; ``side`` up or down; ``hide`` kinds."""
    start = request.GET.get("start", "").strip()[:300]
    person = request.user
    if not isinstance(person, Person):
        raise StartUnknown(start=start)
    if not start:
        return render(
            request, "site/lineage.html", {"start": "", "kinds": KINDS, "examples": _examples(person)}
        )
    is_detailed = request.GET.get("detail") == "1"
    graph = trace(start, person, is_detailed=is_detailed)
    side, hidden = request.GET.get("side", ""), [k for k in request.GET.getlist("hide") if k in KINDS]
    shown = _narrowed(graph, side=side, hidden=hidden)
    if wants_json(request):
        return JsonResponse(telling.as_json(shown), json_dumps_params={"ensure_ascii": False})
    title = gettext("Lineage of %(what)s") % {"what": graph.start.label}
    drawing = picture(
        shown,
        href=_href,
        word=lambda kind: word("lineage", kind),
        title=title,
        more=lambda count: gettext("and %(count)d more") % {"count": count},
    )
    return render(
        request,
        "site/lineage.html",
        {
            "start": start,
            "graph": graph,
            "title": title,
            "drawing": mark_safe(drawing),  # noqa: S308 - picture escapes every text
            "rows": [_row(shown, node) for node in _ordered(shown)],
            "up": graph.counts(graph.up),
            "down": graph.counts(graph.down),
            "would_break": telling.would_break(graph),
            "hidden_words": telling.hidden_words(graph),
            "is_detailed": is_detailed,
            "side": side,
            "chosen_hidden": hidden,
            "kinds": [kind for kind in KINDS if kind in {node.kind for node in graph.nodes.values()}],
        },
    )


def _examples(person: Person) -> list[Resource]:
    """Entries to begin with: the visitor's department's own that are linked, else any."""
    live = Resource.objects.filter(is_live=True, link__isnull=False).order_by("code")
    return [*live.filter(provider=person.organisation_id or 0)[:8]] or [*live[:8]]


def _narrowed(graph: Graph, *, side: str, hidden: list[str]) -> Graph:
    """The picture with one side or some kinds left out; what lies behind a kind that is left out is joined to it."""
    keep = (
        {graph.start.id} | (graph.up if side != "down" else set()) | (graph.down if side != "up" else set())
    )
    kept = {each for each in keep if graph.nodes[each].kind not in hidden or each == graph.start.id}
    after: dict[str, set[str]] = {}
    for source, user in graph.edges:
        after.setdefault(source, set()).add(user)
    edges = {(source, user) for source in kept for user in _next_kept(source, after, kept, keep)}
    return replace(
        graph,
        nodes={each: node for each, node in graph.nodes.items() if each in kept},
        edges=edges,
        up=graph.up & kept,
        down=graph.down & kept,
    )


def _next_kept(source: str, after: dict[str, set[str]], kept: set[str], within: set[str]) -> set[str]:
    """The nearest users that are shown."""
    found: set[str] = set()
    waiting, seen = list(after.get(source, ())), {source}
    while waiting:
        each = waiting.pop()
        if each in seen or each not in within:
            continue
        seen.add(each)
        if each in kept:
            found.add(each)
        else:
            waiting += after.get(each, ())
    return found


def _href(node: Node) -> str:
    """A node leads on: the picture around it."""
    return f"{reverse('lineage')}?start={quote(node.id)}"


def _ordered(graph: Graph) -> list[Node]:
    return sorted(graph.nodes.values(), key=lambda node: (KINDS.index(node.kind), node.label, node.key))


def _row(graph: Graph, node: Node) -> dict[str, object]:
    """One line of the table: the thing, where it stands, what it comes from and who uses it."""
    side = "start" if node.id == graph.start.id else "up" if node.id in graph.up else "down"
    return {
        "node": node,
        "side": side,
        "lineage": _href(node),
        "sources": [graph.nodes[a].label for a, b in sorted(graph.edges) if b == node.id],
        "users": [graph.nodes[b].label for a, b in sorted(graph.edges) if a == node.id],
    }
