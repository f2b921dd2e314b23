"""挂接 on pages: linking an entry, how its link stands, the list of links, and entries that have no data."""

from typing import Any

import msgspec
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.catalog import actions, queries
from guantong.catalog.compiling_views import demand_own
from guantong.catalog.harvesting import reading
from guantong.catalog.harvesting.errors import SourceUnknown
from guantong.catalog.links import asking, finding, fitting, mapping
from guantong.catalog.links.errors import LinkUnfit, NothingLinked
from guantong.catalog.links.mapping import Place
from guantong.catalog.links.types import INTERFACE, NO_HEALTH_PATH, SeenColumn, ServiceTerms, kind_of
from guantong.catalog.models import Link, LinkState, Resource
from guantong.catalog.types import ItemContent
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

CHECKS_SHOWN = 30
SPARE_FIELDS = 1


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, code: str) -> HttpResponse:
    """Choose what serves an entry, say which column is which item, and link it."""
    resource = queries.by_code(code)
    person = demand_own(request, "source:read", resource)
    demand(person, "resource:draft")
    known = reading.addresses(settings.NODE.home)
    context = _begun(request, resource, person, known)
    fault = ""
    try:
        if context["place"] is not None and _fill(request, context, known):
            _link(resource, context, person)
            messages.success(request, gettext("The entry is linked. Its link is looked at at once."))
            return redirect("resource", code=code)
    except GuantongError as error:
        fault = error.sentence(language())
    return render(request, "catalog/link.html", {**context, "fault": fault}, status=422 if fault else 200)


def _begun(request: HttpRequest, resource: Resource, person: Person, known: Any) -> dict[str, Any]:
    given, now = request.POST or request.GET, getattr(resource, "link", None)
    content = actions.read_content(resource.draft) if resource.draft else resource.latest
    sources = mapping.sources_for(known, person.organisation_id or 0)
    source = given.get("source", now.source if now else "")
    table = given.get("table", now.table if now and now.source == source else "").strip()
    dialect = sources.get(source, "")
    fresh = given.get("fresh", now.fresh if now and (now.source, now.table) == (source, table) else "")
    return {
        "resource": resource,
        "items": content.items if content else [],
        "sources": [(name, kind_of(each)) for name, each in sources.items()],
        "source": source,
        "table": table,
        "kind": kind_of(dialect) if dialect else "",
        "place": Place(source, dialect, table, fresh) if dialect and table else None,
        "link": now,
        "operations": content.operations if content and dialect == INTERFACE else {},
        "no_health_path": NO_HEALTH_PATH,
        "service": msgspec.convert(now.service if now else {}, ServiceTerms),
        "tables": _tables(source, dialect, known) if dialect and not table else [],
    }


def _tables(source: str, dialect: str, known: Any) -> list[str]:
    """The tables to choose from; none where the source does not answer, which the page then says otherwise."""
    if dialect in {INTERFACE, "folder"}:
        return []
    try:
        return [table.name for table in reading.tables(source, known)]
    except GuantongError:
        return []


def _fill(request: HttpRequest, context: dict[str, Any], known: Any) -> bool:
    """Look at what stands there and fill the lines of the page; whether it was sent and holds."""
    place, items = context["place"], context["items"]
    seen = mapping.see(place, known)
    sent = _sent(request, items)
    now = context["link"]
    is_same = now is not None and (now.source, now.table) == (place.source, place.table)
    context["seen"] = seen
    if context["operations"]:
        # What stands where is said by the operations: nothing is mapped here.
        context["columns"], context["is_served"] = {}, True
        return _asked(request, context)
    context["lines"] = mapping.lines(
        items, seen.columns, sent if sent is not None else now.columns if is_same else None
    )
    context["fresh"] = place.fresh or ("" if sent or is_same else fitting.fresh_column(seen.columns or ()))
    context["dated"] = _dated(seen.columns or ())
    if sent is None:
        return False
    context["columns"] = mapping.checked(items, place, sent, seen)
    if place.fresh and seen.columns is not None and place.fresh not in {c.name for c in seen.columns}:
        raise LinkUnfit(why_zh=f"没有字段 {place.fresh}", why_en=f"there is no column {place.fresh}")
    return True


def _asked(request: HttpRequest, context: dict[str, Any]) -> bool:
    """How the interface is to be asked, as typed; whether it was sent. LinkUnfit."""
    if request.method != "POST" or "save" not in request.POST:
        return False
    typed = {name: request.POST.get(name, "").strip() for name in asking.NUMBERS}
    context["service"] = asking.read_terms(typed, request.POST.get("response_headers", ""))
    return True


def _dated(columns: Any) -> list[SeenColumn]:
    """The columns that may say when a row was last written."""
    return [column for column in columns if column.type in {"D", "T", "C"}]


def _sent(request: HttpRequest, items: list[ItemContent]) -> dict[str, str] | None:
    """The columns that were chosen; None before the form was sent."""
    if request.method != "POST" or "save" not in request.POST:
        return None
    return {item.name: request.POST.get(f"column-{item.name}", "").strip()[:200] for item in items}


def _link(resource: Resource, context: dict[str, Any], person: Person) -> None:
    place, by, at = context["place"], actor(person), clock.now()
    made = actions.link(
        resource,
        source=place.source,
        dialect=place.dialect,
        table=place.table,
        columns=context["columns"],
        fresh=place.fresh,
        max_rows=1 if place.dialect == "folder" else 20,
        service=context["service"],
        by=by,
        at=at,
    )
    actions.check_link(made, reading.addresses(settings.NODE.home), by=by, at=at)


@require_POST
@login_required
def check(request: HttpRequest, code: str) -> HttpResponse:
    """Look behind an entry's link now."""
    resource = queries.by_code(code)
    person = demand_own(request, "source:read", resource)
    link = getattr(resource, "link", None)
    if link is None:
        raise NothingLinked(resource=code)
    known = reading.addresses(settings.NODE.home)
    actions.check_link(link, known, by=actor(person), at=clock.now())
    return redirect("link-history", code=code)


@require_POST
@login_required
def remove(request: HttpRequest, code: str) -> HttpResponse:
    """Take an entry's link away."""
    resource = queries.by_code(code)
    person = demand_own(request, "resource:draft", resource)
    actions.unlink(resource, by=actor(person), at=clock.now())
    messages.success(request, gettext("The link has been taken away. Nobody can call this entry now."))
    return redirect("resource", code=code)


@require_GET
@login_required
def history(request: HttpRequest, code: str) -> HttpResponse:
    """How an entry's link stands, and what the last looks found; for its department and whoever oversees."""
    resource = queries.by_code(code)
    link = getattr(resource, "link", None)
    if link is None or not finding.may_see(request.user, resource):
        raise NothingLinked(resource=code)
    return answer_list(
        request,
        link.checks.all(),
        template="catalog/link_history.html",
        columns={
            "at": lambda c: clock.rfc3339(c.at),
            "state": lambda c: c.state,
            "faults": lambda c: "; ".join(_fault(fault) for fault in c.faults),
            "rows": lambda c: c.rows,
            "newest_at": lambda c: clock.rfc3339(c.newest_at) if c.newest_at else "",
            "took_ms": lambda c: c.took_ms,
        },
        context={
            "resource": resource,
            "link": link,
            "kind": kind_of(link.dialect),
            "health": getattr(link, "health", None),
            "is_own": getattr(request.user, "organisation_id", None) == resource.provider_id,
        },
    )


def _fault(fault: dict[str, str]) -> str:
    return " ".join(fault[name] for name in ("code", "item", "column", "detail") if fault.get(name))


@require_GET
@login_required
def links(request: HttpRequest) -> HttpResponse:
    """Links and how they stand: a department's own, or all for whoever oversees."""
    person = demand_person(request)
    picked = chosen(request, ("state", "q"))
    rows = finding.links_for(person)
    if picked["state"] == "new":
        rows = rows.filter(health__isnull=True)
    elif picked["state"] in LinkState.values:
        rows = rows.filter(health__state=picked["state"])
    if picked["q"]:
        rows = rows.filter(resource__name__icontains=picked["q"]) | rows.filter(resource__code=picked["q"])
    return answer_list(
        request,
        rows,
        template="catalog/links.html",
        columns={
            "code": lambda link: link.resource.code,
            "name": lambda link: link.resource.name,
            "provider": lambda link: link.resource.provider.name,
            "kind": lambda link: kind_of(link.dialect),
            "state": lambda link: _health(link, "state"),
            "faults": lambda link: "; ".join(map(_fault, _health(link, "faults") or [])),
            "rows": lambda link: _health(link, "rows"),
            "newest_at": lambda link: str(_health(link, "newest_at") or ""),
            "since": lambda link: str(_health(link, "since") or ""),
            "good_at": lambda link: str(_health(link, "good_at") or ""),
        },
        context={"chosen": picked, "states": ["new", *LinkState.values]},
    )


def _health(link: Link, field: str) -> Any:
    health = getattr(link, "health", None)
    return getattr(health, field) if health else ""


def demand_person(request: HttpRequest) -> Person:
    """Whoever works here: somebody with an organisation or an overseer's eye."""
    person = request.user
    if not isinstance(person, Person):
        raise SourceUnknown(source="")
    return person if finding.is_overseer(person) else demand(person, "resource:draft")


@require_GET
@login_required
def without_data(request: HttpRequest) -> HttpResponse:
    """有目录无数据: entries in force that nobody can call, per department and one by one."""
    node = settings.NODE.node
    if request.GET.get("list") == "departments":
        return answer_list(
            request,
            finding.shares(node),
            template="catalog/without_data.html",
            columns={
                "code": lambda s: s.code,
                "department": lambda s: s.name,
                "entries": lambda s: s.entries,
                "never": lambda s: s.never,
                "broken": lambda s: s.broken,
                "stale": lambda s: s.stale,
                "linked_percent": lambda s: s.linked_percent,
            },
            context={"list": "departments", "chosen": {}},
        )
    picked = chosen(request, ("why", "department"))
    rows = finding.narrowed(finding.without_data(node), why=picked["why"], department=picked["department"])
    return answer_list(
        request,
        rows,
        template="catalog/without_data.html",
        columns={
            "code": lambda r: r.code,
            "name": lambda r: r.name,
            "provider": lambda r: r.provider.name,
            "why": finding.why_without,
        },
        context={
            "list": "entries",
            "chosen": picked,
            "whys": finding.WHYS,
            "department_name": Organisation.objects.filter(code=picked["department"])
            .values_list("name", flat=True)
            .first(),
        },
    )
