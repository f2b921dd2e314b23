"""How much each grant was used today, as a process's own receipts tell it; days of China Standard Time."""

from collections.abc import Mapping
from datetime import datetime

_CHINA_S = 8 * 3600
DAY_S = 86400

Day = tuple[int, int, int]
"""Number of the day, calls that were let through, rows that they delivered."""


def day_of(at: datetime) -> int:
    """The number of the calendar day in China Standard Time."""
    return (int(at.timestamp()) + _CHINA_S) // DAY_S


def next_midnight(now: int) -> int:
    """When the day ends, in seconds since 1970 as ``now``."""
    return now + DAY_S - (now + _CHINA_S) % DAY_S


class Days:
    """The day's calls and rows by grant, kept with the mark of the receipts that they were counted from."""

    def __init__(self, kept: Mapping[str, Day]) -> None:
        self._days = {grant: (day, calls, rows) for grant, (day, calls, rows) in kept.items()}

    def count(self, grant: str, rows: int, at: datetime) -> None:
        """One more call under ``grant``, and what it delivered."""
        today = day_of(at)
        day, calls, before = self._days.get(grant, (today, 0, 0))
        if day != today:
            calls = before = 0
        self._days[grant] = (today, calls + 1, before + rows)

    def as_dict(self) -> dict[str, Day]:
        """Grant → its last day."""
        return dict(self._days)
