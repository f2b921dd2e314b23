"""前置机: the list, one edge and how it is, the form that declares one, and the door at which edges enrol."""

from typing import Any

import msgspec
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong import __version__
from guantong.dispatch import actions, edge_news, queries
from guantong.dispatch.errors import EnrolmentUnreadable
from guantong.dispatch.forms import EdgeForm
from guantong.dispatch.models import Edge, EdgeState
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand, may
from guantong.journal.types import Actor
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey
from guantong.pages.answers import language
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

LARGEST_ENROLMENT = 16_384


@require_GET
@login_required
def edges(request: HttpRequest) -> HttpResponse:
    """The edges that the visitor may read, and how each is."""
    person = demand(request.user, "edge:read")
    picked = chosen(request, ("q", "state"))
    rows = queries.matching_edges(queries.visible_edges(person), words=picked["q"], state=picked["state"])
    told = [(edge, _news(edge)) for edge in rows]
    return answer_list(
        request,
        told,
        template="dispatch/edges.html",
        columns={
            "code": lambda e: e[0].code,
            "name": lambda e: e[0].name,
            "organisation": lambda e: e[0].organisation,
            "sources": lambda e: " ".join(e[0].sources),
            "state": lambda e: e[0].state,
            "seen_at": lambda e: clock.rfc3339(e[1].seen_at) if e[1].seen_at else "",
            "skew_ms": lambda e: e[1].skew_ms,
            "version": lambda e: e[1].version,
            "bundle": lambda e: e[1].sequence,
            "jobs": lambda e: " ".join(e[1].codes),
        },
        context={
            "chosen": picked,
            "states": EdgeState.values,
            "own_version": __version__,
            "may_add": may(person, "edge:declare"),
        },
    )


@require_http_methods(["GET", "POST"])
@login_required
def add_edge(request: HttpRequest) -> HttpResponse:
    """The form by which a department, or the bureau for it, adds an edge."""
    person = demand(request.user, "edge:declare")
    asked = request.POST if request.method == "POST" else None
    form = EdgeForm(asked, owners=_owners(person))
    if asked is not None and form.is_valid():
        try:
            owner = Organisation.objects.get(code=form.cleaned_data["organisation"])
            made = actions.declare_edge(
                form.declaration(), organisation=owner, by=actor(person), at=clock.now()
            )
        except GuantongError as error:
            form.add_error(None, error.sentence(language()))
        else:
            messages.success(request, gettext("The edge %(code)s has been added.") % {"code": made.code})
            return redirect("edge", code=made.code)
    return render(request, "dispatch/edge_form.html", {"form": form}, status=200 if asked is None else 422)


@require_http_methods(["GET", "POST"])
@login_required
def change_edge(request: HttpRequest, code: str) -> HttpResponse:
    """The same form for an edge that stands."""
    person = demand(request.user, "edge:declare")
    found = get_object_or_404(queries.visible_edges(person), code=code)
    said = {"name": found.name, "organisation": found.organisation, "sources": " ".join(found.sources)}
    asked = request.POST if request.method == "POST" else None
    owners = list(Organisation.objects.filter(code=found.organisation))
    form = EdgeForm(asked, owners=owners, initial=said)
    if asked is not None and form.is_valid():
        try:
            actions.change_edge(found, form.declaration(), by=actor(person), at=clock.now())
        except GuantongError as error:
            form.add_error(None, error.sentence(language()))
        else:
            messages.success(request, gettext("The change has been saved."))
            return redirect("edge", code=code)
    context = {"form": form, "edge": found}
    return render(request, "dispatch/edge_form.html", context, status=200 if asked is None else 422)


@require_GET
@login_required
def edge(request: HttpRequest, code: str) -> HttpResponse:
    """One edge: what it serves, how it is, and how it is joined."""
    person = demand(request.user, "edge:read")
    return _page(request, person, get_object_or_404(queries.visible_edges(person), code=code))


@require_POST
@login_required
def renew_token(request: HttpRequest, code: str) -> HttpResponse:
    """Make a token and show it, this once: it is not in the address, the session or the database."""
    person = demand(request.user, "edge:declare")
    found = get_object_or_404(queries.visible_edges(person), code=code)
    token = actions.renew_token(found, by=actor(person), at=clock.now())
    found.refresh_from_db()
    return _page(request, person, found, token=token)


@require_http_methods(["GET", "POST"])
@login_required
def retire_edge(request: HttpRequest, code: str) -> HttpResponse:
    """Ask once more, then take the edge out for good."""
    person = demand(request.user, "edge:declare")
    found = get_object_or_404(queries.visible_edges(person), code=code)
    if request.method == "POST":
        actions.retire_edge(found, by=actor(person), at=clock.now())
        messages.success(request, gettext("The edge has been retired."))
        return redirect("edge", code=code)
    return render(request, "dispatch/edge_retire.html", {"edge": found})


class _Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    token: str
    key: str
    proof: str


@csrf_exempt
@require_POST
def enrol(request: HttpRequest) -> HttpResponse:
    """An edge shows its token and its key; no session. It is told this node's name, key and addresses."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > LARGEST_ENROLMENT:
        raise EnrolmentUnreadable(why="length")
    try:
        said = msgspec.json.decode(request.body, type=_Enrolment)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EnrolmentUnreadable(why=str(error)) from error
    if "\0" in said.code + said.key:
        raise EnrolmentUnreadable(why="NUL")
    by = Actor("application", said.code[:64], said.code[:120], "")
    made = actions.enrol_edge(said.code, said.token, said.key, said.proof, by=by, at=clock.now())
    here = settings.NODE
    key = SigningKey.from_text((here.key_folder / "node.key").read_text("utf-8").strip())
    return JsonResponse(
        {
            "edge": made.code,
            "name": made.name,
            "organisation": made.organisation,
            "sources": made.sources,
            "node": here.node,
            "node_title": here.title,
            "node_key": key.public.to_text(),
            "suite": here.suite,
            "exchange_url": here.exchange_url,
            "version": __version__,
        },
        json_dumps_params={"ensure_ascii": False},
    )


def _page(request: HttpRequest, person: Person, found: Edge, *, token: str = "") -> HttpResponse:
    own = person.organisation.code if person.organisation else ""
    is_mine = may(person, "edge:declare") and own in queries.handlers(found.organisation, node=found.node)
    context: dict[str, Any] = {
        "edge": found,
        "news": _news(found),
        "own_version": __version__,
        "token": token,
        "node_url": settings.NODE.web_url,
        "jobs": queries.jobs_at(found.sources),
        "may_change": is_mine and found.state != EdgeState.RETIRED,
    }
    return render(request, "dispatch/edge.html", context)


def _news(edge: Edge) -> edge_news.News:
    return edge_news.of(settings.NODE.home / "exchange", edge, at=clock.now())


def _owners(person: Person) -> list[Organisation]:
    """For whom a person may add an edge: their own organisation; the bureau for every one of its node."""
    own = person.organisation
    if own is None:
        return []
    return list(Organisation.objects.filter(node=own.node).order_by("name")) if own.is_bureau else [own]
