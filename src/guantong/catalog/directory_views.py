"""名录: lists, pages, forms and files of data elements, regulations, forms and parameters."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.catalog import actions
from guantong.catalog.editing_views import Box
from guantong.catalog.models import Element, Revision
from guantong.catalog.needs.queries import entries_citing
from guantong.catalog.sheets.columns import Column
from guantong.catalog.standards import binding
from guantong.catalog.standards.directories import DIRECTORIES, Directory
from guantong.identity.models import Person
from guantong.identity.queries import actor, bureaus, demand, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language, telling
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

LONGEST = 60_000
_SEARCHED = {
    "element": ("name", "identifier", "definition"),
    "regulation": ("title", "identifier", "document_number", "issuer"),
    "form": ("name", "identifier", "service_item", "organisation__name"),
    "parameter": ("label", "identifier", "value"),
}


@require_GET
def listings(request: HttpRequest, kind: str) -> HttpResponse:
    """A directory: searched, filtered, taken along in the columns that can be imported again."""
    directory = _directory(kind)
    picked = chosen(request, ("q", "retired"))
    rows = directory.model.objects.all()
    if directory.is_own:
        rows = rows.select_related("organisation")
    for word in picked["q"].split()[:5]:
        any_of = Q()
        for name in _SEARCHED[kind]:
            any_of |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(any_of)
    if not picked["retired"]:
        rows = rows.filter(is_retired=False)
    is_file = request.GET.get("format") in {"csv", "xlsx"}
    return answer_list(
        request,
        rows,
        template="catalog/listings.html",
        columns={
            column.zh if is_file else column.field: (
                lambda row, column=column: directory.texts(row)[column.field]  # type: ignore[misc]
            )
            for column in directory.columns
        },
        context={"kind": kind, "chosen": picked, "may_keep": may_keep(request.user, directory)},
    )


@require_GET
def listing(request: HttpRequest, kind: str, identifier: str) -> HttpResponse:
    """One listing: what it says, what cites it, every revision with what it changed."""
    directory = _directory(kind)
    row = get_object_or_404(directory.model, identifier=identifier)
    texts = directory.texts(row)
    context: dict[str, Any] = {
        "kind": kind,
        "row": row,
        "name": texts[directory.name],
        "lines": [
            (_label(column), texts[column.field]) for column in directory.columns if texts[column.field]
        ],
        "revisions": revisions_of(kind, identifier),
        "may_keep": may_keep(request.user, directory, row),
    }
    if kind == "regulation":
        context["citing"] = entries_citing(row)[:100]
    if kind == "form":
        context["bound"] = binding.bound_fields(row)
    return render(request, "catalog/listing.html", context)


def revisions_of(kind: str, identifier: str) -> list[tuple[Revision, list[tuple[str, str, str]]]]:
    """The newest hundred revisions of a listing, each with what it changed."""
    rows = list(Revision.objects.filter(kind=kind, identifier=identifier)[:100])
    return _changes(DIRECTORIES[kind], rows)


def _changes(
    directory: Directory, revisions: list[Revision]
) -> list[tuple[Revision, list[tuple[str, str, str]]]]:
    """Each revision with the columns that it changed: label, before, after."""
    found = []
    for revision, before in zip(revisions, [*revisions[1:], None], strict=True):
        earlier = before.content if before is not None else {}
        changed = [
            (_label(column), earlier.get(column.field, ""), revision.content.get(column.field, ""))
            for column in directory.columns
            if before is not None and earlier.get(column.field, "") != revision.content.get(column.field, "")
        ]
        found.append((revision, changed))
    return found


@require_http_methods(["GET", "POST"])
@login_required
def edit_listing(request: HttpRequest, kind: str, identifier: str = "") -> HttpResponse:
    """Make a listing, or change one: the form says what is wrong beside each box."""
    directory = _directory(kind)
    person = demand(request.user, "standard:keep")
    row = get_object_or_404(directory.model, identifier=identifier) if identifier else None
    texts = directory.texts(row) if row is not None else {}
    if row is None and directory.is_own and person.organisation:
        texts["organisation"] = person.organisation.code
    wrong: dict[str, str] = {}
    if request.method == "POST":
        texts = {
            c.field: request.POST.get(c.field, "").replace("\r\n", "\n")[:LONGEST] for c in directory.columns
        }
        note = request.POST.get("revision_note", "")
        _values, faults = directory.read(texts)
        wrong = {field: error.zh if language() == "zh" else error.en for field, error in faults.items()}
        if not wrong:
            try:
                made = actions.keep_listing(
                    kind, texts, identifier=identifier, note=note, by=actor(person), at=clock.now()
                )
            except GuantongError as error:
                field = str(error.details.get("field", "identifier"))
                wrong = {field if field in texts else "identifier": error.sentence(language())}
            else:
                messages.success(request, gettext("The change has been saved."))
                return _to(kind, made.identifier)
    context = {
        "kind": kind,
        "row": row,
        "boxes": [
            _box(directory, c, texts, wrong)
            for c in directory.columns
            if not (row and c.field == "identifier")
        ],
        "faults": [(_label_of(directory, field), said) for field, said in wrong.items()],
        "listed": binding.code_lists() if kind == "element" else [],
    }
    return render(request, "catalog/listing_edit.html", context, status=422 if wrong else 200)


@require_POST
@login_required
def change_state(request: HttpRequest, kind: str, identifier: str, verb: str) -> HttpResponse:
    """Retire, restore, or (an element) merge."""
    _directory(kind)
    person = demand(request.user, "standard:keep")
    by, at, note = actor(person), clock.now(), request.POST.get("reason", "")
    with telling(request, gettext("Done.")):
        if verb == "retire":
            actions.retire_listing(kind, identifier, note=note, by=by, at=at)
        elif verb == "restore":
            actions.restore_listing(kind, identifier, note=note, by=by, at=at)
        elif kind == "element":
            actions.merge_elements(
                identifier, into=request.POST.get("into", "").strip(), note=note, by=by, at=at
            )
    return _to(kind, identifier)


@require_http_methods(["GET", "POST"])
@login_required
def import_listings(request: HttpRequest, kind: str) -> HttpResponse:
    """A file of listings, whole or not at all; every wrong cell is named."""
    directory = _directory(kind)
    person = demand(request.user, "standard:keep")
    context: dict[str, Any] = {"kind": kind, "headings": [column.zh for column in directory.columns]}
    status = 200
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if not isinstance(file, UploadedFile):
                raise Http404
            count, faults = actions.import_listings(
                kind,
                file.read(),
                note=request.POST.get("revision_note", ""),
                by=actor(person),
                at=clock.now(),
            )
        except GuantongError as error:
            context["refused"], status = error.sentence(language()), 422
        else:
            if not faults:
                messages.success(request, gettext("%(n)s listings have been taken in.") % {"n": count})
                return redirect("elements") if kind == "element" else redirect("listings", kind=kind)
            context["faults"], status = faults, 422
    return render(request, "catalog/listing_import.html", context, status=status)


def may_keep(visitor: Any, directory: Directory, row: Any = None) -> bool:
    """Whether a visitor may change a directory: their department's forms; what everybody goes by, as the bureau's."""
    if not isinstance(visitor, Person) or not may(visitor, "standard:keep") or visitor.organisation is None:
        return False
    if directory.is_own:
        return row is None or row.organisation_id == visitor.organisation_id
    of_node = bureaus(settings.NODE.node)
    return not of_node or visitor.organisation.code in of_node


def _directory(kind: str) -> Directory:
    if kind not in DIRECTORIES:
        raise Http404
    return DIRECTORIES[kind]


def _to(kind: str, identifier: str) -> HttpResponse:
    if kind == "element" and Element.objects.filter(identifier=identifier).exists():
        return redirect("element", identifier=identifier)
    return redirect("listing", kind=kind, identifier=identifier)


def _label(column: Column) -> str:
    return column.zh if language() == "zh" else column.en


def _label_of(directory: Directory, field: str) -> str:
    return next((_label(column) for column in directory.columns if column.field == field), field)


def _box(directory: Directory, column: Column, texts: dict[str, str], wrong: dict[str, str]) -> Box:
    return Box(
        column.field,
        _label(column),
        texts.get(column.field, ""),
        column.choices,
        column.field in directory.long,
        wrong.get(column.field, ""),
    )
