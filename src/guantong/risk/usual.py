"""惯常: what is usual for one key, from its own days before. Medians and high quantiles, which one odd day does not move."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from guantong.risk.days import Day, Sheet, summed, together
from guantong.risk.types import Metric

EPOCH = date(1970, 1, 1).toordinal()
MEMORY_DAYS = 65
"""So long days are remembered: two ends of a month."""
RECENT = 28
ENOUGH = 5
"""So many days of use are a history."""

IsWorkday = Callable[[date], bool]


def date_of(day: int) -> date:
    """The calendar day of a day's number since 1970."""
    return date.fromordinal(EPOCH + day)


def quantile(values: Iterable[float], part: float) -> float:
    """The value that ``part`` of ``values`` do not exceed; 0 of none."""
    found = sorted(values)
    return found[min(len(found) - 1, math.ceil(part * len(found)) - 1)] if found else 0


def median(values: Sequence[float]) -> float:
    """The middle one; 0 of none."""
    return quantile(values, 0.5)


def _second(values: Iterable[float]) -> float:
    found = sorted(values)
    return found[-2] if len(found) > 1 else 0.0


def _is_turn(day: date) -> bool:
    """Whether a month ends or begins about now: many offices have their peaks then."""
    return day.day >= 26 or day.day <= 3


class History:
    """The days of one key. ``is_workday`` is the node's calendar."""

    def __init__(self, is_workday: IsWorkday, sheets: dict[int, Sheet] | None = None) -> None:
        self.sheets = sheets or {}
        self._is_workday = is_workday
        self._usual: dict[int, Usual] = {}

    def sheet(self, day: int) -> Sheet:
        """The day's sheet, made when it is first needed. What is usual on later days may change by that."""
        self._usual = {n: usual for n, usual in self._usual.items() if n <= day}
        found = self.sheets.get(day)
        if found is None:
            found = self.sheets[day] = Sheet()
        return found

    def week(self, day: int) -> Sheet:
        """The seven days up to ``day``, as one sheet."""
        return together(self._week(day))

    def week_sums(self, day: int) -> Day:
        """The sums of the seven days up to ``day``; quicker."""
        return summed(sheet.day for sheet in self._week(day))

    def week_crowd(self, day: int) -> int:
        """At most so many persons has any case in the seven days up to ``day``; quicker."""
        return sum(sheet.day.crowded for sheet in self._week(day))

    def _week(self, day: int) -> list[Sheet]:
        return [self.sheets[n] for n in range(day - 6, day + 1) if n in self.sheets]

    def usual(self, day: int) -> "Usual":
        """What was usual before ``day``."""
        found = self._usual.get(day)
        if found is None:
            if len(self._usual) > 10:
                self._usual.clear()
            found = self._usual[day] = Usual(self.sheets, day, self._is_workday)
        return found

    def forget(self, before: int) -> None:
        """Keep no day before ``before``."""
        self.sheets = {n: sheet for n, sheet in self.sheets.items() if n >= before}


class Usual:
    """What was usual for a key before a day."""

    def __init__(self, sheets: dict[int, Sheet], day: int, is_workday: IsWorkday) -> None:
        self._sheets, self._day, self._is_workday = sheets, day, is_workday
        self.is_workday = is_workday(date_of(day))
        earlier = sorted(n for n in sheets if day - MEMORY_DAYS <= n < day and sheets[n].day.calls)
        self.days = earlier
        self.recent = [n for n in earlier if n >= day - RECENT]
        alike = [n for n in self.recent if is_workday(date_of(n)) == self.is_workday]
        self.alike = next((days for days in (alike, self.recent) if len(days) >= ENOUGH), earlier)
        # Used on few days of many is known as well: it is used rarely.
        is_old = len(earlier) > 1 and day - earlier[0] >= RECENT
        self.is_known = len(earlier) >= ENOUGH or is_old
        self._high: dict[tuple[str, int], float] = {}

    @property
    def silence(self) -> int | None:
        """Days since the last call; None if there was none."""
        return self._day - self.days[-1] if self.days else None

    def typical(self, metric: Metric) -> float:
        """The middle of such days."""
        return median([getattr(self._of(n), metric) for n in self.alike])

    def high(self, metric: str) -> float:
        """What such a day reaches at its busiest: nine days in ten stay below; at the turn of a month its earlier turns."""
        return self._kept((metric, -1), lambda: self._reach(lambda day: getattr(day, metric)))

    def twice(self, metric: str) -> float:
        """What two days before reached: all there is to go by while the history is short. 0 of one day alone."""
        return _second(float(getattr(self._of(n), metric)) for n in self.days)

    def twice_in_hour(self, metric: Metric) -> float:
        """What an hour of two days before reached."""
        name = "hour_rows" if metric == "rows" else "hours"
        return _second(float(max(getattr(self._of(n), name))) for n in self.days)

    def hours_twice(self) -> set[int]:
        """The hours of the day at which, or right beside which, there were calls on two days before."""
        used = [{hour for hour, count in enumerate(self._of(n).hours) if count} for n in self.days]
        near = [{(hour + off) % 24 for hour in hours for off in (-1, 0, 1)} for hours in used]
        return {hour for hour in range(24) if sum(hour in hours for hours in near) > 1}

    def hour_high(self, metric: Metric, hour: int) -> float:
        """What such an hour or its neighbours reach at the busiest."""
        name = "hour_rows" if metric == "rows" else "hours"

        def reached(day: Day) -> float:
            counts: list[int] = getattr(day, name)
            return max(counts[max(0, hour - 1) : hour + 2])

        return self._kept((name, hour), lambda: self._reach(reached))

    def week_high(self, metric: str) -> float | None:
        """The largest of the four weeks before; None unless two of them had calls."""
        known = self._kept((f"week {metric}", -1), lambda: self._week_high(metric))
        return None if known < 0 else known

    def _week_high(self, metric: str) -> float:
        used = []
        for end in range(self._day - 7, self._day - 29, -7):
            sheets = [self._sheets[n] for n in range(end - 6, end + 1) if n in self._sheets]
            if sheets:
                whole = together(sheets).day if metric == "known" else summed(each.day for each in sheets)
                used.append(float(getattr(whole, metric)))
        return max(used) if len(used) > 1 else -1.0

    def share(self, part: str) -> float | None:
        """The share of ``part`` in the calls that it is a part of: the mean, or what a bad day reaches. None: unknown."""
        whole = "calls" if part == "refused" else "allowed"
        days = [self._of(n) for n in self.recent]
        total = sum(getattr(day, whole) for day in days)
        if not self.is_known or total < 20:
            return None
        mean = (sum(getattr(day, part) for day in days) + 1) / (total + 20)
        bad = [getattr(day, part) / getattr(day, whole) for day in days if getattr(day, whole) >= 20]
        return float(max(mean, quantile(bad, 0.9)))

    def odd_hours(self) -> list[int]:
        """The hours of such a day at which there were calls on fewer than three days, or one in ten."""
        span = range(max(self.recent[0], self._day - RECENT), self._day) if self.recent else ()
        alike = [n for n in span if self._is_workday(date_of(n)) == self.is_workday]
        used = [self._of(n).hours for n in alike if n in self._sheets]
        least = max(3, len(alike) / 10)
        few = [sum(any(hours[max(0, h - 1) : h + 2]) for hours in used) < least for h in range(24)]
        return [h for h in range(24) if few[h]]

    def ever(self, what: str) -> set[str]:
        """The items, or shapes of case numbers, that were used."""
        return {name for n in self.days for name in getattr(self._of(n), what)}

    def before(self, days: int) -> list[int]:
        """The days like this one, without the last ``days`` of them: the longer past."""
        alike = [n for n in self.days if self._is_workday(date_of(n)) == self.is_workday]
        return alike[: len(alike) - days]

    def values(self, days: Sequence[int], metric: str) -> list[float]:
        """The values of some days."""
        return [float(getattr(self._of(n), metric)) for n in days]

    def last_alike(self, count: int) -> list[int]:
        """The last ``count`` days like this one that were used."""
        alike = [n for n in self.days if self._is_workday(date_of(n)) == self.is_workday]
        return alike[-count:] if count else []

    def _of(self, day: int) -> Day:
        return self._sheets[day].day

    def _reach(self, value: Callable[[Day], float]) -> float:
        reached = quantile([value(self._of(n)) for n in self.alike], 0.9)
        if _is_turn(date_of(self._day)):
            turns = [value(self._of(n)) for n in self.days if _is_turn(date_of(n)) and n < self._day - 7]
            reached = max([reached, *turns])
        return reached

    def _kept(self, name: tuple[str, int], reckon: Callable[[], float]) -> float:
        found = self._high.get(name)
        if found is None:
            found = self._high[name] = reckon()
        return found
