"""预演: what a rule would have raised in the last thirty days, from the days of use that are kept. Nothing is written."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from guantong.identity.workdays import workdays
from guantong.kit.errors import Language
from guantong.risk import queries
from guantong.risk.book import Book
from guantong.risk.merging import continues
from guantong.risk.models import DayOfUse
from guantong.risk.types import AnyRule, Signal, Unused
from guantong.risk.usual import MEMORY_DAYS, History, date_of

DAYS = 30
MOST_KEYS = 1000


@dataclass
class Would:
    """An alert that would have been raised."""

    signal: Signal
    since: int
    until: int
    words: str

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


def preview(rule: AnyRule, language: Language, *, at: datetime) -> Preview:
    """Judge the days of the last thirty that are kept, each as it looked when it was over."""
    today = queries.hour_at(at) // 24
    rows = (
        DayOfUse.objects.filter(scope=rule.scope, day__gt=today - DAYS)
        .order_by("key")
        .values_list("key", flat=True)
    )
    keys = [] if isinstance(rule, Unused) else list(rows.distinct()[: MOST_KEYS + 1])
    is_workday = cache(workdays())
    found: list[Would] = []
    for begin in range(0, min(len(keys), MOST_KEYS), 50):
        part = [(rule.scope, key) for key in keys[begin : begin + 50]]
        for (_, key), sheets in queries.sheets_of(part, since=today - DAYS - MEMORY_DAYS).items():
            book = Book(is_workday)
            book.histories[rule.scope, key] = History(is_workday, sheets)
            found += _of_key(book, key, rule, today, language)
    return Preview(
        sorted(found, key=lambda each: -each.until), min(len(keys), MOST_KEYS), len(keys) > MOST_KEYS
    )


def _of_key(book: Book, key: str, rule: AnyRule, today: int, language: Language) -> list[Would]:
    found: list[Would] = []
    sheets = book.histories[rule.scope, key].sheets
    for day in sorted(day for day in sheets if day > today - DAYS):
        hours = frozenset(h for h, n in enumerate(sheets[day].day.hours) if n)
        for signal in book.judge_day((rule.scope, key), day, hours, [rule]):
            if found and continues(signal, found[-1].since, found[-1].until):
                found[-1].until = max(found[-1].until, signal.until)
                continue
            words = queries.said(
                rule,
                language,
                seen=signal.seen,
                limit=signal.limit,
                usual=signal.usual,
                numbers=signal.numbers,
            )
            found.append(Would(signal, signal.since, signal.until, words))
    return found
