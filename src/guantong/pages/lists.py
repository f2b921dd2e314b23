"""Lists: every table has a page, a CSV and a JSON address, and its whole state is in the address."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import openpyxl
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

PAGE_SIZE = 30
EXPORT_LIMIT = 50_000

_FORMATS = {"text/html": "html", "application/json": "json", "text/csv": "csv"}
FORMULA_SIGNS = {*"=+-@\t\r\n", *"＝＋－＠"}  # noqa: RUF001 - full-width signs are formulas, too

Column = Callable[[Any], str | int | None]


def answer_list(
    request: HttpRequest,
    rows: QuerySet[Any] | list[Any],
    *,
    template: str,
    columns: Mapping[str, Column],
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    """The list as the address (or the Accept header) asks for it: ``?format=`` csv, json or xlsx, or page ``?page=``.

    ``columns`` maps headings to the cell of a row. The template finds ``page``, ``total``, ``query`` (the
    address's parameters without page and format, ready to be put before another).
    """
    wanted = wanted_format(request)
    if wanted == "csv":
        return _csv(rows[:EXPORT_LIMIT], columns, name=template.rpartition("/")[2].partition(".")[0])
    if wanted == "xlsx":
        return _xlsx(rows[:EXPORT_LIMIT], columns, name=template.rpartition("/")[2].partition(".")[0])
    if wanted == "json":
        cells = [{name: cell(row) for name, cell in columns.items()} for row in rows[:EXPORT_LIMIT]]
        total = Paginator(rows, PAGE_SIZE).count
        return JsonResponse({"rows": cells, "total": total}, json_dumps_params={"ensure_ascii": False})
    kept = request.GET.copy()
    kept.pop("page", None)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    query = kept.urlencode()
    values = {"page": page, "total": page.paginator.count, "query": f"{query}&" if query else ""}
    return render(request, template, {**values, **(context or {})})


def wanted_format(request: HttpRequest) -> str:
    """csv, json, xlsx or html, as the address or the Accept header asks."""
    return request.GET.get("format") or _FORMATS.get(request.get_preferred_type(list(_FORMATS)) or "", "html")


def _csv(rows: Iterable[Model], columns: Mapping[str, Column], *, name: str) -> HttpResponse:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(cell(row)) for cell in columns.values()])
    # The mark lets spreadsheet programs see that it is UTF-8.
    return HttpResponse(
        "\ufeff" + buffer.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _xlsx(rows: Iterable[Model], columns: Mapping[str, Column], *, name: str) -> HttpResponse:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(name)
    sheet.append(list(columns))
    for row in rows:
        # A number stays one, so that it can be summed; no text becomes a formula.
        sheet.append([_cell(cell(row)) for cell in columns.values()])
    buffer = io.BytesIO()
    book.save(buffer)
    return HttpResponse(
        buffer.getvalue(),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"'},
    )


def _cell(value: str | int | None) -> str | int | None:
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", harmless(value)) if isinstance(value, str) else value


def harmless(value: str | int | None) -> str:
    """A cell that no spreadsheet program takes for a formula, full-width signs and leading spaces included."""
    text = "" if value is None else str(value)
    is_formula = isinstance(value, str) and text.lstrip(" \u3000")[:1] in FORMULA_SIGNS
    return f"'{text}" if text and is_formula else text
