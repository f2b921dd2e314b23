"""What people of :mod:`tests.risk.other_town` do who should not: told by what somebody wants, not by a rule.

Each says by being in :data:`EXPECTED_UNSEEN` whether its author would expect nobody to find it.
"""

from datetime import date
from random import Random

from tests.risk.attacks import Attack
from tests.risk.other_town import EPOCH, HOUSES, ITEMS, OtherTown, Permit, asked, turned_away

from guantong.kit.workdays import is_workday
from guantong.risk.types import Fact

EXPECTED_UNSEEN = frozenset({
    "sells fifteen persons a day under cases that look right",
    "takes a tenth more every day all month",
    "looks an acquaintance up three times",
})  # fmt: skip
"""What the author of the attacks would not expect anybody to find without knowing the matters themselves."""


def wrongs(town: OtherTown, seed: int) -> list[Attack]:  # noqa: PLR0915 - a list
    """What people do who should not, each under other grants. ``rules`` is empty: any new alert about its keys will do."""
    dice = Random(f"wrongs {seed}")
    work = [day for day in range(town.month + 2, town.last - 6) if is_workday(date.fromordinal(EPOCH + day))]
    rested = [
        day for day in range(town.month + 2, town.last) if not is_workday(date.fromordinal(EPOCH + day))
    ]
    free = [p for p in town.plans if p.work == "desk" and town.houses[p.house].matters > 25]
    dice.shuffle(free)
    made: list[Attack] = []

    def add(name: str, facts: list[Fact], *more: str) -> None:
        facts = sorted(facts, key=lambda fact: fact.at)
        # Others do wrong in the same departments: an application's alerts count only where no grant is known.
        keys = {f.grant for f in facts} - {""} or {f.application for f in facts}
        keys |= set(more)
        made.append(Attack(name, frozenset(), frozenset(keys), tuple(facts)))

    def at_desk() -> float:
        return dice.choice([dice.uniform(8.8, 11.9), dice.uniform(14, 17)])

    def stranger() -> str:
        return f"v{dice.randrange(10**9)}"

    def real(permit: Permit) -> str:
        house = town.houses[permit.house]
        return house.style.format(year=2026, n=dice.randrange(1, 4000))

    def days(count: int) -> list[int]:
        begin = dice.randrange(0, len(work) - count + 1)
        return work[begin : begin + count]

    p, who = free.pop(), stranger()
    add(
        "a clerk watches a neighbour for two weeks",
        [asked(p, d, at_desk(), subject=who, case=real(p)) for d in days(8) for _ in range(3)],
        who,
    )
    p, who = free.pop(), stranger()
    add(
        "looks an acquaintance up three times",
        [asked(p, days(1)[0], at_desk(), subject=who) for _ in range(3)],
        who,
    )
    p = free.pop()
    add(
        "sells sixty persons a day without cases",
        [asked(p, d, at_desk(), subject=stranger()) for d in days(5) for _ in range(60)],
    )
    p = free.pop()
    add(
        "sells fifteen persons a day under cases that look right",
        [asked(p, d, at_desk(), subject=stranger(), case=real(p)) for d in days(8) for _ in range(15)],
    )
    p, d = free.pop(), dice.choice(work)
    add(
        "a script runs at eleven at night",
        [asked(p, d, 23 + n / 1000, subject=stranger(), case=real(p)) for n in range(800)],
    )
    p, d = free.pop(), dice.choice(work)
    add(
        "numbers are counted up in an afternoon",
        [
            asked(p, d, 14 + n / 60, subject=stranger(), rows=int(dice.random() < 0.3), steps=n)
            for n in range(150)
        ],
    )
    p, d = free.pop(), dice.choice(work)
    add(
        "birthdays are guessed",
        [asked(p, d, at_desk(), subject=stranger(), case=real(p), rows=0) for _ in range(45)],
    )
    p, d = free.pop(), dice.choice(rested)
    add(
        "a stolen password on a day off",
        [asked(p, d, dice.uniform(10, 22), subject=stranger()) for _ in range(300)],
    )
    p, d = free.pop(), dice.choice(work)
    case = real(p)
    add(
        "one open case for forty persons",
        [asked(p, d, at_desk(), subject=stranger(), case=case) for _ in range(40)],
    )
    who, used = stranger(), [dice.choice(town.desks[n]) for n in dice.sample(range(HOUSES), 9)]
    three = days(3)
    add(
        "nine departments are asked about one person",
        [asked(p, dice.choice(three), at_desk(), subject=who, case=real(p)) for p in used],
        who,
    )
    who, house, d = stranger(), dice.randrange(HOUSES), dice.choice(work)
    add(
        "all that one department can see about a person, by midday",
        [asked(p, d, dice.uniform(9, 12), subject=who) for p in town.desks[house] for _ in range(2)],
        who,
    )
    p, d = free.pop(), dice.choice(work)
    more = tuple(ITEMS)
    add(
        "items that the work never needed",
        [asked(p, d, at_desk(), subject=stranger(), case=real(p), fields=more) for _ in range(60)],
    )
    p, d = free.pop(), dice.choice(work)
    add(
        "tries a grant for something else",
        [turned_away(p, d, at_desk(), "purpose_not_granted") for _ in range(20)],
    )
    p, d = free.pop(), dice.choice(work)
    add(
        "tries what opens",
        [turned_away(p, d, at_desk(), "grant_not_for_call", grant="", resource=f"y{n}") for n in range(12)],
    )
    p = free.pop()
    every = [d for d in work if d > work[3]]
    add(
        "takes a tenth more every day all month",
        [asked(p, d, at_desk(), subject=stranger(), case=real(p)) for d in every for _ in range(10)],
    )
    p = free.pop()
    add(
        "doubles its use for two weeks",
        [
            asked(p, d, at_desk(), subject=stranger(), case=real(p))
            for d in days(10)
            for _ in range(int(town.houses[p.house].matters))
        ],
    )
    p = next(each for each in town.plans if each.work == "rare")
    d = dice.choice(work)
    add(
        "a grant that is hardly used fetches a list",
        [asked(p, d, at_desk(), subject=stranger(), rows=3) for _ in range(250)],
    )
    p = next(each for each in town.plans if each.work == "system")
    d = dice.choice(work)
    add(
        "numbers are tried within a residents' application",
        [
            asked(p, d, dice.uniform(18, 23), subject=stranger(), rows=int(dice.random() < 0.1))
            for _ in range(120)
        ],
    )
    return made
