"""How programs are answered: public, without cookies, with an ETag, from any origin; refusals as JSON."""

import hashlib
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from guantong.catalog.faces.errors import ParameterUnknown, ParameterWrong
from guantong.kit.errors import GuantongError

_ENCODER = msgspec.json.Encoder()
Answer = TypeVar("Answer", bound=HttpResponseBase)
View = Callable[..., HttpResponseBase]


def public(view: View) -> View:
    """A view whose answer is the same for everybody: it may be kept (and asked for again), and read from any page."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except GuantongError as error:
            response = refused(error)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = "ETag, Link"
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return require_safe(answered)


def refused(error: GuantongError) -> HttpResponse:
    """Code, both sentences and details."""
    body = _ENCODER.encode({"error": error.as_json()})
    return HttpResponse(body, content_type="application/json; charset=utf-8", status=error.status)


def as_json(request: HttpRequest, value: Any) -> HttpResponse:
    """``value`` as JSON with an ETag of its bytes; 304 where the asker has them."""
    body = _ENCODER.encode(value)
    return conditional(
        request, body, kind="application/json; charset=utf-8", tag=hashlib.sha256(body).hexdigest()[:32]
    )


def conditional(request: HttpRequest, body: bytes, *, kind: str, tag: str) -> HttpResponse:
    """``body``, or 304 if the asker has what ``tag`` names."""
    etag = f'"{tag}"'
    response = HttpResponse(body, content_type=kind)
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=0, must-revalidate"
    found = get_conditional_response(request, etag=etag, response=response)
    assert isinstance(found, HttpResponse)  # noqa: S101 - one that we gave or a 304
    return found


def streamed(request: HttpRequest, pieces: Iterable[str], *, kind: str, tag: str) -> HttpResponseBase:
    """The pieces as they come, or 304; ``tag`` must change whenever they would."""
    etag = f'"{tag}"'
    if get_conditional_response(request, etag=etag) is not None:
        return conditional(request, b"", kind=kind, tag=tag)
    response = StreamingHttpResponse(_encoded(pieces), content_type=kind)
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=0, must-revalidate"
    return response


def _encoded(pieces: Iterable[str]) -> Iterable[bytes]:
    """In chunks that are worth a write."""
    waiting: list[str] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += len(piece)
        if held > 16_384:
            yield "".join(waiting).encode()
            waiting, held = [], 0
    yield "".join(waiting).encode()


def demand_parameters(request: HttpRequest, known: Iterable[str]) -> None:
    """:class:`ParameterUnknown` for one that is not known, so that a misspelt filter does not find everything."""
    names = list(known)
    for name in request.GET:
        if name not in names:
            raise ParameterUnknown(name=name[:80], known=", ".join(names) or "—")


def number(request: HttpRequest, name: str, *, default: int, least: int = 0, most: int) -> int:
    """A whole number from the address."""
    text = request.GET.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19 and least <= int(text) <= most):
        raise ParameterWrong(
            name=name,
            wanted_zh=f"{least} 至 {most} 的整数",
            wanted_en=f"a whole number from {least} to {most}",
        )
    return int(text)
