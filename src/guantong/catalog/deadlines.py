"""By when whoever has a draft should have acted: working days of the public calendar, counted from the next day."""

from datetime import date, datetime, timedelta

import chinese_calendar
from django.conf import settings
from django.utils import timezone

from guantong.catalog.models import State


def is_worked(day: date) -> bool:
    """Whether a day is worked by the State Council's calendar; Monday to Friday in years not yet announced."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.isoweekday() <= 5


def after(at: datetime, days: int) -> date:
    """The ``days``-th working day after the (local) day of ``at``."""
    day = timezone.localtime(at).date()
    while days:
        day += timedelta(days=1)
        days -= is_worked(day)
    return day


def due(state: str, at: datetime) -> date:
    """The last day for what is pending in ``state`` since ``at``; the numbers of days are settings."""
    node = settings.NODE
    days = {
        State.SUBMITTED.value: node.catalogue_department_days,
        State.REVIEWED.value: node.catalogue_bureau_days,
    }
    return after(at, days.get(state, node.catalogue_update_days))
