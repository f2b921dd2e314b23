"""By when whoever has a draft should have acted, and by when data should be updated again: by the node's calendar."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings

from guantong.catalog.models import State
from guantong.identity.workdays import after, workdays

# Days from one update to the next by the declared cycle; where there is none, nothing falls due.
CYCLES: Final[Mapping[str, int]] = {
    "real_time": 1,
    "daily": 1,
    "weekly": 7,
    "ten_days": 10,
    "monthly": 31,
    "quarterly": 92,
    "half_yearly": 184,
    "yearly": 366,
}


def due(state: str, at: datetime) -> date:
    """The last day for what is pending in ``state`` since ``at``; the numbers of days are settings."""
    node = settings.NODE
    days = {
        State.SUBMITTED.value: node.catalogue_department_days,
        State.REVIEWED.value: node.catalogue_bureau_days,
    }
    return after(at, days.get(state, node.catalogue_update_days))


def next_update(cycle: str, day: date) -> date | None:
    """The last day by which data that is up to date as of ``day`` should be updated again: a working day, or None."""
    if cycle not in CYCLES:
        return None
    is_workday, found = workdays(), day + timedelta(days=CYCLES[cycle])
    while not is_workday(found):
        found += timedelta(days=1)
    return found
