"""What of an entry is indexed, whichever index it goes into: words already cut, codes as they are, keys to sort by."""

from typing import Any, Final

from guantong.catalog.search import folding, pinyin
from guantong.catalog.search.types import FACETS, Entry

REGIONS: Final = {2: "province", 4: "city", 6: "county"}
_LATEST: Final = 0x7FFFFFFF


def values_of(entry: Entry) -> dict[str, Any]:
    """Field → value; nothing for what the entry does not say."""
    values: dict[str, Any] = {
        "key": entry.key,
        "pk": entry.pk,
        "name": folding.index_tokens(entry.name, singles=True),
        "keywords": folding.index_many(entry.keywords),
        "provider": folding.index_tokens(entry.provider_name),
        "items": folding.index_many(entry.items),
        "summary": folding.index_tokens(entry.summary),
        "exact": folding.exact(entry.name),
        "code": [entry.code, entry.code.partition("/")[0]],
        "seen_by": list(entry.seen_by),
        "by_name": pinyin.sorting_key(entry.name, entry.key),
        # The later, and the more used, first; the key makes each different.
        "by_time": time_key(entry),
        "by_use": min(entry.uses, _LATEST) << 32 | (0xFFFFFFFF - entry.key),
        **{column: entry.region[:length] for length, column in REGIONS.items()},
        **{facet: getattr(entry, facet) for facet in FACETS if facet != "region"},
    }
    return {name: value for name, value in values.items() if value != ""}


def time_key(entry: Entry) -> int:
    """By which entries are sorted by time."""
    return min(max(entry.updated_at, 0), _LATEST) << 32 | entry.key
