"""On which days work is done: the public calendar of the State Council, and what the node's operator says besides."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from guantong.identity.errors import CalendarWrong
from guantong.identity.models import CalendarDay
from guantong.kit.workdays import Workday, is_weekday, published
from guantong.kit.workdays import is_workday as by_announcement

HEADINGS = ("day", "workday", "name")
_WORDS = {
    **dict.fromkeys(("1", "true", "yes", "y", "work", "是", "班", "上班", "工作日"), True),
    **dict.fromkeys(("0", "false", "no", "n", "off", "否", "休", "放假", "休息日"), False),
}
LONGEST_FILE = 200_000


@dataclass(frozen=True, slots=True)
class Day:
    """One line of a calendar."""

    day: date
    is_workday: bool
    name: str = ""


def is_announced(year: int) -> bool:
    """Whether the public calendar of a year is known here."""
    return published(date(year, 1, 1)) is not None


def workdays() -> Workday:
    """Whether a day is worked: as the operator says, else as was announced, else Monday to Friday."""
    said = dict(CalendarDay.objects.values_list("day", "is_workday"))

    def is_workday(day: date) -> bool:
        return bool(said[day]) if day in said else by_announcement(day)

    return is_workday


def after(at: datetime, days: int) -> date:
    """The ``days``-th working day after the (local) day of ``at``: from when deadlines count."""
    is_workday, day = workdays(), timezone.localtime(at).date()
    while days > 0:
        day += timedelta(days=1)
        days -= is_workday(day)
    return day


def days_between(first: date, last: date) -> int:
    """How many working days there are after ``first`` up to and with ``last``; none if ``last`` comes first."""
    is_workday = workdays()
    return sum(is_workday(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))


def unusual(year: int) -> list[Day]:
    """The days of a year that are not as their weekday has it, by the public calendar."""
    first = date(year, 1, 1).toordinal()
    days = [date.fromordinal(n) for n in range(first, date(year, 12, 31).toordinal() + 1)]
    found = [(day, published(day)) for day in days]
    return [Day(day, told) for day, told in found if told is not None and told != is_weekday(day)]


def read_csv(raw: bytes) -> list[Day]:
    """The days of a CSV file with the columns day, workday, name; CalendarWrong with the line that is wrong."""
    try:
        text = raw[: LONGEST_FILE + 1].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalendarWrong(line=1, why_zh="不是 UTF-8 编码", why_en="it is not UTF-8") from error
    if len(raw) > LONGEST_FILE:
        raise CalendarWrong(line=1, why_zh="文件过大", why_en="the file is too large")
    return [
        _day(number, cells)
        for number, cells in enumerate(csv.reader(io.StringIO(text)), start=1)
        if any(cell.strip() for cell in cells) and not (number == 1 and cells[0].strip() == HEADINGS[0])
    ]


def write_csv(days: Iterable[Day]) -> str:
    """The same, written."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(HEADINGS)
    writer.writerows((each.day.isoformat(), int(each.is_workday), each.name) for each in days)
    return buffer.getvalue()


def _day(line: int, cells: list[str]) -> Day:
    told = [cell.strip() for cell in cells] + ["", ""]
    try:
        day = date.fromisoformat(told[0].replace("/", "-"))
    except ValueError as error:
        raise CalendarWrong(
            line=line, why_zh="日期应写作 2027-02-07", why_en="write the day as 2027-02-07"
        ) from error
    if told[1].lower() not in _WORDS:
        raise CalendarWrong(
            line=line,
            why_zh="第二列应为 1（上班）或 0（放假）",
            why_en="the second column is 1 (work) or 0 (off)",
        )
    return Day(day, _WORDS[told[1].lower()], told[2][:80])
