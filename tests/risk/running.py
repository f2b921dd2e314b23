"""Made-up traffic through the rules, without a database: what is raised, when, and merged as the platform merges it."""

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import msgspec
from tests.risk.attacks import Attack
from tests.risk.traffic import Town

from guantong.kit.workdays import is_workday
from guantong.risk.book import Book, News
from guantong.risk.defaults import shipped
from guantong.risk.merging import continues, kin_of
from guantong.risk.persons import Person, Persons, is_look, least_of
from guantong.risk.rulebook import Rules
from guantong.risk.types import SEVERITIES, Fact, Signal


@dataclass
class Raised:
    """One alert: its first signal, the moment of the call that raised it, and until when it went on."""

    signal: Signal
    at: int
    since: int
    until: int


@dataclass
class Watch:
    """Feeds days to a book and keeps what it raises."""

    book: Book = field(default_factory=lambda: Book(cache(is_workday)))
    raised: list[Raised] = field(default_factory=list)
    persons: Persons = field(default_factory=Persons)
    looks: dict[str, list[Fact]] = field(default_factory=dict)
    """What the receipts are to the worker: the look-ups of everybody."""
    rules: Rules = field(default_factory=lambda: Rules(shipped()))

    def day(
        self, facts: list[Fact], *, judged: bool, keys: set[str] | None = None, chunk_s: int = 7200
    ) -> None:
        batch: list[Fact] = []
        for fact in facts:
            if batch and fact.at // chunk_s != batch[0].at // chunk_s:
                self._take(batch, judged=judged, keys=keys)
                batch = []
            batch.append(fact)
        if batch:
            self._take(batch, judged=judged, keys=keys)

    def _take(self, batch: list[Fact], *, judged: bool, keys: set[str] | None) -> None:
        news: News = self.book.take(batch)
        seen = self._look(batch)
        # Everybody is judged, so that what hardly anybody reaches is known.
        told = self.persons.judge(seen, self.rules)
        if keys is not None:
            news = {key: days for key, days in news.items() if key[1] in keys}
            told = [signal for signal in told if signal.subject in keys]
        if judged:
            for signal in self.book.judge(news, self.rules) + told:
                self._raise(signal, batch[-1].at)
        self.persons.trim()

    def _look(self, batch: list[Fact]) -> dict[str, set[int]]:
        """As the worker does it: whoever was looked up often is read, whoever is watched is counted on."""
        least, often = least_of(self.rules) or 1, set()
        for fact in filter(is_look, batch):
            looks = self.looks.setdefault(fact.subject, [])
            looks.append(fact)
            if len(looks) >= least and fact.subject not in self.persons:
                often.add(fact.subject)
        for subject in often:
            self.persons.put(subject, Person(self.looks[subject]))
        return self.persons.take(batch, frozenset(often))

    def _raise(self, signal: Signal, at: int) -> None:
        for known in self.raised:
            same = (known.signal.rule, known.signal.key) == (signal.rule, signal.key)
            if same and continues(signal, known.since, known.until):
                known.until = max(known.until, signal.until)
                return
        if any(self._says_the_same(known, signal) for known in self.raised):
            return
        self.raised.append(Raised(signal, at, signal.since, signal.until))

    def _says_the_same(self, known: Raised, signal: Signal) -> bool:
        """As the platform: a pull in an hour is one of the day and the week too, if that is as severe."""
        if known.signal.key != signal.key or known.since >= signal.until or known.until <= signal.since:
            return False
        one, other = self._terms[known.signal.rule], self._terms[signal.rule]
        severe = SEVERITIES.index(one["severity"]) <= SEVERITIES.index(other["severity"])
        return severe and kin_of(one) == kin_of(other)

    @cached_property
    def _terms(self) -> dict[str, dict[str, Any]]:
        return {rule.code: msgspec.to_builtins(rule) for rule in self.rules.general}


def watched(town: Town, attacks: list[Attack] = []) -> Watch:  # noqa: B006 - never changed
    """The whole of a town's time, with the attacks in it; only the keys of attacks are judged if there are any."""
    watch, planted = Watch(), {}
    keys = {key for attack in attacks for key in attack.keys} or None
    for attack in attacks:
        for fact in attack.facts:
            planted.setdefault((fact.at + 8 * 3600) // 86400, []).append(fact)
    for day in range(town.first, town.last + 1):
        facts = town.day(day)
        if day in planted:
            facts = sorted([*facts, *planted[day]], key=lambda fact: fact.at)
        watch.day(facts, judged=day >= town.month, keys=keys, chunk_s=300 if day in planted else 7200)
    return watch


def found_by(attack: Attack, raised: list[Raised]) -> list[Raised]:
    """The alerts that an attack raised: of its rules, about its keys, while it lasted; the first of them first."""
    ends = attack.facts[-1].at + 3600
    hits = [
        each
        for each in raised
        if each.signal.rule in attack.rules
        and (each.signal.key in attack.keys or each.signal.subject in attack.keys)
        and attack.begins <= each.at <= ends
    ]
    return sorted(hits, key=lambda each: each.at)


def is_new(attack: Attack, raised: list[Raised], otherwise: list[Raised]) -> bool:
    """Whether anything about an attack's keys was raised while it lasted that is not raised without it, by whatever rule."""
    ends = attack.facts[-1].at + 3600
    known = {(each.signal.rule, each.signal.key, each.since // 24) for each in otherwise}
    return any(
        not attack.keys.isdisjoint({each.signal.key, each.signal.subject})
        and attack.begins <= each.at <= ends
        and (each.signal.rule, each.signal.key, each.since // 24) not in known
        for each in raised
    )
