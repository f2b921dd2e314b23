"""One need: its chain from the service item to whoever provides, and what each side may do about it."""

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.catalog import actions, queries
from guantong.catalog.list_views import departments, may_route
from guantong.catalog.models import Need, Yield
from guantong.catalog.needs.fitting import candidates
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language

_TO_ANSWER = {Need.State.ROUTED, Need.State.PROMISED}


@require_GET
@login_required
def need(request: HttpRequest, number: int) -> HttpResponse:
    """The need with everything that happened to it."""
    person = demand(request.user, "grant:read")
    found = _need(number)
    own = person.organisation
    is_own = own == found.organisation and may(person, "request:file")
    is_asked = own is not None and own == found.provider and may(person, "need:answer")
    looks_on = is_own and found.state not in {Need.State.MET, Need.State.DROPPED}
    makers = Yield.objects.filter(name=found.wanted).select_related("organisation", "resource")
    return render(
        request,
        "catalog/need.html",
        {
            "need": found,
            "moves": found.moves.all(),
            "makers": makers,
            "candidates": candidates(found) if looks_on else [],
            "may_judge": looks_on,
            "may_request": is_own and found.state == Need.State.MET and found.provider != own,
            "may_drop": is_own and found.state != Need.State.DROPPED,
            "may_answer": is_asked and found.state in _TO_ANSWER,
            "may_route": may_route(person, found) and found.state not in {Need.State.MET, Need.State.DROPPED},
            "organisations": departments(found.organisation.node)[:2000],
        },
    )


@require_POST
@login_required
def act(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """Answer, send on, judge an entry, take back; then the page again, or what was wrong."""
    found = _need(number)
    try:
        _ACTS[verb](request, found)
    except GuantongError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            raise
        messages.error(request, error.sentence(language()))
    else:
        messages.success(request, gettext("Done."))
    return redirect("need", number=number)


def _answer(request: HttpRequest, found: Need) -> None:
    person = demand(request.user, "need:answer")
    says = request.POST.get("says", "")
    if says not in {"provide", "not_held", "elsewhere"}:
        raise Http404
    actions.answer(
        found,
        says=says,  # type: ignore[arg-type] # one of the three
        reason=request.POST.get("reason", ""),
        on=_day(request),
        other=Organisation.objects.filter(code=request.POST.get("other", "")).first(),
        by=actor(person),
        at=clock.now(),
    )


def _route(request: HttpRequest, found: Need) -> None:
    person: Person = demand(request.user, "need:route")
    named = request.POST.get("provider", "").strip()
    provider = get_object_or_404(
        Organisation.objects.filter(Q(code=named) | Q(name=named, node=found.organisation.node))[:1]
    )
    actions.route(found, provider=provider, law=request.POST.get("law", ""), by=actor(person), at=clock.now())


def _judge(request: HttpRequest, found: Need) -> None:
    person = demand(request.user, "request:file")
    resource = queries.by_code(request.POST.get("resource", ""))
    is_it = request.POST.get("verdict") == "yes"
    actions.confirm_fit(found, resource, is_it=is_it, by=actor(person), at=clock.now())


def _drop(request: HttpRequest, found: Need) -> None:
    person = demand(request.user, "request:file")
    actions.drop_need(found, by=actor(person), at=clock.now())


_ACTS = {"answer": _answer, "route": _route, "judge": _judge, "drop": _drop}


def _day(request: HttpRequest):  # type: ignore[no-untyped-def] # a day or None
    try:
        return parse_date(request.POST.get("on", ""))
    except ValueError:
        return None


def _need(number: int) -> Need:
    rows = Need.objects.select_related("organisation", "provider", "resource__provider", "suggested")
    return get_object_or_404(rows, pk=number)
