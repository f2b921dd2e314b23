"""清单: who must provide what, what service items make and need, what the law keeps back, and what is late."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from guantong.catalog import actions, queries
from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import Need, Resource, Yield
from guantong.catalog.needs.queries import late_lines, needed_by
from guantong.catalog.standards.citing import cited_in
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, bureaus, demand, may
from guantong.kit import clock
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

MOST_NEEDS = 500
LISTS = ("responsibility", "yields", "demand", "negative", "late")
Rows = tuple[Any, dict[str, Any]]


@require_http_methods(["GET", "POST"])
@login_required
def duties(request: HttpRequest) -> HttpResponse:
    """One of the lists, filtered by organisation, words and state; for taking along as CSV, JSON and xlsx."""
    person = demand(request.user, "grant:read")
    if request.method == "POST":
        return _state(request)
    picked = chosen(request, ("list", "organisation", "q", "state"))
    kind = picked["list"] if picked["list"] in LISTS else "responsibility"
    rows, columns, states = _LISTS[kind](picked)
    return answer_list(
        request,
        rows,
        template="catalog/duties.html",
        columns=columns,
        context={
            "kind": kind,
            "kinds": LISTS,
            "chosen": picked,
            "states": states,
            "state_kind": _STATE_WORDS.get(kind, ""),
            "may_state": may(person, "request:file") and person.organisation is not None,
            "own": person.organisation,
            "may_gather": may(person, "need:route"),
            "may_tell": may(person, "resource:draft") and person.organisation is not None,
        },
    )


_STATE_WORDS = {"responsibility": "sharing", "demand": "need", "yields": "yield", "late": "late",
                "negative": "negative"}  # fmt: skip


def _of(rows: QuerySet[Any], field: str, picked: Mapping[str, str], *names: str) -> QuerySet[Any]:
    """Of ``rows``, those of the organisation (by name or code) that have every word in one of ``names``."""
    if organisation := picked["organisation"]:
        rows = rows.filter(
            Q(**{f"{field}__name__icontains": organisation}) | Q(**{f"{field}__code": organisation})
        )
    for word in picked["q"].split()[:5]:
        any_of = Q()
        for name in names:
            any_of |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(any_of)
    return rows


def _counted(rows: QuerySet[Any], field: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(field).annotate(Count("pk")).order_by(field))


def _responsibility(picked: Mapping[str, str]) -> tuple[Any, dict[str, Any], dict[str, int]]:
    rows = queries.published().annotate(links=Count("link")).order_by("provider__name", "code")
    rows = _of(rows, "provider", picked, "name", "code")
    states = _counted(queries_plain(picked), "sharing_type")
    if picked["state"]:
        rows = rows.filter(sharing_type=picked["state"])
    return rows, {
        "provider": lambda r: r.provider.name,
        "provider_code": lambda r: r.provider.code,
        "name": lambda r: r.name,
        "code": lambda r: r.code,
        "update_cycle": lambda r: r.update_cycle,
        "updated_on": lambda r: _day(r.updated_on),
        "stale_on": lambda r: _day(r.stale_on),
        "sharing_type": lambda r: r.sharing_type,
        "is_linked": lambda r: r.links,
    }, states  # fmt: skip


def queries_plain(picked: Mapping[str, str]) -> QuerySet[Resource]:
    """The entries of the responsibility list, for counting."""
    return _of(Resource.objects.filter(is_live=True), "provider", picked, "name", "code")


def _yields(picked: Mapping[str, str]) -> tuple[Any, dict[str, Any], dict[str, int]]:
    rows = _of(
        Yield.objects.select_related("organisation", "resource"),
        "organisation",
        picked,
        "name",
        "service_item",
    )
    missing = rows.filter(resource=None)
    states = {"catalogued": rows.exclude(resource=None).count(), "missing": missing.count()}
    if picked["state"]:
        rows = missing if picked["state"] == "missing" else rows.exclude(resource=None)
    return rows, {
        "organisation": lambda y: y.organisation.name,
        "service_item": lambda y: y.service_item,
        "item_code": lambda y: y.item_code,
        "name": lambda y: y.name,
        "element": lambda y: y.element,
        "resource": lambda y: y.resource.code if y.resource else "",
        "due_on": lambda y: _day(y.due_on) if y.resource is None else "",
    }, states  # fmt: skip


def _demand(picked: Mapping[str, str]) -> tuple[Any, dict[str, Any], dict[str, int]]:
    rows = Need.objects.select_related("organisation", "resource", "provider")
    if name := picked["organisation"]:
        rows = rows.filter(
            Q(organisation__name__icontains=name)
            | Q(provider__name__icontains=name)
            | Q(organisation__code=name)
        )
    rows = _of(rows, "organisation", {**picked, "organisation": ""}, "wanted", "service_item", "item_code")
    states = _counted(rows, "state")
    rows = rows.filter(state=picked["state"]) if picked["state"] else rows.exclude(state="dropped")
    return rows, {
        "organisation": lambda n: n.organisation.name,
        "service_item": lambda n: n.service_item,
        "item_code": lambda n: n.item_code,
        "wanted": lambda n: n.wanted,
        "element": lambda n: n.element,
        "law": lambda n: n.law,
        "state": lambda n: n.state,
        "resource": lambda n: n.resource.code if n.resource else "",
        "resource_name": lambda n: n.resource.name if n.resource else "",
        "provider": lambda n: n.provider.name if n.provider else "",
        "sent_because": lambda n: n.sent_because,
        "answer": lambda n: n.answer,
        "due_on": lambda n: _day(n.due_on),
        "escalated_at": lambda n: clock.rfc3339(n.escalated_at) if n.escalated_at else "",
    }, states  # fmt: skip


def _negative(picked: Mapping[str, str]) -> tuple[Any, dict[str, Any], dict[str, int]]:
    barred = Need.objects.filter(resource=OuterRef("resource"), state="barred")
    rows = queries.live_versions().filter(resource__sharing_type="not_shared")
    rows = rows.select_related("resource__provider")
    needed = Exists(barred)
    rows = _of(rows, "resource__provider", picked, "resource__name", "resource__code")
    states = {"needed": rows.filter(needed).count()}
    if picked["state"] == "needed":
        rows = rows.filter(needed)
    return rows.order_by("resource__provider__name", "resource__code"), {
        "provider": lambda v: v.resource.provider.name,
        "name": lambda v: v.resource.name,
        "code": lambda v: v.resource.code,
        "law": lambda v: v.content.get("sharing_basis", ""),
        "regulations": lambda v: " ".join(each.identifier for each in cited_in(v.content.get("sharing_basis", ""))),
        "needed_by": lambda v: "；".join(needed_by(v.resource_id)),
    }, states  # fmt: skip


def _late(picked: Mapping[str, str]) -> tuple[Any, dict[str, Any], dict[str, int]]:
    rows = late_lines(organisation=picked["organisation"], words=picked["q"])
    states: dict[str, int] = {}
    for row in rows:
        states[row.kind] = states.get(row.kind, 0) + 1
    shown = [row for row in rows if not picked["state"] or row.kind == picked["state"]]
    return shown, {
        "kind": lambda r: r.kind,
        "organisation": lambda r: r.organisation,
        "name": lambda r: r.name,
        "code": lambda r: r.code,
        "due_on": lambda r: r.due_on.isoformat(),
        "days_late": lambda r: r.days,
    }, states  # fmt: skip


_LISTS = {
    "responsibility": _responsibility,
    "yields": _yields,
    "demand": _demand,
    "negative": _negative,
    "late": _late,
}


def _day(value: Any) -> str:
    return value.isoformat() if value else ""


def _state(request: HttpRequest) -> HttpResponse:
    """State needs, one a line: data | service item | law."""
    person = demand(request.user, "request:file")
    lines = request.POST.get("needs", "").replace("\0", "").splitlines()[:MOST_NEEDS]
    told = [[part.strip() for part in f"{line}||".split("|")[:3]] for line in lines if line.strip()]
    if person.organisation is not None:
        needs = [(parts[0], parts[1], parts[2]) for parts in told if parts[0]]
        actions.state_needs(needs, organisation=person.organisation, by=actor(person), at=clock.now())
    messages.success(request, gettext("Done."))
    return redirect(f"{request.path}?list=demand")


@require_POST
@login_required
def told_updated(request: HttpRequest) -> HttpResponse:
    """A department says that the data of the ticked entries is up to date."""
    person = demand(request.user, "resource:draft")
    codes = request.POST.getlist("code")[:500]
    on = parse_date(request.POST.get("on", "")) or timezone.localdate()
    rows = Resource.objects.filter(code__in=codes, node=settings.NODE.node)
    if not codes:
        raise ContentWrong(field="code", why_zh="请勾选目录", why_en="tick entries")
    count = actions.tell_updated(rows, on=on, by=actor(person), at=clock.now())
    messages.success(request, gettext("%(n)s entries are noted as up to date.") % {"n": count})
    return redirect(request.POST.get("back", "") if request.POST.get("back") in _BACK else "duties")


_BACK = ("duties", "todo")


def may_route(person: Person, need: Need) -> bool:
    """Whether a person's organisation sends the need on: the bureau of the node in need."""
    code = person.organisation.code if person.organisation else ""
    return may(person, "need:route") and code in bureaus(need.organisation.node)


def departments(node: str) -> QuerySet[Organisation]:
    """The organisations of a node, for choosing one."""
    return Organisation.objects.filter(node=node).order_by("name")
