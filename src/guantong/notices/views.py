"""The notices page: what concerns the visitor, unread first; and how they want to hear."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.identity.models import Person
from guantong.identity.queries import actor
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.notices import actions, queries
from guantong.notices.links import path_of
from guantong.notices.words import KINDS, kind_of, sentence
from guantong.pages.answers import language
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list


def _person(request: HttpRequest) -> Person:
    person = request.user
    assert isinstance(person, Person)  # noqa: S101 - login_required has seen to it
    return person


@require_GET
@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """What concerns the visitor, unread first."""
    person = _person(request)
    picked = chosen(request, ("kind", "unread", "since", "until"))
    rows = queries.with_reading(person, is_unread=picked["unread"] == "1")
    if picked["kind"] in KINDS:
        rows = queries.of_kind(rows, picked["kind"])
    return answer_list(
        request,
        between(rows, "at", since=picked["since"], until=picked["until"]),
        template="notices/notices.html",
        columns={
            "at": lambda r: clock.rfc3339(r.at),
            "kind": lambda r: kind_of(r.code),
            "code": lambda r: r.code,
            "sentence": lambda r: sentence(r.code, language(), r.details),
            "unread": lambda r: int(r.is_unread),
        },
        context={"chosen": picked, "kinds": list(KINDS)},
    )


@require_GET
@login_required
def follow(request: HttpRequest, uuid: str) -> HttpResponse:
    """On to what a notice is about; it counts as read then."""
    person = _person(request)
    found = get_object_or_404(queries.of_person(person), uuid=uuid)
    actions.read(person, [found.pk], by=actor(person), at=clock.now())
    return redirect(path_of(found))


@require_POST
@login_required
def mark(request: HttpRequest) -> HttpResponse:
    """Mark what was ticked as read, or everything."""
    person, by, at = _person(request), actor(_person(request)), clock.now()
    if request.POST.get("act") == "all":
        actions.read_all(person, by=by, at=at)
    else:
        ticked = [int(each) for each in request.POST.getlist("notice") if each.isdecimal() and len(each) < 16]
        actions.read(person, ticked, by=by, at=at)
    return redirect("notices")


@require_http_methods(["GET", "POST"])
@login_required
def choices(request: HttpRequest) -> HttpResponse:
    """How the visitor wants to hear, and what went out to them."""
    person, by, at = _person(request), actor(_person(request)), clock.now()
    fault: GuantongError | None = None
    if request.method == "POST" and request.POST.get("act") == "again":
        actions.try_again(person, by=by, at=at)
        return redirect("notice-choices")
    if request.method == "POST":
        try:
            actions.choose(
                person,
                language=request.POST.get("language", ""),
                mail=request.POST.get("mail", "")[:254],
                by_mail=request.POST.getlist("by_mail"),
                webhook=request.POST.get("webhook", "")[:300],
                by_webhook=request.POST.getlist("by_webhook"),
                by=by,
                at=at,
            )
        except GuantongError as error:
            fault = error
        else:
            messages.success(request, gettext("Done."))
            return redirect("notice-choices")
    sent = queries.deliveries_of(person)
    context = {
        "choice": queries.choice_of(person),
        "kinds": list(KINDS),
        "is_mailed": queries.is_mailed(),
        "origins": sorted(queries.allowed_origins()),
        "sent": sent[:30],
        "has_failed": sent.filter(state="failed").exists(),
        "fault": fault.sentence(language()) if fault else "",
    }
    return render(request, "notices/choices.html", context, status=fault.status if fault else 200)
