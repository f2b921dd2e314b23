"""A second town, by another model than :mod:`tests.risk.traffic`, and not set by the rules: who works, on what, for whom.

Nothing here draws the calls of a grant from a curve. Residents and firms come with matters; a matter needs several
look-ups, some in other departments under the same case; clerks with hours, habits and mistakes do them, or programs
poll, retry, and run lists at night, on Sundays, at the ends of months. New clerks begin and make more mistakes, offices
move to another numbering of cases, inspectors come without cases, the days before and after holidays differ, and some
make-up days are worked. The month that is judged holds Mid-Autumn and National Day with their make-up days.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from guantong.kit.workdays import is_workday
from guantong.risk.days import EAST_S
from guantong.risk.types import Fact

EPOCH = date(1970, 1, 1).toordinal()
HOUSES = 12
ITEMS = ("name", "status", "valid_to", "address", "employer", "amount")


@dataclass
class Clerk:
    """Somebody at a desk: hours, pace, and mistakes. ``since`` is the first day."""

    since: int
    starts: float
    ends: float
    typo: float
    forgets: float

    def mistakes(self, day: int) -> tuple[float, float]:
        """Typing errors and forgotten cases: many at first, fewer from week to week."""
        fresh = math.exp(-(day - self.since) / 12) if day >= self.since else 0.0
        return self.typo + 0.08 * fresh, self.forgets + 0.3 * fresh


@dataclass
class Permit:
    """One grant of a house, and what kind of work is done under it."""

    number: int
    house: int
    work: str
    items: tuple[str, ...]
    size: float
    since: int

    @property
    def grant(self) -> str:
        return f"grant-{self.number}"

    @property
    def organisation(self) -> str:
        return f"house-{self.house}"

    @property
    def application(self) -> str:
        return f"{self.organisation}/{'desk' if self.work in {'desk', 'new', 'rare'} else self.work}"

    @property
    def resource(self) -> str:
        return f"resource-{self.number % 37}"


@dataclass
class House:
    """A department: clerks, how many matters a day it gets, when it is busy, how it numbers cases."""

    clerks: list[Clerk]
    matters: float
    peak: str
    style: str
    moves_on: int | None
    saturday: bool
    count: int = 0
    open_cases: list[str] = field(default_factory=list)


def number_of(day: date) -> int:
    return day.toordinal() - EPOCH


class OtherTown:
    """A hundred grants of twelve departments; ``first`` for ``warm`` days, then a month of ``days`` that is judged."""

    def __init__(self, seed: int, begins: date = date(2026, 8, 3), warm: int = 45, days: int = 30) -> None:
        self.dice = Random(f"other town {seed}")
        self.first = number_of(begins)
        self.month = self.first + warm
        self.days = days
        self.last = self.month + days - 1
        self.houses = [self._house() for _ in range(HOUSES)]
        self.plans = self._permits()
        self.desks = {n: [p for p in self.plans if p.house == n and p.work == "desk"] for n in range(HOUSES)}
        self.later: dict[int, list[Callable[[], Iterator[Fact]]]] = {}
        self.firms = [f"firm-{n}" for n in range(400)]

    def _house(self) -> House:
        dice = self.dice
        clerks = [
            Clerk(
                self.first - dice.randrange(30, 2000), dice.uniform(8.3, 9.2), dice.uniform(16.8, 17.9),
                dice.uniform(0.004, 0.04), dice.uniform(0, 0.12),
            )
            for _ in range(dice.randrange(3, 12))
        ]  # fmt: skip
        clerks += [
            Clerk(dice.randrange(self.month - 5, self.last), 8.6, 17.4, 0.02, 0.06)
            for _ in range(dice.choice([0, 0, 0, 1, 1, 3]))
        ]
        moves = dice.randrange(self.month, self.last) if dice.random() < 0.08 else None
        return House(
            clerks, math.exp(dice.gauss(4.2, 0.8)), dice.choice(["", "", "month", "quarter"]),
            dice.choice(["SL-{year}-{n:05d}", "{year}{n:08d}", "办{year}字{n}号"]), moves, dice.random() < 0.25,
        )  # fmt: skip

    def _permits(self) -> list[Permit]:
        works = (
            ["desk"] * 60 + ["system"] * 15 + ["list"] * 12 + ["inspector"] * 5 + ["new"] * 5 + ["rare"] * 3
        )
        made = []
        for number, work in enumerate(works):
            items = tuple(self.dice.sample(ITEMS, self.dice.randrange(2, 5)))
            since = self.dice.randrange(self.month, self.last - 4) if work == "new" else self.first
            made.append(
                Permit(number, number % HOUSES, work, items, math.exp(self.dice.gauss(0, 0.7)), since)
            )
        return made

    def day(self, day: int) -> list[Fact]:
        """The calls of a day in which nobody does wrong, in order of time."""
        facts = [fact for todo in self.later.pop(day, ()) for fact in todo()]
        for n, house in enumerate(self.houses):
            facts += self._matters(day, n, house)
        for permit in self.plans:
            facts += self._program(day, permit)
        return sorted((fact for fact in facts if fact.at >= 0), key=lambda fact: fact.at)

    def _bustle(self, day: int, house: House) -> float:
        """How much comes in, against an ordinary day."""
        when = date.fromordinal(EPOCH + day)
        if not is_workday(when):
            return 0.3 if house.saturday and when.isoweekday() == 6 and not _is_feast(when) else 0.0
        much = {1: 1.3, 2: 1.1, 5: 0.8}.get(when.isoweekday(), 1.0)
        if when.isoweekday() > 5:
            much = 0.7  # a make-up day: offices are open, and few know it
        if _off(when, -1) >= 3:
            much *= 2.2  # after a feast
        if _off(when, 1) >= 3:
            much *= 0.6  # and before one
        left = _workdays_left(when)
        if house.peak == "month" and left <= 3:
            much *= 3 - 0.4 * left
        if house.peak == "quarter" and left <= 4 and when.month % 3 == 0:
            much *= 3.5
        return much * math.exp(self.dice.gauss(0, 0.22))

    def _matters(self, day: int, number: int, house: House) -> Iterator[Fact]:
        dice = self.dice
        here = [clerk for clerk in house.clerks if clerk.since <= day and dice.random() > 0.07]
        mine = self.desks[number]
        if not here or not mine:
            return
        for _ in range(_count(dice, house.matters * self._bustle(day, house))):
            clerk = dice.choice(here)
            house.count += 1
            style = house.style if house.moves_on is None or day < house.moves_on else "T{year}/{n:07d}"
            case = style.format(year=2026, n=house.count)
            subject = dice.choice(self.firms) if dice.random() < 0.12 else self._resident()
            steps = [dice.choice(mine)]
            steps += [p for p in mine if dice.random() < 0.25 * min(1.5, p.size)]
            if dice.random() < 0.12:
                # One window: what the other departments know, under the same case.
                others = [n for n in dice.sample(range(HOUSES), dice.randrange(2, 6)) if self.desks[n]]
                steps += [dice.choice(self.desks[n]) for n in others]
            household = [subject, *(f"{subject}-{n}" for n in range(_count(dice, 0.25)))]
            hour = self._hour(clerk)
            yield from self._work(day, hour, clerk, steps, household, case)
            if dice.random() < 0.2:
                again = self._next_workday(day, dice.randrange(1, 9))
                self._put_off(again, clerk, steps[:1], household[:1], case)

    def _resident(self) -> str:
        """Some have to do with offices again and again, most hardly ever."""
        dice = self.dice
        return f"often-{dice.randrange(2000)}" if dice.random() < 0.15 else f"r{dice.randrange(60000)}"

    def _put_off(self, day: int, clerk: Clerk, steps: list[Permit], people: list[str], case: str) -> None:
        """The same matter once more on a later day."""
        hour = self._hour(clerk)
        self.later.setdefault(day, []).append(lambda: self._work(day, hour, clerk, steps, people, case))

    def _work(
        self, day: int, hour: float, clerk: Clerk, steps: list[Permit], people: list[str], case: str
    ) -> Iterator[Fact]:
        dice = self.dice
        typo, forgets = clerk.mistakes(day)
        at = hour
        for permit in steps:
            for person in people:
                while dice.random() < typo:
                    # A wrong number finds nobody, now and then somebody else.
                    missed = int(dice.random() < 0.1)
                    yield asked(permit, day, at, subject=f"x{dice.randrange(10**9)}", case=case, rows=missed)
                    at += 0.01
                named = "" if dice.random() < forgets else case
                rows = 0 if dice.random() < 0.02 else 1
                yield asked(permit, day, at, subject=person, case=named, rows=rows)
                at += dice.expovariate(60)
                if dice.random() < 0.0008:
                    # Something hangs, and the program of the desk asks again and again.
                    for n in range(dice.randrange(3, 14)):
                        yield asked(permit, day, at + n * 0.005, subject=person, case=named)

    def _hour(self, clerk: Clerk) -> float:
        dice = self.dice
        while True:
            late = dice.random() < 0.015
            hour = dice.gauss(10.1, 1.0) if dice.random() < 0.55 else dice.gauss(15.2, 1.1)
            hour += dice.uniform(2, 4) if late else 0
            if (clerk.starts <= hour <= clerk.ends or late) and not 12.1 < hour < 13.8:
                return min(hour, 23.5)

    def _next_workday(self, day: int, after: int) -> int:
        day += after
        while not is_workday(date.fromordinal(EPOCH + day)):
            day += 1
        return day

    def _program(self, day: int, permit: Permit) -> Iterator[Fact]:
        if day < permit.since:
            return iter(())
        makers = {
            "system": self._system, "list": self._list, "inspector": self._inspector, "new": self._new, "rare": self._rare,
        }  # fmt: skip
        maker = makers.get(permit.work)
        return maker(day, permit) if maker else iter(())

    def _system(self, day: int, permit: Permit) -> Iterator[Fact]:
        """An application of residents: most in the evening, more on days off, and it polls for what is not ready."""
        dice, at, when = self.dice, 0.0, date.fromordinal(EPOCH + day)
        rate = 8 * permit.size * (1.0 if is_workday(when) else 1.4) * math.exp(dice.gauss(0, 0.15))
        rate *= 5 if dice.random() < 0.012 else 1  # something was on the news
        while (at := at + dice.expovariate(rate)) < 24:
            if dice.random() > 0.15 + 0.85 * math.exp(-((at - 20.2) ** 2) / 14) + 0.3 * (9 < at < 17):
                continue
            subject = self._resident()
            yield asked(permit, day, at, subject=subject, rows=int(dice.random() > 0.05))
            if dice.random() < 0.02:
                for n in range(dice.randrange(2, 9)):
                    yield asked(permit, day, min(23.99, at + 0.17 * (n + 1)), subject=subject)

    def _list(self, day: int, permit: Permit) -> Iterator[Fact]:
        """A program with a list: nightly, on Sundays, or on the first and last workday of a month, by its number."""
        dice, when = self.dice, date.fromordinal(EPOCH + day)
        kind = permit.number % 3
        due = [
            True,
            when.isoweekday() == 7,
            is_workday(when) and (when.day == 1 or _workdays_left(when) == 1),
        ][kind]
        if not due or dice.random() < 0.03:
            return
        count = int([120, 700, 900][kind] * permit.size * dice.uniform(0.6, 1.4))
        at, run, number = [1.5, 3.2, 19.0][kind] + dice.gauss(0, 0.2), 0, dice.randrange(10**6)
        for _ in range(count):
            # Lists are sorted by number, with gaps.
            step = 1 if dice.random() < 0.35 else dice.randrange(2, 40)
            run, number = (run + 1 if step == 1 else 0), number + step
            yield asked(permit, day, at, subject=f"l{number}", rows=int(dice.random() > 0.03), steps=run)
            at += 1 / 900

    def _inspector(self, day: int, permit: Permit) -> Iterator[Fact]:
        """Out on a visit once a week or so: everybody who is on the spot, without a case."""
        dice = self.dice
        if is_workday(date.fromordinal(EPOCH + day)) and dice.random() < 0.22:
            at = dice.uniform(9, 15)
            for n in range(dice.randrange(20, 140)):
                yield asked(
                    permit,
                    day,
                    at + n / 70,
                    subject=f"i{dice.randrange(60000)}",
                    rows=int(dice.random() > 0.04),
                )

    def _new(self, day: int, permit: Permit) -> Iterator[Fact]:
        dice, age = self.dice, day - permit.since
        if is_workday(date.fromordinal(EPOCH + day)):
            clerk = dice.choice(self.houses[permit.house].clerks)
            for n in range(_count(dice, 60 * permit.size * (1 - math.exp(-(age + 1) / 6)))):
                case = f"XJ{day}-{n}"
                person = self._resident()
                yield from self._work(day, self._hour(clerk), clerk, [permit], [person], case)

    def _rare(self, day: int, permit: Permit) -> Iterator[Fact]:
        dice = self.dice
        if is_workday(date.fromordinal(EPOCH + day)) and dice.random() < 0.12:
            clerk = dice.choice(self.houses[permit.house].clerks)
            people = [f"r{dice.randrange(60000)}" for _ in range(dice.randrange(1, 6))]
            yield from self._work(day, self._hour(clerk), clerk, [permit], people, f"R{day}")


def asked(permit: Permit, day: int, hour: float, **more: object) -> Fact:
    """An answered look-up at an hour of China Standard Time."""
    values: dict[str, object] = {"rows": 1, "fields": permit.items, **more}
    at = day * 86400 + int(min(hour, 23.999) * 3600) - EAST_S
    return Fact(
        at, permit.grant, permit.application, permit.organisation, permit.resource, is_allowed=True, **values,  # type: ignore[arg-type] # as Fact has them
    )  # fmt: skip


def turned_away(permit: Permit, day: int, hour: float, reason: str, **more: object) -> Fact:
    """A refused call."""
    values: dict[str, object] = {"grant": permit.grant, "resource": permit.resource, **more}
    at = day * 86400 + int(min(hour, 23.999) * 3600) - EAST_S
    return Fact(
        at, application=permit.application, organisation=permit.organisation, is_allowed=False, reason=reason, **values,  # type: ignore[arg-type] # as above
    )  # fmt: skip


def _count(dice: Random, expected: float) -> int:
    """A Poisson count by waiting times."""
    n, left = 0, expected
    while expected and (left := left - dice.expovariate(1)) > 0:
        n += 1
    return n


def _off(when: date, step: int) -> int:
    """So many days off in a row come right before (-1) or after (1) a day."""
    count = 0
    while not is_workday(when := when + timedelta(days=step)):
        count += 1
    return count


def _is_feast(when: date) -> bool:
    return _off(when, -1) + _off(when, 1) >= 2


def _workdays_left(when: date) -> int:
    """The workdays of the month from a day on, the day itself with them."""
    day, count = when, 0
    while day.month == when.month:
        count += is_workday(day)
        day += timedelta(days=1)
    return count
