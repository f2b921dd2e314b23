"""作业: the list, one job and how it gets on, the form that declares one, and its orders."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.dispatch import actions, queries
from guantong.dispatch.charting import charts
from guantong.dispatch.check_lines import write_check
from guantong.dispatch.models import Handover, Job, JobState, Run, RunState
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.journal.types import Actor
from guantong.kit import clock
from guantong.pages.answers import language
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

RUNS_A_PAGE = 20
CHARTED = 30
# A run that has told nothing for so long has lost its process; it goes on when that is back.
SILENT_AFTER_S = 60


@require_GET
@login_required
def jobs(request: HttpRequest) -> HttpResponse:
    """The jobs under grants that the visitor may read."""
    person = demand(request.user, "job:read")
    picked = chosen(request, ("q", "organisation", "provider", "consumer", "state", "run"))
    today = timezone.localdate(clock.now())
    rows = queries.with_last_run(queries.visible_jobs(person), today=today)
    rows = rows.filter(**{side: picked[side] for side in ("provider", "consumer") if picked[side]})
    rows = queries.matching_jobs(
        rows,
        words=picked["q"],
        organisation=picked["organisation"],
        state=picked["state"],
        run_state=picked["run"],
    )
    return answer_list(
        request,
        rows,
        template="dispatch/jobs.html",
        columns={
            "code": lambda j: j.code,
            "name": lambda j: j.name,
            "provider": lambda j: j.provider_name,
            "consumer": lambda j: j.consumer_name,
            "grant": lambda j: j.grant.code,
            "target": lambda j: str(j.target),
            "state": lambda j: j.state,
            "last_run": lambda j: j.last_state or "",
            "last_run_at": lambda j: clock.rfc3339(j.last_at) if j.last_at else "",
            "rows_today": lambda j: j.rows_today,
            "next_run_at": lambda j: clock.rfc3339(j.next_at) if j.next_at else "",
        },
        context={
            "chosen": picked,
            "states": JobState.values,
            "run_states": RunState.values,
            "open_alerts": queries.alerts_for(person).filter(seen_at=None).count(),
            "grants": queries.batch_grants(_code(person), at=clock.now())[:20]
            if may(person, "job:declare")
            else [],
        },
    )


@require_GET
@login_required
def job(request: HttpRequest, code: str) -> HttpResponse:
    """One job: what it does, how its run gets on, what it ran before, and the orders that fit."""
    person = demand(request.user, "job:read")
    found = _found(person, code)
    if request.GET.get("format") in {"csv", "json"}:
        return _runs(request, found)
    page = Paginator(found.runs.all(), RUNS_A_PAGE).get_page(request.GET.get("page"))
    said = queries.declaration_of(found)
    labels = {item["name"]: item["label"] for item in found.grant.terms["resource_content"]["items"]}
    receipts = Handover.objects.filter(job=found.code, run__in=[run.code for run in page])
    handed: dict[str, list[Handover]] = {}
    for each in receipts.order_by("role", "chunk"):
        handed.setdefault(each.run, []).append(each)
    context = {
        **_progress(found),
        "page": page,
        "runs": [(run, handed.get(run.code, [])) for run in page],
        "query": "",
        "total": page.paginator.count,
        "said": said,
        "fields": [(name, labels.get(name, name), found.target.columns.get(name)) for name in said.fields],
        "checks": [
            (check, [labels.get(item, item) for item in check.items], write_check(check))
            for check in said.checks
        ],
        "bad_percent": said.limits.bad_ppm / 10_000,
        "may_order": may(person, "job:run") and _code(person) in _handlers(found),
        "may_change": may(person, "job:declare") and _code(person) == found.consumer,
        "open_run": queries.open_run(found),
        "versions": queries.history(found),
        "points": queries.points(found),
        "edges": queries.edges_of(found),
        "charts": charts(found.runs.exclude(state=RunState.RUNNING)[:CHARTED]),
    }
    return render(request, "dispatch/job.html", context)


@require_GET
@login_required
def progress(request: HttpRequest, code: str) -> HttpResponse:
    """The part of a job's page that is asked for again every second while something is under way."""
    person = demand(request.user, "job:read")
    context = _progress(_found(person, code))
    response = render(request, "dispatch/progress.html", context)
    if not context["is_live"]:
        # It is over: the history, the receipts and the orders that fit are others now.
        response["HX-Refresh"] = "true"
    return response


@require_POST
@login_required
def order(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Run now, pause, resume, cancel, replay, backfill, bring back."""
    person = demand(request.user, "job:run")
    found = _found(person, code)
    by, at = actor(person), clock.now()
    said = {name: request.POST.get(name, "") for name in ("since", "point", "until")}
    if verb == "replay":
        actions.replay(found, since=said["since"].strip() or said["point"], by=by, at=at)
    elif verb == "backfill":
        actions.backfill(found, since=said["since"], until=said["until"], by=by, at=at)
    else:
        verbs: dict[str, Callable[[Job, Actor], Job]] = {
            "run": lambda job, by: actions.run_now(job, by=by, at=at),
            "pause": lambda job, by: actions.pause(job, by=by, at=at),
            "resume": lambda job, by: actions.resume(job, by=by, at=at),
            "cancel": lambda job, by: actions.cancel(job, by=by, at=at),
            "restore": lambda job, by: actions.restore_job(job, by=by, at=at),
        }
        if verb not in verbs:
            raise Http404
        verbs[verb](found, by)
    messages.success(request, gettext("The order is on its way to the data plane."))
    return redirect("job", code=code)


def _found(person: Person, code: str) -> Job:
    return get_object_or_404(queries.visible_jobs(person).select_related("grant", "target"), code=code)


def _progress(found: Job) -> dict[str, Any]:
    """The newest run, how far it is, and whether news of it are to be expected soon."""
    run = found.runs.order_by("-started_at", "-pk").first()
    is_running = run is not None and run.state == RunState.RUNNING
    is_ordered = (
        found.state == JobState.ACTIVE
        and found.ordered_at is not None
        and (run is None or run.told_at < found.ordered_at)
        and (clock.now() - found.ordered_at).total_seconds() < SILENT_AFTER_S
    )
    silent_s = (clock.now() - run.told_at).total_seconds() if run else 0
    return {
        "job": found,
        "run": run,
        "is_ordered": is_ordered,
        "is_silent": is_running and silent_s > SILENT_AFTER_S,
        "is_live": is_ordered or (is_running and silent_s <= SILENT_AFTER_S),
        **_other_half(run),
        "done_rows": run.resumed + run.read - run.read_before if run else 0,
        "sentence": ((run.error or {}).get("message") or {}).get(language(), "") if run else "",
    }


def _other_half(run: Run | None) -> dict[str, Any]:
    """When the other node told of its half last, and how far that is, if either side knows of how many rows."""
    half = run.other_half if run else {}
    if run is None or not half:
        return {}
    of = int(half.get("expected") or 0) or run.expected
    done = int(half.get("read" if half.get("half") == "sending" else "applied") or 0)
    return {
        "other_at": clock.parse(half["at"]) if half.get("at") else None,
        "other_of": of,
        "other_done": min(done, of) if of and half.get("state") == RunState.RUNNING else None,
    }


def _runs(request: HttpRequest, found: Job) -> HttpResponse:
    return answer_list(
        request,
        found.runs.all(),
        template="dispatch/runs.html",
        columns={
            "run": lambda r: r.code,
            "from": lambda r: r.floor,
            "watermark": lambda r: r.high,
            "until": lambda r: r.until,
            "state": lambda r: r.state,
            "started_at": lambda r: clock.rfc3339(r.started_at),
            "ended_at": lambda r: clock.rfc3339(r.ended_at) if r.ended_at else "",
            "read": lambda r: r.read,
            "applied": lambda r: r.applied,
            "refused": lambda r: r.refused,
            "chunks": lambda r: r.chunks,
            "bytes": lambda r: r.size,
            "rate": lambda r: r.rate,
            "error": lambda r: (r.error or {}).get("code", ""),
            "digest": lambda r: r.digest,
        },
    )


def _handlers(found: Job) -> set[str]:
    return queries.handlers(found.consumer, node=found.target.node)


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""
