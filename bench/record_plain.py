"""The search of the record over a million receipts and 200,000 acts: a page, a page deep down, counts, on both databases.

``GUANTONG_TEST_DATABASE=postgresql python -m bench.record`` takes PostgreSQL, without it SQLite.
"""

import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

ROWS = int(os.environ.get("ROWS", "1000000"))
TIMES = 15
START = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def database() -> Iterator[str]:
    """The control database, empty and migrated: a durable PostgreSQL server, or an SQLite file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django
    from django.core.management import call_command
    from django.db import connections
    from tests.databases import postgresql

    django.setup()
    if os.environ.get("GUANTONG_TEST_DATABASE") != "postgresql":
        call_command("migrate", verbosity=0)
        yield "SQLite"
        return
    with postgresql(durable=True) as url:
        parts = urlsplit(url)
        connections["default"].settings_dict.update(
            {"NAME": parts.path[1:], "HOST": parts.hostname, "PORT": str(parts.port), "USER": parts.username}
        )
        call_command("migrate", verbosity=0)
        yield "PostgreSQL"
        connections.close_all()


def fill() -> float:
    """``ROWS`` receipts over a year: 60 departments, 400 grants, 300 entries, 40 sets of items; a fifth as many acts."""
    from guantong.journal.field_sets import assign_sets
    from guantong.journal.models import Entry, Receipt

    dice = random.Random(1)
    sets = [[f"field_{n}" for n in sorted(dice.sample(range(120), dice.randint(1, 6)))] for _ in range(40)]
    begun = time.perf_counter()
    for first in range(0, ROWS, 5000):
        receipts = [_receipt(number, dice, sets) for number in range(first, min(first + 5000, ROWS))]
        assign_sets(receipts)
        Receipt.objects.bulk_create(receipts)
    seconds = time.perf_counter() - begun
    for first in range(0, ROWS // 5, 5000):
        Entry.objects.bulk_create([_entry(number, dice) for number in range(first, first + 5000)])
    return ROWS / seconds


def _receipt(number: int, dice: random.Random, sets: list[list[str]]) -> Any:
    from guantong.journal.models import Receipt

    grant = min(int(dice.expovariate(1 / 60)), 399)
    rare = number % 100_000 == 7
    return Receipt(
        digest=f"sha-256:{number:064x}",
        at=START + timedelta(seconds=number * 31.5),
        call=f"call-{number}",
        role="provider",
        consumer_organisation=f"consumer-{grant % 60}",
        consumer_application="a",
        consumer_node="511600",
        provider_organisation=f"provider-{grant % 7}",
        provider_node="511600",
        resource=f"resource-{grant % 300}",
        mode="query" if number % 3 else "verify",
        fields=["rare_field"] if rare else sets[grant % 40],
        grant=f"GX{grant}",
        purpose=f"purpose-{grant % 25}",
        case=f"case-{number // 4}" if number % 2 else "",
        subject=f"{number % 50_000:064x}",
        decision="refuse" if number % 200 == 0 else "allow",
        chain=f"GX{grant}/gateway-0",
        number=number,
        raw=b"x" * 1200,
    )


def _entry(number: int, dice: random.Random) -> Any:
    from guantong.journal.models import Entry

    return Entry(
        at=START + timedelta(seconds=number * 157.5),
        act=dice.choice(["grant.issued", "request.filed", "receipt.opened", "person.signed_in"]),
        actor_kind="person",
        actor_id=f"person-{dice.randrange(300)}",
        actor_name="某人",
        actor_organisation=f"consumer-{dice.randrange(60)}",
        subject_kind="grant",
        subject_id=f"GX{dice.randrange(400)}",
        record_digest="sha-256:00",
    )


def measure() -> dict[str, dict[str, float]]:
    """The milliseconds of a page and of the counts beside it, p50 and worst, by kind of search."""
    from guantong.journal.queries import Cursor, Search, page, tally

    deep = Cursor(START + timedelta(seconds=ROWS * 3), "use", 0)
    searches: dict[str, tuple[Any, Any]] = {
        "everything": (Search(), None),
        "everything, nine tenths down": (Search(), deep),
        "a department": (Search(organisations=("consumer-3",)), None),
        "a department's own": (Search(own="provider-2"), deep),
        "a grant": (Search(grant="GX11"), None),
        "an item in most receipts": (Search(fields=("field_7",)), None),
        "an item in ten receipts": (Search(fields=("rare_field",)), None),
        "a case": (Search(case="case-70001"), None),
        "refused of a department": (Search(organisations=("consumer-3",), decision="refuse"), None),
        "a rare item of a department": (Search(own="provider-2", fields=("rare_field",)), None),
        "a month and a mode": (
            Search(mode="verify", since=START + timedelta(days=60), until=START + timedelta(days=90)),
            None,
        ),
        "a person": (Search(actors=("person-5",)), None),
        "nothing fits": (Search(purposes=("none",), decision="refuse"), None),
    }
    found = {}
    for name, (search, after) in searches.items():
        pages = _timed(lambda search=search, after=after: page(search, after=after, size=31))
        counts = _timed(lambda search=search: tally(search))
        found[name] = {**_named("page", pages), **_named("counts", counts)}
    return found


def _timed(work: Callable[[], object]) -> list[float]:
    took = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    return took


def _named(what: str, took: list[float]) -> dict[str, float]:
    return {f"{what}_ms": round(statistics.median(took), 1), f"{what}_worst_ms": round(max(took), 1)}


def main() -> None:
    """Fill, measure, print."""
    with database() as name:
        rate = fill()
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        told = {"database": name, "rows": ROWS, "rows_per_s_written": round(rate), "searches": measure()}
        print(json.dumps(told, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
