"""What a node tells those below of its standards: its own, and those it has from above."""

from collections.abc import Iterator

from guantong.catalog.models import CodeList, Element
from guantong.catalog.standards.directories import DIRECTORIES
from guantong.catalog.types import CodeListTerms, ElementTerms


def code_lists(own: str) -> Iterator[CodeListTerms]:
    """Every code list, by ``own`` where no node above keeps it."""
    for listed in CodeList.objects.prefetch_related("codes"):
        codes = [(each.code, each.name, each.since, each.until) for each in listed.codes.all()]
        yield CodeListTerms(
            listed.identifier,
            listed.node or own,
            listed.name,
            listed.standard,
            listed.revision,
            listed.note,
            codes,
        )


def elements(own: str) -> Iterator[ElementTerms]:
    """Every element; those that others extend or were merged into first."""
    directory = DIRECTORIES["element"]
    rows = list(Element.objects.select_related("merged_into", "code_list"))
    rows.sort(key=lambda row: (bool(row.extends), row.merged_into_id is not None, row.identifier))
    for row in rows:
        yield ElementTerms(
            row.identifier,
            row.node or own,
            row.revision,
            directory.texts(row),
            row.is_retired,
            row.merged_into.identifier if row.merged_into else "",
        )
