"""上级标准下发: elements and code lists of a node above are taken in; here they are claimed and extended, not changed."""

from datetime import datetime

from django.db import transaction

from guantong.catalog.actions.directories import _clash, _revise
from guantong.catalog.actions.judging import _judge_anew
from guantong.catalog.models import CodeList, Element, ListedCode
from guantong.catalog.standards.directories import DIRECTORIES
from guantong.catalog.types import CodeListTerms, ElementTerms
from guantong.journal.actions import raise_alert, record
from guantong.journal.types import Actor, Subject


@transaction.atomic
def take_in_code_list(told: CodeListTerms, *, by: Actor, at: datetime) -> None:
    """A code list as a node above keeps it, with all its revisions; it takes the place of one of the same identifier."""
    listed, _ = CodeList.objects.update_or_create(
        identifier=told.identifier,
        defaults={
            "name": told.name,
            "standard": told.standard,
            "revision": told.revision,
            "note": told.note,
            "node": told.node,
        },
    )
    listed.codes.all().delete()
    ListedCode.objects.bulk_create(
        [
            ListedCode(code_list=listed, code=code, name=name, since=since, until=until)
            for code, name, since, until in told.codes
        ],
        batch_size=500,
    )
    _revise(
        "codes", told.identifier, 0, "told", {"revision": told.revision, "node": told.node}, "", by=by, at=at
    )
    _judge_anew()
    record("codes.told", by=by, at=at, subject=Subject("codes", told.identifier), details={"node": told.node})


@transaction.atomic
def take_in_element(told: ElementTerms, *, by: Actor, at: datetime) -> bool:
    """An element as a node above keeps it; whether it was taken in. It takes the place of one of the same identifier.

    One whose name or synonym another element of ours has is not, and a person is told: two elements of one name are
    one element, and which identifier it bears is for people to settle.
    """
    directory = DIRECTORIES["element"]
    values, wrong = directory.read(told.texts)
    row = Element.objects.select_for_update(of=("self",)).filter(identifier=told.identifier).first()
    clashes = (
        {} if wrong or told.is_retired else _clash(directory, {**values, "identifier": told.identifier}, row)
    )
    if wrong or clashes:
        why = next(iter(clashes.values()))[0] if clashes else next(iter(wrong.values())).zh
        raise_alert(
            "standard_refused", {"element": told.identifier, "node": told.node, "error": why}, by=by, at=at
        )
        return False
    row = row or Element(identifier=told.identifier)
    for field, value in values.items():
        setattr(row, field, value)
    row.node, row.revision, row.is_retired = told.node, max(told.revision, row.revision), told.is_retired
    row.merged_into = (
        Element.objects.filter(identifier=told.merged_into).first() if told.merged_into else None
    )
    row.save()
    _revise("element", row.identifier, row.revision, "told", directory.texts(row), told.node, by=by, at=at)
    _judge_anew()
    record(
        "element.told", by=by, at=at, subject=Subject("element", row.identifier), details={"node": told.node}
    )
    return True
