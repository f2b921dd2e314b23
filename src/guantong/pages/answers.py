"""The form of an answer: a page for people, JSON for programs; the same for what is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language

from guantong.kit.errors import GuantongError, Language


def language() -> Language:
    """The visitor's language."""
    return "en" if get_language() == "en" else "zh"


@contextmanager
def telling(request: HttpRequest, done: str) -> Iterator[None]:
    """Tell the visitor, on the next page, that an act was ``done``; or in its sentence why it was refused."""
    try:
        yield
    except GuantongError as error:
        messages.error(request, error.sentence(language()))
    else:
        messages.success(request, done)


def wants_json(request: HttpRequest) -> bool:
    """Whether the asker is a program: another node, an edge, ``?format=json``, or an Accept that prefers JSON to pages."""
    if (
        request.path.startswith(("/federation/", "/exchange/", "/api/", "/dcat/"))
        or request.GET.get("format") == "json"
    ):
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def refuse(request: HttpRequest, error: GuantongError) -> HttpResponse:
    """A refusal with its status: code and both sentences as JSON, or the page that says it."""
    if wants_json(request):
        return JsonResponse(
            {"error": error.as_json()}, status=error.status, json_dumps_params={"ensure_ascii": False}
        )
    context = {"sentence": error.sentence(language()), "code": error.code}
    return render(request, "refusal.html", context, status=error.status)
