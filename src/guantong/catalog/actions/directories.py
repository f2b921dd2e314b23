"""Directories: elements, regulations, forms and parameters made, changed, retired, merged, imported; every change a revision."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from guantong.catalog.actions.drafting import _demand_provider
from guantong.catalog.actions.judging import _judge_anew
from guantong.catalog.errors import ListingWrong, NotTheBureau, ReasonMissing
from guantong.catalog.models import Claim, Element, Revision
from guantong.catalog.sheets.parsing import MOST_FAULTS, Fault
from guantong.catalog.standards.directories import DIRECTORIES, Directory
from guantong.catalog.standards.sheets import Row, read_rows
from guantong.identity.queries import bureaus
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject

MOST_ROWS = 20_000
FROM_ABOVE = (
    "这是上级的标准，由上级维护；可认领，也可新建数据元扩展它",
    "a node above keeps it; claim it, or make an element that extends it",
)
LONGEST_NOTE = 2000


@transaction.atomic
def keep_listing(
    kind: str, texts: Mapping[str, str], *, identifier: str = "", note: str = "", by: Actor, at: datetime
) -> Any:
    """Make a listing (no ``identifier``) or change one: a new revision. :class:`ListingWrong` names the first wrong column.

    What says nothing new makes no revision.
    """
    directory = DIRECTORIES[kind]
    row, wrong = _kept(directory, dict(texts), identifier, note=note, by=by, at=at)
    if wrong:
        field, (zh, en) = next(iter(wrong.items()))
        raise ListingWrong(field=field, why_zh=zh, why_en=en)
    return row


def _kept(
    directory: Directory, texts: dict[str, str], identifier: str, *, note: str, by: Actor, at: datetime
) -> tuple[Any, dict[str, tuple[str, str]]]:
    """The listing as it stands now, or what is wrong by column."""
    values, faults = directory.read(texts)
    wrong = {field: (error.zh, error.en) for field, error in faults.items()}
    if wrong:
        return None, wrong
    values["identifier"] = identifier or values["identifier"] or _next(directory)
    row = (
        directory.model.objects.select_for_update(of=("self",))
        .filter(identifier=values["identifier"])
        .first()
    )
    if row is not None and row.is_retired:
        return None, {"identifier": ("该条目已停用，请先恢复", "it is retired; restore it first")}
    if row is not None and directory.kind == "element" and row.node:
        return None, {"identifier": (FROM_ABOVE[0], FROM_ABOVE[1])}
    _demand_keeper(directory, row.organisation.code if row is not None and directory.is_own else "", by)
    if directory.is_own:
        _demand_provider(by, values["organisation"].code)
    if wrong := _clash(directory, values, row):
        return None, wrong
    made = row is None
    row = row or directory.model(identifier=values["identifier"])
    before = {} if made else directory.texts(row)
    for field, value in values.items():
        setattr(row, field, value)
    after = directory.texts(row)
    if before == after:
        return row, {}
    row.revision = 1 if made else row.revision + 1
    row.save()
    _revise(
        directory.kind, row.identifier, row.revision, "made" if made else "changed", after, note, by=by, at=at
    )
    subject = Subject(directory.kind, row.identifier)
    record("listing.kept", by=by, at=at, subject=subject, details={"revision": row.revision})
    if directory.kind == "element":
        _judge_anew()
    return row, {}


def _clash(directory: Directory, values: Mapping[str, Any], row: Any) -> dict[str, tuple[str, str]]:
    """Elements have names and synonyms of their own; a parameter's value does not begin before the one it follows."""
    if directory.kind == "element":
        names = {values["name"], *values["synonyms"]}
        for other in Element.objects.filter(is_retired=False).exclude(identifier=values["identifier"]):
            if common := names & {other.name, *other.synonyms}:
                field = "name" if values["name"] in common else "synonyms"
                said = f"{'、'.join(sorted(common))} ({other.identifier})"
                return {field: (f"与其他数据元重复：{said}", f"another element has it already: {said}")}
        if values.get("extends") == values["identifier"]:
            return {"extends": ("不能扩展自己", "nothing extends itself")}
        if Element.objects.filter(name=values["name"]).exclude(identifier=values["identifier"]).exists():
            return {"name": ("已停用的数据元用过此名称", "a retired element has this name")}
    if directory.kind == "parameter" and row is not None:
        is_earlier = values["valid_from"] < row.valid_from
        if is_earlier and values["value"] != row.value:
            return {"valid_from": ("不能早于现行值的生效日期", "not before the value in force began")}
    return {}


@transaction.atomic
def retire_listing(kind: str, identifier: str, *, note: str, by: Actor, at: datetime) -> Any:
    """Put a listing out of force, with a reason; what cites it goes on citing it, and is told so."""
    directory = DIRECTORIES[kind]
    row = _found(directory, identifier, by)
    if row.is_retired:
        raise ListingWrong(field="identifier", why_zh="已经停用", why_en="it is retired already")
    row.is_retired, row.revision = True, row.revision + 1
    row.save()
    _revise(kind, identifier, row.revision, "retired", directory.texts(row), _reason(note), by=by, at=at)
    record("listing.retired", by=by, at=at, subject=Subject(kind, identifier))
    if kind == "element":
        _judge_anew()
    return row


@transaction.atomic
def restore_listing(kind: str, identifier: str, *, note: str = "", by: Actor, at: datetime) -> Any:
    """Put a retired listing into force again; a merged element stands on its own again."""
    directory = DIRECTORIES[kind]
    row = _found(directory, identifier, by)
    if not row.is_retired:
        raise ListingWrong(field="identifier", why_zh="并未停用", why_en="it is not retired")
    row.is_retired, row.revision = False, row.revision + 1
    if kind == "element":
        row.merged_into = None
        if wrong := _clash(directory, {**_values(row), "identifier": identifier}, row):
            field, (zh, en) = next(iter(wrong.items()))
            raise ListingWrong(field=field, why_zh=zh, why_en=en)
        _judge_anew()
    row.save()
    _revise(kind, identifier, row.revision, "restored", directory.texts(row), note, by=by, at=at)
    record("listing.restored", by=by, at=at, subject=Subject(kind, identifier))
    return row


def _values(element: Element) -> dict[str, Any]:
    return {"name": element.name, "synonyms": element.synonyms}


@transaction.atomic
def merge_elements(identifier: str, *, into: str, note: str, by: Actor, at: datetime) -> Element:
    """Two elements were one: the first is retired, its name and synonyms become synonyms of the second.

    Items stay bound to the first until their departments mend them, and are told the second. Claims of the first are
    given up; whoever held it claims the second anew.
    """
    directory = DIRECTORIES["element"]
    gone: Element = _found(directory, identifier, by)
    kept: Element = _found(directory, into, by)
    if gone.pk == kept.pk or gone.is_retired or kept.is_retired:
        raise ListingWrong(
            field="into",
            why_zh="只能并入另一个在用的数据元",
            why_en="only into another element that is in force",
        )
    note = _reason(note)
    names = [gone.name, *gone.synonyms]
    kept.synonyms = list(dict.fromkeys([*kept.synonyms, *(each for each in names if each != kept.name)]))[:50]
    gone.is_retired, gone.merged_into = True, kept
    for row, act in ((gone, "merged"), (kept, "changed")):
        row.revision += 1
        row.save()
        _revise("element", row.identifier, row.revision, act, directory.texts(row), note, by=by, at=at)
    held = gone.claims.filter(state__in=[Claim.State.AUTHORITATIVE, Claim.State.DISPUTED])
    held.update(state=Claim.State.GIVEN_UP, decision=note, decided_by=by.name, decided_at=at)
    _judge_anew()
    record("element.merged", by=by, at=at, subject=Subject("element", identifier), details={"into": into})
    return kept


@transaction.atomic
def import_listings(
    kind: str, data: bytes, *, note: str = "", by: Actor, at: datetime
) -> tuple[int, list[Fault]]:
    """Take a file in, whole or not at all: how many listings it has, and every cell that is wrong."""
    directory = DIRECTORIES[kind]
    rows, faults = read_rows(data, directory)
    seen: dict[str, int] = {}
    before = Revision.objects.filter(kind=kind).count()
    for row in rows[:MOST_ROWS]:
        faults += _judged(directory, row, seen)
    if len(rows) > MOST_ROWS:
        zh, en = f"至多 {MOST_ROWS} 行", f"at most {MOST_ROWS} rows"
        faults.append(Fault(rows[MOST_ROWS].number, 0, "", "", zh, en))
    if faults:
        return 0, faults[:MOST_FAULTS]
    for row in rows:
        texts = _whole_row(directory, row, by)
        _row, wrong = _kept(directory, texts, "", note=note, by=by, at=at)
        faults += [_fault(directory, row, field, zh, en) for field, (zh, en) in wrong.items()]
    if faults:
        transaction.set_rollback(True)
        return 0, faults[:MOST_FAULTS]
    details = {"rows": len(rows), "revisions": Revision.objects.filter(kind=kind).count() - before}
    record("listings.imported", by=by, at=at, subject=Subject(kind, "all"), details=details)
    return len(rows), []


def _judged(directory: Directory, row: Row, seen: dict[str, int]) -> list[Fault]:
    texts = row.texts
    _values, wrong = directory.read(
        {**texts, "organisation": texts.get("organisation", "")} if not directory.is_own else texts
    )
    if directory.is_own and not texts.get("organisation"):
        wrong.pop("organisation", None)
    faults = [_fault(directory, row, field, error.zh, error.en) for field, error in wrong.items()]
    identifier = texts.get("identifier", "")
    if identifier and identifier in seen:
        zh, en = f"编号与第 {seen[identifier]} 行重复", f"row {seen[identifier]} has the same identifier"
        faults.append(_fault(directory, row, "identifier", zh, en))
    seen.setdefault(identifier, row.number)
    return faults


def _whole_row(directory: Directory, row: Row, by: Actor) -> dict[str, str]:
    """The row's texts; columns that the file does not have keep what they say."""
    known = directory.model.objects.filter(identifier=row.texts.get("identifier") or None).first()
    before = directory.texts(known) if known is not None else {}
    texts = {**before, **row.texts}
    if directory.is_own and not texts.get("organisation"):
        texts["organisation"] = by.organisation
    return texts


def _fault(directory: Directory, row: Row, field: str, zh: str, en: str) -> Fault:
    heading = next((column.zh for column in directory.columns if column.field == field), field)
    return Fault(row.number, row.places.get(field, 0), heading, row.texts.get(field, "")[:200], zh, en)


def _found(directory: Directory, identifier: str, by: Actor) -> Any:
    row = directory.model.objects.select_for_update(of=("self",)).filter(identifier=identifier).first()
    if row is None:
        raise ListingWrong(
            field="identifier", why_zh=f"没有编号为 {identifier} 的条目", why_en=f"there is no {identifier}"
        )
    _demand_keeper(directory, row.organisation.code if directory.is_own else "", by)
    if directory.kind == "element" and row.node:
        raise ListingWrong(field="identifier", why_zh=FROM_ABOVE[0], why_en=FROM_ABOVE[1])
    return row


def _demand_keeper(directory: Directory, owner: str, by: Actor) -> None:
    """A form is its department's; what everybody goes by is kept by the bureau, where the node has one."""
    if directory.is_own:
        if owner:
            _demand_provider(by, owner)
        return
    of_node = bureaus(settings.NODE.node)
    if by.kind == "person" and of_node and by.organisation not in of_node:
        raise NotTheBureau


def _next(directory: Directory) -> str:
    taken = directory.model.objects.filter(identifier__startswith=directory.prefix).values_list(
        "identifier", flat=True
    )
    rest = [each.removeprefix(directory.prefix) for each in taken]
    numbers = [int(each) for each in rest if each.isascii() and each.isdigit()]
    return f"{directory.prefix}{max(numbers, default=0) + 1:05d}"


def _reason(note: str) -> str:
    note = note.replace("\0", "").strip()[:LONGEST_NOTE]
    if not note:
        raise ReasonMissing
    return note


def _revise(
    kind: str, identifier: str, number: int, act: str, content: Any, note: str, *, by: Actor, at: datetime
) -> None:
    last = (
        Revision.objects.filter(kind=kind, identifier=identifier).aggregate(last=Max("number"))["last"] or 0
    )
    Revision.objects.create(
        kind=kind,
        identifier=identifier,
        number=max(number, last + 1),
        act=act,
        content=content,
        note=note.replace("\0", "").strip()[:LONGEST_NOTE],
        by_name=by.name,
        organisation=by.organisation,
        at=at,
    )
