"""被查询人: who looked one person up, how often and from where. Receipts are the record; memory only spares reading.

What the same asks within five minutes is one occasion: a program that tries again has not looked twice. Only persons
who were looked up more often than most come into memory, and of them at most :data:`MOST_WATCHED`. A person is a
pseudonym: whom it names is known to nobody here.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from math import ceil

from guantong.risk.days import hour_of
from guantong.risk.rulebook import Rules
from guantong.risk.types import Fact, Followed, Repeated, Signal

MOST_WATCHED = 4000
MOST_LOOKS = 2000
"""So many look-ups of one person are read; of a person who is looked up more often, the newest."""
MOST_PLACES = 200
"""So many different places (grant, application, case) of one day are told apart."""
USUAL_DAYS = 28
WEEK = 7
MARK = 24
"""So many characters of a pseudonym name a person in an alert's key."""

OCCASION_S = 300
MANY = 5
"""When so many reach something on one day, it is how the day is."""
PEAKS = 12
"""So many of those who were looked up from most sides are remembered of each day."""

Place = tuple[str, str, str]
"""From where: the grant, the application (organisation/application), the case."""
NEWS = dict[str, set[int]]


def is_look(fact: Fact) -> bool:
    """Whether a call is a look-up of a person that was answered."""
    return bool(fact.subject) and fact.is_allowed and fact.is_lookup


class Person:
    """The occasions of one person's look-ups by day and place: the order in which they come does not matter."""

    __slots__ = ("days",)

    def __init__(self, looks: Iterable[Fact] = ()) -> None:
        self.days: dict[int, dict[Place, set[int]]] = {}
        for fact in looks:
            self.add(fact)

    def add(self, fact: Fact) -> int:
        """Count a look-up; its day."""
        day = hour_of(fact.at) // 24
        places = self.days.setdefault(day, {})
        place = (fact.grant, fact.application, fact.case)
        if place not in places and len(places) >= MOST_PLACES:
            place = (fact.grant, fact.application, "")
        places.setdefault(place, set()).add(fact.at // OCCASION_S)
        return day

    def window(self, last: int, length: int) -> Counter[Place]:
        """The look-ups of the ``length`` days up to ``last``."""
        whole: Counter[Place] = Counter()
        for day in range(last - length + 1, last + 1):
            whole.update(self.on(day))
        return whole

    def on(self, day: int) -> dict[Place, int]:
        """The occasions of a day by place."""
        return {place: len(times) for place, times in self.days.get(day, {}).items()}

    def forget(self, before: int) -> None:
        """Keep no day before ``before``."""
        self.days = {day: places for day, places in self.days.items() if day >= before}


class Peaks:
    """By rule and day, those who were looked up from most sides: what hardly anybody reaches is read off them.

    Adding minds no order. ``changed`` are the rules and days that are to be kept.
    """

    def __init__(self, days: Mapping[tuple[str, int], dict[str, int]] | None = None) -> None:
        self.days = dict(days or {})
        self.changed: set[tuple[str, int]] = set()

    def note(self, rule: str, day: int, subject: str, seen: int) -> None:
        """Somebody was looked up from so many sides in the window up to ``day``."""
        top = self.days.setdefault((rule, day), {})
        mark = subject[:MARK]
        if seen <= top.get(mark, 0):
            return
        if mark not in top and len(top) >= PEAKS:
            least = min(top, key=lambda each: (top[each], each))
            if (top[least], least) >= (seen, mark):
                return
            del top[least]
        top[mark] = seen
        self.changed.add((rule, day))

    def level(self, rule: str, day: int) -> int:
        """What at most one person a week exceeded in the four weeks before the week up to ``day``.

        Or what ``MANY`` reached on the day itself: whoever is followed is one or two, not half the town.
        """
        reached = sorted(self.days.get((rule, day), {}).values())[-MANY : -MANY + 1]
        for end in range(day - WEEK, day - WEEK - USUAL_DAYS, -WEEK):
            most: dict[str, int] = {}
            for n in range(end - WEEK + 1, end + 1):
                for mark, seen in self.days.get((rule, n), {}).items():
                    most[mark] = max(seen, most.get(mark, 0))
            reached += sorted(most.values())[-2:-1]
        return max(reached, default=0)


class Persons:
    """The persons who are watched: those looked up last stay, at most :data:`MOST_WATCHED`."""

    def __init__(self, peaks: Peaks | None = None) -> None:
        self.peaks = peaks or Peaks()
        self._kept: OrderedDict[str, Person] = OrderedDict()

    def __contains__(self, subject: str) -> bool:
        return subject in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, subject: str, person: Person) -> None:
        """Watch a person, with everything that is known."""
        self._kept[subject] = person
        self._kept.move_to_end(subject)

    def trim(self) -> None:
        """Let go of those who were not looked up for longest, after a batch has been judged."""
        while len(self._kept) > MOST_WATCHED:
            self._kept.popitem(last=False)

    def take(self, facts: Iterable[Fact], read: frozenset[str] = frozenset()) -> NEWS:
        """Count look-ups of those who are watched; their days with news. Of persons in ``read`` they are counted already."""
        news: NEWS = {}
        for fact in facts:
            person = self._kept.get(fact.subject) if is_look(fact) else None
            if person is None:
                continue
            day = hour_of(fact.at) // 24
            if fact.subject not in read:
                person.add(fact)
                self._kept.move_to_end(fact.subject)
                person.forget(day - USUAL_DAYS - 2 * WEEK)
            news.setdefault(fact.subject, set()).add(day)
        return news

    def judge(self, news: NEWS, rules: Rules) -> list[Signal]:
        """What the rules about persons say of the days with news, and of the weeks that hold them."""
        return [
            signal
            for subject, days in news.items()
            if (person := self._kept.get(subject))
            for signal in judge_person(subject, person, days, rules, self.peaks)
        ]


def judge_person(
    subject: str, person: Person, days: Iterable[int], rules: Rules, peaks: Peaks
) -> list[Signal]:
    """What the rules say of one person, as far as it may have changed by ``days``; how many sides, ``peaks`` are told."""
    found = []
    for rule in rules.general:
        if not isinstance(rule, Repeated | Followed):
            continue
        length = WEEK if rule.window == "week" else 1
        # A call that comes in late belongs to the weeks after it as well.
        ends = {end for day in days for end in range(day, day + length) if end == day or end in person.days}
        for end in sorted(ends):
            if isinstance(rule, Repeated):
                found += _repeated(rule, subject, person, end, length, rules)
            else:
                found += _followed(rule, subject, person, end, length, peaks)
    return found


def least_of(rules: Rules) -> int | None:
    """So many look-ups a person must have had before any rule can speak; None if no rule asks."""
    said = [*rules.general, *(rule for own in rules.local.values() for rule in own.values())]
    floors = [rule.floor for rule in said if isinstance(rule, Repeated | Followed) and rule.is_on]
    return min(floors, default=None)


def _repeated(
    rule: Repeated, subject: str, person: Person, end: int, length: int, rules: Rules
) -> list[Signal]:
    found = []
    for name, seen in _by(rule, person.window(end, length)).items():
        own = rules.for_grant(rule, name) if rule.by == "grant" else rule
        if not own.is_on or seen < own.floor:
            continue
        spread = sum(1 for day in range(end - length + 1, end + 1) if _by(rule, person.on(day))[name])
        if spread < own.on_days:
            continue
        usual = max((_by(rule, before)[name] for before in _before(person, end, length)), default=None)
        limit = max(own.floor, own.times * (usual or 0))
        if seen < limit:
            continue
        key = f"{subject[:MARK]}/{name}"[:120]
        since, until = (end - length + 1) * 24, (end + 1) * 24
        grant = name if rule.by == "grant" else ""
        numbers = {"who": name, "days": spread}
        found.append(
            Signal(
                rule.code, "subject", key, since, until, seen, round(limit), usual,
                numbers=numbers, subject=subject, grant=grant,
            )
        )  # fmt: skip
    return found


def _followed(
    rule: Followed, subject: str, person: Person, end: int, length: int, peaks: Peaks
) -> list[Signal]:
    if not rule.is_on:
        return []
    places = person.window(end, length)
    groups = affairs(places, rule.by)
    seen = len(groups)
    peaks.note(rule.code, end, subject, seen)
    if seen < rule.floor:
        return []
    usual = max((len(affairs(before, rule.by)) for before in _before(person, end, length)), default=None)
    limit = ceil(max(rule.floor, rule.times * (usual or 0), rule.crowd_times * peaks.level(rule.code, end)))
    if seen < limit:
        return []
    return [
        Signal(
            rule.code, "subject", subject[:MARK],
            (end - length + 1) * 24, (end + 1) * 24, seen, limit, usual,
            numbers={"who": sorted(min(group) for group in groups)[:20], "calls": sum(places.values())},
            subject=subject,
        )
    ]  # fmt: skip


def affairs(places: Iterable[Place], by: str) -> list[set[str]]:
    """Grants or organisations, those together that name a case in common: they work on one affair."""
    above: dict[str, str] = {}

    def lead(one: str) -> str:
        while (next_one := above.setdefault(one, one)) != one:
            above[one] = one = above.setdefault(next_one, next_one)
        return one

    names = set()
    for grant, application, case in places:
        name = grant if by == "grants" else application.partition("/")[0]
        names.add(name)
        if case:
            # No grant or organisation has a line feed in its name.
            above[lead(name)] = lead(f"case\n{case}")
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(lead(name), set()).add(name)
    return list(groups.values())


def _by(rule: Repeated, places: Mapping[Place, int]) -> Counter[str]:
    at = {"grant": 0, "application": 1, "case": 2}[rule.by]
    counts: Counter[str] = Counter()
    for place, count in places.items():
        if place[at]:
            counts[place[at]] += count
    return counts


def _before(person: Person, end: int, length: int) -> list[Counter[Place]]:
    """The windows of the same length before this one that were used, of four weeks."""
    ends = range(end - length, end - length - USUAL_DAYS, -length)
    return [places for last in ends if (places := person.window(last, length))]
