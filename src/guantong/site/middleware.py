"""What every answer of the control plane passes through."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language

from guantong.kit.errors import GuantongError, Language

Handler = Callable[[HttpRequest], HttpResponse]

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def chinese_first(handler: Handler) -> Handler:
    """Chinese unless the visitor chose otherwise by the switch: browsers' language lists are ignored."""

    def answer(request: HttpRequest) -> HttpResponse:
        if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            request.META["HTTP_ACCEPT_LANGUAGE"] = settings.LANGUAGE_CODE
        return handler(request)

    return answer


def content_security_policy(handler: Handler) -> Handler:
    """Only our own scripts, styles and pictures, whatever slips into a page."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = handler(request)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        return response

    return answer


class refusals:  # noqa: N801 - reads like the other middleware in the settings
    """Turns a :class:`GuantongError` that no view caught into its page or its JSON."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.handler(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The refusal as the asker can read it."""
        if not isinstance(error, GuantongError):
            return None
        if request.headers.get("Accept", "").startswith("application/json") or request.path.startswith(
            "/federation/"
        ):
            return JsonResponse({"error": error.as_json()}, status=error.status)
        language: Language = "en" if get_language() == "en" else "zh"
        context = {"sentence": error.sentence(language), "code": error.code}
        return render(request, "refusal.html", context, status=error.status)
