"""作业告警: what people who have jobs or edges should look at, whether or not they may read all of the node's alerts."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from guantong.dispatch import queries
from guantong.identity.queries import demand, may
from guantong.kit import clock
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list


@require_GET
@login_required
def alerts(request: HttpRequest) -> HttpResponse:
    """The alerts about jobs and edges that the visitor may read, open ones first."""
    person = demand(request.user, "job:read")
    picked = chosen(request, ("code", "state", "since", "until"))
    rows = queries.alerts_for(person)
    rows = rows.filter(code=picked["code"]) if picked["code"] else rows
    if picked["state"] in {"open", "settled"}:
        rows = rows.filter(seen_at__isnull=picked["state"] == "open")
    rows = between(rows, "at", since=picked["since"], until=picked["until"])
    return answer_list(
        request,
        rows,
        template="dispatch/alerts.html",
        columns={
            "at": lambda a: clock.rfc3339(a.at),
            "code": lambda a: a.code,
            "job": lambda a: a.details.get("job", ""),
            "edge": lambda a: a.details.get("edge", ""),
            "name": lambda a: a.details.get("name", ""),
            "error": lambda a: a.details.get("error", ""),
            "settled_at": lambda a: clock.rfc3339(a.seen_at) if a.seen_at else "",
            "settled_by": lambda a: a.seen_by,
        },
        context={"chosen": picked, "codes": queries.ALERTS, "can_settle": may(person, "alert:settle")},
    )
