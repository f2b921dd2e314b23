"""标准和清单: data elements and their one source, code lists, conformance, and who must provide what to whom."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.catalog import actions, queries
from guantong.catalog.models import Claim, CodeList, Element, Need, Resource
from guantong.catalog.standards.matching import deviations
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, bureaus, demand, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

MOST_NEEDS = 500


@require_http_methods(["GET", "POST"])
def elements(request: HttpRequest) -> HttpResponse:
    """The data elements, with their sources and how many entries use each."""
    if request.method == "POST":
        person = demand(request.user, "element:settle")
        actions.load_standards(revision=timezone.localdate().isoformat(), by=actor(person), at=clock.now())
        messages.success(request, gettext("Done."))
        return redirect("elements")
    words = chosen(request, ("q",))["q"]
    rows = Element.objects.select_related("code_list")
    if words:
        found = [each.pk for each in rows if words in {each.identifier, *each.synonyms} or words in each.name]
        rows = rows.filter(pk__in=found)
    sources = {
        each.element_id: each
        for each in Claim.objects.filter(state="authoritative").select_related("organisation", "resource")
    }
    return answer_list(
        request,
        rows,
        template="catalog/elements.html",
        columns={
            "identifier": lambda e: e.identifier,
            "name": lambda e: e.name,
            "synonyms": lambda e: " ".join(e.synonyms),
            "type": lambda e: e.type,
            "length": lambda e: e.length,
            "level": lambda e: e.level,
            "codes": lambda e: e.code_list.identifier if e.code_list else "",
            "source": lambda e: sources[e.pk].organisation.name if e.pk in sources else "",
        },
        context={"q": words, "sources": sources, "may_load": may(request.user, "element:settle")},
    )


@require_GET
def element(request: HttpRequest, identifier: str) -> HttpResponse:
    """One element: its source, claims and disputes, the entries that use it, its rules."""
    found = get_object_or_404(Element.objects.select_related("code_list"), identifier=identifier)
    person = request.user
    own = person.organisation_id if isinstance(person, Person) else None
    users = Resource.objects.filter(element_uses__element=identifier, is_live=True).select_related("provider")
    users = users.distinct()
    claims = found.claims.select_related("organisation", "resource")
    code = person.organisation.code if isinstance(person, Person) and person.organisation else ""
    return answer_list(
        request,
        users,
        template="catalog/element.html",
        columns={"code": lambda r: r.code, "name": lambda r: r.name, "provider": lambda r: r.provider.name},
        context={
            "element": found,
            "claims": claims,
            "source": claims.filter(state="authoritative").first(),
            "claimable": users.filter(provider=own) if own and may(person, "element:claim") else [],
            "may_settle": may(person, "element:settle") and code in bureaus(code and _node(person)),
        },
    )


def _node(person: Any) -> str:
    return person.organisation.node if isinstance(person, Person) and person.organisation else ""


@require_POST
@login_required
def claim(request: HttpRequest, identifier: str) -> HttpResponse:
    """Claim the element for an entry, or contest its source with a reason."""
    person = demand(request.user, "element:claim")
    resource = queries.by_code(request.POST.get("resource", ""))
    reason = request.POST.get("reason", "")
    try:
        actions.claim(identifier, resource, reason=reason, by=actor(person), at=clock.now())
    except GuantongError as error:
        messages.error(request, error.sentence(language()))
    else:
        messages.success(request, gettext("Done."))
    return redirect("element", identifier=identifier)


@require_POST
@login_required
def settle(request: HttpRequest, number: int) -> HttpResponse:
    """Settle a dispute."""
    person = demand(request.user, "element:settle")
    contested = get_object_or_404(Claim.objects.select_related("resource", "element"), pk=number)
    actions.settle(
        contested,
        is_granted=request.POST.get("verdict") == "granted",
        decision=request.POST.get("decision", ""),
        by=actor(person),
        at=clock.now(),
    )
    return redirect("element", identifier=contested.element.identifier)


@require_GET
def code_list(request: HttpRequest, identifier: str) -> HttpResponse:
    """A code list with all its revisions: what is in force, and what was."""
    found = get_object_or_404(CodeList, identifier=identifier)
    picked = chosen(request, ("q", "ended"))
    rows = found.codes.all()
    if picked["q"]:
        rows = rows.filter(Q(code__startswith=picked["q"]) | Q(name__icontains=picked["q"]))
    if not picked["ended"]:
        rows = rows.filter(until="")
    return answer_list(
        request,
        rows,
        template="catalog/code_list.html",
        columns={
            "code": lambda c: c.code,
            "name": lambda c: c.name,
            "since": lambda c: c.since,
            "until": lambda c: c.until,
        },
        context={"listed": found, "chosen": picked},
    )


@require_GET
def conformance(request: HttpRequest, code: str) -> HttpResponse:
    """How the items of a live entry deviate from their elements."""
    resource = queries.by_code(code)
    content = resource.latest
    if content is None:
        raise Http404
    return answer_list(
        request,
        deviations(content),
        template="catalog/conformance.html",
        columns={
            name: (lambda row, name=name: getattr(row, name))  # type: ignore[misc]
            for name in ("item", "label", "element", "kind", "says", "should")
        },
        context={"resource": resource, "count": len(content.items)},
    )


@require_http_methods(["GET", "POST"])
@login_required
def duties(request: HttpRequest) -> HttpResponse:
    """责任清单、需求清单、负面清单: what each department must provide, what is needed, what the law keeps back."""
    person = demand(request.user, "grant:read")
    if request.method == "POST":
        return _state(request)
    picked = chosen(request, ("list", "organisation"))
    kind = picked["list"] if picked["list"] in _LISTS else "responsibility"
    rows, columns = _LISTS[kind](picked["organisation"])
    is_bureau = person.organisation is not None and person.organisation.code in bureaus(_node(person))
    return answer_list(
        request,
        rows,
        template="catalog/duties.html",
        columns=columns,
        context={
            "kind": kind,
            "chosen": picked,
            "headings": list(columns),
            "may_state": may(person, "request:file"),
            "may_route": is_bureau and may(person, "element:settle"),
            "organisations": Organisation.objects.filter(node=_node(person)).order_by("name")[:500],
        },
    )


def _responsibility(organisation: str) -> tuple[Any, dict[str, Any]]:
    rows = queries.published().annotate(links=Count("link")).order_by("provider__name", "code")
    if organisation:
        rows = rows.filter(Q(provider__name__icontains=organisation) | Q(provider__code=organisation))
    return rows, {
        "provider": lambda r: r.provider.name,
        "name": lambda r: r.name,
        "code": lambda r: r.code,
        "update_cycle": lambda r: r.update_cycle,
        "sharing_type": lambda r: r.sharing_type,
        "is_linked": lambda r: r.links,
    }


def _demand(organisation: str) -> tuple[Any, dict[str, Any]]:
    rows = Need.objects.select_related("organisation", "resource", "provider")
    if organisation:
        rows = rows.filter(
            Q(organisation__name__icontains=organisation) | Q(provider__name__icontains=organisation)
        )
    return rows, {
        "organisation": lambda n: n.organisation.name,
        "wanted": lambda n: n.wanted,
        "service_item": lambda n: n.service_item,
        "law": lambda n: n.law,
        "state": lambda n: n.state,
        "resource": lambda n: n.resource.code if n.resource else "",
        "provider": lambda n: n.provider.name if n.provider else "",
        "due_on": lambda n: n.due_on.isoformat() if n.due_on else "",
    }


def _negative(organisation: str) -> tuple[Any, dict[str, Any]]:
    rows = queries.live_versions().filter(resource__sharing_type="not_shared")
    rows = rows.select_related("resource__provider")
    if organisation:
        rows = rows.filter(resource__provider__name__icontains=organisation)
    return rows, {
        "provider": lambda v: v.resource.provider.name,
        "name": lambda v: v.resource.name,
        "code": lambda v: v.resource.code,
        "law": lambda v: v.content.get("sharing_basis", ""),
    }


_LISTS = {"responsibility": _responsibility, "demand": _demand, "negative": _negative}


def _state(request: HttpRequest) -> HttpResponse:
    """State needs (one a line: data | service item | law), or send one to whoever the law names."""
    number = request.POST.get("need", "")
    if number.isdecimal():
        person = demand(request.user, "element:settle")
        need = get_object_or_404(Need, pk=int(number[:18]))
        provider = get_object_or_404(Organisation, code=request.POST.get("provider", ""))
        law = request.POST.get("law", "")
        actions.route(need, provider=provider, law=law, by=actor(person), at=clock.now())
    else:
        person = demand(request.user, "request:file")
        lines = request.POST.get("needs", "").replace("\0", "").splitlines()[:MOST_NEEDS]
        told = [[part.strip() for part in f"{line}||".split("|")[:3]] for line in lines if line.strip()]
        if person.organisation is not None:
            needs = [(parts[0], parts[1], parts[2]) for parts in told if parts[0]]
            actions.state_needs(needs, organisation=person.organisation, by=actor(person), at=clock.now())
    messages.success(request, gettext("Done."))
    return redirect(f"{request.path}?list=demand")
