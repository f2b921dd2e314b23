"""Deadlines against a count day by day: filing, sending back, putting off, lateness; holidays and made-up days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cast import Cast, assemble, need, publish_permits

from guantong.identity.models import CalendarDay
from guantong.journal.types import SYSTEM
from guantong.sharing import actions
from guantong.sharing.actions.watching import watch_deadlines
from guantong.sharing.models import Request
from guantong.sharing.types import Supplement

pytestmark = pytest.mark.django_db
# As the State Council announced for 2026: Spring Festival, and Qingming.
OFF = {date(2026, 2, day) for day in range(15, 24)} | {date(2026, 4, day) for day in range(4, 7)}
MADE_UP = {date(2026, 2, 14), date(2026, 2, 28)}
MORE_EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
days = st.dates(date(2026, 2, 9), date(2026, 3, 6))
turned = st.sets(st.dates(date(2026, 2, 10), date(2026, 3, 20)), max_size=3)


@pytest.fixture
def cast() -> Cast:
    cast = assemble()
    publish_permits(cast)
    return cast


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def is_worked(day: date, turned: set[date]) -> bool:
    usual = day in MADE_UP or (day.weekday() < 5 and day not in OFF)
    return usual != (day in turned)


def following(day: date) -> Iterator[date]:
    while True:
        day += timedelta(days=1)
        yield day


def counted(day: date, count: int, turned: set[date]) -> date:
    """The ``count``-th working day after ``day``, one day after the other."""
    worked = (each for each in following(day) if is_worked(each, turned))
    return next(each for n, each in enumerate(worked, start=1) if n == count)


def begun(cast: Cast, day: date, turned: set[date]) -> Request:
    Request.objects.all().delete()
    CalendarDay.objects.all().delete()
    for each in turned:
        worked = is_worked(each, turned)
        CalendarDay.objects.create(day=each, is_workday=worked, noted_at=noon(day), noted_by="田批")
    return actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=noon(day))


@MORE_EXAMPLES
@given(day=days, turned=turned)
def test_a_step_is_due_and_put_off_as_one_counts(cast: Cast, day: date, turned: set[date]) -> None:
    step = begun(cast, day, turned).steps.get()
    assert step.due_on == counted(day, 10, turned)
    put_off = actions.extend(step, reason="需会签", by=cast.as_actor(cast.jiang), at=noon(day))
    assert put_off.due_on == counted(day, 20, turned)


@MORE_EXAMPLES
@given(day=days, turned=turned, sent_back=st.integers(0, 20), added=st.integers(0, 20))
def test_the_clock_stands_while_something_is_missing(
    cast: Cast, day: date, turned: set[date], sent_back: int, added: int
) -> None:
    asked = begun(cast, day, turned)
    due = asked.steps.get().due_on
    assert due is not None
    returned = day + timedelta(days=sent_back)
    completed = returned + timedelta(days=added)
    actions.send_back(asked, missing="缺", by=cast.as_actor(cast.jiang), at=noon(returned))
    told = Supplement(
        str(asked.uuid), asked.purpose_text, asked.legal_basis, need().particulars, list(asked.fields)
    )
    actions.supplement(asked, told, by=cast.as_actor(cast.xu), at=noon(completed))
    left = sum(
        is_worked(returned + timedelta(days=n), turned) for n in range(1, max((due - returned).days, 0) + 1)
    )
    assert asked.steps.get().due_on == max(due, counted(completed, max(left, 1), turned))


@settings(MORE_EXAMPLES, max_examples=12)
@given(day=days, turned=turned)
def test_reminded_two_working_days_before_and_late_the_day_after(
    cast: Cast, day: date, turned: set[date]
) -> None:
    step = begun(cast, day, turned).steps.get()
    due, reminded, late = step.due_on, None, None
    assert due is not None
    for n in range((due - day).days + 4):
        today = day + timedelta(days=n)
        watch_deadlines(by=SYSTEM, at=noon(today))
        step.refresh_from_db()
        reminded = reminded or (today if step.reminded_at else None)
        late = late or (today if step.escalated_at else None)
    assert late == due + timedelta(days=1)
    assert reminded == next(
        each for each in (day + timedelta(days=n) for n in range(60)) if counted(each, 2, turned) >= due
    )


def test_a_made_up_saturday_counts(cast: Cast) -> None:
    # Saturday 28 February 2026 is worked: due that day is not late that day, and late on Sunday.
    step = begun(cast, date(2026, 2, 6), {date(2026, 2, 9)}).steps.get()
    step.due_on = date(2026, 2, 28)
    step.save()
    assert watch_deadlines(by=SYSTEM, at=noon(date(2026, 2, 28))) == 1  # reminded, not late
    step.refresh_from_db()
    assert step.escalated_at is None
    assert counted(date(2026, 2, 27), 1, set()) == date(2026, 2, 28)
    assert watch_deadlines(by=SYSTEM, at=noon(date(2026, 3, 1))) == 1
    step.refresh_from_db()
    assert step.escalated_at is not None


def test_the_count_would_see_a_wrong_one() -> None:
    assert counted(date(2026, 2, 13), 10, set()) == date(2026, 3, 5)
    assert counted(date(2026, 2, 13), 10, {date(2026, 2, 14)}) == date(2026, 3, 6)
