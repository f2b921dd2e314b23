"""What pages and programs call: the node's index, and the database while there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from guantong.catalog.models import Resource
from guantong.catalog.search import entries, fallback, folding
from guantong.catalog.search.errors import SearchIndexMissing
from guantong.catalog.search.generations import EmbeddedIndex
from guantong.catalog.search.types import Asked, Found, Suggestion

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


def own_index() -> EmbeddedIndex:
    """The index of this process's node."""
    return index_at(settings.NODE.home / "search")


@cache
def index_at(folder: Path) -> EmbeddedIndex:
    """The index in a folder, one object a process."""
    return EmbeddedIndex(folder)


def find(index: EmbeddedIndex, asked: Asked) -> Answer:
    """The answer to a question, from the index or, while there is none, from the database."""
    try:
        found = index.search(asked)
    except SearchIndexMissing:
        building = index.building()
        found = fallback.search(asked)
        return Answer(found, _hits(found, asked.text), True, building.entries if building else None)
    return Answer(found, _hits(found, asked.text))


def all_hits(index: EmbeddedIndex, asked: Asked) -> Iterator[Resource]:
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


def suggest(index: EmbeddedIndex, text: str, *, sight: Sequence[str]) -> list[Suggestion]:
    """Completions; none while there is no index."""
    try:
        return index.suggest(text, sight=sight)
    except SearchIndexMissing:
        return []


def related(index: EmbeddedIndex, resource: Resource, *, sight: Sequence[str]) -> list[Resource]:
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
    rows = Resource.objects.select_related("provider").in_bulk([key // 2 for key in keys])
    found = ((rows.get(key // 2), bool(key % 2)) for key in keys)
    return [
        (resource, is_draft)
        for resource, is_draft in found
        if resource and (resource.draft is not None if is_draft else resource.is_live)
    ]


def _hits(found: Found, text: str) -> list[Hit]:
    words = _marked_words(text)
    return [
        Hit(
            resource,
            is_draft,
            mark(_shown(resource, is_draft, "name"), words),
            _excerpt(resource, is_draft, words),
        )
        for resource, is_draft in _resources(found.keys)
    ]


def _shown(resource: Resource, is_draft: bool, field: str) -> str:
    return str((resource.draft or {}).get(field, "")) if is_draft else str(getattr(resource, field))


def _marked_words(text: str) -> list[str]:
    needed, _ = folding.query_words(text)
    return [*needed, *(other for word in needed for other in folding.alike(word))]


def _excerpt(resource: Resource, is_draft: bool, words: Sequence[str]) -> SafeString:
    """As much of the summary as a hit shows, around the first word that was asked for."""
    summary = _shown(resource, is_draft, "summary")
    spans = _spans(summary, words)
    start = max(0, spans[0][0] - _BEFORE) if spans and spans[0][1] > _SUMMARY else 0
    cut = summary[start : start + _SUMMARY]
    before, after = "…" if start else "", "…" if start + _SUMMARY < len(summary) else ""
    return format_html("{}{}{}", before, mark(cut, words), after)


def mark(text: str, words: Sequence[str]) -> SafeString:
    """``text``, escaped, with ``<mark>`` around the words, in whatever width, case or script they stand."""
    pieces, end = [], 0
    for start, stop in _spans(text, words):
        pieces += [(text[end:start], ""), ("", text[start:stop])]
        end = stop
    pieces.append((text[end:], ""))
    return format_html_join(
        "", "{}{}", ((plain, format_html("<mark>{}</mark>", hit) if hit else "") for plain, hit in pieces)
    )


def _spans(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where the words stand, neighbours joined; folding keeps every character at its place."""
    folded = folding.fold(text)
    is_hit = [False] * len(folded)
    for word in words:
        at = folded.find(word)
        while at >= 0:
            is_hit[at : at + len(word)] = [True] * len(word)
            at = folded.find(word, at + 1)
    edges = [
        i
        for i in range(len(is_hit) + 1)
        if (is_hit[i - 1] if i else False) != (is_hit[i] if i < len(is_hit) else False)
    ]
    return list(zip(edges[::2], edges[1::2], strict=True))
