"""守望: judges receipts as they come in, a batch at a time. Memory only spares reading: every batch starts from the cursor."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache

from django.conf import settings
from django.utils import timezone

from guantong.identity.workdays import workdays
from guantong.journal.types import Actor
from guantong.risk import actions, queries
from guantong.risk.actions import raising
from guantong.risk.actions.raising import READER
from guantong.risk.book import Book, Key, changed, keys_of
from guantong.risk.days import hour_of
from guantong.risk.models import Reading
from guantong.risk.persons import USUAL_DAYS, Person, Persons, is_look, least_of
from guantong.risk.reading import facts_of, looked_up_often, looks_of, next_receipts
from guantong.risk.rulebook import Rules
from guantong.risk.types import Fact
from guantong.risk.usual import MEMORY_DAYS, History

BATCH = 2000
WEEK = 8
"""Days whose particulars are in memory."""
WEEK_BEFORE = 7
MOST_KEYS = 3000
"""Histories in memory; beyond that it is emptied and filled again from the database."""


class Watcher:
    """One worker's judge of receipts. A second one beside it would only find that the cursor has moved on."""

    def __init__(self) -> None:
        self._book: Book | None = None
        self._persons = Persons()
        self._position = -1
        self._calendar_of: date | None = None
        self._tended_on: date | None = None

    def tend(self, *, by: Actor, at: datetime) -> int:
        """What is due once a day, and when a worker starts; asks the database for nothing in between."""
        today = timezone.localdate(at)
        if self._tended_on == today:
            return 0
        count = actions.tend(by=by, at=at)
        self._tended_on = today
        return count

    def judge(self, *, by: Actor, at: datetime) -> int:
        """Judge the next receipts; how many there were. Nothing is kept of a batch that fails."""
        position = Reading.objects.filter(name=READER).values_list("position", flat=True).first() or 0
        rows = next_receipts(position, most=BATCH)
        if not rows:
            return 0
        facts = list(facts_of(rows, node=settings.NODE.node))
        rules = self.rules()
        book = self._open(position, at)
        try:
            self._load(book, facts, at)
            read = self._watch(facts, rules, position=rows[-1][0])
            news = book.take(facts)
            signals = book.judge(news, rules) + self._persons.judge(self._persons.take(facts, read), rules)
            peaks = self._persons.peaks
            raising.keep(
                changed(book, news), signals, peaks, before=position, after=rows[-1][0], by=by, at=at
            )
            peaks.changed.clear()
        except BaseException:
            self._book = None
            raise
        self._persons.trim()
        self._position = rows[-1][0]
        return len(rows)

    def rules(self) -> Rules:
        """The rules in force."""
        return queries.rules()

    def _open(self, position: int, at: datetime) -> Book:
        """The book in memory, or a new one if it does not stand where the database does."""
        today = at.date()
        book = self._book
        is_fit = book is not None and position == self._position and self._calendar_of == today
        if book is None or not is_fit or len(book.histories) > MOST_KEYS:
            book = self._book = Book(cache(workdays()))
            self._persons = Persons(queries.peaks_since(queries.hour_at(at) // 24 - MEMORY_DAYS))
            self._calendar_of = today
        return book

    def _watch(self, facts: Sequence[Fact], rules: Rules, *, position: int) -> frozenset[str]:
        """Have those in memory who were looked up often, the calls up to ``position`` with them; who was read for it."""
        least = least_of(rules)
        new = {fact.subject for fact in facts if is_look(fact) and fact.subject not in self._persons}
        if least is None or not new:
            return frozenset()
        days = [hour_of(fact.at) // 24 for fact in facts]
        since = min(days) - WEEK_BEFORE
        often = looked_up_often(new, least=least, since=since, until=max(days) + WEEK_BEFORE)
        for subject in often:
            self._persons.put(subject, Person(looks_of(subject, since=since - USUAL_DAYS, position=position)))
        return frozenset(often)

    def _load(self, book: Book, facts: Sequence[Fact], at: datetime) -> None:
        """Have the histories that the calls belong to in memory; particulars only of the week, and of days with news."""
        today = queries.hour_at(at) // 24
        first: dict[Key, int] = {}
        for fact in facts:
            day = hour_of(fact.at) // 24
            for key in keys_of(fact):
                first[key] = min(first.get(key, day), day)
        wanted: dict[int, list[Key]] = {}
        for key, day in first.items():
            known = book.histories.get(key)
            if known is None or any(n >= day and not sheet.is_whole for n, sheet in known.sheets.items()):
                wanted.setdefault(min(day, today - WEEK), []).append(key)
        for whole_since, keys in wanted.items():
            read = queries.sheets_of(keys, since=today - MEMORY_DAYS, whole_since=whole_since)
            for (scope, name), sheets in read.items():
                book.histories[scope, name] = History(book.is_workday, sheets)  # type: ignore[index] # as in keys
