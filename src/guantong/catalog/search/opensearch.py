"""The same interface on OpenSearch (2.x), for nodes whose catalogue outgrows one machine's index.

Words are cut here, as for the embedded index, and sent with blanks between; the server's own analysers are not used.
``build`` fills a new index and moves the alias. All calls go through the courier to the one address of the setting.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from guantong.catalog.search import cursors, folding, suggesting
from guantong.catalog.search.engine import ALIKE, EXACT, WEIGHTS
from guantong.catalog.search.errors import SearchIndexMissing, SearchServerFailed
from guantong.catalog.search.folding import fingerprint
from guantong.catalog.search.types import (
    EVERYBODY,
    FACETS,
    Asked,
    Building,
    Changed,
    Entry,
    Found,
    Position,
    Progress,
    Suggestion,
)
from guantong.catalog.search.values import REGIONS, values_of
from guantong.courier.client import SyncCourier, origin_of
from guantong.courier.errors import PeerTimedOut, PeerUnreachable
from guantong.kit import clock

_BULK: Final = 1_000
_TIMEOUT_S: Final = 30.0
_LARGEST: Final = 64 << 20
_MOST_VALUES: Final = 1_000
_COLUMNS: Final = (*(facet for facet in FACETS if facet != "region"), *REGIONS.values())
_ORDERS: Final = {"name": ("by_name", "asc"), "used": ("by_use", "desc")}
Json = dict[str, Any]


class OpenSearchIndex:
    """The catalogue's index on a server. ``url``: scheme, host, port, and as path the name of the alias."""

    def __init__(self, url: str, *, user: str = "", password: str = "") -> None:
        parts = urlsplit(url)
        self._alias = parts.path.strip("/") or "guantong-catalog"
        self._server = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        self._courier = SyncCourier([origin_of(url)], timeout_s=_TIMEOUT_S, max_body=_LARGEST)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {token}"} if user else {}

    def build(self, entries: Iterable[Entry], *, position: Position, progress: Progress) -> int:
        """Fill a new index, move the alias to it, drop those before it."""
        fresh = f"{self._alias}-{clock.now():%Y%m%d%H%M%S%f}"
        self._call("PUT", f"/{fresh}", _mapping(position))
        count, rest = 0, iter(entries)
        while slab := list(islice(rest, _BULK)):
            self._bulk([line for entry in slab for line in _insertion(entry)], fresh)
            count += len(slab)
            progress(count)
        self._call("POST", f"/{fresh}/_refresh")
        before = self._call("GET", f"/{self._alias}-*/_alias")
        actions = [{"remove_index": {"index": name}} for name in before if name != fresh]
        self._call(
            "POST", "/_aliases", {"actions": [{"add": {"index": fresh, "alias": self._alias}}, *actions]}
        )
        return count

    def apply(self, changes: Sequence[Changed], *, position: Position) -> None:
        """Replace all faces of the changed resources; visible when it returns."""
        lines: list[Json] = []
        for change in changes:
            there = {face.key for face in change.faces}
            lines += [
                {"delete": {"_id": str(key)}}
                for key in (change.pk * 2, change.pk * 2 + 1)
                if key not in there
            ]
            lines += [line for face in change.faces for line in _insertion(face)]
        if lines:
            self._bulk(lines, self._alias)
        self._call("POST", f"/{self._alias}/_refresh")
        self._call("PUT", f"/{self._alias}/_mapping", {"_meta": _meta(position)})

    def position(self) -> Position:
        """How far the index in use has followed."""
        return msgspec.convert(self._told()["position"], Position)

    def is_sound(self) -> bool:
        """Whether there is an index, made with today's words."""
        try:
            return bool(self._told()["fingerprint"] == fingerprint())
        except SearchIndexMissing:
            return False

    def is_marked_broken(self) -> bool:
        """A server looks after its own files."""
        return False

    def building(self) -> Building | None:
        """A build on a server is not watched."""
        return None

    def search(self, asked: Asked) -> Found:
        """One question to the server: hits, total and counts at once."""
        after, seen = cursors.read(asked)
        body, is_ranked = _question(asked), asked.sort == "relevance" and bool(asked.text.strip())
        if is_ranked:
            body["post_filter"]["bool"]["must_not"] = [{"terms": {"key": sorted(seen)}}]
        else:
            column, order = _ORDERS.get(asked.sort, ("by_time", "desc"))
            body["sort"] = [{column: order}]
            if after:
                body["search_after"] = [after if column == "by_name" else int(after)]
        answer = self._call("POST", f"/{self._alias}/_search", body)
        counts = answer["aggregations"]
        total = int(counts["total"]["doc_count"])
        hits = answer["hits"]["hits"][: asked.limit]
        keys = [int(hit["_id"]) for hit in hits]
        more = len(answer["hits"]["hits"]) > asked.limit
        write = cursors.write_seen(asked, [*seen, *keys]) if is_ranked else _after(asked, hits)
        return Found(
            keys, total, {facet: _buckets(counts.get(facet)) for facet in asked.facets}, write if more else ""
        )

    def related(self, entry: Entry, *, sight: Sequence[str], limit: int = 5) -> list[int]:
        """Keys of the entries that share most words of name and keywords."""
        words = [
            word
            for word in folding.cut(folding.fold(" ".join([entry.name, *entry.keywords])))
            if len(word) > 1
        ]
        alike = {
            "multi_match": {
                "query": " ".join(words),
                "fields": ["name^6", "keywords^3"],
                "minimum_should_match": "40%",
            }
        }
        query = {
            "must": [alike],
            "filter": [_any("seen_by", sight)],
            "must_not": [{"term": {"pk": entry.pk}}],
        }
        body = {"query": {"bool": query}, "size": limit, "_source": False}
        return [
            int(hit["_id"]) for hit in self._call("POST", f"/{self._alias}/_search", body)["hits"]["hits"]
        ]

    def suggest(self, text: str, *, sight: Sequence[str], limit: int = 8) -> list[Suggestion]:
        """The commonest names with a word that starts as ``text``."""
        key = folding.exact(text)[:24]
        if not key:
            return []
        body = {
            "size": 0,
            "query": {
                "bool": {
                    "filter": [
                        {"prefix": {"starts": key}},
                        _any("seen_by", sight),
                        _any("seen_by", [EVERYBODY]),
                    ]
                }
            },
            "aggs": {"names": {"terms": {"field": "title", "size": limit}}},
        }
        buckets = self._call("POST", f"/{self._alias}/_search", body)["aggregations"]["names"]["buckets"]
        return [Suggestion(bucket["key"], "name", int(bucket["doc_count"])) for bucket in buckets]

    def _told(self) -> Json:
        """What the index in use says of itself."""
        answer = self._call("GET", f"/{self._alias}/_mapping")
        try:
            told: Json = next(iter(answer.values()))["mappings"]["_meta"]
        except (StopIteration, KeyError):
            raise SearchIndexMissing from None
        return told

    def _bulk(self, lines: Sequence[Json], index: str) -> None:
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        answer = self._send("POST", f"/{index}/_bulk", body, "application/x-ndjson")
        faults = [
            item
            for item in answer.get("items", ())
            for act in item.values()
            if act.get("status", 200) not in (200, 201, 404)
        ]
        if faults:
            raise SearchServerFailed(status=str(faults[0])[:200])

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        return self._send(
            method, path, msgspec.json.encode(body) if body is not None else b"", "application/json"
        )

    def _send(self, method: str, path: str, body: bytes, kind: str) -> Json:
        headers = {**self._headers, "content-type": kind} if body else self._headers
        try:
            reply = self._courier.send(method, self._server + path, headers=headers, body=body, peer="search")
        except (PeerUnreachable, PeerTimedOut) as error:
            raise SearchIndexMissing from error
        if reply.status == 404:
            raise SearchIndexMissing
        if reply.status >= 300:
            raise SearchServerFailed(status=reply.status)
        try:
            answer: Json = msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            raise SearchServerFailed(status=reply.status) from None
        return answer


def _meta(position: Position) -> Json:
    return {"position": msgspec.to_builtins(position), "fingerprint": fingerprint()}


def _mapping(position: Position) -> Json:
    words = {"type": "text", "analyzer": "whitespace", "index_options": "freqs"}
    properties: Json = dict.fromkeys(WEIGHTS, words)
    properties |= {
        name: {"type": "keyword"}
        for name in ("exact", "code", "seen_by", "by_name", "title", "starts", *_COLUMNS)
    }
    properties |= {name: {"type": "long"} for name in ("key", "pk", "by_time", "by_use")}
    return {"mappings": {"dynamic": "strict", "_meta": _meta(position), "properties": properties}}


def _insertion(entry: Entry) -> Iterator[Json]:
    """The two lines of a bulk request that put one face in."""
    yield {"index": {"_id": str(entry.key)}}
    yield {
        **values_of(entry),
        "title": entry.name,
        "starts": list(suggesting.starts_of(entry.name)),
    }


def _any(field: str, values: Sequence[str]) -> Json:
    return {"terms": {field: list(values)}}


def _question(asked: Asked) -> Json:
    """The body of a search: words and sight as the query, what is chosen as filters after the counting."""
    chosen = {
        facet: _any(facet, values) for facet, values in asked.chosen.items() if facet != "region" and values
    }
    scope = [_any("seen_by", asked.sight)]
    if asked.among:
        scope.append({"terms": {"pk": list(asked.among)}})
    if asked.region:
        scope.append({"term": {REGIONS.get(len(asked.region), "county"): asked.region}})
    columns = {facet: facet for facet in asked.facets if facet != "region"}
    if "region" in asked.facets and len(asked.region) < 6:
        columns["region"] = REGIONS[len(asked.region) + 2]
    counts: Json = {
        facet: {
            "filter": {"bool": {"filter": [query for name, query in chosen.items() if name != facet]}},
            "aggs": {"values": {"terms": {"field": column, "size": _MOST_VALUES, "shard_size": 65_000}}},
        }
        for facet, column in columns.items()
    }
    counts["total"] = {"filter": {"bool": {"filter": list(chosen.values())}}}
    return {
        "query": {"bool": {**_words(asked.text), "filter": scope}},
        "post_filter": {"bool": {"filter": list(chosen.values())}},
        "aggs": counts,
        "size": asked.limit + 1,
        "_source": False,
        "track_total_hits": False,
    }


def _words(text: str) -> Json:
    """What the text demands and what raises an entry."""
    if not text.strip():
        return {}
    needed, raising = folding.query_words(text)
    code = {"constant_score": {"filter": {"term": {"code": text.strip()[:64]}}, "boost": EXACT}}
    if not needed:
        return {"must": [code]}
    parts = [
        {"dis_max": {"queries": [_word(word), *(_word(other, ALIKE) for other in folding.alike(word))]}}
        for word in needed
    ]
    exact = {"constant_score": {"filter": {"term": {"exact": folding.exact(text)}}, "boost": EXACT}}
    should = [exact, *({"term": {"name": {"value": word, "boost": WEIGHTS["name"]}}} for word in raising)]
    whole = {"bool": {"must": parts, "should": should}}
    return {"must": [{"bool": {"should": [whole, code], "minimum_should_match": 1}}]}


def _word(word: str, boost: float = 1.0) -> Json:
    fields = [{"term": {name: {"value": word, "boost": weight * boost}}} for name, weight in WEIGHTS.items()]
    return {"bool": {"should": fields, "minimum_should_match": 1}}


def _after(asked: Asked, hits: Sequence[Json]) -> str:
    return cursors.write_after(asked, hits[-1]["sort"][0]) if hits else ""


def _buckets(answer: Json | None) -> dict[str, int]:
    return (
        {bucket["key"]: int(bucket["doc_count"]) for bucket in answer["values"]["buckets"]} if answer else {}
    )
