"""导入导出: files of entries, handed in and taken along, in the guide's own columns."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from guantong.catalog import actions, extensions, queries
from guantong.catalog.compiling_views import compiler
from guantong.catalog.models import ImportBatch, Resource
from guantong.catalog.sheets import writing
from guantong.catalog.sheets.parsing import Fault
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.pages.lists import answer_list

# Shorter files are imported while their sender waits.
SHORT = 200_000
MOST_EXPORTED = 20_000


@require_http_methods(["GET", "POST"])
@login_required
def imports(request: HttpRequest) -> HttpResponse:
    """Hand a file in; the files handed in before."""
    if request.method == "POST":
        return _hand_in(request)
    person = compiler(request)
    return answer_list(
        request,
        _batches(person),
        template="catalog/imports.html",
        columns={
            "uuid": lambda b: str(b.uuid),
            "file": lambda b: b.file_name,
            "progress": lambda b: b.progress,
            "drafted": lambda b: b.drafted,
            "unchanged": lambda b: b.unchanged,
            "refused": lambda b: b.refused,
            "made_at": lambda b: clock.rfc3339(b.made_at),
        },
        context={"may_import": may(person, "resource:draft") and person.organisation is not None},
    )


def _hand_in(request: HttpRequest) -> HttpResponse:
    person = demand(request.user, "resource:draft")
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile) or person.organisation is None:
        return render(
            request, "catalog/imports.html", {"is_missing": True, "may_import": True, "total": 0}, status=422
        )
    by, at = actor(person), clock.now()
    with transaction.atomic():
        # One transaction, so that the worker does not see a short file before it is done.
        batch = actions.hand_in(
            file.read(),
            name=file.name or "",
            organisation=person.organisation,
            takes_good_ones=request.POST.get("choice") == "good",
            by=by,
            at=at,
        )
        if len(batch.file) <= SHORT:
            actions.run_import(batch, by=by, at=at)
    return redirect("import", uuid=batch.uuid)


def _batches(person: Person) -> Any:
    return ImportBatch.objects.filter(organisation=person.organisation_id or 0).defer("file", "faults")


@require_GET
@login_required
def batch(request: HttpRequest, uuid: str) -> HttpResponse:
    """How far an import is, and every cell that was wrong."""
    found = _batch(request, uuid)
    return answer_list(
        request,
        found.faults,
        template="catalog/import.html",
        columns={
            name: (lambda fault, name=name: fault[name])  # type: ignore[misc]
            for name in ("row", "column", "heading", "read", "zh", "en")
        },
        context={
            "batch": found,
            "is_under_way": found.progress in {"waiting", "running"},
            "percent": found.rows_done * 100 // max(found.rows_total, 1),
        },
    )


@require_GET
@login_required
def marked(request: HttpRequest, uuid: str) -> HttpResponse:
    """The same file back, its wrong cells coloured and commented."""
    found = _batch(request, uuid)
    if not found.file or found.failure:
        raise Http404
    faults = [Fault(**fault) for fault in found.faults]
    return _file(writing.marked(bytes(found.file), faults), "marked.xlsx")


def _batch(request: HttpRequest, uuid: str) -> ImportBatch:
    person = compiler(request)
    return get_object_or_404(ImportBatch, uuid=uuid, organisation=person.organisation_id or 0)


@require_GET
@login_required
def template(request: HttpRequest) -> HttpResponse:
    """An empty workbook with the guide's columns and the node's own."""
    compiler(request)
    return _file(writing.workbook([], extensions.declared()), "template.xlsx")


@require_GET
@login_required
def export(request: HttpRequest) -> HttpResponse:
    """The department's entries: drafts where there are some, else what was published last. ``format`` csv or xlsx."""
    person = compiler(request)
    rows = Resource.objects.filter(provider=person.organisation_id or 0).select_related("provider")
    chosen = request.GET.getlist("code")
    entries = list(_entries(rows.filter(code__in=chosen) if chosen else rows))
    fields = extensions.declared()
    if request.GET.get("format") == "csv":
        return HttpResponse(
            writing.text(entries, fields),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="entries.csv"'},
        )
    return _file(writing.workbook(entries, fields), "entries.xlsx")


def _entries(rows: Any) -> list[writing.Entry]:
    listed = list(rows.order_by("code")[:MOST_EXPORTED])
    latest = queries.latest_of([row.pk for row in listed if row.draft is None])
    found = []
    for row in listed:
        content = actions.read_content(row.draft) if row.draft else latest.get(row.pk)
        if content is not None:
            day = timezone.localtime(row.published_at).date().isoformat() if row.published_at else ""
            found.append((content, row.provider.name, day))
    return found


def _file(data: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        data,
        content_type=writing.XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
