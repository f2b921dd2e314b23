"""可监管: nodes, bundles, alerts, and the journal."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, Max
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.federation.actions.joining import confirm
from guantong.federation.cards import fingerprint, read_card
from guantong.federation.models import FeedPosition, Node, PublishedBundle
from guantong.identity.queries import actor, demand, may
from guantong.journal.actions import settle_alert
from guantong.journal.models import Alert, Entry, OutboxMessage, Receipt
from guantong.kit import clock
from guantong.pages.lists import answer_list
from guantong.site.views.charts import bars

CHART_DAYS = 14


@require_GET
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """The node at a glance: its neighbours, what waits, what was refused, what the bundle holds."""
    demand(request.user, "alert:read")
    feeds = {feed.neighbour: feed for feed in FeedPosition.objects.all()}
    nodes = [
        {
            "node": node,
            "fingerprint": fingerprint(read_card(node.card.encode())),
            "feed": feeds.get(node.code),
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
def settle(request: HttpRequest, digest: str) -> HttpResponse:
    """An alert has been dealt with."""
    person = demand(request.user, "alert:settle")
    settle_alert(get_object_or_404(Alert, digest=digest), by=actor(person), at=clock.now())
    messages.success(request, gettext("The alert has been settled."))
    return redirect("oversee")


@require_GET
@login_required
def journal(request: HttpRequest) -> HttpResponse:
    """Every act on this node, for the auditor."""
    demand(request.user, "journal:read")
    chosen = {name: request.GET.get(name, "") for name in ("act", "actor_name", "subject_id")}
    rows = Entry.objects.filter(**{f"{name}__icontains": value for name, value in chosen.items() if value})
    return answer_list(
        request,
        rows,
        template="site/journal.html",
        columns={
            "at": lambda e: clock.rfc3339(e.at),
            "act": lambda e: e.act,
            "by": lambda e: e.actor_name,
            "organisation": lambda e: e.actor_organisation,
            "subject": lambda e: f"{e.subject_kind} {e.subject_id}",
            "record": lambda e: e.record_digest,
        },
        context={"chosen": chosen},
    )
