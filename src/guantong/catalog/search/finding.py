"""What pages and programs call: the node's index, and the database while there is none."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

import msgspec
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from guantong.catalog.models import Resource
from guantong.catalog.search import entries, fallback, folding
from guantong.catalog.search.errors import SearchIndexMissing
from guantong.catalog.search.generations import EmbeddedIndex
from guantong.catalog.search.opensearch import OpenSearchIndex
from guantong.catalog.search.types import Asked, Found, KeptIndex, Suggestion

_EXPORT_SLAB: Final = 500
_SUMMARY: Final = 140
_BEFORE: Final = 30


@dataclass(frozen=True)
class Hit:
    """One entry as a page shows it: marked where it has the words that were asked for."""

    resource: Resource
    is_draft: bool
    name: SafeString
    summary: SafeString


@dataclass(frozen=True)
class Answer:
    """What was found. ``is_plain``: by the database, because the index is not ready; ``progress`` of its build."""

    found: Found
    hits: list[Hit]
    is_plain: bool = False
    progress: int | None = None


def own_index() -> KeptIndex:
    """The index of this process's node: in its folder, or on the server that the settings name."""
    node = settings.NODE
    return (
        index_on(node.search_url, node.search_credentials)
        if node.search_url
        else index_at(node.home / "search")
    )


# What a hit shows; dates and identifiers cost more to convert than to read.
_SHOWN_COLUMNS = (
    *(
        "code",
        "name",
        "summary",
        "node",
        "sharing_type",
        "update_cycle",
        "live_version",
        "is_live",
        "state",
        "draft",
    ),
    *("published_at", "provider__name", "provider__code", "provider__node", "provider__division"),
)


@cache
def index_at(folder: Path) -> EmbeddedIndex:
    """The index in a folder, one object a process."""
    return EmbeddedIndex(folder)


@cache
def index_on(url: str, credentials: str) -> OpenSearchIndex:
    """The index on a server; ``credentials`` is a file with ``user`` and ``password`` as JSON, or nothing."""
    known = msgspec.json.decode(Path(credentials).read_bytes(), type=dict[str, str]) if credentials else {}
    return OpenSearchIndex(url, user=known.get("user", ""), password=known.get("password", ""))


def find(index: KeptIndex, asked: Asked) -> Answer:
    """The answer to a question, from the index or, while there is none, from the database."""
    try:
        found = index.search(asked)
    except SearchIndexMissing:
        building = index.building()
        found = fallback.search(asked)
        return Answer(found, _hits(found, asked.text), True, building.entries if building else None)
    return Answer(found, _hits(found, asked.text))


def all_hits(index: KeptIndex, asked: Asked) -> Iterator[Resource]:
    """Every entry that a question finds, by name; in bounded memory however many there are."""
    turn = replace(asked, sort="name", cursor="", limit=_EXPORT_SLAB, facets=())
    while True:
        try:
            found = index.search(turn)
        except SearchIndexMissing:
            found = fallback.search(turn)
        yield from (resource for resource, _ in _resources(found.keys))
        if not found.cursor:
            return
        turn = replace(turn, cursor=found.cursor)


def page_found(index: KeptIndex, asked: Asked) -> list[Resource]:
    """The published entries of one page of an answer, without marks or counts."""
    try:
        found = index.search(asked)
    except SearchIndexMissing:
        found = fallback.search(asked)
    return [resource for resource, is_draft in _resources(found.keys) if not is_draft]


def suggest(index: KeptIndex, text: str, *, sight: Sequence[str]) -> list[Suggestion]:
    """Completions; none while there is no index."""
    try:
        return index.suggest(text, sight=sight)
    except SearchIndexMissing:
        return []


def related(index: KeptIndex, resource: Resource, *, sight: Sequence[str]) -> list[Resource]:
    """The entries most like this one; none while there is no index, or it is not published."""
    entry = entries.entry_of(resource)
    if entry is None:
        return []
    try:
        keys = index.related(entry, sight=sight)
    except SearchIndexMissing:
        return []
    return [found for found, is_draft in _resources(keys) if not is_draft]


def _resources(keys: Sequence[int]) -> list[tuple[Resource, bool]]:
    """The rows behind keys, in their order. What the database has taken off meanwhile is not shown."""
    rows = (
        Resource.objects.select_related("provider").only(*_SHOWN_COLUMNS).in_bulk([key // 2 for key in keys])
    )
    found = ((rows.get(key // 2), bool(key % 2)) for key in keys)
    return [
        (resource, is_draft)
        for resource, is_draft in found
        if resource and (resource.draft is not None if is_draft else resource.is_live)
    ]


def _hits(found: Found, text: str) -> list[Hit]:
    pattern = _pattern(text)
    return [
        Hit(
            resource,
            is_draft,
            mark(_shown(resource, is_draft, "name"), pattern),
            _excerpt(resource, is_draft, pattern),
        )
        for resource, is_draft in _resources(found.keys)
    ]


def _shown(resource: Resource, is_draft: bool, field: str) -> str:
    return str((resource.draft or {}).get(field, "")) if is_draft else str(getattr(resource, field))


def _pattern(text: str) -> "re.Pattern[str] | None":
    """What is marked: the words that were asked for, and those that mean the same."""
    needed, _ = folding.query_words(text)
    words = {*needed, *(other for word in needed for other in folding.alike(word))}
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True)))) if words else None


def _excerpt(resource: Resource, is_draft: bool, pattern: "re.Pattern[str] | None") -> SafeString:
    """As much of the summary as a hit shows, around the first word that was asked for."""
    summary = _shown(resource, is_draft, "summary")
    first = pattern.search(folding.fold(summary)) if pattern and len(summary) > _SUMMARY else None
    start = max(0, first.start() - _BEFORE) if first and first.end() > _SUMMARY else 0
    cut = summary[start : start + _SUMMARY]
    before, after = "…" if start else "", "…" if start + _SUMMARY < len(summary) else ""
    return mark_safe(before + mark(cut, pattern) + after)  # noqa: S308 - mark has escaped it


def mark(text: str, pattern: "re.Pattern[str] | None") -> SafeString:
    """``text``, escaped, with ``<mark>`` around what the pattern finds in it once folded, in whatever script it stands."""
    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(folding.fold(text)) if pattern else ():
        pieces += [
            escape(text[end : found.start()]),
            "<mark>",
            escape(text[found.start() : found.end()]),
            "</mark>",
        ]
        end = found.end()
    return mark_safe("".join([*pieces, escape(text[end:])]).replace("</mark><mark>", ""))  # noqa: S308 - all escaped
