"""逐号查询的迹象: whether the keys of a caller follow one another, as those of somebody who counts through numbers do.

Receipts hold keys as keyed pseudonyms only, in which no order can be seen. The gateway sees the keys while it
answers, and leaves one coarse number: how many steps long the run is. No key and no distance leaves the process.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

REACH = 16
"""The largest distance between two keys that counts as a step."""
REMEMBERED = 96
"""Keys remembered for each caller, so that a run shows through other calls in between."""
CALLERS = 4096
LONGEST = 9999

_CREDIT = re.compile(r"([0-9A-HJ-NPQRTUWXY]{2}\d{6})([0-9A-HJ-NPQRTUWXY]{8})[0-9A-HJ-NPQRTUWXY]{2}")
_NUMBERED = re.compile(r"(.*?)(\d{6,18})", re.DOTALL)
_DATED = re.compile(r"((?:19|20)\d{6})(\d{0,6})")

Place = tuple[str, int]
"""What keys have in common that can follow one another, and a number within it."""


def place_of(key: str) -> Place | None:
    """Where a key stands in its order; None for a name, or a number too short to tell a run from chance.

    Check characters are left out: the last of a resident ID (GB 11643), the last two of a unified social credit
    code (GB 32100, GB 11714). A date inside is counted in days, so that a run goes on past the end of a month.
    """
    text = key.strip()
    if len(text) == 18 and text[:17].isdigit() and text.isascii() and text[17] in "0123456789Xx":
        day = _day(text[6:14])
        if day is not None:
            return "id:" + text[:6], day * 1000 + int(text[14:17])
    if not text.isdecimal() and (found := _CREDIT.fullmatch(text.upper())):
        return f"uscc:{found[1]}", int(found[2], 36)
    found = _NUMBERED.fullmatch(text)
    if found is None or not found[2].isascii():
        return None
    dated = _DATED.fullmatch(found[2])
    day = _day(dated[1]) if dated else None
    if dated and day is not None:
        width = len(dated[2])
        return f"date:{found[1]}:{width}", day * 10**width + int(dated[2] or 0)
    return f"number:{found[1]}:{len(found[2])}", int(found[2])


@lru_cache(maxsize=40_000)
def _day(text: str) -> int | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal()
    except ValueError:
        return None


class _Caller:
    """The keys that one application lately asked for under one grant."""

    def __init__(self) -> None:
        self._runs: OrderedDict[Place, int] = OrderedDict()
        self._near: dict[Place, set[Place]] = {}

    def step(self, place: Place) -> int:
        """The length of the run that ``place`` continues; 0 if it continues none or was asked for already."""
        if place in self._runs:
            self._runs.move_to_end(place)
            return 0
        kind, number = place
        bucket, run = number // REACH, 0
        near, runs = self._near, self._runs
        for n in (bucket - 1, bucket, bucket + 1):
            for other in near.get((kind, n), ()):
                if abs(other[1] - number) <= REACH:
                    run = max(run, runs[other] + 1)
        run = min(run, LONGEST)
        runs[place] = run
        near.setdefault((kind, bucket), set()).add(place)
        if len(runs) > REMEMBERED:
            self._forget()
        return run

    def _forget(self) -> None:
        (kind, number), _ = self._runs.popitem(last=False)
        home = (kind, number // REACH)
        self._near[home].discard((kind, number))
        if not self._near[home]:
            del self._near[home]


class Steps:
    """Tells runs of keys; in the memory of one process, for the callers that were seen last."""

    def __init__(self) -> None:
        self._callers: OrderedDict[tuple[str, str], _Caller] = OrderedDict()

    def note(self, application: str, grant: str, keys: Mapping[str, str]) -> int:
        """How many steps long the run is that the keys of this call continue; 0: they continue none."""
        known = (application, grant)
        caller = self._callers.get(known)
        if caller is None:
            caller = self._callers[known] = _Caller()
            if len(self._callers) > CALLERS:
                self._callers.popitem(last=False)
        else:
            self._callers.move_to_end(known)
        longest = 0
        for item, key in keys.items():
            place = place_of(key)
            if place is not None:
                longest = max(longest, caller.step((f"{item}/{place[0]}", place[1])))
        return longest
