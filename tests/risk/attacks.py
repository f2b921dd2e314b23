"""Attacks, labelled, to be planted in made-up traffic: small and large, fast and slow."""

from dataclasses import dataclass
from datetime import date
from random import Random

from tests.risk.traffic import EPOCH, Plan, Town, call, refusal

from guantong.kit.workdays import is_workday
from guantong.risk.types import Fact


@dataclass(frozen=True)
class Attack:
    """Calls that somebody makes who should not; found is one of ``rules`` about one of ``keys``."""

    name: str
    rules: frozenset[str]
    keys: frozenset[str]
    facts: tuple[Fact, ...]

    @property
    def begins(self) -> int:
        return self.facts[0].at


def _attack(name: str, rules: str, plan: Plan, facts: list[Fact], *more: str) -> Attack:
    keys = {plan.grant, plan.application, plan.organisation, *more}
    return Attack(name, frozenset(rules.split()), frozenset(keys), tuple(sorted(facts, key=lambda f: f.at)))


BULK = "bulk_rows_day bulk_calls_day bulk_rows_hour bulk_rows_week harvest lasting_change"
MISSES = "misses misses_week"
WATCHED = "watched_day watched_week watched_application watched_case "
FOLLOWED = "followed_day followed_week followed_organisations"


def every(town: Town, seed: int, *, size: float = 1.0) -> list[Attack]:  # noqa: C901, PLR0915 - a list of attacks
    """One of each, on different grants and days, of ``size`` times the usual size."""
    dice = Random(seed)
    # Working days of the month, from its second week on.
    work = [day for day in range(town.month + 5, town.last) if is_workday(date.fromordinal(EPOCH + day))]
    taken: set[str] = set()

    def victim(kind: str, around: float = 60) -> Plan:
        free = [p for p in town.plans if p.kind == kind and p.grant not in taken]
        plan = min(free, key=lambda p: (abs(p.daily - around), dice.random()))
        taken.add(plan.grant)
        return plan

    def many(count: float) -> range:
        return range(max(1, round(count * size)))

    def at_work(day: int) -> tuple[int, int]:
        return (work[day] if day < len(work) else day) * 24 + dice.choice(
            [9, 10, 11, 14, 15, 16]
        ), dice.randrange(3600)

    def person() -> str:
        return f"victim-{dice.randrange(10**12)}"

    def with_case(plan: Plan) -> str:
        return f"QS-2026-{plan.cases + dice.randrange(10**5):06d}"

    def bulk() -> Attack:
        plan = victim("office")
        facts = [
            call(plan, work[1] * 24 + 10, dice.randrange(3600), subject=person(), case=with_case(plan))
            for _ in many(1500)
        ]
        return _attack("bulk pull in an hour", BULK, plan, facts)

    def bulk_answers() -> Attack:
        plan = victim("office", 30)
        facts = [call(plan, *at_work(2), subject=person(), case=with_case(plan), rows=100) for _ in many(20)]
        return _attack("few calls with many rows", BULK, plan, facts)

    def slow_bulk() -> Attack:
        plan = victim("office", 50)
        facts = [
            call(plan, *at_work(3 + n), subject=person(), case=with_case(plan), rows=3)
            for n in range(5)
            for _ in many(120)
        ]
        return _attack("slow pull over a week", BULK, plan, facts)

    def split_bulk() -> Attack:
        found = [p for p in town.plans if p.organisation == town.kind("office", around=100).organisation]
        facts = [call(p, *at_work(4), subject=person(), case=with_case(p)) for p in found for _ in many(2200)]
        return _attack(
            "pull split over an organisation's grants",
            BULK + " bulk_organisation",
            found[0],
            facts,
            *(p.grant for p in found),
        )

    def night() -> Attack:
        plan = victim("office", 40)
        facts = [
            call(plan, work[5] * 24 + 2, dice.randrange(3600), subject=person(), case=with_case(plan))
            for _ in many(30)
        ]
        return _attack("at two in the night", "odd_hours", plan, facts)

    def trying() -> Attack:
        plan = victim("office", 80)
        facts = [
            call(plan, *at_work(6), subject=person(), case=with_case(plan), rows=int(dice.random() < 0.2))
            for _ in many(90)
        ]
        return _attack("numbers tried in a day", MISSES, plan, facts)

    def slow_trying() -> Attack:
        plan = victim("office", 40)
        facts = [
            call(plan, *at_work(n), subject=person(), case=with_case(plan), rows=int(dice.random() < 0.2))
            for n in range(5, 10) for _ in many(22)
        ]  # fmt: skip
        return _attack("numbers tried over a week", MISSES, plan, facts)

    def hidden_trying() -> Attack:
        plan = victim("around_the_clock", 300)
        facts = [call(plan, *at_work(3), subject=person(), rows=int(dice.random() < 0.2)) for _ in many(150)]
        return _attack("numbers tried within busy traffic", MISSES, plan, facts)

    def counting() -> Attack:
        plan = victim("office", 70)
        facts = [
            call(plan, work[8] * 24 + 10, 30 * n, subject=person(), case=with_case(plan), steps=n)
            for n in many(40)
        ]
        return _attack("keys in sequence", "sequential_keys", plan, facts)

    def slow_counting() -> Attack:
        plan = victim("office", 20)
        facts = [
            call(
                plan,
                work[9] * 24 + 9 + n // 3,
                1000 * (n % 3),
                subject=person(),
                case=with_case(plan),
                steps=n,
            )
            for n in range(24)
        ]
        return _attack("keys in sequence, three an hour", "sequential_keys", plan, facts)

    def harvest() -> Attack:
        plan = victim("office", 25)
        facts = [call(plan, *at_work(10), subject=person()) for _ in many(250)]
        return _attack(
            "many persons without cases", "harvest without_case bulk_calls_day bulk_rows_hour", plan, facts
        )

    def one_case() -> Attack:
        plan = victim("office", 90)
        facts = [call(plan, *at_work(11), subject=person(), case="QS-2026-000007") for _ in many(25)]
        return _attack("one case for many persons", "case_reused case_reused_week", plan, facts)

    def slow_case() -> Attack:
        plan = victim("office", 35)
        facts = [
            call(plan, *at_work(n), subject=person(), case="QS-2026-000009")
            for n in range(6, 11)
            for _ in many(6)
        ]
        return _attack("one case for five persons a day", "case_reused case_reused_week", plan, facts)

    def other_case() -> Attack:
        plan = victim("office", 100)
        facts = [call(plan, *at_work(12), subject=person(), case=f"TEST{n}") for n in many(40)]
        return _attack("another kind of case", "other_cases", plan, facts)

    def caseless() -> Attack:
        plan = victim("office", 110)
        facts = [call(plan, *at_work(13), subject=person()) for _ in many(60)]
        return _attack("cases left out", "without_case harvest", plan, facts)

    def fields() -> Attack:
        plan = victim("office", 120)
        facts = [
            call(plan, *at_work(1), subject=person(), case=with_case(plan), fields=("status",))
            for _ in many(45)
        ]
        return _attack("items never used before", "new_fields", plan, facts)

    def purpose() -> Attack:
        plan = victim("office", 130)
        facts = [refusal(plan, *at_work(2), "purpose_not_granted") for _ in many(12)]
        return _attack("another purpose", "other_purpose", plan, facts)

    def refused() -> Attack:
        plan = victim("office", 30)
        facts = [
            refusal(plan, work[3] * 24 + 11, dice.randrange(3600), "fields_not_granted") for _ in many(80)
        ]
        return _attack(
            "refused again and again", "refused_streak refused_application other_purpose", plan, facts
        )

    def probing() -> Attack:
        plan = victim("office", 45)
        facts = [
            refusal(plan, *at_work(4), "grant_not_for_call", grant="", resource=f"elsewhere-{n}")
            for n in many(15)
        ]
        return _attack("resources probed", "probing", plan, facts)

    def change() -> Attack:
        plan = victim("office", 150)
        facts = [
            call(plan, *at_work(day), subject=person(), case=with_case(plan))
            for day in range(5, 12) for _ in many(2.2 * plan.daily)
        ]  # fmt: skip
        return _attack("twice as much every day", "lasting_change " + BULK, plan, facts)

    def new() -> Attack:
        plan = victim("new")
        facts = [
            call(plan, *at_work(plan.begins + 3), subject=person(), case=with_case(plan)) for _ in many(6000)
        ]
        return _attack("a new grant pulls at once", BULK, plan, facts)

    def awake() -> Attack:
        plan = victim("asleep")
        facts = [
            call(plan, *at_work(len(work) - 1), subject=person(), case=with_case(plan), rows=5)
            for _ in many(400)
        ]
        return _attack("a sleeping grant pulls", "awake " + BULK, plan, facts)

    def one_person(name: str, rules: str, facts: list[Fact]) -> Attack:
        subject = {fact.subject for fact in facts}
        assert len(subject) == 1
        facts = sorted(facts, key=lambda f: f.at)
        return Attack(name, frozenset(rules.split()), frozenset(subject), tuple(facts))

    def stalking() -> Attack:
        plan, subject = victim("office", 65), person()
        facts = [
            call(plan, *at_work(day), subject=subject, case=with_case(plan))
            for day in range(4, 9)
            for _ in many(4)
        ]
        return one_person("one person day after day by one grant", WATCHED, facts)

    def spying() -> Attack:
        plan, subject = victim("office", 75), person()
        facts = [call(plan, *at_work(9), subject=subject, case=with_case(plan)) for _ in many(16)]
        return one_person("one person again and again in a day", WATCHED, facts)

    def one_file() -> Attack:
        plan, subject, case = victim("office", 85), person(), "QS-2026-000011"
        facts = [call(plan, *at_work(3 + n % 5), subject=subject, case=case) for n in many(28)]
        return one_person("one person again and again in one case", WATCHED, facts)

    def by_application() -> Attack:
        subject, dealer = person(), town.kind("office", around=70).application
        own = [plan for plan in town.plans if plan.application == dealer and plan.kind != "asleep"]
        facts = [call(p, *at_work(6 + n % 4), subject=subject, case="") for n in many(9) for p in own]
        return one_person("one person by all grants of an application", WATCHED + FOLLOWED, facts)

    def followed() -> Attack:
        subject, used = (
            person(),
            dice.sample([p for p in town.plans if p.kind == "office"], max(1, round(10 * size))),
        )
        facts = [call(p, *at_work(7 + n % 4), subject=subject, case=with_case(p)) for n, p in enumerate(used)]
        return one_person("one person followed through ten grants", FOLLOWED, facts)

    def found_out() -> Attack:
        subject, used = (
            person(),
            dice.sample([p for p in town.plans if p.kind == "office"], max(1, round(7 * size))),
        )
        facts = [call(p, *at_work(8), subject=subject) for p in used]
        return one_person("everything about one person in a day", FOLLOWED, facts)

    def passed_on() -> Attack:
        by_house = {p.organisation: p for p in town.plans if p.kind == "office"}
        subject, used = person(), dice.sample(sorted(by_house), min(len(by_house), max(1, round(9 * size))))
        facts = [call(by_house[name], *at_work(5 + n % 5), subject=subject) for n, name in enumerate(used)]
        return one_person("one person by nine organisations in a week", FOLLOWED, facts)

    makers = (
        bulk, bulk_answers, slow_bulk, split_bulk, night, trying, slow_trying, hidden_trying, counting, slow_counting,
        harvest, one_case, slow_case, other_case, caseless, fields, purpose, refused, probing, change, new, awake,
        stalking, spying, one_file, by_application, followed, found_out, passed_on,
    )  # fmt: skip
    return [make() for make in makers]
