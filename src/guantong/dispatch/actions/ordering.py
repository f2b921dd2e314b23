"""Orders: run now, pause, resume, cancel, replay, backfill; by a person, or by the timetable."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from guantong.bundle import orders
from guantong.bundle.orders import Order, Verb
from guantong.dispatch import queries
from guantong.dispatch.actions.portraits import tell_provider
from guantong.dispatch.errors import (
    BackfillWrong,
    NothingToCancel,
    ReplayPointWrong,
    RunOpen,
)
from guantong.dispatch.models import Job, JobState, OrderSeries, Run, RunState
from guantong.dispatch.permitting import demand_active, demand_unquiet, wrong_state
from guantong.dispatch.quiet import QuietBook
from guantong.dispatch.timetable import next_start
from guantong.identity.workdays import workdays
from guantong.journal.actions import enqueue, raise_alert, record
from guantong.journal.models import OutboxMessage
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.kit.suites import SigningKey
from guantong.sharing.errors import GrantNotInForce
from guantong.sharing.models import GrantState

LONGEST_POINT = 64


@transaction.atomic
def run_now(job: Job, *, by: Actor, at: datetime) -> Job:
    """Have a run begin now, or the one that stands open go on."""
    job = queries.mine(job, by)
    demand_active(job)
    if job.grant.state != GrantState.ACTIVE or not job.grant.not_before <= at < job.grant.not_after:
        raise GrantNotInForce(grant=job.grant.code)
    demand_unquiet(job, at=at)
    _begin(job, by=by, at=at)
    record("job.ordered", by=by, at=at, subject=Subject("job", job.code))
    return job


@transaction.atomic
def pause(job: Job, *, by: Actor, at: datetime) -> Job:
    """Stop the job at its next chunk and keep it from running; an open run stands where it is."""
    job = queries.mine(job, by)
    demand_active(job)
    job.state, job.retry_at, job.resting_until = JobState.PAUSED, None, None
    job.save()
    record("job.paused", by=by, at=at, subject=Subject("job", job.code))
    enqueue("bundle.stale", {"because": "job.paused"}, by=by, at=at)
    _order(job, "stop", by=by, at=at)
    return job


@transaction.atomic
def resume(job: Job, *, by: Actor, at: datetime) -> Job:
    """Let a paused job run again; an open run goes on where it stopped."""
    job = queries.mine(job, by)
    if job.state != JobState.PAUSED:
        raise wrong_state(job)
    job.state, job.retries = JobState.ACTIVE, 0
    job.next_at = next_start(queries.declaration_of(job).schedule, after=at, is_workday=workdays())
    job.save()
    record("job.resumed", by=by, at=at, subject=Subject("job", job.code))
    enqueue("bundle.stale", {"because": "job.resumed"}, by=by, at=at)
    if queries.open_run(job):
        job.retry_at = QuietBook().until(job, at=at)
        if job.retry_at:
            job.save()
        else:
            _begin(job, by=by, at=at)
    return job


@transaction.atomic
def cancel(job: Job, *, by: Actor, at: datetime) -> Job:
    """Give the open run up. What it applied with upsert or append stays; a replacement leaves no trace."""
    job = queries.mine(job, by)
    run = queries.open_run(job)
    if run is None:
        raise NothingToCancel(job=job.code)
    run.state, run.ended_at = RunState.CANCELLED, at
    run.save()
    job.retry_at = None
    job.save()
    record("job.cancelled", by=by, at=at, subject=Subject("job", job.code), details={"run": run.code})
    _order(job, "cancel", by=by, at=at)
    return job


@transaction.atomic
def replay(job: Job, *, since: str = "", by: Actor, at: datetime) -> Job:
    """Have a new run read again from the watermark ``since``, or from the beginning if it is empty."""
    job = queries.mine(job, by)
    demand_active(job)
    demand_unquiet(job, at=at)
    since = since.strip()
    if since and queries.declaration_of(job).reading != "watermark":
        raise ReplayPointWrong(
            why_zh="该作业没有水位，只能从头重放",
            why_en="the job has no watermark and can only be replayed from the beginning",
        )
    if not _is_point(since):
        raise ReplayPointWrong(
            why_zh="水位过长或含控制字符", why_en="it is too long or holds control characters"
        )
    record("job.replayed", by=by, at=at, subject=Subject("job", job.code), details={"since": since})
    _order_anew(job, "replay", since=since, by=by, at=at)
    return job


@transaction.atomic
def backfill(job: Job, *, since: str = "", until: str, by: Actor, at: datetime) -> Job:
    """Have a run read the watermarks from ``since`` to ``until``, both included; the job's own stays where it is.

    BackfillWrong for a job that has no watermark, or in whose target a row that is there already would be
    doubled. RunOpen: the open run would be given up.
    """
    job = queries.mine(job, by)
    demand_active(job)
    demand_unquiet(job, at=at)
    since, until, said = since.strip(), until.strip(), queries.declaration_of(job)
    faults = [
        (
            said.reading != "watermark",
            "只有按水位增量读取的作业可以补数",
            "only increments by watermark have a range",
        ),
        (
            said.writing != "upsert" and not said.key,
            "没有主键的追加写入补数会重复",
            "appending without a key would double rows",
        ),
        (not until, "请填写截止水位", "say where it ends"),
        (
            not (_is_point(since) and _is_point(until)),
            "水位过长或含控制字符",
            "a point is too long or unprintable",
        ),
        (_is_after(since, until), "起点晚于终点", "it begins after its end"),
    ]
    for is_wrong, why_zh, why_en in faults:
        if is_wrong:
            raise BackfillWrong(why_zh=why_zh, why_en=why_en)
    run = queries.open_run(job)
    if run is not None:
        raise RunOpen(job=job.code, run=run.code)
    details = {"since": since, "until": until}
    record("job.backfilled", by=by, at=at, subject=Subject("job", job.code), details=details)
    _order_anew(job, "backfill", since=since, until=until, by=by, at=at)
    return job


def order_due(*, per_source: int = 0, by: Actor, at: datetime) -> int:
    """Order the runs that the timetable, finished predecessors or a retry call for; how many. By the worker.

    A job that runs every so many seconds and waits for no other is timed by the data plane itself, which goes
    on when the control plane is down. Sources that are to be left alone, or that ``per_source`` running jobs
    use already (0: no limit), make a job wait; it is ordered as soon as they are free.
    """
    due = Job.objects.filter(state=JobState.ACTIVE, grant__state=GrantState.ACTIVE, grant__not_after__gt=at)
    due = due.filter(Q(next_at__lte=at) | Q(retry_at__lte=at) | Q(next_at=None, depends_on__isnull=False))
    # Of a job that belongs to another node only our own half is taken up again here.
    due = due.filter(Q(target__node=settings.NODE.node) | Q(retry_at__lte=at))
    waiting = list(due.select_related("target").order_by("next_at", "pk").distinct())
    if not waiting:
        return 0
    quiet = QuietBook()
    busy = queries.busy_sources(quiet, at=at) if per_source else Counter[str]()
    ordered = 0
    for job in waiting:
        sources = quiet.sources_of(job)
        is_full = per_source and any(busy[source] >= per_source for source in sources)
        if not is_full and not quiet.until(job, at=at) and _order_if_due(job, quiet, by=by, at=at):
            busy.update(sources)
            ordered += 1
    return ordered


def keep_limits(*, by: Actor, at: datetime) -> int:
    """Stop runs whose sources are to be left alone now, or that take too long; how many. By the worker."""
    quiet = QuietBook()
    running = Run.objects.filter(state=RunState.RUNNING, job__state=JobState.ACTIVE)
    stopped = 0
    for run in running.select_related("job__target"):
        longest = queries.declaration_of(run.job).longest_minutes
        ends = quiet.until(run.job, at=at)
        if longest and queries.is_home(run.job) and at - run.taken_up_at > timedelta(minutes=longest):
            with transaction.atomic():
                pause(run.job, by=by, at=at)
                details = {"job": run.job.code, "name": run.job.name, "run": run.code, "minutes": longest}
                raise_alert("batch_too_long", details, by=by, at=at)
            stopped += 1
        elif ends and run.job.resting_until != ends:
            _rest(run.job, ends, by=by, at=at)
            stopped += 1
    return stopped


def send_order(row: OutboxMessage, *, folder: Path, node: str, key: SigningKey) -> None:
    """Sign one order of the outbox and leave it for the data plane; ``folder`` is ``<home>/exchange``."""
    place = row.payload["to"]
    folder = folder / "orders" if place == "exchange" else folder / "edges" / place / "orders"
    body = {name: value for name, value in row.payload.items() if name != "to"}
    orders.leave(folder, msgspec.convert({**body, "node": node}, Order), key)


@transaction.atomic
def _rest(job: Job, until: datetime, *, by: Actor, at: datetime) -> None:
    """Have the run rest, and go on when the quiet hours are over."""
    job = Job.objects.select_for_update().get(pk=job.pk)
    job.resting_until = until
    job.save(update_fields=["resting_until"])
    details = {"until": clock.rfc3339(until)}
    record("job.rested", by=by, at=at, subject=Subject("job", job.code), details=details)
    _order(job, "stop", by=by, at=at)


@transaction.atomic
def _order_if_due(job: Job, quiet: QuietBook, *, by: Actor, at: datetime) -> bool:
    job = Job.objects.select_for_update(of=("self",)).select_related("target").get(pk=job.pk)
    is_timed_below = queries.is_timed_below(job, quiet)
    is_retry = job.retry_at is not None and job.retry_at <= at
    is_due = job.next_at is None or job.next_at <= at
    if not is_retry and (is_timed_below or not is_due or not queries.is_free_to_run(job)):
        return False
    again = job.ordered if is_retry and queries.broke_at_once(job) else {}
    if again.get("verb") in {"replay", "backfill"}:
        # Nothing of it is on record in the target, so the data plane has forgotten what it was asked for.
        _order_anew(job, again["verb"], since=again["since"], until=again["until"], by=by, at=at)
    elif again.get("verb") == "resend":
        job.ordered_at, job.retry_at = at, None
        job.save()
        leave_order(job, "resend", "", file=again["file"], by=by, at=at)
    else:
        _begin(job, by=by, at=at)
    record("job.due", by=by, at=at, subject=Subject("job", job.code), details={"retry": is_retry})
    return True


def _begin(job: Job, *, by: Actor, at: datetime) -> None:
    schedule = queries.declaration_of(job).schedule
    job.ordered_at, job.retry_at, job.resting_until, job.ordered = at, None, None, {"verb": "run"}
    if job.next_at is None or job.next_at <= at:
        job.next_at = next_start(schedule, after=at, is_workday=workdays())
    job.save()
    _order(job, "run", by=by, at=at)


def _order_anew(job: Job, verb: Verb, *, since: str, until: str = "", by: Actor, at: datetime) -> None:
    """An order that begins a run of its own kind."""
    job.ordered_at, job.retry_at, job.resting_until = at, None, None
    job.ordered = {"verb": verb, "since": since, "until": until}
    job.save()
    _order(job, verb, since=since, until=until, by=by, at=at)


def _order(job: Job, verb: Verb, *, since: str = "", until: str = "", by: Actor, at: datetime) -> None:
    """Order it wherever rows are read or written: here, at an edge, at the provider's node."""
    if queries.is_home(job) and job.grant.provider_node != settings.NODE.node:
        # An order must not overtake what it is about.
        tell_provider(job, by=by, at=at)
        said = {"job": job.code, "verb": verb, "since": since, "until": until}
        payload = {"to": job.grant.provider_node, "topic": "job.ordered", "payload": said}
        enqueue("node.message", payload, by=by, at=at)
    order_here(job, verb, since=since, until=until, by=by, at=at)


def order_here(job: Job, verb: Verb, *, since: str = "", until: str = "", by: Actor, at: datetime) -> None:
    """Leave the order for the data plane of this node, and for its edges, as far as they have a part in the job.

    Who writes needs to hear only when to begin, to rest and to give up: what is read comes by itself.
    """
    is_reading = job.grant.provider_node == settings.NODE.node
    for place in dict.fromkeys(queries.ends_of(job)):
        if is_reading or verb in {"run", "stop", "cancel"}:
            leave_order(job, verb, place, since=since, until=until, by=by, at=at)
        is_reading = False


def leave_order(
    job: Job,
    verb: Verb,
    place: str,
    *,
    since: str = "",
    until: str = "",
    file: str = "",
    by: Actor,
    at: datetime,
) -> None:
    """Number one order and have it left at ``place``: an edge's code, or empty for the node itself."""
    series, _ = OrderSeries.objects.select_for_update().get_or_create(pk=1)
    # At least the moment: after an older database was restored, numbers go on above those already taken.
    series.last = max(series.last + 1, int(at.timestamp() * 1000))
    series.save()
    payload = {"job": job.code, "verb": verb, "number": series.last, "since": since, "at": clock.rfc3339(at)}
    payload |= {name: value for name, value in (("until", until), ("file", file)) if value}
    enqueue("job.order", {"to": place or "exchange", **payload}, by=by, at=at)


def _is_point(text: str) -> bool:
    return len(text) <= LONGEST_POINT and (text.isprintable() or not text)


def _is_after(since: str, until: str) -> bool:
    """Whether one watermark lies behind the other: as numbers if both are, else as text (days, moments)."""
    try:
        return float(since) > float(until)
    except ValueError:
        return bool(since) and since[: len(until)] > until
