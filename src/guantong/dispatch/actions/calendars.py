"""The node's calendar and the quiet hours of sources: kept by the data bureau's people."""

from collections.abc import Iterable
from datetime import date, datetime, time

from django.db import transaction

from guantong.dispatch.errors import QuietHoursWrong
from guantong.dispatch.models import Job, JobState, QuietHours
from guantong.dispatch.queries import declaration_of
from guantong.dispatch.timetable import next_start
from guantong.identity import actions as identity
from guantong.identity.queries import demand_bureau
from guantong.identity.workdays import Day, workdays
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject


@transaction.atomic
def note_days(days: Iterable[Day], *, by: Actor, at: datetime) -> int:
    """Note which days are worked, and time the jobs anew that run on workdays."""
    noted = identity.note_days(days, by=by, at=at)
    _time_anew(at)
    return noted


@transaction.atomic
def forget_day(day: date, *, by: Actor, at: datetime) -> None:
    """Let the public calendar have its way again on ``day``, and time the jobs anew that run on workdays."""
    identity.forget_day(day, by=by, at=at)
    _time_anew(at)


@transaction.atomic
def set_quiet_hours(
    source: str, since: time, until: time, *, only_workdays: bool = False, by: Actor, at: datetime
) -> QuietHours:
    """Have a source left alone between two times of the day. Running jobs rest as soon as they begin."""
    demand_bureau(by)
    if since == until:
        raise QuietHoursWrong(why_zh="起止时刻相同", why_en="they begin and end at the same time")
    quiet = QuietHours.objects.create(
        source=source,
        since=since,
        until=until,
        only_workdays=only_workdays,
        noted_at=at,
        noted_by=by.name,
    )
    details = {"since": f"{since:%H:%M}", "until": f"{until:%H:%M}", "only_workdays": only_workdays}
    record("quiet.set", by=by, at=at, subject=Subject("source", source), details=details)
    # Who times a job, the data plane or the worker, depends on it.
    enqueue("bundle.stale", {"because": "quiet.set"}, by=by, at=at)
    return quiet


@transaction.atomic
def drop_quiet_hours(quiet: QuietHours, *, by: Actor, at: datetime) -> None:
    """Let jobs use the source at any time again."""
    demand_bureau(by)
    record("quiet.dropped", by=by, at=at, subject=Subject("source", quiet.source))
    enqueue("bundle.stale", {"because": "quiet.dropped"}, by=by, at=at)
    quiet.delete()


def _time_anew(at: datetime) -> None:
    """Jobs that run on workdays are due at other times now; one that is due already stays so."""
    is_workday = workdays()
    for job in Job.objects.select_for_update().filter(state=JobState.ACTIVE, next_at__gt=at):
        schedule = declaration_of(job).schedule
        if schedule.kind == "workdays":
            job.next_at = next_start(schedule, after=at, is_workday=is_workday)
            job.save(update_fields=["next_at"])
