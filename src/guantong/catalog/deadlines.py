"""By when whoever has a draft should have acted: working days of the public calendar, counted from the next day."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from guantong.catalog.models import State
from guantong.kit.workdays import is_workday


def after(at: datetime, days: int) -> date:
    """The ``days``-th working day after the (local) day of ``at``."""
    day = timezone.localtime(at).date()
    while days:
        day += timedelta(days=1)
        days -= is_workday(day)
    return day


def due(state: str, at: datetime) -> date:
    """The last day for what is pending in ``state`` since ``at``; the numbers of days are settings."""
    node = settings.NODE
    days = {
        State.SUBMITTED.value: node.catalogue_department_days,
        State.REVIEWED.value: node.catalogue_bureau_days,
    }
    return after(at, days.get(state, node.catalogue_update_days))
