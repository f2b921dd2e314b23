"""Working days of the public calendar: holidays and make-up days as the State Council announces them, year by year."""

from collections.abc import Callable
from datetime import date

import chinese_calendar

Workday = Callable[[date], bool]
SATURDAY = 6


def published(day: date) -> bool | None:
    """Whether the public calendar has ``day`` as a workday; None for a year that has not been announced."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        # So the library says that it does not know a year; next year's days are announced each November.
        return None


def is_weekday(day: date) -> bool:
    """Monday to Friday."""
    return day.isoweekday() < SATURDAY


def is_workday(day: date) -> bool:
    """Whether work is done on ``day``: as announced, else Monday to Friday."""
    told = published(day)
    return is_weekday(day) if told is None else told
