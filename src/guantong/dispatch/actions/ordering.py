"""Orders: run now, pause, resume, cancel, replay; by a person, or by the timetable."""

from datetime import datetime
from pathlib import Path

import msgspec
from django.db import transaction
from django.db.models import Q

from guantong.bundle import orders
from guantong.bundle.orders import Order, Verb
from guantong.dispatch import queries
from guantong.dispatch.errors import JobStateWrong, NothingToCancel, NotYourJob, ReplayPointWrong
from guantong.dispatch.models import Job, JobState, OrderSeries, RunState
from guantong.dispatch.timetable import next_start
from guantong.identity.models import Organisation
from guantong.journal.actions import enqueue, record
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
    job = _mine(job, by)
    _demand_active(job)
    if job.grant.state != GrantState.ACTIVE or not job.grant.not_before <= at < job.grant.not_after:
        raise GrantNotInForce(grant=job.grant.code)
    _begin(job, by=by, at=at)
    record("job.ordered", by=by, at=at, subject=Subject("job", job.code))
    return job


@transaction.atomic
def pause(job: Job, *, by: Actor, at: datetime) -> Job:
    """Stop the job at its next chunk and keep it from running; an open run stands where it is."""
    job = _mine(job, by)
    _demand_active(job)
    job.state, job.retry_at = JobState.PAUSED, None
    job.save()
    record("job.paused", by=by, at=at, subject=Subject("job", job.code))
    enqueue("bundle.stale", {"because": "job.paused"}, by=by, at=at)
    _order(job, "stop", by=by, at=at)
    return job


@transaction.atomic
def resume(job: Job, *, by: Actor, at: datetime) -> Job:
    """Let a paused job run again; an open run goes on where it stopped."""
    job = _mine(job, by)
    if job.state != JobState.PAUSED:
        raise _wrong_state(job)
    job.state, job.retries = JobState.ACTIVE, 0
    job.next_at = next_start(queries.declaration_of(job).schedule, after=at)
    job.save()
    record("job.resumed", by=by, at=at, subject=Subject("job", job.code))
    enqueue("bundle.stale", {"because": "job.resumed"}, by=by, at=at)
    if queries.open_run(job):
        _begin(job, by=by, at=at)
    return job


@transaction.atomic
def cancel(job: Job, *, by: Actor, at: datetime) -> Job:
    """Give the open run up. What it applied with upsert or append stays; a replacement leaves no trace."""
    job = _mine(job, by)
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
    job = _mine(job, by)
    _demand_active(job)
    since = since.strip()
    if since and queries.declaration_of(job).reading != "watermark":
        raise ReplayPointWrong(
            why_zh="该作业没有水位，只能从头重放",
            why_en="the job has no watermark and can only be replayed from the beginning",
        )
    if len(since) > LONGEST_POINT or not since.isprintable():
        raise ReplayPointWrong(
            why_zh="水位过长或含控制字符", why_en="it is too long or holds control characters"
        )
    job.ordered_at = at
    job.save()
    record("job.replayed", by=by, at=at, subject=Subject("job", job.code), details={"since": since})
    _order(job, "replay", since=since, by=by, at=at)
    return job


def order_due(*, by: Actor, at: datetime) -> int:
    """Order the runs that the timetable, finished predecessors or a retry call for; how many. By the worker.

    A job that runs every so many seconds and waits for no other is timed by the data plane itself, which goes
    on when the control plane is down.
    """
    due = Job.objects.filter(state=JobState.ACTIVE, grant__state=GrantState.ACTIVE, grant__not_after__gt=at)
    due = due.filter(Q(next_at__lte=at) | Q(retry_at__lte=at) | Q(next_at=None, depends_on__isnull=False))
    return sum(_order_if_due(job, by=by, at=at) for job in due.distinct())


def send_order(row: OutboxMessage, *, folder: Path, node: str, key: SigningKey) -> None:
    """Sign one order of the outbox and leave it for the data plane."""
    body = {name: value for name, value in row.payload.items() if name != "to"}
    orders.leave(folder, msgspec.convert({**body, "node": node}, Order), key)


@transaction.atomic
def _order_if_due(job: Job, *, by: Actor, at: datetime) -> bool:
    job = Job.objects.select_for_update().get(pk=job.pk)
    is_timed_below = queries.is_timed_below(queries.declaration_of(job))
    is_retry = job.retry_at is not None and job.retry_at <= at
    is_due = job.next_at is None or job.next_at <= at
    if not is_retry and (is_timed_below or not is_due or not queries.is_free_to_run(job)):
        return False
    _begin(job, by=by, at=at)
    record("job.due", by=by, at=at, subject=Subject("job", job.code), details={"retry": is_retry})
    return True


def _begin(job: Job, *, by: Actor, at: datetime) -> None:
    schedule = queries.declaration_of(job).schedule
    job.ordered_at, job.retry_at = at, None
    if job.next_at is None or job.next_at <= at:
        job.next_at = next_start(schedule, after=at)
    job.save()
    _order(job, "run", by=by, at=at)


def _order(job: Job, verb: Verb, *, since: str = "", by: Actor, at: datetime) -> None:
    series, _ = OrderSeries.objects.select_for_update().get_or_create(pk=1)
    # At least the moment: after an older database was restored, numbers go on above those already taken.
    series.last = max(series.last + 1, int(at.timestamp() * 1000))
    series.save()
    payload = {"job": job.code, "verb": verb, "number": series.last, "since": since, "at": clock.rfc3339(at)}
    enqueue("job.order", {"to": "exchange", **payload}, by=by, at=at)


def _mine(job: Job, by: Actor) -> Job:
    """The job, locked; NotYourJob for people of other organisations than the grantee and the bureau."""
    job = Job.objects.select_for_update(of=("self",)).select_related("grant", "target").get(pk=job.pk)
    bureaus = Organisation.objects.filter(node=job.target.node, is_bureau=True).values_list("code", flat=True)
    if by.kind == "person" and by.organisation not in {job.consumer, *bureaus}:
        raise NotYourJob
    return job


def _demand_active(job: Job) -> None:
    if job.state != JobState.ACTIVE:
        raise _wrong_state(job)


def _wrong_state(job: Job) -> JobStateWrong:
    state_en = "paused" if job.state == JobState.PAUSED else "not paused"
    return JobStateWrong(job=job.code, state=JobState(job.state).label, state_en=state_en)
