"""What every answer of the control plane passes through."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from guantong.kit.errors import GuantongError
from guantong.pages.answers import refuse, wants_json
from guantong.site.errors import RequestTooLong, RequestUnreadable, SignInNeeded

Handler = Callable[[HttpRequest], HttpResponse]

LARGEST_BODY = 6_000_000
# Files of catalogue entries; Django keeps what is long on disk while it reads.
LARGEST_UPLOAD, UPLOADS = 31_000_000, "/find/import/"
LONGEST_QUERY = 8_000

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What a page says depends on who asks, and much of it is about people.
    "Cache-Control": "no-store",
}


def chinese_first(handler: Handler) -> Handler:
    """Chinese unless the visitor chose otherwise by the switch: browsers' language lists are ignored."""

    def answer(request: HttpRequest) -> HttpResponse:
        if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            request.META["HTTP_ACCEPT_LANGUAGE"] = settings.LANGUAGE_CODE
        return handler(request)

    return answer


def protective_headers(handler: Handler) -> Handler:
    """Only our own scripts, styles and pictures, whatever slips into a page; no copies kept on the way."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = handler(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        patch_vary_headers(response, ["Accept"])
        return response

    return answer


def bounds(handler: Handler) -> Handler:
    """Refuses what is too long before any of it is read, and addresses that hold NUL (no database has it)."""

    def answer(request: HttpRequest) -> HttpResponse:
        limit = LARGEST_UPLOAD if request.path == UPLOADS else LARGEST_BODY
        length, query = request.META.get("CONTENT_LENGTH") or "0", request.META.get("QUERY_STRING", "")
        if not length.isdecimal() or int(length) > limit or len(query) > LONGEST_QUERY:
            return refuse(request, RequestTooLong())
        if "\0" in request.path or "%00" in query:
            return refuse(request, RequestUnreadable())
        return handler(request)

    return answer


class refusals:  # noqa: N801 - reads like the other middleware in the settings
    """Turns a :class:`GuantongError` that no view caught into its page or its JSON."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; a program is told to sign in, not sent to a form."""
        response = self.handler(request)
        match = request.resolver_match
        is_sent_away = response.status_code == 302 and response.get("Location", "").startswith("/sign-in/?")
        if is_sent_away and wants_json(request) and match and match.url_name != "sign-in":
            return refuse(request, SignInNeeded())
        return response

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponseBase | None:
        """No form field reaches a view with a character that PostgreSQL keeps in no text."""
        is_form = request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}
        if request.method == "POST" and is_form:
            fields = [part for name, values in request.POST.lists() for part in (name, *values)]
            if any("\0" in part for part in fields):
                return refuse(request, RequestUnreadable())
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The refusal as the asker can read it."""
        if isinstance(error, RequestDataTooBig):
            return refuse(request, RequestTooLong())
        return refuse(request, error) if isinstance(error, GuantongError) else None
