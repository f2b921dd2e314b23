"""What other nodes ask of this one. Every word they say is signed; the signature stands in for a session."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from guantong.federation import queries
from guantong.federation.actions import joining, messages
from guantong.federation.cards import LARGEST_CARD
from guantong.federation.errors import MessageTooLong
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


def _body(request: HttpRequest, limit: int) -> bytes:
    """The body, if it is no longer than announced and allowed; nothing is read of one that is."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > limit:
        raise MessageTooLong(limit=limit)
    return request.body
