"""可监管: where data flows, and whether both sides count the same."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from guantong.dispatch import queries
from guantong.dispatch.balance import Balance, balances
from guantong.dispatch.drawing import Stream, picture
from guantong.identity.models import Organisation
from guantong.identity.queries import demand
from guantong.kit import clock
from guantong.pages.filters import DayUnreadable, chosen
from guantong.pages.lists import answer_list

STATES = ("equal", "open", "differs", "given_up", "one_side")


@require_GET
@login_required
def flows(request: HttpRequest) -> HttpResponse:
    """Departments and the rows that went between them, as a picture and as a table."""
    person = demand(request.user, "job:read")
    picked, since, until = _period(request, days=7)
    sent = {
        (row["provider"], row["consumer"]): row["rows"]
        for row in queries.flows(queries.visible_handovers(person), since=since, until=until)
    }
    idle = queries.visible_jobs(person).order_by("provider", "consumer").values_list("provider", "consumer")
    pairs = dict.fromkeys([*sent, *idle.distinct()])
    names = dict(
        Organisation.objects.filter(code__in={c for pair in pairs for c in pair}).values_list("code", "name")
    )
    streams = [
        Stream(p, c, sent.get((p, c), 0), f"{reverse('jobs')}?{urlencode({'provider': p, 'consumer': c})}")
        for p, c in pairs
    ]
    drawn = picture(
        streams,
        name=lambda code: names.get(code, code),
        title=gettext("Flows between departments"),
        unit=gettext("rows"),
    )
    return answer_list(
        request,
        [
            {
                "provider": names.get(s.provider, s.provider),
                "consumer": names.get(s.consumer, s.consumer),
                "rows": s.rows,
                "href": s.href,
            }
            for s in streams
        ],
        template="dispatch/flows.html",
        columns={
            "provider": lambda row: row["provider"],
            "consumer": lambda row: row["consumer"],
            "rows": lambda row: row["rows"],
        },
        # Every name in the drawing has been escaped.
        context={"chosen": picked, "drawing": mark_safe(drawn)},  # noqa: S308
    )


@require_GET
@login_required
def reconciliation(request: HttpRequest) -> HttpResponse:
    """Sent and received, per day and grant."""
    person = demand(request.user, "job:read")
    picked, since, until = _period(request, days=30)
    picked |= chosen(request, ("state", "grant"))
    rows = queries.visible_handovers(person)
    rows = rows.filter(grant=picked["grant"]) if picked["grant"] else rows
    found = balances(rows, since=since, until=until, own=settings.NODE.node)
    found = [each for each in found if picked["state"] in {"", each.state}]
    for each in found:
        each.in_words = explained(each)
    return answer_list(
        request,
        found,
        template="dispatch/reconciliation.html",
        columns={
            "day": lambda b: b.day.isoformat(),
            "grant": lambda b: b.grant,
            "resource": lambda b: b.resource,
            "provider": lambda b: b.provider,
            "consumer": lambda b: b.consumer,
            "runs": lambda b: b.runs,
            "sent": lambda b: b.sent,
            "received": lambda b: b.received,
            "set_aside": lambda b: b.set_aside,
            "difference": lambda b: b.difference,
            "pending_runs": lambda b: b.pending_runs,
            "pending": lambda b: b.pending,
            "given_up_runs": lambda b: b.given_up_runs,
            "given_up": lambda b: b.given_up,
            "state": lambda b: b.state,
            "explained": lambda b: b.in_words,
        },
        context={"chosen": picked, "states": STATES},
    )


def explained(balance: Balance) -> str:
    """The balance in words: what agrees, what is missing, what is on its way and what was given up."""
    count = {
        "sent": f"{balance.sent:,}",
        "received": f"{balance.received:,}",
        "aside": f"{balance.set_aside:,}",
        "missing": f"{abs(balance.difference):,}",
        "pending": f"{balance.pending:,}",
        "pending_runs": balance.pending_runs,
        "given_up": f"{balance.given_up:,}",
        "given_up_runs": balance.given_up_runs,
    }
    said = []
    if not balance.is_two_sided:
        said.append(gettext("Only passed on here: neither side's receipts are this node's."))
    elif balance.difference > 0:
        said.append(
            gettext(
                "%(sent)s rows were signed for as sent and %(received)s as received: %(missing)s are missing. "
                "Look at the runs of that day; replay the job if the rows did not arrive."
            )
            % count
        )
    elif balance.difference < 0:
        said.append(
            gettext(
                "%(missing)s rows more were signed for as received than as sent: a receipt of the provider's has "
                "not arrived here yet, or is missing."
            )
            % count
        )
    elif balance.runs:
        said.append(gettext("All %(sent)s rows that were sent were received.") % count)
    if balance.set_aside:
        said.append(gettext("%(aside)s of them lie in the target's quarantine.") % count)
    if balance.pending_runs:
        said.append(gettext("%(pending_runs)s runs with %(pending)s rows are not closed yet.") % count)
    if balance.given_up_runs:
        said.append(
            gettext(
                "%(given_up_runs)s runs were given up after %(given_up)s rows had been sent: they were cancelled, "
                "or another run took their place."
            )
            % count
        )
    return " ".join(said)


def _period(request: HttpRequest, *, days: int) -> tuple[dict[str, Any], date, date]:
    """The days that the address chooses; the last ``days`` without a choice."""
    picked: dict[str, Any] = chosen(request, ("since", "until"))
    today = timezone.localdate(clock.now())
    until = _day(picked["until"]) or today
    since = _day(picked["since"]) or max(until, date(1, 12, 31)) - timedelta(days=days - 1)
    return {"since": since.isoformat(), "until": until.isoformat()}, since, until


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise DayUnreadable(text=text[:20]) from error
