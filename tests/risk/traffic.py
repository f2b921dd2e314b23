"""Made-up traffic, seeded and labelled: months of ordinary use of a hundred grants, and attacks to plant in it.

Each grant has a plan: whether it is used in office hours, around the clock, at night by a program, rarely, at the
end of months, more and more, or only lately. The ordinary has its own oddities: overtime, backlogs after holidays,
campaigns, programs that retry, items used for the first time, lists that are asked in their order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from guantong.kit.workdays import is_workday
from guantong.risk.days import EAST_S
from guantong.risk.types import Fact

KINDS = {
    "office": 42,
    "around_the_clock": 10,
    "nightly": 10,
    "rare": 10,
    "month_end_only": 6,
    "month_end_peaks": 7,
    "growing": 6,
    "new": 6,
    "asleep": 3,
}
OFFICE = [0, 0, 0, 0, 0, 0, 0, 1, 8, 14, 14, 9, 3, 6, 13, 13, 10, 5, 1, 0, 0, 0, 0, 0]
CLOCK = [3, 2, 2, 2, 2, 3, 4, 6, 9, 10, 10, 9, 8, 8, 9, 9, 9, 8, 8, 8, 7, 6, 5, 4]
FIELDS = ("name", "residence_division", "valid_to", "household", "status")
EPOCH = date(1970, 1, 1).toordinal()


@dataclass
class Plan:
    """How one grant is used."""

    number: int
    kind: str
    daily: float
    miss: float
    carries_cases: bool
    names_case: float
    begins: int
    rows: int = 1
    fields: tuple[str, ...] = FIELDS[:3]
    cases: int = 0
    subjects: int = 0
    recent: list[str] = field(default_factory=list)

    @property
    def grant(self) -> str:
        return f"grant-{self.number}"

    @property
    def organisation(self) -> str:
        return f"organisation-{self.number % 20}"

    @property
    def application(self) -> str:
        return f"{self.organisation}/application-{self.number % 40}"

    @property
    def resource(self) -> str:
        return f"resource-{self.number % 30}"


def number_of(day: date) -> int:
    return day.toordinal() - EPOCH


def plans(dice: Random, *, first: int, month: int) -> list[Plan]:
    """A hundred grants; ``first`` is the first day of all, ``month`` the first of the month that is judged."""
    made: list[Plan] = []
    for kind, count in KINDS.items():
        for _ in range(count):
            daily = {
                "office": math.exp(dice.gauss(3.8, 0.9)),
                "around_the_clock": math.exp(dice.gauss(5.0, 0.5)),
                "nightly": math.exp(dice.gauss(4.8, 0.4)),
                "rare": 4.0,
                "month_end_only": 40.0,
                "month_end_peaks": math.exp(dice.gauss(3.6, 0.5)),
                "growing": 25.0,
                "new": math.exp(dice.gauss(3.8, 0.5)),
                "asleep": 20.0,
            }[kind]
            made.append(
                Plan(
                    number=len(made),
                    kind=kind,
                    daily=min(daily, 600),
                    miss=dice.uniform(0.01, 0.06),
                    carries_cases=kind not in {"nightly", "around_the_clock"}
                    and not (kind == "new" and dice.random() < 0.5),
                    names_case=dice.uniform(0.85, 1),
                    begins=month + dice.randrange(2, 15) if kind == "new" else first,
                    rows=dice.choice([1, 1, 1, 2]),
                )
            )
    return made


def ordinary(dice: Random, plan: Plan, day: int, *, first: int) -> list[Fact]:
    """What a grant does on one day when nothing is wrong."""
    if day < plan.begins:
        return []
    when = date.fromordinal(EPOCH + day)
    count, hours = _rhythm(dice, plan, when, day - first)
    facts = [fact for hour, n in _spread(dice, count, hours) for fact in _calls(dice, plan, day, hour, n)]
    if dice.random() < 0.02:
        # A program that retries what is refused, for a while.
        hour = dice.randrange(9, 17)
        reason = dice.choice(["rate_exceeded", "keys_not_declared", "quota_exceeded"])
        facts += [
            refusal(plan, day * 24 + hour, dice.randrange(3600), reason) for _ in range(dice.randrange(3, 60))
        ]
    return facts


def _rhythm(  # noqa: C901, PLR0911 - one line a kind
    dice: Random, plan: Plan, when: date, age: int
) -> tuple[float, list[int]]:
    works = is_workday(when)
    swing = math.exp(dice.gauss(0, 0.3))
    month_end = when.day >= 28 or when.day == 1
    if plan.kind == "around_the_clock":
        return plan.daily * swing * (1 if works else 0.8), CLOCK
    if plan.kind == "nightly":
        return plan.daily * math.exp(dice.gauss(0, 0.1)), [0, 1, 4, 1, *[0] * 20]
    if not works:
        overtime = dice.random() < 0.06
        return (plan.daily * 0.15 * swing if overtime else 0), OFFICE
    hours = OFFICE
    if dice.random() < 0.04:
        hours = [*OFFICE[:18], 3, 2, *OFFICE[20:]]
    weekday = {1: 1.25, 5: 0.85}.get(when.isoweekday(), 1.0)
    if not is_workday(when - timedelta(days=1)) and not is_workday(when - timedelta(days=3)):
        weekday *= 1.8  # what was left lying over a holiday
    if dice.random() < 0.02:
        weekday *= dice.uniform(2, 4)  # a campaign
    if plan.kind == "rare":
        return (plan.daily * swing if dice.random() < 0.2 else 0), hours
    if plan.kind == "asleep":
        return (plan.daily if age < 12 else 0), hours
    if plan.kind == "month_end_only":
        return (plan.daily * swing if month_end else 0), hours
    if plan.kind == "month_end_peaks":
        weekday *= 4 if month_end else 1
    if plan.kind == "growing":
        weekday *= 1.02**age
    return plan.daily * swing * weekday, hours


def _spread(dice: Random, count: float, hours: list[int]) -> Iterator[tuple[int, int]]:
    whole = sum(hours)
    for hour, weight in enumerate(hours):
        expected = count * weight / whole
        n = (
            max(0, round(dice.gauss(expected, math.sqrt(expected))))
            if expected > 8
            else _poisson(dice, expected)
        )
        if n:
            yield hour, n


def _poisson(dice: Random, expected: float) -> int:
    limit, product, n = math.exp(-expected), dice.random(), 0
    while product > limit:
        product *= dice.random()
        n += 1
    return n


def _calls(dice: Random, plan: Plan, day: int, hour: int, count: int) -> Iterator[Fact]:
    run = 0
    # Lists of bad quality, and systems that forget the case, are no attacks.
    miss = dice.uniform(0.1, 0.2) if dice.random() < 0.003 else plan.miss
    names_case = 0.0 if dice.random() < 0.003 else plan.names_case
    for _ in range(count):
        again = plan.recent and dice.random() < 0.12
        if again:
            subject = dice.choice(plan.recent)
        else:
            plan.subjects += 1
            subject = f"{plan.number}-{plan.subjects}"
            plan.recent = [*plan.recent[-30:], subject]
        case = ""
        if plan.carries_cases and dice.random() < names_case:
            plan.cases += dice.random() < 0.6
            case = f"QS-2026-{plan.cases:06d}"
        # A nightly list is asked in its order, and has neighbours in it.
        run = run + 1 if dice.random() < (0.6 if plan.kind == "nightly" else 0.05) else 0
        fields = plan.fields if dice.random() > 0.0005 else (*plan.fields, "household")
        yield call(
            plan,
            day * 24 + hour,
            dice.randrange(3600),
            subject=subject,
            case=case,
            rows=0 if dice.random() < miss else plan.rows,
            fields=fields,
            steps=run,
        )


def call(plan: Plan, hour: int, second: int, **more: object) -> Fact:
    """An allowed call in an hour of China Standard Time since 1970."""
    values: dict[str, object] = {"rows": plan.rows, "fields": plan.fields, **more}
    return Fact(
        at=hour * 3600 + second - EAST_S,
        grant=plan.grant,
        application=plan.application,
        organisation=plan.organisation,
        resource=plan.resource,
        is_allowed=True,
        **values,  # type: ignore[arg-type] # as Fact has them
    )


def refusal(plan: Plan, hour: int, second: int, reason: str, **more: object) -> Fact:
    """A refused call."""
    values: dict[str, object] = {"grant": plan.grant, "resource": plan.resource, **more}
    return Fact(
        at=hour * 3600 + second - EAST_S,
        application=plan.application,
        organisation=plan.organisation,
        is_allowed=False,
        reason=reason,
        **values,  # type: ignore[arg-type]
    )


def affairs(dice: Random, plans: list[Plan], day: int) -> list[Fact]:
    """What brings one person to several offices: an affair with one case, forgotten here and there; firms that many
    look up again and again; somebody whose number is used to test whether all is well.
    """
    used = {"office", "around_the_clock", "new"}
    offices = [plan for plan in plans if plan.kind in used and plan.begins <= day]
    if not offices or not is_workday(date.fromordinal(EPOCH + day)):
        return []

    def look(plan: Plan, subject: str, case: str) -> Fact:
        hour = day * 24 + dice.choice([9, 10, 11, 14, 15, 16])
        return call(plan, hour, dice.randrange(3600), subject=subject, case=case)

    facts = []
    for number in range(dice.randrange(4, 12)):
        subject, case = f"resident-{dice.randrange(4000)}", f"QS-2026-9{day % 1000:03d}{number:02d}"
        for plan in dice.sample(offices, min(len(offices), dice.randrange(2, 7))):
            facts += [
                look(plan, subject, case if plan.carries_cases and dice.random() < plan.names_case else "")
                for _ in range(dice.randrange(1, 4))
            ]
    facts += [
        look(plan, f"firm-{firm}", f"QS-2026-8{dice.randrange(10**5):05d}" if plan.carries_cases else "")
        for firm in range(6) for plan in offices[firm::9] if dice.random() < 0.25
    ]  # fmt: skip
    return [*facts, *(look(offices[day % min(3, len(offices))], "probe", "") for _ in range(24))]


@dataclass
class Town:
    """A hundred grants, from ``first`` for ``warm`` days and a month of ``days`` that is judged."""

    seed: int = 1
    begins: date = date(2026, 3, 16)
    warm: int = 35
    days: int = 30

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.first = number_of(self.begins)
        self.month = self.first + self.warm
        self.last = self.month + self.days - 1
        self.plans = plans(self.dice, first=self.first, month=self.month)
        # Of its own: what the grants do otherwise stays what it was.
        self.life = Random(self.seed * 7919 + 1)

    def kind(self, kind: str, *, around: float = 60) -> Plan:
        """A grant of a kind, with about so many calls a day."""
        return min((p for p in self.plans if p.kind == kind), key=lambda p: abs(p.daily - around))

    def day(self, day: int) -> list[Fact]:
        """The ordinary calls of a day, in order of time."""
        facts = [fact for plan in self.plans for fact in ordinary(self.dice, plan, day, first=self.first)]
        return sorted([*facts, *affairs(self.life, self.plans, day)], key=lambda fact: fact.at)
