"""What an address chooses of a list: words, choices, days. Empty means everything; what cannot be read is refused."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from guantong.kit.errors import GuantongError

LONGEST = 200
Row = TypeVar("Row", bound=Model)


class DayUnreadable(GuantongError):
    """A day in an address is not written as YYYY-MM-DD."""

    code = "day_unreadable"
    status = 400
    zh = "日期“{text}”无法识别，应写作 2026-11-22。"
    en = "The day “{text}” cannot be read; write it as 2026-11-22."


def chosen(request: HttpRequest, names: Iterable[str]) -> dict[str, str]:
    """The values of the parameters ``names``, trimmed; empty where the address has none."""
    return {name: request.GET.get(name, "").strip()[:LONGEST] for name in names}


def between(rows: QuerySet[Row], field: str, *, since: str, until: str) -> QuerySet[Row]:
    """The rows whose moment ``field`` lies on the days ``since`` to ``until``, both included, in local time."""
    if since:
        rows = rows.filter(**{f"{field}__gte": _beginning(since, plus=0)})
    if until:
        rows = rows.filter(**{f"{field}__lt": _beginning(until, plus=1)})
    return rows


def moments(*, since: str, until: str) -> tuple[datetime | None, datetime | None]:
    """The first moment of the day ``since``, and the first after the day ``until``, in local time; None where empty."""
    return (_beginning(since, plus=0) if since else None, _beginning(until, plus=1) if until else None)


def _beginning(text: str, *, plus: int) -> datetime:
    try:
        day = date.fromisoformat(text) + timedelta(days=plus)
        return timezone.make_aware(datetime.combine(day, time()))
    except (ValueError, OverflowError) as error:
        raise DayUnreadable(text=text[:20]) from error
