"""The catalogue's figures at 470,000 synthetic entries: build, search with facets, pages, and two rivals beside them.

``ENTRIES=N`` scales it down. The entries lie in a real control database (SQLite); ``guantong index`` builds the index
as a node does; a real web process answers eight users. SQLite FTS5 and PostgreSQL's text search get the same words of
the same entries (cut by the same dictionary), and do the same work for the same questions: the best twenty, the total,
the counts of nine facets.
"""

import contextlib
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from tests.databases import free_port, postgresql
from tests.gateway import processes

from bench import cascade, catalog_entries, load
from bench.spine import machine

ENTRIES = int(os.environ.get("ENTRIES", "470000"))
RESULT = Path(__file__).parent / "results" / "catalog.json"
NODE = "511600"
ROUNDS = 3
USERS = 8
HTTP_ROUNDS = 4
PAGES = 400
SLAB = 5_000
FACETS = ("department", "province", "kind", "sharing", "open", "cycle", "format", "level", "linked")
Question = tuple[str, Mapping[str, Sequence[str]]]


def questions() -> list[Question]:
    """Every query under every set of filters."""
    return [(text, chosen) for text in catalog_entries.QUERIES for chosen in catalog_entries.FILTERS]


def main() -> None:
    """Everything: the search with its rivals, then the way between two nodes."""
    search_only()
    cascade_only()


def search_only() -> None:
    """Measure search, pages and the two rivals: ``python -m bench search``."""
    with tempfile.TemporaryDirectory(prefix="guantong-bench-") as name:
        home = Path(name)
        prepare(home)
        figures: dict[str, Any] = {"entries": ENTRIES, **own(home)}
        show(figures)
        save(figures, home)
        figures |= fts5(home)
        save(figures, home)
        figures |= postgresql_search()
        save(figures, home)
    show(figures)


def cascade_only() -> None:
    """Measure the way between two nodes alone: ``python -m bench cascade``."""
    figures = {f"push_{name}" if name == "machine" else name: value for name, value in push().items()}
    before = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps({**before, **figures}, indent=2) + "\n")
    show(figures)


def push() -> dict[str, Any]:
    """The figures of the push, and of the machine while it was measured."""
    figures = cascade.measure(ENTRIES)
    return {**figures, "machine": machine(Path(tempfile.gettempdir()))}


def save(figures: Mapping[str, Any], folder: Path) -> None:
    """Write the figures; those that other measurements put into the same file stay."""
    before = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({**before, **figures, "machine": machine(folder)}, indent=2) + "\n")


def show(figures: Mapping[str, Any]) -> None:
    for name, figure in figures.items():
        if not isinstance(figure, Mapping):
            print(f"{name:<24}{figure:>14}", flush=True)


# ── the node ──


def prepare(home: Path) -> None:
    """A node with the entries in its control database."""
    port = free_port()
    os.environ |= {
        "GUANTONG_NODE": NODE,
        "GUANTONG_HOME": str(home),
        "GUANTONG_DEVELOPMENT": "true",
        "GUANTONG_WEB_PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "guantong.site.settings",
    }
    command("init")
    import django

    django.setup()
    began = time.perf_counter()
    fill()
    print(
        f"{ENTRIES:,} entries in the control database after {time.perf_counter() - began:.0f} s", flush=True
    )


def command(*words: str) -> float:
    """Run a command of the node; how many seconds it took."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "guantong", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def fill() -> None:
    """The synthetic entries as rows: published, numbered, with their departments and divisions."""
    from django.utils import timezone

    from guantong.catalog.models import Resource, ResourceVersion
    from guantong.identity.models import Division, Organisation

    Division.objects.bulk_create(
        [Division(code=code, name=name, level=2) for code, name in catalog_entries.divisions()],
        ignore_conflicts=True,
    )
    owners = catalog_entries.departments(max(1, ENTRIES // 60))
    Organisation.objects.bulk_create(
        [
            Organisation(code=o.code, name=o.name, node=NODE, division=o.division, is_synthetic=True)
            for o in owners
        ],
        batch_size=SLAB,
    )
    keys = dict(Organisation.objects.values_list("code", "pk"))
    at, number = timezone.now(), 0
    rows = catalog_entries.entries(ENTRIES)
    while slab := list(islice(rows, SLAB)):
        made = Resource.objects.bulk_create(
            [
                Resource(code=c["code"], provider_id=keys[o.code], node=NODE, state="published", live_version=1,
                         is_live=True, name=c["name"], summary=c["summary"], sharing_type=c["sharing_type"],
                         update_cycle=c["update_cycle"], published_at=at)
                for o, c in slab
            ]
        )  # fmt: skip
        ResourceVersion.objects.bulk_create(
            [
                ResourceVersion(resource=resource, version=1, content=c, published_at=at, published_by=o.name,
                                number=number + i)
                for i, (resource, (o, c)) in enumerate(zip(made, slab, strict=True), start=1)
            ]
        )  # fmt: skip
        number += len(slab)


def own(home: Path) -> dict[str, Any]:
    """Our own figures."""
    from django.db import connections

    connections.close_all()
    build_s = command("index")
    size = sum(path.stat().st_size for path in (home / "search").rglob("*") if path.is_file())
    p50, p99 = in_process(home)
    return {
        "build_s": round(build_s, 1),
        "index_mb": round(size / 1e6, 1),
        "search_p50_ms": p50,
        "search_p99_ms": p99,
        **over_http(),
    }


def in_process(home: Path) -> tuple[float, float]:
    from guantong.catalog.search.generations import EmbeddedIndex
    from guantong.catalog.search.types import Asked

    # Nothing is kept from one question to the next.
    index = EmbeddedIndex(home / "search", kept=0)
    return timed(lambda text, chosen: index.search(Asked(text, chosen)))


def timed(
    ask: Callable[[str, Mapping[str, Sequence[str]]], object], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Median and 99th percentile in ms over all questions, in an order drawn anew each round; one round is not counted."""
    drawn, times = random.Random(catalog_entries.SEED), []
    for round_ in range(rounds + 1):
        for text, chosen in drawn.sample(questions(), len(questions())):
            began = time.perf_counter()
            ask(text, chosen)
            if round_:
                times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return round(statistics.median(times), 2), round(times[int(len(times) * 0.99)], 2)


def over_http() -> dict[str, float]:
    """The search page for eight users at once, and entries' pages for one, from a real web process."""
    from guantong.catalog.models import Resource

    port = int(os.environ["GUANTONG_WEB_PORT"])
    workers = os.cpu_count() or 1
    process = subprocess.Popen(
        [sys.executable, "-m", "guantong", "web"],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "GUANTONG_WEB_WORKERS": str(workers), "GUANTONG_WEB_THREADS": "1"},
    )
    with processes.ended(process):
        processes.wait_for(f"http://127.0.0.1:{port}/find/?q=x", process, 60)
        drawn = random.Random(catalog_entries.SEED)
        asked = [
            request(
                "/find/?" + urlencode({"q": text, **{names(k): v for k, v in chosen.items()}}, doseq=True)
            )
            for text, chosen in questions()
        ]
        codes = list(
            Resource.objects.order_by("pk").values_list("code", flat=True)[:: max(1, ENTRIES // PAGES)]
        )
        cold = load.run(port, drawn.sample(asked, len(asked)), USERS)
        rounds = [load.run(port, drawn.sample(asked, len(asked)), USERS) for _ in range(HTTP_ROUNDS)]
        pages = load.run(port, [request(f"/find/{code}/") for code in codes], 1)
    return {
        "http8_p50_ms": round(statistics.median(each.p50_ms for each in rounds), 1),
        "http8_p99_ms": round(statistics.median(each.p99_ms for each in rounds), 1),
        "http8_first_p99_ms": round(cold.p99_ms, 1),
        "http8_web_workers": workers,
        "http8_pages_per_s": round(statistics.median(each.calls_per_s for each in rounds)),
        "entry_page_ms": round(pages.p99_ms, 1),
    }


def names(facet: str) -> str:
    return {"format": "medium"}.get(facet, facet)


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/html\r\n\r\n".encode()


# ── the rivals ──


def rows() -> Iterator[tuple[Any, ...]]:
    """Key, words of name, keywords, items, summary and provider, and nine facets."""
    from guantong.catalog.search.folding import index_many, index_tokens

    for key, (owner, c) in enumerate(catalog_entries.entries(ENTRIES), start=1):
        yield (
            key,
            index_tokens(c["name"], singles=True),
            index_many(c["keywords"]),
            index_many(item["label"] for item in c["items"]),
            index_tokens(c["summary"]),
            index_tokens(owner.name),
            owner.code,
            owner.division[:2],
            c["code"][0],
            c["sharing_type"],
            "yes" if c["is_open"] else "no",
            c["update_cycle"],
            c["format"],
            str(max(item["level"] for item in c["items"])),
            "no",
        )


def words_of(text: str) -> list[list[str]]:
    """The words that an entry must have, each with those that mean the same: as our own engine asks."""
    from guantong.catalog.search.folding import alike, query_words

    return [[word, *alike(word)] for word in query_words(text)[0]]


def where(chosen: Mapping[str, Sequence[str]], mark: str) -> tuple[str, list[str]]:
    """Filters as SQL."""
    parts, values = [], []
    for facet, wanted in chosen.items():
        column = "province" if facet == "region" else facet
        parts.append(f' AND e."{column}" IN ({", ".join(mark for _ in wanted)})')
        values += list(wanted)
    return "".join(parts), values


def fts5(home: Path) -> dict[str, Any]:
    """SQLite's full-text search, on words cut beforehand."""
    with contextlib.closing(sqlite3.connect(home / "rival.sqlite3", isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode=OFF")
        base.execute("PRAGMA cache_size=-400000")
        base.execute(
            "CREATE VIRTUAL TABLE f USING fts5(name, keywords, items, summary, provider, content='')"
        )
        base.execute(
            f"CREATE TABLE e (id INTEGER PRIMARY KEY, {', '.join(f'{name!r} TEXT' for name in FACETS)})"
        )
        base.execute("CREATE TEMP TABLE m (id INTEGER PRIMARY KEY)")
        began = time.perf_counter()
        base.execute("BEGIN")
        for row in rows():
            base.execute(
                "INSERT INTO f(rowid, name, keywords, items, summary, provider) VALUES (?,?,?,?,?,?)", row[:6]
            )
            base.execute(f"INSERT INTO e VALUES ({','.join('?' * 10)})", (row[0], *row[6:]))
        base.execute("COMMIT")
        print(f"FTS5 built in {time.perf_counter() - began:.0f} s (cutting included)", flush=True)

        def ask(text: str, chosen: Mapping[str, Sequence[str]]) -> None:
            asked = (
                " AND ".join("(" + " OR ".join(f'"{w}"' for w in group) + ")" for group in words_of(text))
                or '""'
            )
            filters, values = where(chosen, "?")
            base.execute("DELETE FROM m")
            base.execute(f"INSERT INTO m SELECT f.rowid FROM f JOIN e ON e.id = f.rowid WHERE f MATCH ?{filters}",
                         (asked, *values))  # fmt: skip
            base.execute(
                f"SELECT f.rowid FROM f JOIN e ON e.id = f.rowid WHERE f MATCH ?{filters}"
                " ORDER BY bm25(f, 6, 3, 1.5, 1, 2.5) LIMIT 20",
                (asked, *values),
            ).fetchall()
            for facet in FACETS:
                base.execute(f'SELECT e."{facet}", count(*) FROM m JOIN e USING (id) GROUP BY 1').fetchall()

        p50, p99 = timed(ask, rounds=1)
    return {"fts5_p50_ms": p50, "fts5_p99_ms": p99}


def postgresql_search() -> dict[str, Any]:
    """PostgreSQL's text search, on words cut beforehand, all in memory."""
    with (
        postgresql(durable=True, shared_buffers="1GB", work_mem="64MB", jit="off") as url,
        psycopg.connect(url, autocommit=True) as base,
    ):
        columns = ", ".join(f'"{name}" text' for name in FACETS)
        base.execute(f"CREATE TABLE e (id int PRIMARY KEY, words tsvector, {columns})")
        began = time.perf_counter()
        base.execute(f"CREATE UNLOGGED TABLE raw (id int, n text, k text, i text, s text, p text, {columns})")
        with base.cursor() as cursor, cursor.copy("COPY raw FROM STDIN") as copy:
            for row in rows():
                copy.write_row(row)
        listed = ", ".join(f'"{name}"' for name in FACETS)
        base.execute(
            "INSERT INTO e SELECT id, setweight(to_tsvector('simple', n), 'A') || setweight(to_tsvector('simple', k), 'B')"
            " || setweight(to_tsvector('simple', p), 'C') || to_tsvector('simple', i) || to_tsvector('simple', s),"
            f" {listed} FROM raw"
        )
        base.execute("DROP TABLE raw")
        base.execute("CREATE INDEX ON e USING gin (words)")
        base.execute("VACUUM ANALYZE e")
        print(f"PostgreSQL built in {time.perf_counter() - began:.0f} s (cutting included)", flush=True)
        sets = ", ".join(f"({column})" for column in listed.split(", "))

        def ask(text: str, chosen: Mapping[str, Sequence[str]]) -> None:
            asked = " & ".join("(" + " | ".join(f"'{w}'" for w in group) + ")" for group in words_of(text))
            filters, values = where(chosen, "%s")
            found = f"FROM e WHERE words @@ %s::tsquery{filters}"
            base.execute(
                f"SELECT id {found} ORDER BY ts_rank(words, %s::tsquery) DESC LIMIT 20",
                [asked, *values, asked],
            ).fetchall()
            base.execute(
                f"SELECT {listed}, count(*) {found} GROUP BY GROUPING SETS ({sets}, ())", [asked, *values]
            ).fetchall()

        p50, p99 = timed(ask, rounds=1)
    return {"pg_p50_ms": p50, "pg_p99_ms": p99}


if __name__ == "__main__":
    main()
