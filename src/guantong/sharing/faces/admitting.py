"""The door: a signed call of a registered application goes in, a signed answer comes out. No cookie is looked at.

What a call may do it may for the organisation that its application is registered for, and for no other.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt

from guantong.bundle.directory import holders_named, key_named
from guantong.identity.models import Application, Organisation
from guantong.journal.types import Actor
from guantong.kit import asgi, clock, doorkeeper
from guantong.kit.asgi import LARGEST_BODY, BodyNotJson, BodyTooLarge, MethodNotAllowed, Outgoing
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request as Signed
from guantong.kit.http_signatures import Verified, Verifier
from guantong.sharing.agreements.keys import node_key
from guantong.sharing.faces.errors import FormUnreadable, TooManyRequests
from guantong.sharing.models import SeenSignature

PER_MINUTE = 120
"""Calls of one application in a minute: plenty to follow requests, too few to harm anybody else."""
# A signature may be made a window ahead of our clock, and is good for a window after that.
_REMEMBERED = timedelta(seconds=3 * doorkeeper.WINDOW_S)
Typed = TypeVar("Typed")


@dataclass(frozen=True)
class Visit:
    """A call that was let in: who calls, for whom, when, and what with."""

    application: Application
    query: QueryDict
    body: bytes
    at: datetime

    @property
    def organisation(self) -> Organisation:
        """For whom."""
        return self.application.organisation

    @property
    def by(self) -> Actor:
        """The application, as the journal writes it down."""
        return Actor("application", self.application.code, self.application.name, self.organisation.code)

    def read(self, kind: type[Typed]) -> Typed:
        """The body as ``kind``. BodyNotJson, FormUnreadable."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            raise FormUnreadable(why=str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BodyNotJson from error


Handler = Callable[..., tuple[int, Any]]


def door(**handlers: Handler) -> Callable[..., HttpResponse]:
    """A view that lets signed calls in, by method; every answer is signed by the node, refusals too."""

    @csrf_exempt
    def answered(request: HttpRequest, **parts: Any) -> HttpResponse:
        signed = Signed(
            request.method or "",
            request.build_absolute_uri(),
            {name.lower(): value for name, value in request.headers.items()},
        )
        extra: dict[str, str] = {}
        try:
            handler = handlers.get(request.method or "")
            if handler is None:
                raise MethodNotAllowed
            visit = _admitted(request, signed)
            status, told = handler(visit, **parts)
        except GuantongError as fault:
            status, told = fault.status, {"error": fault.as_json()}
            extra = {"retry-after": str(doorkeeper.WINDOW_S)} if isinstance(fault, TooManyRequests) else {}
        return _sent(asgi.as_json(status, told, extra), signed)

    return answered


def _admitted(request: HttpRequest, signed: Signed) -> Visit:
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or int(announced) > LARGEST_BODY:
        raise BodyTooLarge(limit=LARGEST_BODY)
    body = request.body
    covering = ["@query"] if request.META.get("QUERY_STRING") else []
    verified = doorkeeper.identify(signed, body, _key, covering=covering)
    at = clock.now()
    application = _application(verified.keyid)
    assert application is not None  # noqa: S101 - its key has just verified
    _demand_unused(application, verified, at)
    _demand_patience(application, at)
    return Visit(application, request.GET, body, at)


def _application(keyid: str) -> Application | None:
    """The application in use, of an organisation of this node, that a signature names."""
    known = Application.objects.filter(is_active=True, organisation__node=settings.NODE.node)
    found = {
        each.code: each for each in known.filter(code__in=holders_named(keyid)).select_related("organisation")
    }
    return next((found[name] for name in holders_named(keyid) if name in found), None)


def _key(keyid: str) -> Verifier | None:
    application = _application(keyid)
    return key_named(application.public_keys, application.code, keyid) if application else None


def _demand_unused(application: Application, verified: Verified, at: datetime) -> None:
    """A signature is good once, whichever process hears it."""
    nonce = verified.nonce or ""
    if not 0 < len(nonce) <= doorkeeper.LONGEST_NONCE:
        raise doorkeeper.SignatureReplayed
    SeenSignature.objects.filter(at__lt=at - _REMEMBERED).delete()
    _, is_new = SeenSignature.objects.get_or_create(keyid=application.code, nonce=nonce, defaults={"at": at})
    if not is_new:
        raise doorkeeper.SignatureReplayed


def _demand_patience(application: Application, at: datetime) -> None:
    since = at - timedelta(seconds=doorkeeper.WINDOW_S)
    if SeenSignature.objects.filter(keyid=application.code, at__gt=since).count() > PER_MINUTE:
        raise TooManyRequests(application=application.code, most=PER_MINUTE, wait_s=doorkeeper.WINDOW_S)


def _sent(answer: Outgoing, signed: Signed) -> HttpResponse:
    # Where what was sent as a signature cannot even be quoted, the refusal goes out as it is.
    with suppress(GuantongError):
        answer = doorkeeper.bound(answer, signed, node_key(), settings.NODE.node)
    response = HttpResponse(answer.body, status=answer.status)
    for name, value in answer.headers.items():
        response[name] = value
    return response
