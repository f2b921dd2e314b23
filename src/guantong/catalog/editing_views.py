"""编目: the form of one entry, and the fields that the node's entries have besides the guide's.

The form is one more way of writing the guide's columns: what is typed is read and judged as a spreadsheet's cells are.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from guantong.catalog import actions, codes, extensions, queries
from guantong.catalog.compiling_views import demand_own
from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import ExtensionField, Resource
from guantong.catalog.sheets import writing
from guantong.catalog.sheets.cells import Cell
from guantong.catalog.sheets.columns import Column, columns_with
from guantong.catalog.sheets.guarding import bare, guarded
from guantong.catalog.sheets.parsing import Fault, Table, judge, parse
from guantong.catalog.sheets.reading import Sheet
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.pages.lists import answer_list

SPARE_ROWS, MOST_ROWS, LONGEST = 3, 500, 5000
_LONG = {"summary", "sharing_condition", "sharing_terms", "sharing_basis", "sharing_ways", "open_condition",
         "related", "lookups", "keywords", "systems", "service_items"}  # fmt: skip


@dataclass
class Box:
    """One field of the form: what stands in it, and what is wrong with it."""

    key: str
    label: str
    value: str
    choices: tuple[str, ...]
    is_long: bool
    fault: str = ""

    @property
    def is_other(self) -> bool:
        """Whether what stands there is none of the choices."""
        return bool(self.value) and self.value not in self.choices


@require_http_methods(["GET", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """An entry from nothing."""
    person = demand(request.user, "resource:draft")
    return _edit(request, person, None)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, code: str) -> HttpResponse:
    """A draft, or a pending edit over what is live."""
    resource = queries.by_code(code)
    person = demand_own(request, "resource:draft", resource)
    return _edit(request, person, resource)


def _edit(request: HttpRequest, person: Person, resource: Resource | None) -> HttpResponse:
    columns = [column for column in columns_with(extensions.declared()) if not column.is_told]
    if request.method == "GET":
        return _page(request, resource, columns, _said(resource, columns), [])
    rows = _typed(request, columns)
    provider = person.organisation.code if person.organisation else ""
    place = {column.field: number for number, column in enumerate(columns)}
    rows[0][place["provider"]] = provider
    if resource is not None:
        rows[0][place["code"]] = resource.code
    if "more" in request.POST:
        return _page(request, resource, columns, rows + [[""] * len(columns)] * SPARE_ROWS, [])
    _give_code(rows[0], place["code"])
    content, faults = _judged(columns, rows)
    if content is None:
        return _page(request, resource, columns, rows, faults)
    content = _with_interface(content, resource)
    try:
        made = actions.draft(content, node=settings.NODE.node, by=actor(person), at=clock.now())
    except GuantongError as error:
        zh, en = error.sentence("zh"), error.sentence("en")
        field = str(error.details.get("field", ""))
        column = place.get(field, -1) + 1
        return _page(request, resource, columns, rows, [Fault(2, column, field, "", zh, en)])
    messages.success(request, gettext("The draft has been saved."))
    return redirect("resource", code=made.code)


def _with_interface(content: ResourceContent, resource: Resource | None) -> ResourceContent:
    """The form says nothing of the interface: that stays as it is, and has a page of its own."""
    if resource is None:
        return content
    now = actions.read_content(resource.draft) if resource.draft else resource.latest
    return msgspec.structs.replace(content, operations=now.operations) if now else content


def _said(resource: Resource | None, columns: list[Column]) -> list[list[str]]:
    content = None
    if resource is not None:
        content = actions.read_content(resource.draft) if resource.draft else resource.latest
    rows = list(writing.rows_of([(content, "", "")], columns)) if content else []
    return [
        *([bare(text) for text in row] for row in rows),
        *([""] * len(columns) for _ in range(SPARE_ROWS)),
    ]


def _typed(request: HttpRequest, columns: list[Column]) -> list[list[str]]:
    """What was typed, one row an item; the entry's own fields stand in the first."""
    typed = request.POST.get("rows", "")
    count = min(int(typed), MOST_ROWS) if typed.isdecimal() and len(typed) < 5 else 1
    rows = []
    for number in range(max(count, 1)):
        row = []
        for place, column in enumerate(columns):
            key = f"{place}-{number}" if column.of_item else f"{place}"
            text = request.POST.get(key, "") if column.of_item or number == 0 else ""
            row.append(text.replace("\r\n", "\n").strip()[:LONGEST])
        rows.append(row)
    return rows


def _give_code(row: list[str], place: int) -> None:
    """The next number for a code that ends before it."""
    if row[place].endswith("/"):
        taken = Resource.objects.filter(code__startswith=row[place]).values_list("code", flat=True)
        try:
            row[place] = codes.rule(settings.NODE.catalogue_code_rule).next(row[place], taken)
        except ContentWrong:
            return


def _judged(columns: list[Column], rows: list[list[str]]) -> tuple[ResourceContent | None, list[Fault]]:
    cells = [(number, [Cell(guarded(text)) for text in row]) for number, row in enumerate(rows, start=2)]
    head = (1, [Cell(column.zh) for column in columns])
    table = Table(Sheet("form", [head, *cells], []), dict(enumerate(columns, start=1)), 1)
    entry = next(parse(table))
    judge(entry)
    return entry.content, entry.faults


def _page(
    request: HttpRequest,
    resource: Resource | None,
    columns: list[Column],
    rows: list[list[str]],
    faults: list[Fault],
) -> HttpResponse:
    told = {(fault.row, fault.column): fault.zh if language() == "zh" else fault.en for fault in faults}

    def box(place: int, number: int) -> Box:
        column = columns[place]
        return Box(
            f"{place}-{number}" if column.of_item else f"{place}",
            column.zh if language() == "zh" else column.en,
            rows[number][place],
            column.choices,
            column.field in _LONG,
            told.get((number + 2, place + 1), ""),
        )

    own = [p for p, column in enumerate(columns) if not column.of_item and column.field != "provider"]
    if resource is not None:
        own = [p for p in own if columns[p].field != "code"]
    of_item = [p for p, column in enumerate(columns) if column.of_item]
    context: dict[str, Any] = {
        "resource": resource,
        "boxes": [box(place, 0) for place in own],
        "items": [[box(place, number) for place in of_item] for number in range(len(rows))],
        "headings": [columns[p].zh if language() == "zh" else columns[p].en for p in of_item],
        "count": len(rows),
        "faults": [(fault, told[fault.row, fault.column]) for fault in faults],
    }
    return render(request, "catalog/edit.html", context, status=422 if faults else 200)


@require_http_methods(["GET", "POST"])
@login_required
def fields(request: HttpRequest) -> HttpResponse:
    """The node's own fields: declared and retired by its operator, read by all who compile."""
    fault = ""
    if request.method == "POST":
        person = demand(request.user, "field:declare")
        by, at = actor(person), clock.now()
        try:
            if retired := request.POST.get("retire"):
                actions.retire_field(retired, by=by, at=at)
            else:
                actions.declare_field(
                    request.POST.get("name", "").strip(),
                    label=request.POST.get("label", "").strip(),
                    kind=request.POST.get("kind", ""),
                    choices=request.POST.get("choices", "").split(),
                    is_required="is_required" in request.POST,
                    by=by,
                    at=at,
                )
            return redirect("fields")
        except GuantongError as error:
            fault = error.sentence(language())
    return answer_list(
        request,
        ExtensionField.objects.all(),
        template="catalog/fields.html",
        columns={
            "name": lambda f: f.name,
            "label": lambda f: f.label,
            "kind": lambda f: f.kind,
            "choices": lambda f: " ".join(f.choices),
            "is_required": lambda f: int(f.is_required),
            "is_retired": lambda f: int(f.is_retired),
        },
        context={"fault": fault, "kinds": ExtensionField.Kind.values},
    )
