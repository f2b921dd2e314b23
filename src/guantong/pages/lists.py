"""Lists: every table has a page, a CSV and a JSON address, and its whole state is in the address."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

PAGE_SIZE = 30
EXPORT_LIMIT = 50_000

Column = Callable[[Any], str | int | None]


def answer_list(
    request: HttpRequest,
    rows: QuerySet[Any] | list[Any],
    *,
    template: str,
    columns: Mapping[str, Column],
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    """The list as the address asks for it: ``?format=csv``, ``?format=json``, or page ``?page=`` of the template.

    ``columns`` maps headings to the cell of a row. The template finds ``page``, ``total``, ``query`` (the
    address's parameters without page and format, ready to be put before another).
    """
    wanted = request.GET.get("format")
    if wanted == "csv":
        return _csv(rows[:EXPORT_LIMIT], columns)
    if wanted == "json":
        cells = [{name: cell(row) for name, cell in columns.items()} for row in rows[:EXPORT_LIMIT]]
        return JsonResponse({"rows": cells}, json_dumps_params={"ensure_ascii": False})
    kept = request.GET.copy()
    kept.pop("page", None)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    query = kept.urlencode()
    values = {"page": page, "total": page.paginator.count, "query": f"{query}&" if query else ""}
    return render(request, template, {**values, **(context or {})})


def _csv(rows: Iterable[Model], columns: Mapping[str, Column]) -> HttpResponse:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(cell(row)) for cell in columns.values()])
    # The mark lets spreadsheet programs see that it is UTF-8.
    return HttpResponse("\ufeff" + buffer.getvalue(), content_type="text/csv; charset=utf-8")


def harmless(value: str | int | None) -> str:
    """A cell that no spreadsheet program takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
