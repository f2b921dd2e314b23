"""可监管: nodes, bundles, alerts."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, Max
from django.db.models.functions import TruncDate
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.federation.actions.joining import confirm, reject
from guantong.federation.cards import fingerprint, read_card
from guantong.federation.models import Node, PublishedBundle
from guantong.federation.standing import standings
from guantong.identity.queries import actor, demand, may
from guantong.journal.actions import drop_message, retry_message, settle_alert
from guantong.journal.models import Alert, OutboxMessage, Receipt
from guantong.kit import clock
from guantong.pages.charts import bars
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

CHART_DAYS = 14


@require_GET
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """The node at a glance: its neighbours, what waits, what was refused, what the bundle holds."""
    demand(request.user, "alert:read")
    feeds = standings()
    nodes = [
        {
            "node": node,
            "fingerprint": fingerprint(read_card(node.card.encode())),
            "feeds": [each for each in feeds if each.node.code == node.code],
        }
        for node in Node.objects.order_by("is_confirmed", "code")
    ]
    today = timezone.localdate(clock.now())
    by_day = (
        Receipt.objects.filter(at__gte=clock.now() - timedelta(days=CHART_DAYS))
        .annotate(day=TruncDate("at"))
        .values("day", "decision")
        .annotate(count=Count("id"))
    )
    return render(
        request,
        "site/oversee.html",
        {
            "nodes": nodes,
            "bundle": PublishedBundle.objects.first(),
            "outbox": OutboxMessage.objects.filter(done_at__isnull=True).aggregate(
                n=Count("id"), tries=Max("attempts")
            ),
            "alerts": Alert.objects.order_by(F("seen_at").asc(nulls_first=True), "-at")[:20],
            "bars": bars(by_day, last=today, days=CHART_DAYS),
            "can_confirm": may(request.user, "node:confirm"),
            "can_settle": may(request.user, "alert:settle"),
            "stuck_count": OutboxMessage.objects.filter(done_at__isnull=True, attempts__gt=0).count(),
        },
    )


@require_POST
@login_required
def confirm_node(request: HttpRequest, code: str) -> HttpResponse:
    """A person has compared the fingerprint and vouches for the node."""
    person = demand(request.user, "node:confirm")
    confirm(get_object_or_404(Node, code=code), by=actor(person), at=clock.now())
    messages.success(request, gettext("The node takes part from now on."))
    return redirect("oversee")


@require_POST
@login_required
def reject_node(request: HttpRequest, code: str) -> HttpResponse:
    """Nobody knows the node that announced itself."""
    person = demand(request.user, "node:confirm")
    reject(get_object_or_404(Node, code=code), by=actor(person), at=clock.now())
    messages.success(request, gettext("Done."))
    return redirect("oversee")


@require_GET
@login_required
def outgoing(request: HttpRequest) -> HttpResponse:
    """What waits to leave the node, the messages that nobody takes first."""
    demand(request.user, "alert:read")
    picked = chosen(request, ("to", "topic"))
    rows = OutboxMessage.objects.filter(done_at__isnull=True, attempts__gt=0)
    rows = rows.filter(**{f"payload__{name}": value for name, value in picked.items() if value})
    return answer_list(
        request,
        rows.order_by(F("parked_at").asc(nulls_last=True), "id"),
        template="federation/outgoing.html",
        columns={
            "message": lambda m: m.pk,
            "topic": lambda m: m.payload.get("topic", m.topic),
            "to": lambda m: m.payload.get("to", ""),
            "created_at": lambda m: clock.rfc3339(m.created_at),
            "attempts": lambda m: m.attempts,
            "parked_at": lambda m: clock.rfc3339(m.parked_at) if m.parked_at else "",
            "error": lambda m: m.last_error,
        },
        context={"chosen": picked, "can_settle": may(request.user, "message:settle")},
    )


@require_POST
@login_required
def settle_message(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """The operator has a message sent again, or gives it up."""
    person = demand(request.user, "message:settle")
    act = {"retry": retry_message, "drop": drop_message}.get(verb)
    if act is None or number >= 2**63:
        raise Http404
    act(get_object_or_404(OutboxMessage, pk=number), by=actor(person), at=clock.now())
    messages.success(request, gettext("Done."))
    return redirect("outgoing")


@require_POST
@login_required
def settle(request: HttpRequest, digest: str) -> HttpResponse:
    """An alert has been dealt with."""
    person = demand(request.user, "alert:settle")
    settle_alert(get_object_or_404(Alert, digest=digest), by=actor(person), at=clock.now())
    messages.success(request, gettext("The alert has been settled."))
    return redirect("oversee")
