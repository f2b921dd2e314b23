"""不合格行: why rows were refused, for everyone who sees the job; the rows themselves for their own side; sending them again."""

import csv
import io
from collections.abc import Callable
from typing import Any

import openpyxl
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from guantong.dispatch import actions, queries
from guantong.dispatch.actions.resending import LARGEST
from guantong.dispatch.correcting import is_here, side_of, why_not
from guantong.dispatch.errors import ResendWrong
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.pages.answers import language
from guantong.pages.lists import answer_list, harmless

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_GET
@login_required
def refused(request: HttpRequest, code: str, run: str) -> HttpResponse:
    """Why rows of a run were refused: reasons and counts, for download."""
    person = demand(request.user, "job:read")
    jobs = queries.visible_jobs(person).select_related("grant", "target")
    found = get_object_or_404(get_object_or_404(jobs, code=code).runs, code=run)
    reasons = [
        {"item": reason.rpartition(":")[0], "rule": reason.rpartition(":")[2], "rows": count}
        for reason, count in sorted(found.reasons.items(), key=lambda pair: -pair[1])
    ]
    job = found.job
    side = side_of(job, _code(person)) if may(person, "job:run") else None
    why = why_not(job)
    return answer_list(
        request,
        reasons,
        template="dispatch/refused.html",
        columns={name: _cell(name) for name in ("item", "rule", "rows")},
        context={
            "job": job,
            "run": found,
            "side": side,
            "is_here": side is not None and is_here(job, side),
            "why_not": why[language() == "en"] if why else "",
        },
    )


@require_GET
@login_required
def rows(request: HttpRequest, code: str, run: str) -> HttpResponse:
    """The rows that the visitor's own side refused, with reasons: ``?format=csv`` or ``xlsx``."""
    person = demand(request.user, "job:run")
    jobs = queries.visible_jobs(person).select_related("grant", "target")
    found = get_object_or_404(get_object_or_404(jobs, code=code).runs, code=run)
    wanted = request.GET.get("format", "csv")
    if wanted not in {"csv", "xlsx"}:
        raise Http404
    folder = settings.NODE.home / "exchange" / "quarantine"
    names, told = actions.hand_out_refused(found, folder, by=actor(person), at=clock.now())
    raw, kind = (
        (_csv(names, told), "text/csv; charset=utf-8") if wanted == "csv" else (_xlsx(names, told), XLSX)
    )
    name = f"refused-{found.code}.{wanted}"
    return HttpResponse(
        raw, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_POST
@login_required
def resend(request: HttpRequest, code: str) -> HttpResponse:
    """Take in the corrected rows, and have them sent through the job."""
    person = demand(request.user, "job:run")
    found = get_object_or_404(queries.visible_jobs(person), code=code)
    file = request.FILES.get("file")
    if file is None:
        raise ResendWrong(why_zh="没有选择文件", why_en="no file was chosen")
    folder = settings.NODE.home / "exchange"
    actions.resend(found, file.read(LARGEST + 1), folder=folder, by=actor(person), at=clock.now())
    messages.success(request, gettext("The corrected rows are on their way through the same checks."))
    return redirect("job", code=code)


def _csv(names: list[str], told: list[list[str | None]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(names)
    writer.writerows([harmless(cell) for cell in line] for line in told)
    return ("\ufeff" + buffer.getvalue()).encode()


def _xlsx(names: list[str], told: list[list[str | None]]) -> bytes:
    """Every cell a text, so that no identity number loses its digits."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("refused")
    lines: list[list[str | None]] = [[*names], *told]
    for line in lines:
        sheet.append(
            [None if cell is None else ILLEGAL_CHARACTERS_RE.sub("\ufffd", harmless(cell)) for cell in line]
        )
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _cell(name: str) -> Callable[[dict[str, Any]], str | int | None]:
    return lambda row: row[name]


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""
