"""账页: what one grant, application or organisation did on one day, as sums that do not mind in which order calls come."""

import re
import zlib
from collections.abc import Iterable
from heapq import heappush, heapreplace

import msgspec

from guantong.risk.types import Fact

EAST_S = 8 * 3600
SKETCH = 256
MOST_CASES, FEWER_CASES, MOST_OF_CASE = 200, 100, 64
MOST_NAMES = 100
OURS = {"grant_suspended"}
"""Refusals that a person of ours has brought about are no news."""
LIMITS = {"rate_exceeded", "quota_exceeded", "volume_exceeded", "concurrency_exceeded", "key_limit_exceeded"}
"""To be asked to wait is no refusal to worry about: programs try again, as they are told to."""
_DIGITS, _LETTERS = re.compile(r"\d+"), re.compile(r"[^\W\d_]+")


def hour_of(at: int) -> int:
    """The number of the clock hour in China Standard Time since 1970."""
    return (at + EAST_S) // 3600


class Sketch:
    """How many different things there were: exact below 256, then within about 6 % (the smallest hashes, KMV).

    Adding is commutative and idempotent, so receipts may come in any order.
    """

    __slots__ = ("_heap", "_kept")

    def __init__(self, values: list[int] | None = None) -> None:
        self._heap: list[int] = []
        self._kept: set[int] = set()
        for value in values or ():
            self.add(value)

    def add(self, value: int) -> None:
        """Take a 32-bit hash."""
        if value in self._kept:
            return
        if len(self._heap) < SKETCH:
            heappush(self._heap, -value)
        elif value < -self._heap[0]:
            self._kept.discard(-heapreplace(self._heap, -value))
        else:
            return
        self._kept.add(value)

    @property
    def values(self) -> list[int]:
        """The hashes, to be kept."""
        return sorted(self._kept)

    def __len__(self) -> int:
        if len(self._heap) < SKETCH:
            return len(self._heap)
        return round((SKETCH - 1) * 2**32 / (1 - self._heap[0]))


class Day(msgspec.Struct):
    """One day's sums. ``plain``: allowed calls without a case; ``missed``: allowed look-ups that found nobody.

    ``shapes`` are the patterns of case numbers (letters as A, digits as 9); ``targets`` what was refused;
    ``steps`` the longest run of keys.
    """

    calls: int = 0
    allowed: int = 0
    refused: int = 0
    missed: int = 0
    plain: int = 0
    rows: int = 0
    named: int = 0
    steps: int = 0
    hours: list[int] = msgspec.field(default_factory=lambda: [0] * 24)
    hour_rows: list[int] = msgspec.field(default_factory=lambda: [0] * 24)
    hour_refused: list[int] = msgspec.field(default_factory=lambda: [0] * 24)
    reasons: dict[str, int] = {}
    fields: dict[str, int] = {}
    shapes: dict[str, int] = {}
    targets: list[str] = []
    known: int = 0
    """Different persons; see :class:`Sketch`."""
    crowded: int = 0
    """Persons of the case that has most of them."""


class Detail(msgspec.Struct):
    """What a day needs in order to go on counting different things."""

    subjects: list[int] = []
    cases: dict[str, list[int]] = {}


class Sheet:
    """A day that is being added to. One that is not ``is_whole`` was read without its particulars, only to look at."""

    __slots__ = ("_cases", "_detail", "_subjects", "day", "is_whole")

    def __init__(
        self, day: Day | None = None, detail: Detail | None = None, *, is_whole: bool = True
    ) -> None:
        self.day = day or Day()
        self.is_whole = is_whole
        # Most days that are read are only looked at: their particulars are unfolded when they are wanted.
        self._detail = detail or Detail()
        self._subjects: Sketch | None = None
        self._cases: dict[str, set[int]] | None = None

    @property
    def subjects(self) -> Sketch:
        """The persons."""
        if self._subjects is None:
            self._subjects = Sketch(self._detail.subjects)
        return self._subjects

    @property
    def cases(self) -> dict[str, set[int]]:
        """The persons of each case."""
        if self._cases is None:
            self._cases = {case: set(found) for case, found in self._detail.cases.items()}
        return self._cases

    @property
    def detail(self) -> Detail:
        """What is to be kept beside the day."""
        return Detail(self.subjects.values, {case: sorted(found) for case, found in self.cases.items()})

    def add(self, fact: Fact, hour: int) -> None:
        """Count a call of the ``hour`` of the day."""
        day = self.day
        if fact.reason in OURS:
            _count(day.reasons, fact.reason)
            return
        day.calls += 1
        day.hours[hour] += 1
        if fact.is_allowed:
            self._allow(fact, hour)
        else:
            if fact.reason not in LIMITS:
                day.refused += 1
                day.hour_refused[hour] += 1
            _count(day.reasons, fact.reason)
            for target in (fact.resource, fact.grant):
                if target and target not in day.targets and len(day.targets) < MOST_NAMES:
                    day.targets.append(target)
        day.steps = max(day.steps, fact.steps)

    def _allow(self, fact: Fact, hour: int) -> None:
        day = self.day
        day.allowed += 1
        if fact.is_lookup:
            # The rows of batches are declared, limited and reconciled by their jobs.
            day.rows += fact.rows
            day.hour_rows[hour] += fact.rows
        if fact.is_lookup and not fact.rows and not fact.reason:
            day.missed += 1
        for name in fact.fields:
            _count(day.fields, name)
        mark = zlib.crc32(fact.subject.encode()) if fact.subject else 0
        if fact.subject:
            day.named += 1
            self.subjects.add(mark)
            day.known = max(day.known, len(self.subjects))
        if not fact.case:
            day.plain += 1
            return
        _count(day.shapes, shape_of(fact.case))
        if fact.subject:
            self._note_case(fact.case[:60], mark)

    def _note_case(self, case: str, mark: int) -> None:
        found = self.cases.get(case)
        if found is None:
            if len(self.cases) >= MOST_CASES:
                # Those with the fewest persons go: one that is used for many is never among them.
                kept = sorted(self.cases.items(), key=lambda each: len(each[1]))[-FEWER_CASES:]
                self._cases = dict(kept)
            found = self.cases[case] = set()
        if len(found) < MOST_OF_CASE:
            found.add(mark)
            self.day.crowded = max(self.day.crowded, len(found))

    def busiest_case(self) -> str:
        """The case with the most persons."""
        return max(self.cases, key=lambda case: len(self.cases[case]), default="")


def shape_of(case: str) -> str:
    """The kind of a case number, in which digits and letters do not matter: ``QS-2026-0001`` is ``A-9-9``."""
    return _LETTERS.sub("A", _DIGITS.sub("9", case[:60]))[:40]


def _count(counts: dict[str, int], name: str) -> None:
    if name in counts or len(counts) < MOST_NAMES:
        counts[name] = counts.get(name, 0) + 1


def summed(days: Iterable[Day]) -> Day:
    """The sums of several days; not what can only be counted once."""
    whole = Day()
    for day in days:
        whole.calls += day.calls
        whole.allowed += day.allowed
        whole.refused += day.refused
        whole.missed += day.missed
        whole.plain += day.plain
        whole.rows += day.rows
        whole.named += day.named
    return whole


def together(sheets: list[Sheet]) -> Sheet:
    """Several days as one sheet: the sums, the persons and cases of all of them."""
    whole = Sheet(summed(sheet.day for sheet in sheets))
    for sheet in sheets:
        for value in sheet.subjects.values:
            whole.subjects.add(value)
        for case, found in sheet.cases.items():
            whole.cases.setdefault(case, set()).update(found)
    # A day whose particulars were put away still counts with what was told of it.
    whole.day.known = max([len(whole.subjects), *(sheet.day.known for sheet in sheets)])
    counted = [len(found) for found in whole.cases.values()]
    whole.day.crowded = max([*counted, *(sheet.day.crowded for sheet in sheets), 0])
    return whole
