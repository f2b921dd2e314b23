"""Days and times: workdays over Spring Festival 2026, months of every length, quiet hours, the operator's calendar."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from guantong.dispatch import actions
from guantong.dispatch.errors import QuietHoursWrong, SourceQuiet
from guantong.dispatch.models import QuietHours, RunState
from guantong.dispatch.queries import compiled_jobs
from guantong.dispatch.timetable import BEIJING, Quiet, next_start, quiet_until
from guantong.dispatch.types import Schedule
from guantong.identity import workdays
from guantong.identity.errors import CalendarWrong, NotYourCalendar
from guantong.identity.models import CalendarDay
from guantong.identity.workdays import Day, read_csv, write_csv
from guantong.journal.models import Alert
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.workdays import published
from tests.cast import NOON
from tests.dispatch.cast import Desk, later, run_name, tell
from tests.dispatch.test_order import sent

HELD = {"code": "run_held", "message": {"zh": "停", "en": "held"}}


@pytest.fixture
def desk(db: None) -> Any:
    with clock.frozen(NOON):
        yield Desk(NOON)


def beijing(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def days_of(schedule: Schedule, first: str, count: int, is_workday: Any) -> list[str]:
    found, moment = [], beijing(first)
    for _ in range(count):
        start = next_start(schedule, after=moment, is_workday=is_workday)
        assert start is not None
        moment = start
        found.append(f"{moment:%m-%d}")
    return found


def test_workdays_leave_spring_festival_out_and_make_it_up() -> None:
    # Holidays of 2026: 15 to 23 February; worked in their place: Saturdays 14 and 28 February.
    days = days_of(Schedule(kind="workdays", at="02:00"), "2026-02-12T12:00", 9, lambda d: bool(published(d)))
    assert days == ["02-13", "02-14", "02-24", "02-25", "02-26", "02-27", "02-28", "03-02", "03-03"]
    weekdays = days_of(Schedule(kind="weekdays"), "2026-02-13T12:00", 3, lambda d: bool(published(d)))
    assert weekdays == ["02-16", "02-17", "02-18"]


def test_national_day_and_new_year_2026_are_known() -> None:
    told = {day: published(date.fromisoformat(day)) for day in ("2026-01-04", "2026-10-01", "2026-10-10")}
    assert told == {"2026-01-04": True, "2026-10-01": False, "2026-10-10": True}


@pytest.mark.parametrize(
    ("day", "after", "starts"),
    [
        (15, "2026-01-15T01:59", ["01-15", "02-15", "03-15"]),
        (31, "2026-01-31T03:00", ["02-28", "03-31", "04-30"]),
        (0, "2026-02-01T00:00", ["02-28", "03-31", "04-30"]),
        (29, "2028-02-01T00:00", ["02-29", "03-29", "04-29"]),
    ],
)
def test_months_of_every_length(day: int, after: str, starts: list[str]) -> None:
    assert days_of(Schedule(kind="monthly", day=day), after, 3, lambda _: True) == starts


@pytest.mark.parametrize(
    ("quiets", "at", "until"),
    [
        ([Quiet(time(8), time(18))], "2026-11-20T07:59", None),
        ([Quiet(time(8), time(18))], "2026-11-20T08:00", "2026-11-20T18:00"),
        ([Quiet(time(8), time(18))], "2026-11-20T18:00", None),
        ([Quiet(time(22), time(6))], "2026-11-20T23:00", "2026-11-21T06:00"),
        ([Quiet(time(22), time(6))], "2026-11-21T05:59", "2026-11-21T06:00"),
        ([Quiet(time(8), time(18), only_workdays=True)], "2026-11-21T12:00", None),
        ([Quiet(time(8), time(12)), Quiet(time(12), time(18))], "2026-11-20T09:00", "2026-11-20T18:00"),
        ([], "2026-11-20T09:00", None),
    ],
)
def test_quiet_hours(quiets: list[Quiet], at: str, until: str | None) -> None:
    found = quiet_until(quiets, beijing(at), is_workday=lambda d: d.weekday() < 5)
    assert found == (beijing(until) if until else None)


# ── the operator's calendar ──


def test_the_operator_s_days_go_before_the_public_calendar(desk: Desk) -> None:
    tian = desk.cast.as_actor(desk.cast.tian)
    job = desk.declare(schedule={"kind": "workdays", "at": "02:00"})
    assert job.next_at == beijing("2026-11-23T02:00")
    actions.note_days([Day(date(2026, 11, 21), is_workday=True, name="补班")], by=tian, at=NOON)
    job.refresh_from_db()
    assert job.next_at == beijing("2026-11-21T02:00")
    actions.forget_day(date(2026, 11, 21), by=tian, at=NOON)
    job.refresh_from_db()
    assert job.next_at == beijing("2026-11-23T02:00")


def test_a_year_that_is_not_announced_has_weekdays_until_somebody_says_otherwise(desk: Desk) -> None:
    assert published(date(2031, 10, 1)) is None
    assert not workdays.is_announced(2031)
    assert workdays.workdays()(date(2031, 10, 1))
    actions.note_days([Day(date(2031, 10, 1), is_workday=False)], by=SYSTEM, at=NOON)
    assert not workdays.workdays()(date(2031, 10, 1))


def test_a_calendar_is_read_as_it_was_written() -> None:
    days = [Day(date(2027, 2, 6), is_workday=True, name="春节补班"), Day(date(2027, 2, 8), is_workday=False)]
    assert read_csv(write_csv(days).encode()) == days
    assert read_csv("\ufeff2027/02/06,班,春节\n\n2027-02-08,休\n".encode())[0].is_workday


@pytest.mark.parametrize("raw", [b"x,1\n", b"2027-02-06,maybe\n", b"\xff\xfe", b"2027-02-06,1\n" * 30_000])
def test_a_line_that_cannot_be_read_is_named(raw: bytes) -> None:
    with pytest.raises(CalendarWrong):
        read_csv(raw)


def test_only_the_bureau_keeps_the_calendar(desk: Desk) -> None:
    for act in (
        lambda: actions.note_days([], by=desk.xu, at=NOON),
        lambda: actions.forget_day(date(2026, 1, 1), by=desk.xu, at=NOON),
        lambda: actions.set_quiet_hours("police", time(8), time(18), by=desk.xu, at=NOON),
    ):
        with pytest.raises(NotYourCalendar):
            act()
    assert not CalendarDay.objects.exists()


# ── quiet hours at work; NOON is 12:00 in Beijing ──


def test_nothing_starts_in_quiet_hours_and_what_was_due_starts_after(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(schedule={"kind": "daily", "at": "13:00"})
    actions.set_quiet_hours("police", time(8), time(18), by=SYSTEM, at=NOON)
    with pytest.raises(SourceQuiet):
        actions.run_now(job, by=desk.xu, at=NOON)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 3600)) == 0
    assert actions.order_due(by=SYSTEM, at=later(NOON, 6 * 3600)) == 1
    assert sent(tmp_path) == [("run", job.code)]
    with pytest.raises(QuietHoursWrong):
        actions.set_quiet_hours("police", time(8), time(8), by=SYSTEM, at=NOON)


def test_a_run_rests_when_quiet_hours_begin_and_goes_on_after(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    actions.set_quiet_hours("education", time(12, 30), time(18), by=SYSTEM, at=NOON)
    tell(tmp_path, job, run_name(NOON), at=NOON)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    assert actions.keep_limits(by=SYSTEM, at=later(NOON, 60)) == 0
    assert actions.keep_limits(by=SYSTEM, at=later(NOON, 1801)) == 1
    assert actions.keep_limits(by=SYSTEM, at=later(NOON, 1802)) == 0
    assert sent(tmp_path) == [("stop", job.code)]
    tell(tmp_path, job, run_name(NOON), at=later(NOON, 1803), begun=NOON, state="stopped", error=HELD)
    actions.note_progress(tmp_path, by=SYSTEM, at=later(NOON, 1803))
    assert not Alert.objects.exists()
    assert actions.order_due(by=SYSTEM, at=later(NOON, 1900)) == 0
    assert actions.order_due(by=SYSTEM, at=later(NOON, 6 * 3600 + 1)) == 1
    assert [verb for verb, _ in sent(tmp_path)] == ["stop", "run"]


def test_a_job_with_quiet_hours_is_timed_by_the_worker(desk: Desk) -> None:
    job = desk.declare(schedule={"kind": "interval", "every_s": 600})
    assert compiled_jobs(at=NOON)[job.code].every_s == 600
    quiet = actions.set_quiet_hours("police", time(1), time(2), by=SYSTEM, at=NOON)
    assert compiled_jobs(at=NOON)[job.code].every_s == 0
    assert actions.order_due(by=SYSTEM, at=later(NOON, 601)) == 1
    actions.drop_quiet_hours(quiet, by=SYSTEM, at=NOON)
    assert not QuietHours.objects.exists()
    assert compiled_jobs(at=NOON)[job.code].every_s == 600


def test_a_run_that_takes_too_long_is_paused_and_told_of(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(longest_minutes=10)
    tell(tmp_path, job, run_name(NOON), at=NOON)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    assert actions.keep_limits(by=SYSTEM, at=later(NOON, 599)) == 0
    assert actions.keep_limits(by=SYSTEM, at=later(NOON, 601)) == 1
    job.refresh_from_db()
    assert job.state == "paused"
    assert Alert.objects.get(code="batch_too_long").details["minutes"] == 10
    assert sent(tmp_path) == [("stop", job.code)]


def test_so_many_jobs_use_a_source_at_once(desk: Desk, tmp_path: Path) -> None:
    jobs = [desk.declare(schedule={"kind": "daily", "at": "13:00"}) for _ in range(3)]
    due = later(NOON, 3601)
    assert actions.order_due(per_source=2, by=SYSTEM, at=due) == 2
    for job in jobs[:2]:
        tell(tmp_path, job, run_name(due), at=due)
    actions.note_progress(tmp_path, by=SYSTEM, at=due)
    assert actions.order_due(per_source=2, by=SYSTEM, at=later(due, 1)) == 0
    tell(tmp_path, jobs[0], run_name(due), at=later(due, 2), begun=due, state="done")
    actions.note_progress(tmp_path, by=SYSTEM, at=later(due, 2))
    assert jobs[0].runs.get().state == RunState.DONE
    assert actions.order_due(per_source=2, by=SYSTEM, at=later(due, 3)) == 1
