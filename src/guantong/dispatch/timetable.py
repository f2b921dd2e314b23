"""When a job is due. Pure; times of day are Beijing time, which has no summer time."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from guantong.dispatch.types import Schedule

BEIJING = ZoneInfo("Asia/Shanghai")
FIRST_RETRY_S = 60
LONGEST_RETRY_S = 3600


def next_start(schedule: Schedule, *, after: datetime) -> datetime | None:
    """The first moment later than ``after`` at which the schedule wants a run; None: only when asked."""
    if schedule.kind == "manual":
        return None
    if schedule.kind == "interval":
        return after + timedelta(seconds=schedule.every_s)
    local = after.astimezone(BEIJING)
    due = datetime.combine(local.date(), time.fromisoformat(schedule.at), BEIJING)
    while due <= local or (schedule.kind == "weekdays" and due.weekday() > 4):
        due += timedelta(days=1)
    return due


def retry_after(retries: int) -> timedelta:
    """How long a broken run rests before it is taken up for the time after ``retries``: twice as long each time."""
    return timedelta(seconds=min(FIRST_RETRY_S * 2**retries, LONGEST_RETRY_S))
