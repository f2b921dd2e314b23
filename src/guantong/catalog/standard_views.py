"""标准和清单: data elements and their one source, code lists, conformance, and who must provide what to whom."""

import re
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Avg, Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.catalog import actions, queries
from guantong.catalog.directory_views import may_keep, revisions_of
from guantong.catalog.errors import ListingWrong
from guantong.catalog.models import (
    BusinessForm,
    Claim,
    CodeList,
    Conformance,
    Element,
    ElementUse,
    ListedCode,
    Need,
    Resource,
    Revision,
)
from guantong.catalog.sheets.parsing import MOST_FAULTS
from guantong.catalog.standards.conformance import score
from guantong.catalog.standards.directories import DIRECTORIES
from guantong.catalog.standards.sheets import read_codes
from guantong.identity.models import Person
from guantong.identity.queries import actor, bureaus, demand, demand_bureau, may
from guantong.kit import clock
from guantong.pages.answers import language, telling
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

REASONS = ("unbound", "unknown", "retired", "type", "length", "level", "label", "codes")


@require_http_methods(["GET", "POST"])
def elements(request: HttpRequest) -> HttpResponse:
    """The data elements, with their sources and how many entries use each."""
    if request.method == "POST":
        person = demand(request.user, "element:settle")
        actions.load_standards(revision=timezone.localdate().isoformat(), by=actor(person), at=clock.now())
        messages.success(request, gettext("Done."))
        return redirect("elements")
    picked = chosen(request, ("q", "retired"))
    words = picked["q"]
    rows = Element.objects.select_related("code_list", "merged_into")
    if not picked["retired"]:
        rows = rows.filter(is_retired=False)
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
        context={
            "q": words,
            "chosen": picked,
            "sources": sources,
            "may_load": may(request.user, "element:settle"),
            "may_keep": may_keep(request.user, DIRECTORIES["element"]),
        },
    )


@require_GET
def element(request: HttpRequest, identifier: str) -> HttpResponse:
    """One element: its source, claims and disputes, the entries that use it, its rules."""
    found = get_object_or_404(Element.objects.select_related("code_list"), identifier=identifier)
    person = request.user
    own = person.organisation_id if isinstance(person, Person) else None
    users = Resource.objects.filter(element_uses__element=identifier, is_live=True)
    users = users.select_related("provider", "conformance").distinct()
    uses = list(ElementUse.objects.filter(element=identifier).values_list("resource__code", "item")[:5000])
    claims = found.claims.select_related("organisation", "resource")
    code = person.organisation.code if isinstance(person, Person) and person.organisation else ""
    return answer_list(
        request,
        users,
        template="catalog/element.html",
        columns={"code": lambda r: r.code, "name": lambda r: r.name, "provider": lambda r: r.provider.name},
        context={
            "extended_by": Element.objects.filter(extends=found.identifier, is_retired=False),
            "element": found,
            "uses": uses,
            "claims": claims,
            "revisions": revisions_of("element", identifier),
            "merged": Element.objects.filter(merged_into=found),
            "needs": Need.objects.filter(element=identifier)
            .exclude(state="dropped")
            .select_related("organisation")[:50],
            "forms": [
                each for each in BusinessForm.objects.filter(is_retired=False) if _asks(each, identifier)
            ],
            "may_keep": may_keep(person, DIRECTORIES["element"]),
            "source": claims.filter(state="authoritative").first(),
            "claimable": _claimable(users, found, own) if own and may(person, "element:claim") else [],
            "may_settle": may(person, "element:settle") and code in bureaus(code and _node(person)),
        },
    )


def _claimable(users: QuerySet[Resource], element: Element, own: int) -> QuerySet[Resource]:
    """The department's own entries that use the element and have not claimed it; none while it is the source."""
    held = element.claims.filter(state__in=["authoritative", "disputed"])
    if element.is_retired or held.filter(organisation=own).exists():
        return users.none()
    return users.filter(provider=own)


def _asks(form: BusinessForm, identifier: str) -> bool:
    return any(field.get("element") == identifier for field in form.fields)


def _node(person: Any) -> str:
    return person.organisation.node if isinstance(person, Person) and person.organisation else ""


@require_POST
@login_required
def claim(request: HttpRequest, identifier: str) -> HttpResponse:
    """Claim the element for an entry, or contest its source with a reason."""
    person = demand(request.user, "element:claim")
    resource = queries.by_code(request.POST.get("resource", ""))
    reason = request.POST.get("reason", "")
    with telling(request, gettext("Done.")):
        actions.claim(identifier, resource, reason=reason, by=actor(person), at=clock.now())
    return redirect("element", identifier=identifier)


@require_POST
@login_required
def settle(request: HttpRequest, number: int) -> HttpResponse:
    """Settle a dispute."""
    person = demand(request.user, "element:settle")
    contested = get_object_or_404(Claim.objects.select_related("resource", "element"), pk=number)
    with telling(request, gettext("Done.")):
        actions.settle(
            contested,
            is_granted=request.POST.get("verdict") == "granted",
            decision=request.POST.get("decision", ""),
            by=actor(person),
            at=clock.now(),
        )
    return redirect("element", identifier=contested.element.identifier)


@require_POST
@login_required
def give_up(request: HttpRequest, number: int) -> HttpResponse:
    """Give a claim up: the department is the source no longer, or contests it no longer."""
    person = demand(request.user, "element:claim")
    held = get_object_or_404(Claim.objects.select_related("organisation", "element"), pk=number)
    with telling(request, gettext("Done.")):
        actions.give_up_claim(held, reason=request.POST.get("reason", ""), by=actor(person), at=clock.now())
    return redirect("element", identifier=held.element.identifier)


@require_http_methods(["GET", "POST"])
def code_list(request: HttpRequest, identifier: str) -> HttpResponse:
    """A code list: what is in force, what was in force in a revision, what changed between two; a new revision by file."""
    found = get_object_or_404(CodeList, identifier=identifier)
    if request.method == "POST":
        return _take_in(request, found)
    picked = chosen(request, ("q", "ended", "revision", "since"))
    taken = list(Revision.objects.filter(kind="codes", identifier=identifier).order_by("number"))
    order = [str(each.content["revision"]) for each in taken] or [found.revision]
    rows = _in_force(found, order, picked["revision"]) if picked["revision"] in order else found.codes.all()
    if picked["since"] in order:
        after = set(order[order.index(picked["since"]) + 1 :])
        rows = found.codes.filter(Q(since__in=after) | Q(until__in=after))
    elif not picked["ended"] and picked["revision"] not in order:
        rows = rows.filter(until="")
    if picked["q"]:
        rows = rows.filter(Q(code__startswith=picked["q"]) | Q(name__icontains=picked["q"]))
    is_file = request.GET.get("format") in {"csv", "xlsx"}
    return answer_list(
        request,
        rows,
        template="catalog/code_list.html",
        columns={
            "代码" if is_file else "code": lambda c: c.code,
            "名称" if is_file else "name": lambda c: c.name,
            **(
                {}
                if is_file and not picked["ended"]
                else {"since": lambda c: c.since, "until": lambda c: c.until}
            ),
        },
        context={
            "listed": found,
            "chosen": picked,
            "revisions": taken[::-1],
            "order": order,
            "used_by": Element.objects.filter(code_list=found),
            "may_keep": may_keep(request.user, DIRECTORIES["element"]),
        },
    )


def _in_force(listed: CodeList, order: list[str], revision: str) -> QuerySet[ListedCode]:
    """The codes of a list as they were in one revision."""
    place = order.index(revision)
    upto, later = order[: place + 1], order[place + 1 :]
    began = Q(since__in=upto) | ~Q(since__in=order)
    return listed.codes.filter(began).filter(Q(until="") | Q(until__in=later))


def _take_in(request: HttpRequest, found: CodeList) -> HttpResponse:
    person = demand(request.user, "standard:keep")
    demand_bureau(actor(person))
    file, revision = request.FILES.get("file"), request.POST.get("revision", "").strip()[:20]
    with telling(request, gettext("Done.")):
        if not isinstance(file, UploadedFile) or not revision:
            raise ListingWrong(
                field="revision", why_zh="请选择文件并填写版本", why_en="choose a file, name the revision"
            )
        codes, faults = read_codes(file.read())
        if faults:
            return render(
                request,
                "catalog/listing_import.html",
                {
                    "kind": "codes",
                    "listed": found,
                    "faults": faults[:MOST_FAULTS],
                    "headings": ["代码", "名称"],
                },
                status=422,
            )
        actions.take_in_codes(
            found.identifier,
            codes,
            name=found.name,
            standard=found.standard,
            revision=revision,
            by=actor(person),
            at=clock.now(),
        )
    return redirect("code-list", identifier=found.identifier)


@require_http_methods(["GET", "POST"])
def code_lists(request: HttpRequest) -> HttpResponse:
    """Every code list; a new one by name."""
    if request.method == "POST":
        person = demand(request.user, "standard:keep")
        demand_bureau(actor(person))
        identifier = request.POST.get("identifier", "").strip()
        if (
            not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", identifier)
            or not request.POST.get("name", "").strip()
        ):
            error = ListingWrong(
                field="identifier", why_zh="请填写编号和名称", why_en="give an identifier and a name"
            )
            messages.error(request, error.sentence(language()))
            return redirect("code-lists")
        actions.take_in_codes(
            identifier,
            {},
            name=request.POST.get("name", "").strip()[:120],
            standard=request.POST.get("standard", "").strip()[:80],
            revision="",
            by=actor(person),
            at=clock.now(),
        )
        return redirect("code-list", identifier=identifier)
    rows = CodeList.objects.annotate(count=Count("codes", filter=Q(codes__until=""))).order_by("identifier")
    return answer_list(
        request,
        rows,
        template="catalog/code_lists.html",
        columns={
            "identifier": lambda c: c.identifier,
            "name": lambda c: c.name,
            "standard": lambda c: c.standard,
            "revision": lambda c: c.revision,
            "codes": lambda c: c.count,
        },
        context={"may_keep": may_keep(request.user, DIRECTORIES["element"])},
    )


@require_GET
def conformance(request: HttpRequest, code: str) -> HttpResponse:
    """How the items of a live entry deviate from their elements, and what that comes to."""
    resource = queries.by_code(code)
    content = resource.latest
    if content is None:
        raise Http404
    found, deviating = score(content)
    return answer_list(
        request,
        deviating,
        template="catalog/conformance.html",
        columns={
            name: (lambda row, name=name: getattr(row, name))  # type: ignore[misc]
            for name in ("item", "label", "element", "kind", "says", "should")
        },
        context={"resource": resource, "count": len(content.items), "score": found},
    )


@require_GET
def conformances(request: HttpRequest) -> HttpResponse:
    """Every entry of this node that has elements, the worst first; by department and by what deviates."""
    picked = chosen(request, ("q", "organisation", "reason"))
    rows = Conformance.objects.select_related("resource__provider")
    if name := picked["organisation"]:
        rows = rows.filter(Q(resource__provider__name__icontains=name) | Q(resource__provider__code=name))
    if picked["q"]:
        rows = rows.filter(Q(resource__name__icontains=picked["q"]) | Q(resource__code=picked["q"]))
    if picked["reason"] in REASONS:
        rows = rows.filter(reasons__has_key=picked["reason"])
    return answer_list(
        request,
        rows,
        template="catalog/conformances.html",
        columns={
            "code": lambda c: c.resource.code,
            "name": lambda c: c.resource.name,
            "provider": lambda c: c.resource.provider.name,
            "score": lambda c: c.score,
            "passed": lambda c: c.passed,
            "checked": lambda c: c.checked,
            "reasons": lambda c: " ".join(f"{kind}:{count}" for kind, count in c.reasons.items()),
        },
        context={"chosen": picked, "reasons": REASONS, "average": rows.aggregate(mean=Avg("score"))["mean"]},
    )
