"""日历: which days are worked, and when sources are left alone."""

from datetime import date, time

import msgspec
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.dispatch import actions
from guantong.dispatch.errors import QuietHoursWrong
from guantong.dispatch.models import QuietHours
from guantong.dispatch.types import SourceName
from guantong.identity import workdays
from guantong.identity.errors import CalendarWrong
from guantong.identity.models import CalendarDay, Person
from guantong.identity.queries import actor, demand, may
from guantong.identity.workdays import LONGEST_FILE, Day
from guantong.kit import clock

FIRST_YEAR, LAST_YEAR = 2004, 2100


@require_GET
@login_required
def calendar(request: HttpRequest) -> HttpResponse:
    """One year: what the public calendar says, what the operator says besides; the quiet hours of sources."""
    person = demand(request.user, "job:read")
    today = timezone.localdate(clock.now())
    wanted = request.GET.get("year", "")
    year = int(wanted) if wanted.isdecimal() and FIRST_YEAR <= int(wanted[:5]) <= LAST_YEAR else today.year
    noted = list(CalendarDay.objects.filter(day__year=year))
    if request.GET.get("format") == "csv":
        text = workdays.write_csv(Day(each.day, each.is_workday, each.name) for each in noted)
        return HttpResponse(
            "\ufeff" + text,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="calendar-{year}.csv"'},
        )
    public = workdays.unusual(year)
    context = {
        "year": year,
        "years": [today.year - 1, today.year, today.year + 1],
        "is_announced": workdays.is_announced(year),
        "off": [each.day for each in public if not each.is_workday],
        "worked": [each.day for each in public if each.is_workday],
        "noted": noted,
        "quiets": QuietHours.objects.all(),
        "may_note": _keeps(person),
    }
    return render(request, "dispatch/calendar.html", context)


@require_POST
@login_required
def note(request: HttpRequest) -> HttpResponse:
    """Note one day, or the days of a CSV file."""
    person = demand(request.user, "job:run")
    file = request.FILES.get("file")
    days = [_day(request)] if file is None else workdays.read_csv(file.read(LONGEST_FILE + 1))
    count = actions.note_days(days, by=actor(person), at=clock.now())
    messages.success(request, gettext("%(n)s days have been noted.") % {"n": count})
    return _back(days[0].day.year if days else None)


@require_POST
@login_required
def forget(request: HttpRequest) -> HttpResponse:
    """Let the public calendar have its way on a day again."""
    person = demand(request.user, "job:run")
    day = _date(request)
    actions.forget_day(day, by=actor(person), at=clock.now())
    messages.success(request, gettext("The change has been saved."))
    return _back(day.year)


@require_POST
@login_required
def set_quiet(request: HttpRequest) -> HttpResponse:
    """Have a source left alone between two times of the day."""
    person = demand(request.user, "job:run")
    source = request.POST.get("source", "").strip()
    try:
        since, until = (time.fromisoformat(request.POST.get(name, "")) for name in ("since", "until"))
        msgspec.convert(source, SourceName)
    except (ValueError, msgspec.ValidationError) as error:
        raise QuietHoursWrong(
            why_zh="请填写数据源名称和起止时刻（如 08:00）",
            why_en="give a source's name and two times like 08:00",
        ) from error
    actions.set_quiet_hours(
        source,
        since,
        until,
        only_workdays=bool(request.POST.get("only_workdays")),
        by=actor(person),
        at=clock.now(),
    )
    messages.success(request, gettext("The change has been saved."))
    return _back(None)


@require_POST
@login_required
def drop_quiet(request: HttpRequest, number: int) -> HttpResponse:
    """Let jobs use the source at any time again."""
    person = demand(request.user, "job:run")
    actions.drop_quiet_hours(get_object_or_404(QuietHours, pk=number), by=actor(person), at=clock.now())
    messages.success(request, gettext("The change has been saved."))
    return _back(None)


def _keeps(person: Person) -> bool:
    return may(person, "job:run") and person.organisation is not None and person.organisation.is_bureau


def _day(request: HttpRequest) -> Day:
    is_workday = request.POST.get("workday") == "1"
    return Day(_date(request), is_workday, request.POST.get("name", "").strip()[:80])


def _date(request: HttpRequest) -> date:
    try:
        return date.fromisoformat(request.POST.get("day", ""))
    except ValueError as error:
        raise CalendarWrong(
            line=1, why_zh="日期应写作 2027-02-07", why_en="write the day as 2027-02-07"
        ) from error


def _back(year: int | None) -> HttpResponse:
    found = redirect("calendar")
    if year:
        found["Location"] += f"?year={year}"
    return found
