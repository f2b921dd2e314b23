"""查数据: the page that finds entries, its suggestions and exports, and the searches that people keep."""

import csv
import io
import uuid as uuids
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.catalog.models import Resource
from guantong.catalog.search import addresses, facets, finding, saving
from guantong.catalog.search.sight import sight_of
from guantong.identity.models import Person
from guantong.identity.queries import actor
from guantong.kit import clock
from guantong.pages.answers import wants_json
from guantong.pages.lists import EXPORT_LIMIT, answer_list, harmless

COLUMNS: dict[str, Callable[[Resource], str | int | None]] = {
    "code": lambda r: r.code,
    "name": lambda r: r.name,
    "provider": lambda r: r.provider.name,
    "node": lambda r: r.node,
    "sharing_type": lambda r: r.sharing_type,
    "update_cycle": lambda r: r.update_cycle,
    "version": lambda r: r.live_version,
}


@require_GET
def search(request: HttpRequest) -> HttpResponseBase:
    """The catalogue: everyone may know what data exists. ``?format=`` csv or json gives all hits; ``limit`` pages."""
    address, index = addresses.read(request), finding.own_index()
    if request.GET.get("format") == "csv":
        return _csv(finding.all_hits(index, address.asked))
    if wants_json(request) and "limit" not in request.GET:
        return _all_json(address)
    answer = finding.find(index, address.asked)
    if wants_json(request):
        return _page_json(answer)
    query = address.query()
    return render(
        request,
        "catalog/search.html",
        {
            "address": address,
            "answer": answer,
            "hits": answer.hits,
            "total": answer.found.total,
            "facets": facets.facets_of(address, answer.found.counts),
            "chips": facets.chips(address),
            "query": f"{query}&" if query else "",
            "bare_query": query,
            "may_see_drafts": len(sight_of(request.user)) > 1,
            "saved": _saved(request),
            "suggested": _suggested(address, answer.found.total),
        },
    )


def _suggested(address: addresses.Address, total: int) -> list[Any]:
    """Completions on the page itself, for who has no scripts: where nothing was found, or letters were typed."""
    if not address.text or (total and not address.text.isascii()):
        return []
    return finding.suggest(finding.own_index(), address.text, sight=sight_of(AnonymousUser()))


def _saved(request: HttpRequest) -> list[Any]:
    return saving.of(request.user) if isinstance(request.user, Person) else []


def _csv(rows: Iterator[Resource]) -> StreamingHttpResponse:
    """All hits, as they come: however many there are, none waits in memory."""

    def lines() -> Iterator[str]:
        yield "\ufeff" + _line(list(COLUMNS))
        for row in rows:
            yield _line([harmless(cell(row)) for cell in COLUMNS.values()])

    return StreamingHttpResponse(
        lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="search.csv"'},
    )


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


def _cells(resource: Resource) -> dict[str, str | int | None]:
    return {name: cell(resource) for name, cell in COLUMNS.items()}


def _all_json(address: addresses.Address) -> JsonResponse:
    """All hits, as other lists give theirs: as many as an export holds, and how many there are; beyond, page."""
    index = finding.own_index()
    rows = [_cells(row) for row in islice(finding.all_hits(index, address.asked), EXPORT_LIMIT)]
    total = finding.find(index, replace(address.asked, limit=1, facets=(), cursor="")).found.total
    return JsonResponse({"rows": rows, "total": total}, json_dumps_params={"ensure_ascii": False})


def _page_json(answer: finding.Answer) -> JsonResponse:
    """One page of hits with the counts of all facets, and the cursor of the next page."""
    found = answer.found
    return JsonResponse(
        {
            "rows": [{**_cells(hit.resource), "is_draft": hit.is_draft} for hit in answer.hits],
            "total": found.total,
            "facets": {addresses.PARAMETERS[name]: dict(counts) for name, counts in found.counts.items()},
            "cursor": found.cursor,
            "is_plain": answer.is_plain,
        },
        json_dumps_params={"ensure_ascii": False},
    )


@require_GET
def suggest(request: HttpRequest) -> HttpResponse:
    """Completions of what is being typed, as a list for the page or as JSON."""
    typed = request.GET.get("q", "").replace("\0", "")
    found = finding.suggest(finding.own_index(), typed, sight=sight_of(AnonymousUser()))
    if wants_json(request):
        rows = [{"text": each.text, "kind": each.kind, "total": each.total} for each in found]
        return JsonResponse({"rows": rows}, json_dumps_params={"ensure_ascii": False})
    return render(request, "catalog/suggestions.html", {"suggestions": found})


@require_GET
@login_required
def saved(request: HttpRequest) -> HttpResponse:
    """The searches that the visitor keeps."""
    return answer_list(
        request,
        _saved(request),
        template="catalog/saved.html",
        columns={"name": lambda s: s.name, "query": lambda s: s.query, "news": lambda s: s.news},
    )


@require_POST
@login_required
def keep(request: HttpRequest) -> HttpResponse:
    """Keep a search under a name."""
    person = _person(request)
    kept = saving.keep(
        person,
        name=request.POST.get("name", ""),
        query=request.POST.get("query", ""),
        tells_news=request.POST.get("tells_news") == "1",
        by=actor(person),
        at=clock.now(),
    )
    messages.success(request, gettext("The search is kept."))
    return redirect(f"{reverse('find')}?{kept.query}")


@require_GET
@login_required
def open_saved(request: HttpRequest, uuid: uuids.UUID) -> HttpResponse:
    """Go to a kept search; what was new in it is now seen."""
    person = _person(request)
    kept = saving.look(person, uuid, by=actor(person), at=clock.now())
    return redirect(f"{reverse('find')}?{kept.query}")


@require_POST
@login_required
def forget(request: HttpRequest, uuid: uuids.UUID) -> HttpResponse:
    """Keep a search no longer."""
    person = _person(request)
    saving.forget(person, uuid, by=actor(person), at=clock.now())
    messages.success(request, gettext("Done."))
    return redirect("saved-searches")


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person), "login_required has seen to it"  # noqa: S101
    return request.user
