"""判定: what each kind of rule says of a day, an hour or a week of one key, given what is usual for it. Pure functions."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

from guantong.risk.days import Day, Sheet
from guantong.risk.types import (
    AnyRule,
    Awake,
    CaseReuse,
    Change,
    Harvest,
    Novel,
    OddHours,
    Refused,
    Scope,
    Sequence,
    Share,
    Signal,
    Targets,
    Volume,
)
from guantong.risk.usual import History, Usual, median, quantile

MANY_DEVIATIONS = 6.0
"""Chance explains no share that lies so many standard deviations above what was to be expected."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A day of a key that is judged; ``hours`` are those of its hours that had news."""

    scope: Scope
    key: str
    day: int
    history: History
    hours: frozenset[int]

    @property
    def sheet(self) -> Sheet:
        """The day."""
        return self.history.sheets[self.day]

    @property
    def usual(self) -> Usual:
        """What was usual before it."""
        return self.history.usual(self.day)

    def signal(self, rule: AnyRule, *, seen: float, limit: float, days: int = 1, **more: Any) -> Signal:
        """A signal about the day, or the ``days`` up to it."""
        since, until = (self.day - days + 1) * 24, (self.day + 1) * 24
        return Signal(
            rule.code, self.scope, self.key, since, until, round(seen), max(1, round(limit)), **more
        )


def judge(rule: AnyRule, scene: Scene) -> Signal | None:
    """What ``rule`` says of the scene: nothing, as a rule."""
    judged = _JUDGES.get(type(rule))
    return judged(rule, scene) if judged and rule.is_on and rule.scope == scene.scope else None


def _volume(rule: Volume, scene: Scene) -> Signal | None:
    if rule.window == "hour":
        return _hourly(rule, scene)
    week = rule.window == "week"
    day = scene.sheet.day
    if not week and getattr(day, rule.metric) <= rule.floor:
        return None
    if week:
        deep = rule.metric == "known"
        day = scene.history.week(scene.day).day if deep else scene.history.week_sums(scene.day)
    seen = getattr(day, rule.metric)
    if seen <= rule.floor:
        return None
    usual = scene.usual.week_high(rule.metric) if week else _high(scene.usual, rule.metric)
    twice = 0.0 if week else scene.usual.twice(rule.metric)
    limit = max(rule.new_floor, rule.times * twice) if usual is None else max(rule.floor, rule.times * usual)
    if seen <= limit:
        return None
    return scene.signal(rule, seen=seen, limit=limit, days=7 if week else 1, usual=_whole(usual))


def _hourly(rule: Volume, scene: Scene) -> Signal | None:
    day, name = scene.sheet.day, "hour_rows" if rule.metric == "rows" else "hours"
    over: list[tuple[float, int, int, float, int | None]] = []
    for hour in scene.hours:
        seen = getattr(day, name)[hour]
        if seen <= rule.floor:
            continue
        usual = scene.usual.hour_high(rule.metric, hour) if scene.usual.is_known else None
        twice = 0.0 if scene.usual.is_known else scene.usual.twice_in_hour(rule.metric)
        limit = (
            max(rule.new_floor, rule.times * twice) if usual is None else max(rule.floor, rule.times * usual)
        )
        if seen > limit:
            over.append((seen / limit, seen, hour, limit, _whole(usual)))
    if not over:
        return None
    _, seen, hour, limit, known = max(over)
    hours = tuple(sorted(scene.day * 24 + each[2] for each in over))
    return scene.signal(rule, seen=seen, limit=limit, usual=known, hours=hours, numbers={"hour": hour})


def _share(rule: Share, scene: Scene) -> Signal | None:
    spans: list[int | None] = [*sorted(scene.hours)] if rule.window == "hour" else [None]
    whole = scene.history.week_sums(scene.day) if rule.window == "week" else scene.sheet.day
    for hour in spans:
        part, total = _part(rule, whole, hour)
        if part < rule.floor or 100 * part < rule.percent * total:
            continue
        # What is usual was so before the week: its own days must not hide it.
        before = scene.history.usual(scene.day - 6) if rule.window == "week" else scene.usual
        usual = before.share(rule.part)
        if usual is None and 100 * part <= rule.new_percent * total:
            continue
        expected = usual if usual is not None else rule.new_percent / 100 / rule.times
        deviation = sqrt(max(1.0, total * expected * (1 - expected)))
        excess = part - total * expected
        if excess < max(rule.floor, MANY_DEVIATIONS * deviation) or part < rule.times * expected * total:
            continue
        return scene.signal(
            rule,
            seen=part,
            limit=max(rule.floor, rule.times * expected * total),
            days=7 if rule.window == "week" else 1,
            usual=_whole(total * usual) if usual is not None else None,
            hours=(scene.day * 24 + hour,) if hour is not None else (),
            numbers={
                "total": total,
                "percent": round(100 * part / total),
                "usual_percent": round(100 * expected),
            },
        )
    return None


def _part(rule: Share, day: Day, hour: int | None) -> tuple[int, int]:
    if hour is not None:
        # Of hours only refusals are kept.
        return day.hour_refused[hour], day.hours[hour]
    return getattr(day, rule.part), day.calls if rule.part == "refused" else day.allowed


def _odd_hours(rule: OddHours, scene: Scene) -> Signal | None:
    day, usual = scene.sheet.day, scene.usual
    if day.calls < rule.floor:
        return None
    if len(usual.recent) < rule.history_days:
        # Nothing is known of it yet: only nights are odd, and only many calls.
        night = [*range(6), 22, 23] if len(usual.days) < rule.history_days else []
        # What is run once a week is not odd for ever.
        odd = [hour for hour in night if hour not in usual.hours_twice()]
        limit = float(rule.new_floor)
    else:
        odd = usual.odd_hours()
        limit = max(rule.floor, rule.percent / 100 * usual.typical("calls"))
    weights = {hour: 1.0 if hour < 7 or hour >= 21 else rule.day_percent / 100 for hour in odd}
    seen = sum(day.hours[hour] * weight for hour, weight in weights.items())
    if seen <= limit or not odd:
        return None
    hours = [hour for hour in odd if day.hours[hour]]
    return scene.signal(
        rule,
        seen=sum(day.hours[hour] for hour in hours),
        limit=limit,
        usual=0,
        hours=tuple(scene.day * 24 + hour for hour in hours),
        numbers={"first": hours[0], "last": hours[-1]},
    )


def _harvest(rule: Harvest, scene: Scene) -> Signal | None:
    week = rule.window == "week"
    if not week and scene.sheet.day.known < rule.floor:
        return None
    whole = scene.history.week(scene.day).day if week else scene.sheet.day
    if whole.known < rule.floor or 100 * whole.plain < rule.plain_percent * whole.allowed:
        return None
    if 100 * (whole.named - whole.known) > rule.repeated_percent * whole.named:
        return None
    usual = scene.usual.week_high("known") if week else _high(scene.usual, "known")
    plain = scene.usual.share("plain")
    names_cases = plain is not None and plain < 0.5
    if usual is None or plain is None:
        limit = max(rule.new_floor, rule.times * (0.0 if week else scene.usual.twice("known")))
    else:
        limit = rule.floor if names_cases else max(rule.floor, rule.times * usual)
    if whole.known < limit:
        return None
    return scene.signal(
        rule, seen=whole.known, limit=limit, days=7 if week else 1, usual=_whole(usual),
        numbers={"plain": whole.plain},
    )  # fmt: skip


def _sequence(rule: Sequence, scene: Scene) -> Signal | None:
    seen = scene.sheet.day.steps
    if seen < rule.floor:
        return None
    usual = _high(scene.usual, "steps")
    limit = max(rule.floor, rule.times * (usual or 0))
    return scene.signal(rule, seen=seen, limit=limit, usual=_whole(usual)) if seen >= limit else None


def _case_reuse(rule: CaseReuse, scene: Scene) -> Signal | None:
    week = rule.window == "week"
    if week and scene.history.week_crowd(scene.day) < rule.floor:
        return None
    sheet = scene.history.week(scene.day) if week else scene.sheet
    seen = sheet.day.crowded
    if seen < rule.floor:
        return None
    usual = _high(scene.usual, "crowded")
    limit = max(rule.floor, rule.times * (usual or 0))
    if seen < limit:
        return None
    return scene.signal(
        rule, seen=seen, limit=limit, days=7 if week else 1, usual=_whole(usual),
        numbers={"case": sheet.busiest_case()},
    )  # fmt: skip


def _novel(rule: Novel, scene: Scene) -> Signal | None:
    used: dict[str, int] = getattr(scene.sheet.day, rule.what)
    usual = scene.usual
    if len(usual.days) < rule.history_days or not used:
        return None
    new = {name: count for name, count in used.items() if name not in usual.ever(rule.what)}
    seen, total = max(new.values(), default=0), scene.sheet.day.allowed
    if seen < rule.floor or 100 * seen < rule.percent * total:
        return None
    return scene.signal(rule, seen=seen, limit=rule.floor, usual=0, numbers={"what": sorted(new)[:20]})


def _refused(rule: Refused, scene: Scene) -> Signal | None:
    found = {name: count for name, count in scene.sheet.day.reasons.items() if name in rule.reasons}
    seen = sum(found.values())
    if seen < rule.floor:
        return None
    usual = quantile(
        [
            sum(scene.history.sheets[n].day.reasons.get(name, 0) for name in rule.reasons)
            for n in scene.usual.recent
        ],
        0.9,
    )
    limit = max(rule.floor, rule.times * usual)
    if seen < limit:
        return None
    return scene.signal(
        rule,
        seen=seen,
        limit=limit,
        usual=round(usual),
        numbers={"reasons": sorted(found, key=lambda name: -found[name])},
    )


def _targets(rule: Targets, scene: Scene) -> Signal | None:
    seen = len(scene.sheet.day.targets)
    if seen < rule.floor:
        return None
    usual = quantile([len(scene.history.sheets[n].day.targets) for n in scene.usual.recent], 0.9)
    limit = max(rule.floor, 2 * usual)
    if seen < limit:
        return None
    return scene.signal(rule, seen=seen, limit=limit, usual=round(usual))


def _change(rule: Change, scene: Scene) -> Signal | None:
    usual, seen = scene.usual, getattr(scene.sheet.day, rule.metric)
    if seen < rule.floor:
        return None
    last = usual.last_alike(rule.days - 1)
    before = usual.before(rule.days - 1)
    if len(last) < rule.days - 1 or len(before) < rule.history_days:
        return None
    least = min([seen, *usual.values(last, rule.metric)])
    past = usual.values(before, rule.metric)
    # What has been growing for long goes on growing: its last week is what it has come to.
    middle = max(median(past), median(past[-5:]))
    limit = max(rule.floor, rule.times * middle, 1.2 * quantile(past, 0.95), 1.2 * usual.high(rule.metric))
    if rule.days > 1 and usual.is_known:
        # The last days are part of what is usual already; they must not hide themselves.
        limit = max(rule.floor, rule.times * middle, 1.2 * quantile(past, 0.95))
    if least < limit:
        return None
    days = scene.day - min([*last, scene.day]) + 1
    return scene.signal(rule, seen=least, limit=limit, days=days, usual=round(middle))


def _awake(rule: Awake, scene: Scene) -> Signal | None:
    silence, seen = scene.usual.silence, scene.sheet.day.calls
    if silence is None or silence < rule.silent_days or seen < rule.floor:
        return None
    return scene.signal(rule, seen=seen, limit=rule.floor, usual=0, numbers={"silence": silence})


def _high(usual: Usual, metric: str) -> float | None:
    return usual.high(metric) if usual.is_known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


_JUDGES: dict[type, Callable[[Any, Scene], Signal | None]] = {
    Volume: _volume,
    Share: _share,
    OddHours: _odd_hours,
    Harvest: _harvest,
    Sequence: _sequence,
    CaseReuse: _case_reuse,
    Novel: _novel,
    Refused: _refused,
    Targets: _targets,
    Change: _change,
    Awake: _awake,
}
