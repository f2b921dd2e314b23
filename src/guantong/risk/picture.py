"""预警的图: use day by day, and hour by hour of the worst day; the unusual part marked. Drawn without scripts."""

from dataclasses import dataclass
from datetime import date, datetime

from guantong.risk import queries
from guantong.risk.days import Day, Sheet
from guantong.risk.models import Finding
from guantong.risk.persons import MOST_LOOKS
from guantong.risk.usual import date_of

WIDTH, HEIGHT, FOOT, HEAD = 720, 180, 24, 18
DAYS = 35
_OF_DAY = {"missed": "missed", "plain": "plain", "refused": "refused", "rows": "rows", "known": "known"}
_OF_KIND = {
    "harvest": "known",
    "sequence": "steps",
    "case_reuse": "crowded",
    "refused": "refused",
    "targets": "refused",
}


@dataclass(frozen=True)
class Bar:
    """A day or an hour, and whether it is part of the alert."""

    label: str
    words: str
    value: int
    is_marked: bool
    x: float
    y: float
    width: float
    height: float
    says: bool

    @property
    def middle(self) -> float:
        """Where words are centred."""
        return round(self.x + self.width / 2, 1)

    @property
    def top(self) -> float:
        """Where the words above stand."""
        return round(self.y - 5, 1)


@dataclass(frozen=True)
class Picture:
    """Both charts; ``metric`` says what the days count. ``limit_y``: where the limit lies on the days, if it is on them."""

    metric: str
    days: list[Bar]
    hours: list[Bar]
    day: date
    limit_y: float | None
    hour_metric: str


def draw(finding: Finding, *, at: datetime) -> Picture:
    """The picture of an alert: the weeks before and after it, as far as they are kept."""
    since, until = queries.hour_at(finding.since), queries.hour_at(finding.until)
    last = min(max((until - 1) // 24 + 3, since // 24), queries.hour_at(at) // 24)
    sheets = _sheets(finding, since=last - DAYS)
    terms = finding.version.terms
    metric = _metric_of(terms)
    shown = range(last - DAYS + 1, last + 1)
    of = {day: sheets[day].day if day in sheets else Day() for day in shown}
    marked = {hour // 24 for hour in finding.hours} or {day for day in shown if since <= day * 24 < until}
    values = [getattr(of[day], metric) for day in shown]
    days = _bars(
        [
            (f"{date_of(day):%m-%d}", f"{date_of(day)}", value, day in marked)
            for day, value in zip(shown, values, strict=True)
        ],
        every=5,
    )
    worst = max(marked & set(shown), key=lambda day: (getattr(of[day], metric), day), default=last)
    hour_metric = metric if metric in {"rows", "refused"} else "calls"
    name = {"rows": "hour_rows", "refused": "hour_refused", "calls": "hours"}[hour_metric]
    odd = {hour % 24 for hour in finding.hours if hour // 24 == worst}
    hours = _bars(
        [
            (str(n), f"{n}:00", value, n in odd if finding.hours else True)
            for n, value in enumerate(getattr(of[worst], name))
        ],
        every=3,
    )
    most = max([*values, 1])
    is_daily = terms.get("window", "day") == "day" and terms["kind"] not in {
        "odd_hours",
        "novel",
        "refused",
        "targets",
        "followed",
    }
    fits = is_daily and finding.limit <= most
    room = HEIGHT - FOOT - HEAD
    limit_y = round(HEIGHT - FOOT - room * finding.limit / most, 1) if fits else None
    return Picture(metric, days, hours, date_of(worst), limit_y, hour_metric)


def _sheets(finding: Finding, *, since: int) -> dict[int, Sheet]:
    """The days of use; of a person's, made from the receipts."""
    if finding.scope != "subject":
        return queries.sheets_of([(finding.scope, finding.key)], since=since)[finding.scope, finding.key]
    sheets: dict[int, Sheet] = {}
    rows = queries.looks_behind(finding).filter(at__gte=queries.moment_of(since * 24)).order_by("-at")
    for at in rows.values_list("at", flat=True)[:MOST_LOOKS]:
        day, hour = divmod(queries.hour_at(at), 24)
        of = sheets.setdefault(day, Sheet()).day
        of.calls += 1
        of.hours[hour] += 1
    return sheets


def _metric_of(terms: dict[str, object]) -> str:
    named = str(terms.get("metric") or terms.get("part") or "")
    return _OF_DAY.get(named) or _OF_KIND.get(str(terms["kind"])) or "calls"


def _bars(values: list[tuple[str, str, int, bool]], *, every: int) -> list[Bar]:
    most = max([1, *(value for _, _, value, _ in values)])
    step, room = WIDTH / len(values), HEIGHT - FOOT - HEAD
    found = []
    for n, (label, words, value, is_marked) in enumerate(values):
        height = room * value / most
        is_most = is_marked and value == max(v for *_, v, m in values if m)
        found.append(
            Bar(
                label=label if n % every == every // 2 else "",
                words=words,
                value=value,
                is_marked=is_marked and value > 0,
                x=round(n * step + step * 0.15, 1),
                y=round(HEIGHT - FOOT - height, 1),
                width=round(step * 0.7, 1),
                height=round(height, 1),
                says=is_most and value > 0,
            )
        )
    return found
