"""Addresses that lead nowhere, and accidents: a page for people, JSON for programs."""

from django.http import HttpRequest, HttpResponse
from django.views import defaults
from django.views.csrf import csrf_failure

from guantong.pages.answers import refuse, wants_json
from guantong.site.errors import AccessRefused, AccidentHappened, PageUnknown, RequestUnreadable


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a request that Django could not make sense of."""
    if wants_json(request):
        return refuse(request, RequestUnreadable())
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if wants_json(request):
        return refuse(request, AccessRefused())
    return defaults.permission_denied(request, exception)


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token."""
    return refuse(request, AccessRefused()) if wants_json(request) else csrf_failure(request, reason)


def unknown(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return (
        refuse(request, PageUnknown()) if wants_json(request) else defaults.page_not_found(request, exception)
    )


def accident(request: HttpRequest) -> HttpResponse:
    """500; says nothing of what happened, which stands in the log."""
    return refuse(request, AccidentHappened()) if wants_json(request) else defaults.server_error(request)
