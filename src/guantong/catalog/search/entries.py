"""From the catalogue's rows to what is indexed. Only what the index needs is read, in slabs, past the ORM's objects."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import DateTimeField, F, Max, TextField, Value
from django.db.models.functions import Cast

from guantong.catalog.models import Link, Resource, ResourceVersion
from guantong.catalog.search.sight import draft_seen_by
from guantong.catalog.search.types import DRAFT, EVERYBODY, Changed, Entry, Position
from guantong.journal.models import Entry as JournalEntry

logger = logging.getLogger(__name__)

SLAB = 2_000
_KINDS = frozenset("123")

Uses = Callable[[Sequence[str] | None], Mapping[str, int]]
"""Grants in force per resource code, for those codes or (None) for all. The room above says; here it is unknown."""


class _Item(msgspec.Struct):
    label: str = ""
    level: int = 1


class _Content(msgspec.Struct):
    """What of an entry's content is searched."""

    name: str = ""
    summary: str = ""
    format: str = ""
    items: list[_Item] = []
    sharing_type: str = ""
    is_open: bool = False
    update_cycle: str = ""
    keywords: list[str] = []


_DECODER = msgspec.json.Decoder(_Content)
_COLUMNS = ("code", "node", "provider__name", "provider__code", "provider__division", "state")


def no_uses(codes: Sequence[str] | None) -> Mapping[str, int]:
    """Where nobody counts."""
    del codes
    return {}


def everything(uses: Uses = no_uses) -> Iterator[Entry]:
    """Every face of every resource, published ones first."""
    counted = uses(None)
    for rows in (_live(), _drafts()):
        last = 0
        while slab := list(rows.filter(face__gt=last).order_by("face")[:SLAB]):
            last = int(slab[-1][0])
            yield from _entries(slab, counted)


def changed(keys: Sequence[int], uses: Uses = no_uses) -> list[Changed]:
    """These resources as they are now."""
    codes = list(Resource.objects.filter(pk__in=keys).values_list("code", flat=True))
    rows = [*_live().filter(face__in=keys), *_drafts().filter(face__in=keys)]
    faces: dict[int, list[Entry]] = {key: [] for key in keys}
    for entry in _entries(rows, uses(codes)):
        faces[entry.pk].append(entry)
    return [Changed(key, found) for key, found in faces.items()]


def entry_of(resource: Resource) -> Entry | None:
    """The published face of one resource."""
    return next(iter(_entries(list(_live().filter(face=resource.pk)), {})), None)


def newest() -> Position:
    """The place behind everything that is in the database now."""
    change = ResourceVersion.objects.aggregate(last=Max("number"))["last"] or 0
    return Position(change, JournalEntry.objects.aggregate(last=Max("pk"))["last"] or 0)


def _live() -> Any:
    """Rows of what is in force: key, content as text, whether it is a draft, moment, and the resource's columns."""
    rows = ResourceVersion.objects.filter(version=F("resource__live_version"), resource__is_live=True)
    return rows.annotate(face=F("resource_id"), text=Cast("content", TextField())).values_list(
        "face", "text", "published_at", *(f"resource__{name}" for name in _COLUMNS)
    )


def _drafts() -> Any:
    rows = Resource.objects.filter(draft__isnull=False)
    nothing = Value(None, output_field=DateTimeField())
    return rows.annotate(face=F("pk"), text=Cast("draft", TextField()), moment=nothing).values_list(
        "face", "text", "moment", *_COLUMNS
    )


def _entries(rows: Iterable[tuple[Any, ...]], uses: Mapping[str, int]) -> Iterator[Entry]:
    rows = list(rows)
    linked = dict(
        Link.objects.filter(resource_id__in=[row[0] for row in rows]).values_list(
            "resource_id", "health__state"
        )
    )
    for row in rows:
        try:
            yield _entry(row, linked, uses)
        except msgspec.DecodeError as error:
            logger.warning("resource %s is not indexed: %s", row[3], error)


def _entry(row: tuple[Any, ...], linked: Mapping[int, str | None], uses: Mapping[str, int]) -> Entry:
    pk, text, published_at, code, node, provider_name, provider, division, state = row
    content = _DECODER.decode(text)
    is_draft = published_at is None
    levels = [item.level for item in content.items]
    return Entry(
        pk=pk,
        seen_by=draft_seen_by(provider, node, state) if is_draft else (EVERYBODY,),
        code=code,
        name=content.name,
        summary=content.summary,
        keywords=content.keywords,
        items=[item.label for item in content.items],
        provider_name=provider_name,
        department=provider,
        region=division,
        kind=code[:1] if code[:1] in _KINDS else "",
        sharing=content.sharing_type,
        open="yes" if content.is_open else "no",
        cycle=content.update_cycle,
        format=content.format,
        level=str(max(levels)) if levels else "",
        linked=_linked(pk, linked),
        stage=DRAFT if is_draft else "published",
        updated_at=_seconds(published_at),
        uses=uses.get(code, 0),
    )


def _linked(pk: int, linked: Mapping[int, str | None]) -> str:
    """``no``, or how the link stands: ``broken``, ``stale``, else ``yes``, until somebody has seen otherwise."""
    state = linked.get(pk)
    return "no" if pk not in linked else state if state in {"broken", "stale"} else "yes"


def _seconds(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0
