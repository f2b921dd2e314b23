"""The figures of docs/performance.md: ``python -m tests.risk.figures [towns [size…]]``, towns as ``1-3``; 0: speed only.

``python -m tests.risk.figures other 1-3``: the towns of the second, independent model (:mod:`tests.risk.other_town`).

False alerts a day in an ordinary month of a hundred grants; the attacks found, and after how many of their calls; by
size. Speed: receipts a second judged from a database, everything included (SQLite in memory, one process).
"""

import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

if __name__ == "__main__":
    django.setup()

from django.test.utils import setup_databases, teardown_databases
from tests.risk.attacks import every
from tests.risk.other_town import OtherTown
from tests.risk.running import found_by, is_new, watched
from tests.risk.traffic import Town
from tests.risk.wrongs import EXPECTED_UNSEEN, wrongs

from guantong.gateway.steps import Steps
from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import canonical, clock
from guantong.risk import actions
from guantong.risk.queries import moment_of
from guantong.risk.types import Fact
from guantong.risk.watching import Watcher

SIZES = (0.5, 1.0, 2.0)


def ordinary(seeds: Sequence[int]) -> None:
    a_day = [len(watched(town).raised) / town.days for town in map(Town, seeds)]
    print(f"ordinary months of 100 grants: {len(seeds)}; false alerts a day: "
          f"mean {statistics.mean(a_day):.2f}, most {max(a_day):.2f}")  # fmt: skip


def attacked(seeds: Sequence[int], size: float) -> None:
    count, found = 0, {}
    after: dict[str, list[float]] = {}
    delay: dict[str, list[float]] = {}
    for seed in seeds:
        town = Town(seed)
        attacks = every(town, seed, size=size)
        raised = watched(town, attacks).raised
        for attack in attacks:
            count += 1
            hits = found_by(attack, raised)
            found[attack.name] = found.get(attack.name, 0) + bool(hits)
            if hits:
                calls = sum(fact.at <= hits[0].at for fact in attack.facts)
                after.setdefault(attack.name, []).append(100 * calls / len(attack.facts))
                delay.setdefault(attack.name, []).append((hits[0].at - attack.begins) / 3600)
    print(f"\nsize {size}: {sum(found.values())} of {count} found")
    for name, times in found.items():
        share = (
            f"{statistics.median(after[name]):3.0f} % of its calls, {statistics.median(delay[name]):5.1f} h"
            if times
            else ""
        )
        print(f"  {times}/{len(seeds)}  {name}: {share}")


def independent(seeds: Sequence[int]) -> None:
    """False alerts by rule, and who was found by any alert that the same town without wrongs does not have."""
    found: dict[str, int] = {}
    a_day = []
    for seed in seeds:
        raised = watched(OtherTown(seed)).raised
        a_day.append(len(raised) / OtherTown(seed).days)
        rules = Counter(each.signal.rule for each in raised)
        print(f"town {seed}: {a_day[-1]:.2f} false alerts a day: "
              + ", ".join(f"{rule} {n}" for rule, n in rules.most_common()))  # fmt: skip
        town = OtherTown(seed)
        wrong = wrongs(town, seed)
        with_wrongs = watched(town, wrong).raised
        for attack in wrong:
            found[attack.name] = found.get(attack.name, 0) + is_new(attack, with_wrongs, raised)
    print(f"mean {statistics.mean(a_day):.2f}, median {statistics.median(a_day):.2f}, most {max(a_day):.2f} a day; "
          f"{sum(found.values())} of {len(found) * len(seeds)} found")  # fmt: skip
    for name, times in found.items():
        print(f"  {times}/{len(seeds)}  {name}{' (not expected)' if name in EXPECTED_UNSEEN else ''}")


def speed(count: int) -> None:
    town = Town(1)
    facts = [fact for day in range(town.month, town.month + 12) for fact in town.day(day)][:count]
    Receipt.objects.bulk_create([receipt(n, fact) for n, fact in enumerate(facts)], batch_size=1000)
    actions.ship_rules(by=SYSTEM, at=clock.now())
    watcher, began = Watcher(), time.perf_counter()
    with clock.frozen(moment_of((town.month + 12) * 24)):
        while watcher.judge(by=SYSTEM, at=clock.now()):
            pass
    took = time.perf_counter() - began
    print(
        f"\njudged {len(facts)} receipts of {len(town.plans)} grants in {took:.1f} s: {len(facts) / took:,.0f}/s"
    )


def steps(count: int) -> None:
    """What the gateway spends on each call to see whether keys follow one another."""
    noting, keys = Steps(), [f"51160219900101{number:04d}" for number in range(10_000)]
    began = time.perf_counter()
    for number in range(count):
        noting.note(f"app-{number % 50}", "GX1", {"id_number": keys[number * 7919 % len(keys)]})
    print(f"steps: {(time.perf_counter() - began) / count * 1e6:.1f} µs a call")


def receipt(number: int, fact: Fact) -> Receipt:
    organisation, _, application = fact.application.partition("/")
    body = {"rows": fact.rows, "steps": fact.steps, "chain": "g/w", "pad": "x" * 1200}
    return Receipt(
        digest=f"sha-256:{number:064d}",
        at=moment_of(0) + (moment_of(1) - moment_of(0)) / 3600 * (fact.at + 8 * 3600),
        call=f"c{number}",
        role="provider",
        grant=fact.grant,
        resource=fact.resource,
        consumer_organisation=organisation,
        consumer_application=application,
        mode="query",
        fields=list(fact.fields),
        case=fact.case,
        subject=fact.subject,
        decision="allow" if fact.is_allowed else "refuse",
        reason=fact.reason,
        raw=canonical.dumps({"body": body, "kind": "guantong/receipt@v1", "signatures": []}),
    )


def main() -> None:
    if sys.argv[1:2] == ["other"]:
        first, _, last = (sys.argv[2] if len(sys.argv) > 2 else "1-3").partition("-")
        independent(range(int(first), int(last or first) + 1))
        return
    first, _, last = (sys.argv[1] if len(sys.argv) > 1 else "1-3").partition("-")
    seeds = range(int(first), int(last or first) + 1) if first != "0" else ()
    kept = setup_databases(verbosity=0, interactive=False)
    speed(60_000)
    steps(200_000)
    teardown_databases(kept, verbosity=0)
    if not seeds:
        return
    ordinary(seeds)
    for size in [float(text) for text in sys.argv[2:]] or SIZES:
        attacked(seeds, size)


if __name__ == "__main__":
    main()
