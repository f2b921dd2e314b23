"""How often each grant was used: in this second, and on this day of China Standard Time."""

from collections.abc import Mapping
from datetime import datetime

from guantong.gateway.decide import Usage

_CHINA_S = 8 * 3600
_DAY_S = 86400


def day_of(at: datetime) -> int:
    """The number of the calendar day in China Standard Time."""
    return (int(at.timestamp()) + _CHINA_S) // _DAY_S


def seconds_to_midnight(at: datetime) -> int:
    """How long the day's quota stays used up."""
    return _DAY_S - (int(at.timestamp()) + _CHINA_S) % _DAY_S


class Meter:
    """Counts allowed calls by grant. Kept in memory; the day's count is recovered from the receipts."""

    def __init__(self) -> None:
        self._seconds: dict[str, tuple[int, int]] = {}
        self._days: dict[str, tuple[int, int]] = {}

    def usage(self, grant: str, at: datetime) -> Usage:
        """The use of ``grant`` before this call."""
        second, in_second = self._seconds.get(grant, (0, 0))
        day, in_day = self._days.get(grant, (0, 0))
        return Usage(
            in_second if second == int(at.timestamp()) else 0,
            in_day if day == day_of(at) else 0,
        )

    def count(self, grant: str, at: datetime, times: int = 1) -> None:
        """Remember that ``grant`` was used."""
        before = self.usage(grant, at)
        self._seconds[grant] = (int(at.timestamp()), before.this_second + times)
        self._days[grant] = (day_of(at), before.today + times)

    def days(self) -> dict[str, tuple[int, int]]:
        """The days' counts, to be kept."""
        return dict(self._days)

    def restore(self, days: Mapping[str, tuple[int, int]]) -> None:
        """The kept counts back again."""
        self._days = {grant: (day, times) for grant, (day, times) in days.items()}
