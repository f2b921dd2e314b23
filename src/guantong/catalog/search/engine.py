"""The embedded index: tantivy over pre-tokenised text. It knows folders and entries, and no database."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from tantivy import (
    Document,
    FieldType,
    Index,
    IndexWriter,
    Occur,
    Order,
    Query,
    Schema,
    SchemaBuilder,
    Searcher,
)

from guantong.catalog.search import cursors, folding
from guantong.catalog.search.types import FACETS, Asked, Changed, Entry, Found, Progress
from guantong.catalog.search.values import REGIONS, values_of

# By how much a word in each field counts. A name that is the question itself comes first whatever else there is.
WEIGHTS: Final = {"name": 6.0, "keywords": 3.0, "provider": 2.5, "items": 1.5, "summary": 1.0}
EXACT: Final = 1_000.0
ALIKE: Final = 0.4
_COLUMNS: Final = (*(facet for facet in FACETS if facet != "region"), *REGIONS.values())
# More makes a build no faster, and a node that takes a catalogue in has other uses for memory.
_BUILD_HEAP: Final = 100_000_000
_HEAP: Final = 30_000_000
KEPT: Final = 500
_TOLD_EVERY: Final = 2_000
_BIG_BUCKETS: Final = 65_000
_MOST_VALUES: Final = 1_000
_SURROUNDINGS: Final = 30

T = TypeVar("T")


def schema() -> Schema:
    """What is indexed; nothing is stored but the key, the rest is read from the database when it is shown."""
    builder = SchemaBuilder()
    builder.add_unsigned_field("key", indexed=True, fast=True)
    builder.add_unsigned_field("pk", indexed=True)
    for name in WEIGHTS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    for name in ("exact", "code", "seen_by"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in _COLUMNS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_text_field("by_name", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_unsigned_field("by_time", indexed=True, fast=True)
    builder.add_unsigned_field("by_use", indexed=True, fast=True)
    return builder.build()


def _document(entry: Entry, fields: Schema) -> Document:
    return Document.from_dict(values_of(entry), fields)


def write_index(folder: Path, entries: Iterable[Entry], progress: Progress) -> int:
    """Make an index in an empty folder; how many entries went in."""
    fields = schema()
    index = Index(fields, path=str(folder), reuse=False)
    writer = index.writer(_BUILD_HEAP, 1)
    count = 0
    try:
        for count, entry in enumerate(entries, start=1):
            writer.add_document(_document(entry, fields))
            if count % _TOLD_EVERY == 0:
                progress(count)
        writer.commit()
        progress(count)
    finally:
        # Also after a failure: its threads must have ended before the folder can be removed.
        writer.wait_merging_threads()
    return count


class IndexChanger:
    """The one writer of an index in use. It holds tantivy's lock on the folder until it is let go."""

    def __init__(self, folder: Path) -> None:
        self._index = Index.open(str(folder))
        self._fields = self._index.schema
        self._writer: IndexWriter = self._index.writer(_HEAP, 1)

    def apply(self, changes: Sequence[Changed]) -> None:
        """Replace all faces of the changed resources, durably."""
        for change in changes:
            # By query: by term, a plain number is taken for a signed one and nothing goes.
            self._writer.delete_documents_by_query(Query.term_query(self._fields, "pk", change.pk))
            for face in change.faces:
                self._writer.add_document(_document(face, self._fields))
        self._writer.commit()


class IndexReader:
    """One index, open for questions. Safe to use from several threads.

    The counts of the last ``kept`` questions are kept until something is committed: the next page, another order, and
    what many ask for begin with them.
    """

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self._counts: OrderedDict[Hashable, dict[str, dict[str, int]]] = OrderedDict()
        self._kept = kept
        self._lock = threading.Lock()
        self._index = Index.open(str(folder))
        self._index.config_reader("manual", 0)
        self._index.reload()
        self._fields = self._index.schema

    def reload(self) -> None:
        """See what was committed meanwhile."""
        self._index.reload()
        with self._lock:
            self._counts = OrderedDict()

    @property
    def size(self) -> int:
        """How many faces are in."""
        return self._index.searcher().num_docs

    def search(self, asked: Asked) -> Found:
        """See :meth:`SearchIndex.search`."""
        searcher = self._index.searcher()
        question = _Question(self._index, self._fields, asked)
        keys, total, cursor = question.page(searcher)
        return Found(keys, total, self._counted(question, asked, searcher), cursor)

    def _counted(self, question: "_Question", asked: Asked, searcher: Searcher) -> dict[str, dict[str, int]]:
        about = (
            asked.text,
            tuple((facet, tuple(values)) for facet, values in sorted(asked.chosen.items())),
            tuple(asked.sight),
            tuple(asked.facets),
            tuple(asked.among),
        )
        with self._lock:
            counts = self._counts
            if about in counts:
                counts.move_to_end(about)
                return counts[about]
        found = question.counts(searcher)
        with self._lock:
            # Counts of an older commit go into the table that was dropped with it.
            counts[about] = found
            while len(counts) > self._kept:
                counts.popitem(last=False)
        return found

    def total(self, asked: Asked) -> int:
        """How many entries a question finds."""
        question = _Question(self._index, self._fields, asked)
        return _search(self._index.searcher(), question.whole(), 1)[1]

    def related(self, entry: Entry, *, sight: Sequence[str], limit: int) -> list[int]:
        """See :meth:`SearchIndex.related`."""
        words = dict.fromkeys(folding.cut(folding.fold(" ".join([entry.name, *entry.keywords]))))
        telling = [word for word in words if len(word) > 1][:_SURROUNDINGS]
        if not telling:
            return []
        parts = [(Occur.Should, self._anywhere(word)) for word in telling]
        alike = Query.boolean_query(parts, minimum_number_should_match=max(1, len(parts) * 2 // 5))
        itself = Query.term_query(self._fields, "pk", entry.pk)
        visible = _any_of(self._fields, "seen_by", sight)
        wanted = Query.boolean_query(
            [
                (Occur.Must, alike),
                (Occur.Must, Query.const_score_query(visible, 0.0)),
                (Occur.MustNot, itself),
            ]
        )
        searcher = self._index.searcher()
        places = [place for _, place in searcher.search(wanted, limit, count=False).hits]
        return _keys(searcher, places)

    def _anywhere(self, word: str) -> Query:
        return Query.boolean_query(
            [(Occur.Should, _weighed(self._fields, name, word)) for name in ("name", "keywords")]
        )


def _any_of(fields: Schema, name: str, values: Sequence[str]) -> Query:
    """A filter. One value is a walk along its list, several need a set of all entries that have them."""
    if len(values) == 1:
        return Query.term_query(fields, name, values[0], index_option="basic")
    return Query.term_set_query(fields, name, list(values)[:_MOST_VALUES])


def _weighed(fields: Schema, name: str, word: str) -> Query:
    return Query.boost_query(Query.term_query(fields, name, word, index_option="freq"), WEIGHTS[name])


def _search(searcher: Searcher, query: Query, limit: int, **order: Any) -> tuple[list[tuple[Any, Any]], int]:
    """Hits and their total number."""
    result: Any = searcher.search(query, limit, count=True, **order)
    return result.hits, int(result.count)


def _keys(searcher: Searcher, places: list[Any]) -> list[int]:
    return [int(key) for key in searcher.fast_field_values("key", places) if key is not None]


class _Question:
    """A question as tantivy's queries: never parsed from text, so no sign in it means anything."""

    def __init__(self, index: Index, fields: Schema, asked: Asked) -> None:
        self._index, self._fields, self._asked = index, fields, asked
        self._text = self._words()
        self._filters = dict(self._chosen())

    def _words(self) -> list[tuple[Occur, Query]]:
        """What the text demands and what raises an entry."""
        if not self._asked.text.strip():
            return []
        code = self._asked.text.strip()[:64]
        by_code = Query.const_score_query(Query.term_query(self._fields, "code", code), EXACT)
        needed, raising = folding.query_words(self._asked.text)
        if not needed:
            return [(Occur.Must, by_code if code else Query.empty_query())]
        name = Query.term_query(self._fields, "exact", folding.exact(self._asked.text))
        parts = [(Occur.Must, self._word(word)) for word in needed]
        parts += [(Occur.Should, self._raised(word)) for word in raising]
        parts.append((Occur.Should, Query.const_score_query(name, EXACT)))
        if "/" in code or code.isdigit():
            return [
                (
                    Occur.Must,
                    Query.boolean_query(
                        [(Occur.Should, Query.boolean_query(parts)), (Occur.Should, by_code)]
                    ),
                )
            ]
        return parts

    def _word(self, word: str) -> Query:
        """An entry that has the word, or one that means the same, in any field."""
        found = [self._in_any_field(word)]
        alike = [self._in_any_field(other) for other in folding.alike(word)]
        found += [Query.boost_query(other, ALIKE) for other in alike]
        return found[0] if len(found) == 1 else Query.disjunction_max_query(found)

    def _in_any_field(self, word: str) -> Query:
        return Query.boolean_query([(Occur.Should, _weighed(self._fields, name, word)) for name in WEIGHTS])

    def _raised(self, word: str) -> Query:
        return _weighed(self._fields, "name", word)

    def _chosen(self) -> Iterator[tuple[str, Query]]:
        yield "seen_by", _any_of(self._fields, "seen_by", self._asked.sight)
        for facet, values in self._asked.chosen.items():
            if facet in FACETS and facet != "region" and values:
                yield facet, _any_of(self._fields, facet, values)
        if self._asked.among:
            yield "among", Query.term_set_query(self._fields, "pk", list(self._asked.among))
        region = self._asked.region
        if region:
            yield "region", Query.term_query(self._fields, REGIONS.get(len(region), "county"), region)

    def whole(self, without: str = "") -> Query:
        """The whole question, or all of it but one facet."""
        filters = [
            (Occur.Must, Query.const_score_query(query, 0.0))
            for name, query in self._filters.items()
            if name != without
        ]
        return Query.boolean_query([*self._text, *filters])

    def page(self, searcher: Searcher) -> tuple[list[int], int, str]:
        """The keys of the wanted page, the total, and the cursor after it."""
        asked = self._asked
        after, seen = cursors.read(asked)
        whole = self.whole()
        if asked.sort == "relevance" and self._text:
            hits, total = _search(searcher, whole, len(seen) + asked.limit)
            keys = _keys(searcher, [place for _, place in hits])
            fresh = list(islice((key for key in keys if key not in seen), asked.limit))
            more = total > len(seen) + len(fresh) and len(fresh) == asked.limit
            return fresh, total, cursors.write_seen(asked, [*seen, *fresh]) if more else ""
        return self._in_order(searcher, whole, after)

    def _in_order(self, searcher: Searcher, whole: Query, after: str) -> tuple[list[int], int, str]:
        asked = self._asked
        column = {"name": "by_name", "used": "by_use"}.get(asked.sort, "by_time")
        order = Order.Asc if column == "by_name" else Order.Desc
        rest = whole
        if after:
            rest = Query.boolean_query([(Occur.Must, whole), (Occur.Must, self._beyond(column, after))])
        hits, total = _search(searcher, rest, asked.limit + 1, order_by_field=column, order=order)
        if after:
            total = _search(searcher, whole, 1)[1]
        places, more = hits[: asked.limit], len(hits) > asked.limit
        cursor = cursors.write_after(asked, places[-1][0]) if more else ""
        return _keys(searcher, [place for _, place in places]), total, cursor

    def _beyond(self, column: str, after: str) -> Query:
        if column == "by_name":
            # Letters and digits only (cursors.read has seen to it), so nothing in it is syntax.
            return self._index.parse_query(f"by_name:{{{after} TO *}}", ["by_name"])
        last = int(after) if after.isdigit() else 0
        return Query.range_query(
            self._fields, column, FieldType.Unsigned, upper_bound=last, include_upper=False
        )

    def counts(self, searcher: Searcher) -> dict[str, dict[str, int]]:
        """Counts per facet: one pass for all that are not chosen, one more for each that is."""
        region = self._asked.region
        columns = {facet: facet for facet in self._asked.facets if facet != "region"}
        if "region" in self._asked.facets and len(region) < 6:
            columns["region"] = REGIONS[len(region) + 2]
        alone = [facet for facet in columns if facet in self._filters and facet != "region"]
        together = {facet: column for facet, column in columns.items() if facet not in alone}
        found = _aggregate(searcher, self.whole(), together)
        for facet in alone:
            found |= _aggregate(searcher, self.whole(without=facet), {facet: columns[facet]})
        return {facet: found.get(facet, {}) for facet in self._asked.facets}


def _aggregate(searcher: Searcher, query: Query, columns: dict[str, str]) -> dict[str, dict[str, int]]:
    if not columns:
        return {}
    asked = {
        facet: {"terms": {"field": column, "size": _MOST_VALUES, "segment_size": _BIG_BUCKETS}}
        for facet, column in columns.items()
    }
    answer = searcher.aggregate(query, asked)
    return {
        facet: {bucket["key"]: bucket["doc_count"] for bucket in answer[facet]["buckets"]}
        for facet in columns
    }
