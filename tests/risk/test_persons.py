"""One person looked up again and again, or from many sides: found in any order of receipts, over restarts, in bounded memory."""

import random
from datetime import timedelta
from typing import Any

import pytest
from tests.cast import BUREAU, NOON, POLICE
from tests.risk.cast import Desk
from tests.risk.traffic import Town, call

from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.notices.models import Notice
from guantong.risk import persons, queries, reading
from guantong.risk.defaults import shipped
from guantong.risk.models import Finding, Reading
from guantong.risk.persons import Peaks, Person, Persons, affairs, judge_person
from guantong.risk.rulebook import Rules
from guantong.risk.types import Fact
from guantong.risk.watching import Watcher

SUBJECT = "f" * 64


def followed(desk: Desk, sides: int = 10, **changes: Any) -> list[Receipt]:
    """One person looked up in three days by ``sides`` grants of as many organisations."""
    return [
        desk.call(
            NOON - timedelta(days=n % 3, minutes=n), subject=SUBJECT, grant=f"GT-{n}",
            **{"consumer_organisation": f"office-{n}", "case": f"QS-2026-5{n:05d}", **changes},
        )
        for n in range(sides)
    ]  # fmt: skip


def said() -> set[tuple[str, str, int]]:
    return set(Finding.objects.filter(scope="subject").values_list("rule", "key", "seen"))


def rules() -> Rules:
    return Rules(shipped())


@pytest.mark.django_db
def test_a_person_followed_from_many_sides_is_raised_with_the_calls(desk: Desk) -> None:
    desk.arrive(followed(desk))
    desk.judge()
    found = {each.rule: each for each in Finding.objects.filter(scope="subject")}
    assert "followed_week" in found
    week = found["followed_week"]
    assert (week.seen, week.subject, week.key, week.grant, week.provider) == (
        10, SUBJECT, SUBJECT[: persons.MARK], "", "",
    )  # fmt: skip
    assert queries.calls_behind(week).count() == 10
    assert "10" in queries.words_of(week, "zh")
    assert "10 unconnected sides" in queries.words_of(week, "en")
    # It is about nobody's grant alone: the bureau hears of it.
    told = set(Notice.objects.filter(code="risk_raised").values_list("organisation", flat=True))
    assert told == {BUREAU}


@pytest.mark.django_db
def test_a_person_looked_up_day_after_day_by_one_grant_is_told_to_its_provider(desk: Desk) -> None:
    desk.arrive(
        [desk.call(NOON - timedelta(days=n % 4, minutes=n), subject=SUBJECT) for n in range(16)]
        + [desk.call(NOON - timedelta(minutes=n)) for n in range(20)]
    )
    desk.judge()
    found = Finding.objects.get(rule="watched_week")
    assert (found.grant, found.provider, found.seen) == (desk.grant.code, POLICE, 16)
    assert found.key == f"{SUBJECT[: persons.MARK]}/{desk.grant.code}"
    assert queries.calls_behind(found).count() == 16
    assert Notice.objects.filter(code="risk_raised", organisation=POLICE).exists()


@pytest.mark.django_db
def test_many_offices_that_work_on_one_case_follow_nobody(desk: Desk) -> None:
    desk.arrive(followed(desk, case="QS-2026-000001"))
    desk.judge()
    assert not Finding.objects.filter(rule__startswith="followed").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes", [{"decision": "refuse", "reason": "rate_exceeded"}, {"mode": "batch"}, {"subject": ""}]
)
def test_what_was_no_look_up_of_a_person_does_not_count(desk: Desk, changes: dict[str, Any]) -> None:
    rows = followed(desk)
    for row in rows:
        for name, value in changes.items():
            setattr(row, name, value)
    desk.arrive(rows)
    desk.judge()
    assert not Finding.objects.filter(scope="subject").exists()


@pytest.mark.django_db
def test_neither_restarts_nor_the_order_of_receipts_nor_little_memory_change_what_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [f"{n:064x}" for n in range(900, 920)]
    rows = followed(desk) + [
        desk.call(NOON - timedelta(days=n % 5, minutes=n), subject=SUBJECT, grant=f"GT-{n}")
        for n in range(30)
    ]
    rows += [desk.call(NOON - timedelta(minutes=n), subject=others[n % 20]) for n in range(400)]
    desk.arrive(rows)
    desk.judge()
    straight = said()
    assert straight
    for model in (Finding, Receipt):
        model.objects.all().delete()
    Reading.objects.update(position=0)
    random.Random(5).shuffle(rows)
    for row in rows:
        row.pk = None
    monkeypatch.setattr(persons, "MOST_WATCHED", 3)
    for begin in range(0, len(rows), 29):
        desk.arrive(rows[begin : begin + 29])
        if begin % 3:
            desk.watcher = Watcher()
        desk.watcher.judge(by=SYSTEM, at=NOON)
    # Which window speaks first, and with which count, depends on what has come in; about whom, and of what, does not.
    assert {key for _, key, _ in said()} == {key for _, key, _ in straight}
    assert {rule for rule, _, _ in said()} >= {"followed_week"}


def test_so_many_persons_are_in_memory_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "MOST_WATCHED", 50)
    kept, town = Persons(), Town(1)
    plan = town.plans[0]
    for n in range(400):
        kept.put(f"p{n}", Person([call(plan, 24 * 20000, 0, subject=f"p{n}", case="")]))
    kept.trim()
    assert len(kept) == 50
    assert "p399" in kept
    assert "p0" not in kept


@pytest.mark.django_db
def test_of_somebody_looked_up_all_the_time_only_the_newest_look_ups_are_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.arrive([desk.call(NOON - timedelta(minutes=n), subject=SUBJECT) for n in range(60)])
    monkeypatch.setattr(reading, "MOST_LOOKS", 20)
    looks = reading.looks_of(SUBJECT, since=0)
    assert len(looks) == 20
    assert max(look.at for look in looks) == int(NOON.timestamp())


def test_whoever_is_always_looked_up_by_many_is_no_news() -> None:
    town = Town(1)
    day = town.month * 24
    used = town.plans[:8]
    week = [call(plan, day + 10, n, subject="firm", case="") for n, plan in enumerate(used)]
    before = [
        call(plan, day + 10 - 24 * days, n, subject="firm", case="")
        for days in range(7, 35) for n, plan in enumerate(used)
    ]  # fmt: skip

    def told(facts: list[Fact]) -> set[str]:
        return {
            signal.rule
            for signal in judge_person("firm", Person(facts), [town.month], Rules(shipped()), Peaks())
        }

    assert "followed_week" in told(week)
    assert "followed_week" not in told([*before, *week])


def test_a_late_call_counts_in_the_weeks_after_it() -> None:
    town = Town(1)
    plan, day = town.plans[0], town.month
    person = Person(call(plan, (day + n % 3 + 1) * 24 + 9, 310 * n, subject="x", case="") for n in range(11))
    assert judge_person("x", person, person.days, rules(), Peaks()) == []
    person.add(call(plan, (day - 1) * 24 + 9, 1, subject="x", case=""))
    found = judge_person("x", person, [day - 1], rules(), Peaks())
    assert "watched_week" in {signal.rule for signal in found}


@pytest.mark.parametrize(
    ("places", "sides"),
    [
        ([("a", "o/x", "1"), ("b", "p/x", "2")], 2),
        ([("a", "o/x", "1"), ("b", "p/x", "1")], 1),
        # Two that share no case with each other, and both share one with a third, are one.
        ([("a", "o/x", "1"), ("b", "p/x", "2"), ("c", "q/x", "1"), ("c", "q/x", "2")], 1),
        ([("a", "o/x", ""), ("b", "o/x", "")], 2),
        ([("a", "o/x", ""), ("a", "o/x", "5")], 1),
    ],
)
def test_sides_are_those_that_have_no_case_in_common(places: list[persons.Place], sides: int) -> None:
    assert len(affairs(places, "grants")) == sides


def test_grants_of_one_organisation_are_one_organisation() -> None:
    assert len(affairs([("a", "o/x", ""), ("b", "o/y", ""), ("c", "p/x", "")], "organisations")) == 2


def test_a_rule_that_is_off_is_silent_and_one_grant_may_have_it_otherwise() -> None:
    town = Town(1)
    plan, day = town.plans[0], town.month
    person = Person(
        [call(plan, day * 24 + 9 + n // 10, 310 * (n % 10), subject="x", case="") for n in range(14)]
    )
    (rule,) = (each for each in shipped() if each.code == "watched_day")
    assert judge_person("x", person, [day], Rules([rule]), Peaks())
    off = type(rule)(**{**{name: getattr(rule, name) for name in rule.__struct_fields__}, "is_on": False})
    assert not judge_person("x", person, [day], Rules([off]), Peaks())
    assert not judge_person("x", person, [day], Rules([rule], {plan.grant: {rule.code: off}}), Peaks())
    assert judge_person("x", person, [day], Rules([rule], {"another": {rule.code: off}}), Peaks())
    assert judge_person("x", person, [day], Rules([off], {plan.grant: {rule.code: rule}}), Peaks())


def test_what_the_same_asks_within_five_minutes_is_one_occasion() -> None:
    town = Town(1)
    plan, day = town.plans[0], town.month
    hung = Person([call(plan, day * 24 + 9, 10 * n, subject="x", case="") for n in range(30)])
    assert sum(hung.on(day).values()) == 1
    assert judge_person("x", hung, [day], rules(), Peaks()) == []
    often = Person(
        [call(plan, day * 24 + 9 + n // 6, 600 * (n % 6), subject="x", case="") for n in range(30)]
    )
    assert sum(often.on(day).values()) == 30
    assert "watched_day" in {signal.rule for signal in judge_person("x", often, [day], rules(), Peaks())}


def test_where_many_are_looked_up_from_many_sides_more_is_wanted() -> None:
    town, peaks = Town(1), Peaks()
    day = town.month
    ten = Person([call(plan, day * 24 + 9, 0, subject="x", case="") for plan in town.plans[:10]])
    assert "followed_week" in {s.rule for s in judge_person("x", ten, [day], rules(), peaks)}
    for week in range(1, 5):
        # One who is followed does not hide the next; two in a week are how things are here.
        peaks.note("followed_week", day - 7 * week, "one", 15)
    assert peaks.level("followed_week", day) == 0
    assert "followed_week" in {s.rule for s in judge_person("x", ten, [day], rules(), peaks)}
    peaks.note("followed_week", day - 8, "another", 9)
    assert peaks.level("followed_week", day) == 9
    assert "followed_week" not in {s.rule for s in judge_person("x", ten, [day], rules(), peaks)}


def test_a_day_on_which_many_are_looked_up_from_many_sides_follows_nobody() -> None:
    town, peaks = Town(1), Peaks()
    day = town.month
    person = Person([call(plan, day * 24 + 9, 0, subject="x", case="") for plan in town.plans[:7]])
    for other in range(persons.MANY - 2):
        peaks.note("followed_day", day, f"p{other}", 7)
    assert "followed_day" in {s.rule for s in judge_person("x", person, [day], rules(), peaks)}
    peaks.note("followed_day", day, "another", 7)
    assert "followed_day" not in {s.rule for s in judge_person("x", person, [day], rules(), peaks)}


def test_the_most_looked_up_are_the_same_in_any_order() -> None:
    told = [(f"p{n}", n % 7) for n in range(40)] + [("p3", 9), ("p3", 1)]
    straight, shuffled = Peaks(), Peaks()
    for subject, seen in told:
        straight.note("r", 1, subject, seen)
    random.Random(2).shuffle(told)
    for subject, seen in told:
        shuffled.note("r", 1, subject, seen)
    assert straight.days == shuffled.days
    assert len(straight.days["r", 1]) == persons.PEAKS
    assert straight.days["r", 1]["p3"] == 9


@pytest.mark.django_db
def test_what_hardly_anybody_reaches_is_known_after_a_restart(desk: Desk) -> None:
    desk.arrive(followed(desk, sides=6))
    desk.judge()
    today = queries.hour_at(NOON) // 24
    kept = queries.peaks_since(0).days["followed_week", today]
    assert kept == {SUBJECT[: persons.MARK]: 6}
    desk.watcher = Watcher()
    desk.arrive(followed(desk, sides=7))
    desk.judge()
    assert queries.peaks_since(0).days["followed_week", today] == {SUBJECT[: persons.MARK]: 7}
