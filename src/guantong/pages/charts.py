"""可监管的图: calls per day as bars, reckoned here so that the page needs neither scripts nor styles of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

WIDTH, HEIGHT, FOOT, HEAD = 720, 180, 24, 18


@dataclass(frozen=True)
class Bar:
    """One day: how many calls were allowed and turned away, and where its bars stand."""

    day: date
    allow: int
    refuse: int
    x: float
    width: float
    allow_y: float
    allow_height: float
    refuse_y: float
    refuse_height: float

    @property
    def total(self) -> int:
        """All calls of the day."""
        return self.allow + self.refuse

    @property
    def top(self) -> float:
        """Where the words above the bar stand."""
        return round(self.refuse_y - 5, 1)

    @property
    def middle(self) -> float:
        """Where the bar's words are centred."""
        return self.x + self.width / 2


def bars(rows: Iterable[Mapping[str, Any]], *, last: date, days: int = 14) -> list[Bar]:
    """The ``days`` up to ``last``, from rows of {day, decision, count}; days without calls stand empty."""
    counts: dict[tuple[date, str], int] = {(row["day"], row["decision"]): row["count"] for row in rows}
    shown = [last - timedelta(days=n) for n in range(days - 1, -1, -1)]
    most = max(1, *(counts.get((day, "allow"), 0) + counts.get((day, "refuse"), 0) for day in shown))
    step, room = WIDTH / days, HEIGHT - FOOT - HEAD
    made = []
    for n, day in enumerate(shown):
        allow, refuse = counts.get((day, "allow"), 0), counts.get((day, "refuse"), 0)
        allow_height, refuse_height = room * allow / most, room * refuse / most
        allow_y = HEIGHT - FOOT - allow_height
        made.append(
            Bar(
                day=day,
                allow=allow,
                refuse=refuse,
                x=round(n * step + step * 0.2, 1),
                width=round(step * 0.6, 1),
                allow_y=round(allow_y, 1),
                allow_height=round(allow_height, 1),
                refuse_y=round(allow_y - refuse_height, 1),
                refuse_height=round(refuse_height, 1),
            )
        )
    return made
