"""What other nodes ask of this one. Every word they say is signed; the signature stands in for a session."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from guantong.federation import queries
from guantong.federation.actions import joining, learning, messages
from guantong.federation.cards import LARGEST_CARD
from guantong.federation.errors import MessageTooLong
from guantong.federation.feed import chunks
from guantong.journal.types import SYSTEM
from guantong.kit import clock


@require_GET
def card(request: HttpRequest) -> HttpResponse:
    """This node's signed card."""
    del request
    return HttpResponse(queries.own().card, content_type="application/json")


@csrf_exempt
@require_POST
def announce(request: HttpRequest) -> HttpResponse:
    """A child announces itself; 202 until a person has confirmed it."""
    node = joining.receive_announcement(_body(request, LARGEST_CARD), by=SYSTEM, at=clock.now())
    return JsonResponse({"node": node.code, "confirmed": node.is_confirmed}, status=202)


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """A signed message from a neighbour."""
    message = messages.receive(_body(request, messages.LARGEST), own=queries.own().code, at=clock.now())
    return JsonResponse({"accepted": message.id})


@csrf_exempt
@require_POST
def feed(request: HttpRequest) -> HttpResponse:
    """A chunk of a neighbour's catalogue; the answer is signed, also one that refuses."""
    raw = _body(request, chunks.LARGEST)
    answer, said = learning.receive(raw, settings=settings.NODE, at=clock.now())
    return HttpResponse(said, content_type="application/json", status=409 if answer.refusal else 200)


def _body(request: HttpRequest, limit: int) -> bytes:
    """The body, if it is no longer than announced and allowed; nothing is read of one that is."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > limit:
        raise MessageTooLong(limit=limit)
    return request.body
