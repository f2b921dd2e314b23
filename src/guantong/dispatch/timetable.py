"""When a job is due. Pure; times of day are Beijing time, which has no summer time."""

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from guantong.dispatch.types import Schedule
from guantong.kit.workdays import Workday, is_weekday

BEIJING = ZoneInfo("Asia/Shanghai")
FIRST_RETRY_S = 60
LONGEST_RETRY_S = 3600
ONE_DAY = timedelta(days=1)


def next_start(schedule: Schedule, *, after: datetime, is_workday: Workday = is_weekday) -> datetime | None:
    """The first moment later than ``after`` at which the schedule wants a run; None: only when asked.

    ``is_workday`` says on which days work is done, holidays and make-up days considered.
    """
    if schedule.kind == "manual":
        return None
    if schedule.kind == "interval":
        return after + timedelta(seconds=schedule.every_s)
    local = after.astimezone(BEIJING)
    at = time.fromisoformat(schedule.at)
    starts = (datetime.combine(day, at, BEIJING) for day in _days(schedule, local.date(), is_workday))
    return next((start for start in starts if start > local), None)


def _days(schedule: Schedule, first: date, is_workday: Workday) -> Iterator[date]:
    """The days from ``first`` on, two years at most, on which the schedule wants a run."""
    fits: dict[str, Workday] = {
        "daily": lambda _: True,
        "weekdays": is_weekday,
        "workdays": is_workday,
        "monthly": lambda day: day.day == day_of_month(schedule.day, day),
    }
    return filter(fits[schedule.kind], (first + timedelta(days=n) for n in range(732)))


def day_of_month(wanted: int, month: date) -> int:
    """The day ``wanted`` (0: the last) in that month; the last one in months that are too short for it."""
    last = calendar.monthrange(month.year, month.month)[1]
    return min(wanted or last, last)


def retry_after(retries: int) -> timedelta:
    """How long a broken run rests before it is taken up for the time after ``retries``: twice as long each time."""
    return timedelta(seconds=min(FIRST_RETRY_S * 2**retries, LONGEST_RETRY_S))


@dataclass(frozen=True, slots=True)
class Quiet:
    """Between these times of the day a source is left alone; ``since`` later than ``until`` goes over midnight."""

    since: time
    until: time
    only_workdays: bool = False

    def end(self, at: datetime, *, is_workday: Workday) -> datetime | None:
        """When the quiet that holds at ``at`` ends; None if none holds. A day's quiet begins on that day."""
        local = at.astimezone(BEIJING)
        for day in (local.date() - ONE_DAY, local.date()):
            if self.only_workdays and not is_workday(day):
                continue
            begins = datetime.combine(day, self.since, BEIJING)
            ends = datetime.combine(day, self.until, BEIJING)
            ends += ONE_DAY if ends <= begins else timedelta()
            if begins <= local < ends:
                return ends
        return None


def quiet_until(quiets: Iterable[Quiet], at: datetime, *, is_workday: Workday) -> datetime | None:
    """When a source may be read again, if it is to be left alone at ``at``; windows that meet count as one."""
    windows = list(quiets)
    moment, found = at, None
    for _ in range(len(windows) + 1):
        ends = [end for each in windows if (end := each.end(moment, is_workday=is_workday))]
        if not ends:
            break
        moment = found = max(ends)
    return found
