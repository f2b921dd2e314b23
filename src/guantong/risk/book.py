"""账簿: the days of all keys, as far as they are in memory; takes calls in whatever order, and has the rules look at them."""

from collections.abc import Iterable

from guantong.risk.days import Sheet, hour_of
from guantong.risk.judging import Scene, judge
from guantong.risk.rulebook import Rules
from guantong.risk.types import Fact, Scope, Signal
from guantong.risk.usual import MEMORY_DAYS, History, IsWorkday

Key = tuple[Scope, str]
News = dict[Key, dict[int, set[int]]]
"""What has changed: of each key the days, and their hours."""
NOBODY = "-"
"""The key of applications that the gateway could not name."""


def keys_of(fact: Fact) -> list[Key]:
    """Whose sums a call belongs to."""
    keys: list[Key] = [("application", fact.application or NOBODY)]
    if fact.grant:
        keys.append(("grant", fact.grant))
    if fact.application:
        keys.append(("organisation", fact.organisation))
    return keys


class Book:
    """Histories by key. Whoever keeps them in a database puts them in before, and reads back what has changed."""

    def __init__(self, is_workday: IsWorkday) -> None:
        self.is_workday = is_workday
        self.histories: dict[Key, History] = {}

    def history(self, key: Key) -> History:
        """The history of a key; an empty one for a new key."""
        found = self.histories.get(key)
        if found is None:
            found = self.histories[key] = History(self.is_workday)
        return found

    def take(self, facts: Iterable[Fact]) -> News:
        """Add calls; what has changed by them."""
        news: News = {}
        for fact in facts:
            day, hour = divmod(hour_of(fact.at), 24)
            for key in keys_of(fact):
                days = news.get(key)
                if days is None:
                    days = news[key] = {}
                hours = days.get(day)
                if hours is None:
                    hours = days[day] = set()
                    # What is usual on later days is to be reckoned anew.
                    self.history(key).sheet(day)
                self.histories[key].sheets[day].add(fact, hour)
                hours.add(hour)
        return news

    def judge(self, news: News, rules: Rules) -> list[Signal]:
        """What the rules say of everything that has changed."""
        return [
            signal
            for key, days in news.items()
            for day, hours in days.items()
            for signal in self.judge_day(key, day, frozenset(hours), rules)
        ]

    def judge_day(self, key: Key, day: int, hours: frozenset[int], rules: Rules) -> list[Signal]:
        """What the rules say of one day of one key."""
        scene = Scene(key[0], key[1], day, self.history(key), hours)
        return [signal for rule in rules.of(*key) if (signal := judge(rule, scene))]

    def forget(self, today: int) -> None:
        """Let go of what is too old to matter."""
        for history in self.histories.values():
            history.forget(today - MEMORY_DAYS)


def changed(book: Book, news: News) -> list[tuple[Key, int, Sheet]]:
    """The sheets that have changed."""
    return [(key, day, book.histories[key].sheets[day]) for key, days in news.items() for day in days]
