"""The last runs as bars: rows and time, reckoned here so that the page needs neither scripts nor styles of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

from guantong.dispatch.models import Run

WIDTH, HEIGHT, FOOT, HEAD = 720, 150, 22, 18
BROADEST = 40


@dataclass(frozen=True)
class Bar:
    """One run: its value, the part of it that is bad, and where both stand."""

    run: Run
    value: int
    bad: int
    x: float
    width: float
    y: float
    height: float
    bad_height: float

    @property
    def middle(self) -> float:
        """Where the bar's words are centred."""
        return round(self.x + self.width / 2, 1)

    @property
    def bad_y(self) -> float:
        """Where the bad part begins: it stands on the good one."""
        return round(self.y - self.bad_height, 1)


@dataclass(frozen=True)
class Charts:
    """Rows in the target with those refused on top, and seconds taken; oldest first. ``most_*`` are the scales."""

    rows: list[Bar]
    seconds: list[Bar]
    most_rows: int
    most_seconds: int


def charts(runs: Iterable[Run]) -> Charts | None:
    """The charts of ``runs``, given newest first; None unless there are two at least to compare."""
    shown = [run for run in runs if run.ended_at][::-1]
    if len(shown) < 2:
        return None
    rows = [(run, run.applied, run.refused) for run in shown]
    taken = [
        (run, max(0, round((run.ended_at - run.started_at).total_seconds())), 0)
        for run in shown
        if run.ended_at
    ]
    most_rows = max(good + bad for _, good, bad in rows)
    return Charts(_bars(rows), _bars(taken), most_rows, max(value for _, value, _ in taken))


def _bars(values: list[tuple[Run, int, int]]) -> list[Bar]:
    most = max(1, *(good + bad for _, good, bad in values))
    step, room = WIDTH / len(values), HEIGHT - FOOT - HEAD
    # The bars go from edge to edge, as the words below them do; few of them stay slim.
    width = min(step * 0.7, BROADEST)
    gap = (WIDTH - width) / (len(values) - 1)
    made = []
    for n, (run, good, bad) in enumerate(values):
        height, bad_height = room * good / most, room * bad / most
        made.append(
            Bar(
                run=run,
                value=good,
                bad=bad,
                x=round(n * gap, 1),
                width=round(width, 1),
                y=round(HEIGHT - FOOT - height, 1),
                height=round(height, 1),
                bad_height=round(bad_height, 1),
            )
        )
    return made
