"""Receipts are judged in order of arrival, once each, whatever happens in between; alerts run, and do not multiply."""

import random
from datetime import timedelta
from typing import Any

import pytest
from tests.cast import BUREAU, NOON, POLICE
from tests.risk.cast import Desk

from guantong.journal.models import Entry, Receipt
from guantong.journal.types import SYSTEM
from guantong.notices.models import Notice
from guantong.risk import actions, queries
from guantong.risk.actions import raising
from guantong.risk.errors import CursorMoved
from guantong.risk.models import DayOfUse, Finding, Reading
from guantong.risk.persons import Peaks
from guantong.risk.watching import Watcher

pytestmark = pytest.mark.django_db


def bulk(desk: Desk, count: int = 40, minutes: int = 20, **changes: Any) -> list[Receipt]:
    """A pull: calls with a hundred rows each in the last minutes."""
    return [
        desk.call(NOON - timedelta(seconds=n * minutes * 60 / count), rows=100, **changes)
        for n in range(count)
    ]


def sums() -> list[tuple[Any, ...]]:
    return list(
        DayOfUse.objects.order_by("scope", "key", "day").values_list("scope", "key", "day", "sums", "detail")
    )


def said() -> set[tuple[str, str]]:
    return {(each.version.terms["kind"], each.key) for each in Finding.objects.select_related("version")}


def test_a_bulk_pull_is_raised_with_its_calls_and_people_are_told(desk: Desk) -> None:
    desk.arrive(bulk(desk))
    assert desk.judge() == 40
    found = {each.rule: each for each in Finding.objects.filter(scope="grant")}
    # One pull is one alert, although it is one of an hour and of a week as well.
    assert set(found) == {"bulk_rows_day"}
    day = found["bulk_rows_day"]
    assert (day.grant, day.provider, day.consumer, day.seen) == (
        desk.grant.code, POLICE, desk.grant.consumer, 4000,
    )  # fmt: skip
    assert "4,000" in queries.words_of(day, "zh")
    assert "4,000" in queries.words_of(day, "en")
    assert queries.calls_behind(day).count() == 40
    told = set(Notice.objects.filter(code="risk_raised").values_list("organisation", flat=True))
    assert told == {POLICE, BUREAU}
    assert Entry.objects.filter(act="risk.raised", subject_id=str(day.uuid)).exists()


def test_ordinary_calls_raise_nothing(desk: Desk) -> None:
    desk.arrive([desk.call(NOON - timedelta(minutes=n)) for n in range(60)])
    desk.judge()
    assert not Finding.objects.exists()


def test_an_alert_runs_on_and_is_told_once(desk: Desk) -> None:
    for n in range(5):
        desk.arrive(bulk(desk))
        desk.judge(NOON + timedelta(minutes=n))
    day = Finding.objects.get(rule="bulk_rows_day", scope="grant")
    assert day.seen == 20_000
    assert day.heard_at == NOON + timedelta(minutes=4)
    assert Notice.objects.filter(subject_id=str(day.uuid), organisation=POLICE).count() == 1


def test_a_restart_at_any_point_changes_nothing(desk: Desk) -> None:
    desk.arrive(bulk(desk))
    desk.judge()
    before, alerts = sums(), list(Finding.objects.values_list("pk", "seen", "heard_at"))
    desk.watcher = Watcher()
    assert desk.judge() == 0
    desk.arrive(bulk(desk, 10))
    desk.watcher = Watcher()
    desk.judge()
    assert sums() != before
    assert len(alerts) == Finding.objects.count()
    # A cursor set back, as an older copy of it would be, judges again and raises nothing twice.
    Reading.objects.update(position=0)
    desk.judge()
    assert len(alerts) == Finding.objects.count()


def test_a_batch_that_fails_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.arrive(bulk(desk))

    def full(*_args: object, **_more: object) -> int:
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(raising, "raise_findings", full)
        with pytest.raises(OSError, match="disk full"):
            desk.judge()
    assert not DayOfUse.objects.exists()
    assert not Finding.objects.exists()
    desk.judge()
    assert Finding.objects.filter(rule="bulk_rows_day", scope="grant").get().seen == 4000


def test_two_workers_do_not_judge_twice(desk: Desk) -> None:
    desk.arrive(bulk(desk))
    desk.judge()
    with pytest.raises(CursorMoved):
        actions.keep([], [], Peaks(), before=0, after=1, by=SYSTEM, at=NOON)


def test_the_order_of_arrival_does_not_matter(desk: Desk) -> None:
    rows = bulk(desk) + [
        desk.call(NOON - timedelta(days=n % 9, minutes=n), rows=n % 3, case="" if n % 4 else "K-1")
        for n in range(300)
    ]
    desk.arrive(rows)
    desk.judge()
    straight, raised = sums(), said()
    for model in (DayOfUse, Finding, Receipt):
        model.objects.all().delete()
    Reading.objects.update(position=0)
    random.Random(3).shuffle(rows)
    for row in rows:
        row.pk = None
    desk.watcher = Watcher()
    for begin in range(0, len(rows), 37):
        desk.arrive(rows[begin : begin + 37])
        desk.watcher.judge(by=SYSTEM, at=NOON)
    assert sums() == straight
    # Which window of the same rule speaks first may differ; what is said does not.
    assert said() >= raised


def test_made_up_grants_and_callers_get_no_sums_of_their_own(desk: Desk) -> None:
    refused = {"decision": "refuse", "chain": "-/gateway"}
    desk.arrive([desk.call(NOON, grant=f"made-up-{n}", reason="grant_unknown", **refused) for n in range(30)])
    desk.arrive(
        [
            desk.call(NOON, consumer_application=f"x{n}", reason="application_unknown", **refused)
            for n in range(30)
        ]
    )
    desk.judge()
    assert set(DayOfUse.objects.values_list("scope", flat=True)) == {"application", "organisation"}
    assert set(DayOfUse.objects.filter(scope="application").values_list("key", flat=True)) == {
        "-", f"{desk.grant.consumer}/one-window",
    }  # fmt: skip


def test_a_call_counts_once_whoever_else_left_a_receipt(desk: Desk) -> None:
    desk.arrive([desk.call(NOON), desk.call(NOON, role="consumer")])
    desk.judge()
    assert DayOfUse.objects.get(scope="grant").sums["calls"] == 1


def test_runs_of_keys_are_read_from_the_receipt(desk: Desk) -> None:
    desk.arrive([desk.call(NOON - timedelta(minutes=n), steps=20 - n) for n in range(20)])
    desk.judge()
    assert Finding.objects.get(rule="sequential_keys").seen == 20


def test_a_false_alarm_teaches_until_a_day(desk: Desk) -> None:
    desk.arrive(bulk(desk))
    desk.judge()
    by = desk.cast.as_actor(desk.an)
    for finding in Finding.objects.all():
        until = (NOON + timedelta(days=10)).date()
        actions.decide(finding, "false", reason="年度核查", exempt_until=until, by=by, at=NOON)
    count = Finding.objects.count()

    def again(days: int) -> int:
        at = NOON + timedelta(days=days)
        desk.arrive([desk.call(at - timedelta(seconds=n), rows=100 * days) for n in range(40)])
        desk.judge(at)
        return Finding.objects.count()

    assert again(2) == count
    assert again(12) > count


def test_a_decided_alert_does_not_come_back_for_the_same_hours(desk: Desk) -> None:
    desk.arrive(bulk(desk))
    desk.judge()
    finding = Finding.objects.get(rule="bulk_rows_day", scope="grant")
    actions.decide(finding, "confirmed", reason="已核实", by=desk.cast.as_actor(desk.an), at=NOON)
    desk.arrive(bulk(desk, 3))
    desk.judge()
    assert Finding.objects.filter(rule="bulk_rows_day", scope="grant").count() == 1


def test_unused_grants_come_once_a_day_and_go_when_used(desk: Desk) -> None:
    late = NOON + timedelta(days=100)
    assert actions.tend(by=SYSTEM, at=late) == 1
    assert actions.tend(by=SYSTEM, at=late + timedelta(hours=1)) == 0
    assert actions.tend(by=SYSTEM, at=late + timedelta(days=1)) == 0
    finding = Finding.objects.get(rule="unused")
    assert not Notice.objects.filter(code="risk_raised").exists()
    desk.arrive([desk.call(late + timedelta(days=1))])
    actions.tend(by=SYSTEM, at=late + timedelta(days=2))
    finding.refresh_from_db()
    assert not finding.is_open


def test_a_late_call_of_long_ago_goes_on_counting_persons(desk: Desk) -> None:
    long_ago = NOON - timedelta(days=20)
    desk.arrive([desk.call(long_ago + timedelta(minutes=n)) for n in range(5)] + [desk.call(NOON)])
    desk.judge()
    # A new worker has read that day without its particulars, then a call of it comes in late.
    desk.watcher = Watcher()
    desk.arrive([desk.call(NOON)])
    desk.judge()
    desk.arrive([desk.call(long_ago + timedelta(hours=1), subject=f"{1:064x}"), desk.call(long_ago)])
    desk.judge()
    day = DayOfUse.objects.filter(scope="grant").order_by("day")[0]
    assert (day.sums["calls"], day.sums["known"], len(day.detail["subjects"])) == (7, 6, 6)


def test_the_rows_of_batches_are_their_jobs_business(desk: Desk) -> None:
    desk.arrive([desk.call(NOON, mode="batch", rows=100_000, case="")])
    desk.judge()
    assert not Finding.objects.exists()


def test_a_new_grant_that_names_no_cases_is_no_news(desk: Desk) -> None:
    desk.arrive([desk.call(NOON - timedelta(minutes=n), case="") for n in range(200)])
    desk.judge()
    assert not Finding.objects.filter(rule="without_case").exists()


def test_an_old_record_is_judged_without_telling_everybody(desk: Desk) -> None:
    then = NOON - timedelta(days=30)
    desk.arrive([desk.call(then - timedelta(seconds=n), rows=100) for n in range(40)])
    desk.judge()
    assert Finding.objects.filter(rule="bulk_rows_day", scope="grant").exists()
    assert not Notice.objects.filter(code="risk_raised").exists()


def test_old_days_go(desk: Desk) -> None:
    desk.arrive([desk.call(NOON - timedelta(days=80)), desk.call(NOON - timedelta(days=50)), desk.call(NOON)])
    desk.judge()
    actions.tend(by=SYSTEM, at=NOON + timedelta(days=1))
    kept = DayOfUse.objects.filter(scope="grant").order_by("day")
    assert [bool(each.detail) for each in kept] == [False, True]


def test_a_list_that_is_run_now_and_then_is_no_news_the_third_time(desk: Desk) -> None:
    def run(days: int) -> list[Receipt]:
        at = NOON - timedelta(days=days)
        return [desk.call(at + timedelta(seconds=n), case="", rows=1) for n in range(900)]

    desk.arrive(run(60) + run(31))
    desk.judge()
    first = Finding.objects.count()
    assert first
    desk.arrive(run(0))
    desk.judge()
    assert Finding.objects.count() == first
    # Three times as much is news all the same.
    desk.arrive([desk.call(NOON + timedelta(seconds=n), case="", rows=4) for n in range(900)])
    desk.judge()
    assert Finding.objects.count() > first


def test_a_list_that_is_run_on_sunday_nights_is_not_odd_for_ever(desk: Desk) -> None:
    night = (NOON - timedelta(days=30)).replace(hour=18, minute=0)

    def odd(days: int) -> int:
        desk.arrive([desk.call(night + timedelta(days=days, seconds=n)) for n in range(400)])
        desk.judge()
        return Finding.objects.filter(rule="odd_hours").count()

    assert (odd(0), odd(10), odd(20), odd(29)) == (1, 2, 2, 2)


def test_a_surge_is_one_alert_whether_calls_or_rows_are_counted(desk: Desk) -> None:
    # Both limits of a new grant are passed by the same calls.
    desk.arrive([desk.call(NOON - timedelta(seconds=n), rows=2) for n in range(1600)])
    desk.judge()
    raised = set(Finding.objects.filter(scope="grant").values_list("rule", flat=True))
    assert raised & {"bulk_rows_day", "bulk_calls_day"} == {"bulk_rows_day"}


def test_calls_that_were_found_in_order_do_not_hide_rows(desk: Desk) -> None:
    desk.arrive([desk.call(NOON - timedelta(seconds=n), rows=0) for n in range(1600)])
    desk.judge()
    by = desk.cast.as_actor(desk.an)
    finding = Finding.objects.get(rule="bulk_calls_day", scope="grant")
    actions.decide(finding, "false", reason="普查", by=by, at=NOON)
    desk.arrive([desk.call(NOON - timedelta(seconds=n), rows=400) for n in range(40)])
    desk.judge()
    assert Finding.objects.filter(rule="bulk_rows_day", scope="grant", state="new").exists()
