"""预演: what a rule would have raised in the last thirty days, and what a change of it would have changed. Nothing is written.

Rules about grants, applications and organisations are tried on the days of use that are kept, each as it was when it
was over; rules about persons on the receipts themselves.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from django.db.models import Count, Max

from guantong.identity.workdays import workdays
from guantong.kit.errors import Language
from guantong.risk import queries
from guantong.risk.book import Book
from guantong.risk.merging import continues
from guantong.risk.models import DayOfUse, Finding
from guantong.risk.persons import USUAL_DAYS, WEEK, Person, judge_person, least_of
from guantong.risk.reading import looks_of
from guantong.risk.rulebook import Rules
from guantong.risk.types import AnyRule, Followed, Repeated, Signal, Unused
from guantong.risk.usual import MEMORY_DAYS, History, date_of

DAYS = 30
MOST_KEYS = 1000


@dataclass
class Would:
    """An alert that would have been raised; ``state``: what people made of the one that really was, if there is one."""

    signal: Signal
    since: int
    until: int
    words: str
    state: str = ""

    @property
    def first(self) -> date:
        """Its first day."""
        return date_of(self.since // 24)

    @property
    def last(self) -> date:
        """Its last day."""
        return date_of((self.until - 1) // 24)


@dataclass(frozen=True)
class Preview:
    """What would have been raised about how many keys; ``is_cut``: there are more keys than were looked at."""

    found: list[Would]
    keys: int
    is_cut: bool
    is_of_receipts: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two wordings of a rule over the same days: alerts of the later one alone, of the earlier one alone, of both."""

    before: Preview
    after: Preview
    gained: list[Would]
    lost: list[Would]
    kept: list[Would]

    @property
    def lost_true(self) -> int:
        """Of the alerts that fall away, so many were found to be true."""
        return sum(each.state == "confirmed" for each in self.lost)

    @property
    def lost_false(self) -> int:
        """Of the alerts that fall away, so many were false alarms."""
        return sum(each.state == "false" for each in self.lost)


def compare(now: AnyRule, then: AnyRule, language: Language, *, at: datetime, grant: str = "") -> Comparison:
    """What ``now`` would have raised in the last thirty days, and what ``then``; about one ``grant`` alone, if named."""
    before, after = (
        preview(Rules([rule], {} if grant else queries.local_of(rule)), language, at=at, grant=grant)
        for rule in (now, then)
    )
    _note_states(now.code, [*before.found, *after.found], at)
    lost = [each for each in before.found if not any(_same(each, other) for other in after.found)]
    gained = [each for each in after.found if not any(_same(each, other) for other in before.found)]
    kept = [each for each in after.found if each not in gained]
    return Comparison(before, after, gained, lost, kept)


def _same(one: Would, other: Would) -> bool:
    return one.signal.key == other.signal.key and one.since < other.until and other.since < one.until


def _note_states(code: str, found: list[Would], at: datetime) -> None:
    since = queries.moment_of(queries.hour_at(at) - (DAYS + WEEK) * 24)
    real = list(
        Finding.objects.filter(rule=code, until__gt=since).values_list("key", "since", "until", "state")
    )
    for each in found:
        for key, begin, end, state in real:
            if (
                key == each.signal.key
                and queries.moment_of(each.since) < end
                and begin < queries.moment_of(each.until)
            ):
                each.state = state


def preview(rules: Rules, language: Language, *, at: datetime, grant: str = "") -> Preview:
    """Judge the last thirty days by the one rule of ``rules``; about one ``grant`` alone, if it is named."""
    (rule,) = rules.general
    today = queries.hour_at(at) // 24
    if isinstance(rule, Repeated | Followed):
        return _of_persons(rules, today, language, grant)
    rows = DayOfUse.objects.filter(scope=rule.scope, day__gt=today - DAYS).order_by("key")
    if grant:
        rows = rows.filter(key=grant)
    names = rows.values_list("key", flat=True).distinct()
    keys = [] if isinstance(rule, Unused) else list(names[: MOST_KEYS + 1])
    is_workday = cache(workdays())
    found: list[Would] = []
    for begin in range(0, min(len(keys), MOST_KEYS), 50):
        part = [(rule.scope, key) for key in keys[begin : begin + 50]]
        for (_, key), sheets in queries.sheets_of(part, since=today - DAYS - MEMORY_DAYS).items():
            book = Book(is_workday)
            book.histories[rule.scope, key] = History(is_workday, sheets)
            found += merged(_signals_of(book, key, rules, today), rules, language)
    return Preview(
        sorted(found, key=lambda each: -each.until), min(len(keys), MOST_KEYS), len(keys) > MOST_KEYS
    )


def _signals_of(book: Book, key: str, rules: Rules, today: int) -> Iterator[Signal]:
    scope = rules.general[0].scope
    sheets = book.histories[scope, key].sheets
    for day in sorted(day for day in sheets if day > today - DAYS):
        hours = frozenset(h for h, n in enumerate(sheets[day].day.hours) if n)
        yield from book.judge_day((scope, key), day, hours, rules)


def _of_persons(rules: Rules, today: int, language: Language, grant: str) -> Preview:
    least = least_of(rules)
    since = today - DAYS - WEEK
    rows = queries.looks().filter(at__gte=queries.moment_of(since * 24))
    if grant:
        # Whom this grant looked up; by whom else is read all the same.
        rows = rows.filter(grant=grant)
    counted = rows.order_by().values("subject").annotate(n=Count("pk"), last=Max("at"))
    often = [] if least is None else list(
        counted.filter(n__gte=least).order_by("-n").values_list("subject", flat=True)[: MOST_KEYS + 1]
    )  # fmt: skip
    found: list[Would] = []
    peaks = queries.peaks_since(since - USUAL_DAYS - WEEK)
    for subject in often[:MOST_KEYS]:
        person = Person(looks_of(subject, since=since - USUAL_DAYS))
        days = sorted(day for day in person.days if day > today - DAYS)
        signals = [
            signal
            for signal in judge_person(subject, person, days, rules, peaks)
            if not grant or signal.grant == grant
        ]
        for key in sorted({signal.key for signal in signals}):
            own = [signal for signal in signals if signal.key == key]
            found += merged(sorted(own, key=lambda signal: signal.until), rules, language)
    return Preview(
        sorted(found, key=lambda each: -each.until), min(len(often), MOST_KEYS), len(often) > MOST_KEYS, True
    )


def merged(signals: Iterable[Signal], rules: Rules, language: Language) -> list[Would]:
    """Signals about one key, in order of time, as the alerts that they come to."""
    found: list[Would] = []
    (rule,) = rules.general
    for signal in signals:
        if found and continues(signal, found[-1].since, found[-1].until):
            found[-1].until = max(found[-1].until, signal.until)
            continue
        words = queries.said(
            rule, language, seen=signal.seen, limit=signal.limit, usual=signal.usual, numbers=signal.numbers
        )
        found.append(Would(signal, signal.since, signal.until, words))
    return found
