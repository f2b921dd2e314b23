"""The node's calendar: what the operator says goes before what was announced, for every deadline; and how it came here."""

from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command
from django.db import connection
from tests.cast import NOON, assemble, publish_permits

from guantong.catalog import deadlines
from guantong.identity import actions
from guantong.identity.errors import NotYourCalendar
from guantong.identity.models import CalendarDay
from guantong.identity.workdays import Day, after, workdays
from guantong.journal.types import SYSTEM

FRIDAY = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_the_catalogue_asks_the_operators_calendar() -> None:
    assert deadlines.due("submitted", FRIDAY) == date(2026, 11, 24)
    days = [Day(date(2026, 11, 23), is_workday=False, name="停电"), Day(date(2026, 11, 21), is_workday=True)]
    assert actions.note_days(days, by=SYSTEM, at=NOON) == 2
    assert deadlines.due("submitted", FRIDAY) == date(2026, 11, 24)
    assert workdays()(date(2026, 11, 21))
    actions.forget_day(date(2026, 11, 21), by=SYSTEM, at=NOON)
    assert deadlines.due("submitted", FRIDAY) == date(2026, 11, 25)
    assert after(FRIDAY, 0) == date(2026, 11, 20)


@pytest.mark.django_db
def test_only_the_bureau_keeps_it() -> None:
    cast = assemble()
    publish_permits(cast)
    with pytest.raises(NotYourCalendar):
        actions.note_days([], by=cast.as_actor(cast.luo), at=NOON)
    with pytest.raises(NotYourCalendar):
        actions.forget_day(date(2026, 11, 21), by=cast.as_actor(cast.luo), at=NOON)
    actions.note_days([Day(date(2026, 11, 21), is_workday=True)], by=cast.as_actor(cast.tian), at=NOON)


@pytest.mark.django_db(transaction=True)
def test_days_noted_before_the_calendar_moved_are_still_there() -> None:
    """The table belonged to dispatch; the same rows are identity's afterwards, and go back where a node goes back."""
    CalendarDay.objects.all().delete()
    call_command("migrate", "dispatch", "0003_halves", verbosity=0)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO dispatch_calendarday (day, is_workday, name, noted_at, noted_by)"
                " VALUES (%s, %s, %s, %s, %s)",
                [date(2027, 2, 7), True, "补班", NOON, "田批"],
            )
    finally:
        call_command("migrate", verbosity=0)
    moved = CalendarDay.objects.get()
    assert (moved.day, moved.is_workday, moved.name) == (date(2027, 2, 7), True, "补班")
    # The numbering of rows goes on.
    CalendarDay.objects.create(day=date(2027, 2, 8), is_workday=False, noted_at=NOON, noted_by="x")
