"""数据字典: what the items of a department's entries mean, and which columns of which tables hold them."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from guantong.catalog.models import Element, Link, Resource, SourceTable
from guantong.catalog.queries import latest_of
from guantong.catalog.types import ItemContent
from guantong.identity.models import Organisation
from guantong.identity.queries import demand
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

MOST_ENTRIES = 3000


@dataclass(frozen=True)
class Word:
    """A line of the business dictionary: an item, what it means, and whose it is."""

    entry: str
    entry_name: str
    systems: str
    item: str
    label: str
    type: str
    length: int
    level: int
    element: str
    definition: str
    codes: str


@dataclass(frozen=True)
class ColumnLine:
    """A line of the technical dictionary: a column as it was read of the database, and the item that it serves."""

    source: str
    table: str
    comment: str
    column: str
    type: str
    length: int
    meaning: str
    is_key: bool
    entry: str
    item: str
    label: str
    element: str


@require_GET
@login_required
def dictionary(request: HttpRequest) -> HttpResponse:
    """The dictionary of one department: in the words of business, or of its databases; by system, by words."""
    person = demand(request.user, "grant:read")
    picked = chosen(request, ("kind", "organisation", "system", "q"))
    owner = _owner(picked["organisation"]) if picked["organisation"] else person.organisation
    kind = "technical" if picked["kind"] == "technical" else "business"
    rows: list[Word] | list[ColumnLine] = []
    if owner is not None:
        rows = _filtered(
            _columns(owner) if kind == "technical" else _words(owner), picked["q"], picked["system"]
        )
    names = ColumnLine.__dataclass_fields__ if kind == "technical" else Word.__dataclass_fields__
    return answer_list(
        request,
        rows,
        template="catalog/dictionary.html",
        columns={name: (lambda row, name=name: getattr(row, name)) for name in names},  # type: ignore[misc]
        context={"kind": kind, "chosen": picked, "owner": owner, "systems": _systems(owner) if owner else []},
    )


def _owner(said: str) -> Organisation | None:
    return (
        Organisation.objects.filter(code=said).first()
        or Organisation.objects.filter(name__icontains=said).first()
    )


def _systems(owner: Organisation) -> list[str]:
    """The information systems that the department's entries name, and the sources that were read."""
    keys = list(
        Resource.objects.filter(provider=owner, is_live=True).values_list("pk", flat=True)[:MOST_ENTRIES]
    )
    named = {system for content in latest_of(keys).values() for system in content.systems}
    return sorted(
        named | set(SourceTable.objects.filter(organisation=owner).values_list("source", flat=True))
    )


def _filtered(
    rows: Iterator[Word] | Iterator[ColumnLine], words: str, system: str
) -> list[Word] | list[ColumnLine]:
    def is_wanted(row: Word | ColumnLine) -> bool:
        told = " ".join(str(value) for value in vars(row).values())
        where = row.systems.split("；") if isinstance(row, Word) else [row.source]
        return all(word in told for word in words.split()[:5]) and (not system or system in where)

    return [row for row in rows if is_wanted(row)]  # type: ignore[return-value] # of one kind, as they came


def _words(owner: Organisation) -> Iterator[Word]:
    elements = {each.identifier: each for each in Element.objects.select_related("code_list")}
    entries = {
        row.pk: row
        for row in Resource.objects.filter(provider=owner, is_live=True).order_by("code")[:MOST_ENTRIES]
    }
    contents = latest_of(list(entries))
    for key, row in entries.items():
        for item in contents[key].items if key in contents else []:
            element = elements.get(item.element)
            yield Word(
                entry=row.code,
                entry_name=row.name,
                systems="；".join(contents[key].systems),
                item=item.name,
                label=item.label,
                type=item.type,
                length=item.length,
                level=item.level,
                element=item.element,
                definition=element.definition if element else "",
                codes=str(element.code_list.standard) if element and element.code_list else "",
            )


def _columns(owner: Organisation) -> Iterator[ColumnLine]:
    """Columns that were read; and those that only a link names."""
    links = list(
        Link.objects.filter(resource__provider=owner).exclude(dialect="folder").select_related("resource")
    )
    contents = latest_of([each.resource_id for each in links])
    served: dict[tuple[str, str, str], tuple[str, ItemContent]] = {}
    for link in links:
        content = contents.get(link.resource_id)
        for item in content.items if content else []:
            if item.name in link.columns:
                served[link.source, link.table, link.columns[item.name]] = (link.resource.code, item)
    told = set()
    for table in SourceTable.objects.filter(organisation=owner):
        for column in table.columns:
            place = (table.source, table.name, column["name"])
            told.add(place)
            yield _line(place, served.get(place), table.comment, column)
    for place, by_link in sorted(served.items(), key=lambda each: each[0]):
        if place not in told:
            yield _line(place, by_link, "", {})


def _line(
    place: tuple[str, str, str], item: tuple[str, ItemContent] | None, comment: str, column: dict[str, object]
) -> ColumnLine:
    source, table, name = place
    return ColumnLine(
        source=source,
        table=table,
        comment=comment,
        column=name,
        type=str(column.get("type", "")),
        length=int(str(column.get("length", 0))),
        meaning=str(column.get("comment", "")),
        is_key=bool(column.get("is_key")),
        entry=item[0] if item else "",
        item=item[1].name if item else "",
        label=item[1].label if item else "",
        element=item[1].element if item else "",
    )
