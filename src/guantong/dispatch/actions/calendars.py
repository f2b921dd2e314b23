"""The node's calendar and the quiet hours of sources: kept by the data bureau's people."""

from collections.abc import Iterable
from datetime import date, datetime, time

from django.db import transaction

from guantong.dispatch.errors import NotYourCalendar, QuietHoursWrong
from guantong.dispatch.models import CalendarDay, Job, JobState, QuietHours
from guantong.dispatch.queries import declaration_of
from guantong.dispatch.timetable import next_start
from guantong.dispatch.workdays import Day, workdays
from guantong.identity.models import Organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject


@transaction.atomic
def note_days(days: Iterable[Day], *, by: Actor, at: datetime) -> int:
    """Note which days are worked, whatever the public calendar says; a day noted before is noted anew."""
    _demand_bureau(by)
    noted = 0
    for each in days:
        values = {"is_workday": each.is_workday, "name": each.name, "noted_at": at, "noted_by": by.name}
        CalendarDay.objects.update_or_create(day=each.day, defaults=values)
        noted += 1
    record("calendar.noted", by=by, at=at, subject=Subject("calendar", ""), details={"days": noted})
    _time_anew(at)
    return noted


@transaction.atomic
def forget_day(day: date, *, by: Actor, at: datetime) -> None:
    """Let the public calendar have its way again on ``day``."""
    _demand_bureau(by)
    CalendarDay.objects.filter(day=day).delete()
    record("calendar.forgotten", by=by, at=at, subject=Subject("calendar", day.isoformat()))
    _time_anew(at)


@transaction.atomic
def set_quiet_hours(
    source: str, since: time, until: time, *, only_workdays: bool = False, by: Actor, at: datetime
) -> QuietHours:
    """Have a source left alone between two times of the day. Running jobs rest as soon as they begin."""
    _demand_bureau(by)
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
    _demand_bureau(by)
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


def _demand_bureau(by: Actor) -> None:
    is_bureau = Organisation.objects.filter(code=by.organisation, is_bureau=True).exists()
    if by.kind == "person" and not is_bureau:
        raise NotYourCalendar
