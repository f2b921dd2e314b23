"""待办: the page, the download, and the feed for a calendar program."""

import base64
import binascii
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.identity.models import Person
from guantong.identity.queries import actor
from guantong.kit import clock
from guantong.notices import actions as notices
from guantong.notices import queries as noticed
from guantong.pages.filters import chosen
from guantong.pages.lists import PAGE_SIZE
from guantong.site import calendars
from guantong.site.node import node_settings
from guantong.site.todos import count_for, kinds_of, listed, shown

MOST_IN_CALENDAR = 500


def _person(request: HttpRequest) -> Person:
    person = request.user
    assert isinstance(person, Person)  # noqa: S101 - login_required has seen to it
    return person


@require_GET
@login_required
def todo(request: HttpRequest) -> HttpResponse:
    """Everything that waits for the visitor, the most pressing first; by kind, by words, the late ones."""
    return _page(request, _person(request))


def _page(request: HttpRequest, person: Person, *, word: str = "") -> HttpResponse:
    picked = chosen(request, ("kind", "q", "late"))
    rows = listed(person, kind=picked["kind"], words=picked["q"], is_late=picked["late"] == "1")
    pages = Paginator(rows, PAGE_SIZE)
    counted: dict[str, int] = {}
    if not any(picked.values()):
        # The same number as in the navigation: counted once, and without sorting.
        counted["todo_count"] = pages.count = count_for(person)
    page = pages.get_page(request.GET.get("page"))
    todos = shown(person, list(page.object_list))
    if request.GET.get("format") == "json":
        told = [
            {"kind": each.kind, "title": each.title, "number": each.number, "url": each.url,
             "due_on": each.due_on and each.due_on.isoformat(), "days_left": each.days_left}
            for each in todos
        ]  # fmt: skip
        body = {"rows": told, "total": page.paginator.count}
        return JsonResponse(body, json_dumps_params={"ensure_ascii": False})
    kept = request.GET.copy()
    kept.pop("page", None)
    query = kept.urlencode()
    context: dict[str, Any] = {
        **counted,
        "todos": todos,
        "page": page,
        "total": page.paginator.count,
        "query": f"{query}&" if query else "",
        "chosen": picked,
        "kinds": kinds_of(person),
        "token": noticed.token_of(person),
        "new_token": word,
        "feed": f"{node_settings().web_url}/todo/calendar.ics",
    }
    return render(request, "site/todo.html", context)


@require_GET
def calendar(request: HttpRequest) -> HttpResponse:
    """The to-dos with deadlines as a calendar: for who is signed in, or by HTTP Basic with the token of the page.

    ``?as=event`` for programs that show no tasks.
    """
    person = request.user if isinstance(request.user, Person) else _by_token(request)
    if person is None:
        answer = HttpResponse("401", status=401, content_type="text/plain; charset=utf-8")
        answer["WWW-Authenticate"] = 'Basic realm="guantong calendar", charset="UTF-8"'
        return answer
    keys = list(listed(person)[:MOST_IN_CALENDAR])
    settings = node_settings()
    body = calendars.written(
        shown(person, keys),
        node=settings.name,
        address=settings.web_url,
        as_events=request.GET.get("as") == "event",
        at=clock.now(),
    )
    return HttpResponse(
        body,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="todo.ics"'},
    )


def _by_token(request: HttpRequest) -> Person | None:
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, _, word = base64.b64decode(told, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    found = noticed.by_token(username.replace("\0", ""), word)
    if found is None:
        return None
    notices.note_used(found, by=actor(found.person), at=clock.now())
    return found.person


@require_POST
@login_required
def calendar_token(request: HttpRequest) -> HttpResponse:
    """Make a token for a calendar program (the page that answers is the only one to show it), or end it."""
    person = _person(request)
    if request.POST.get("act") == "end":
        notices.end_calendar_token(person, by=actor(person), at=clock.now())
        messages.success(request, gettext("Done."))
        return redirect("todo")
    return _page(request, person, word=notices.make_calendar_token(person, by=actor(person), at=clock.now()))
