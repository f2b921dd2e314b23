"""Orders reach the data plane signed and in order; the timetable gives its own."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from guantong.bundle import orders
from guantong.bundle.orders import Order, OrderTampered
from guantong.dispatch import actions
from guantong.dispatch.errors import JobStateWrong, NothingToCancel, NotYourJob, ReplayPointWrong
from guantong.dispatch.models import Job, JobState, Run, RunState
from guantong.dispatch.timetable import BEIJING, next_start, retry_after
from guantong.dispatch.types import Schedule
from guantong.journal import actions as journal
from guantong.journal.models import Alert, Entry
from guantong.journal.types import SYSTEM
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing import actions as sharing
from guantong.sharing.errors import GrantNotInForce
from tests.cast import NODE, NOON
from tests.dispatch.cast import KEY, Desk, later, run_name, tell

RING = {KEY.public.ref: KEY.public}


def sent(folder: Path) -> list[tuple[str, str]]:
    """Deliver what waits, as the worker does; verb and job of each order that is there."""
    journal.deliver(
        {"job.order": lambda row: actions.send_order(row, folder=folder, node=NODE, key=KEY)},
        by=SYSTEM,
        at=later(NOON, 100_000_000),
    )
    return [(order.verb, order.job) for order in orders.waiting(folder / "orders", RING, node=NODE)]


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk(NOON)


def test_orders_come_signed_in_order_and_once(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    for act in (actions.run_now, actions.pause, actions.resume, actions.replay):
        act(job, by=desk.xu, at=NOON)
    assert sent(tmp_path) == [("run", job.code), ("stop", job.code), ("replay", job.code)]
    first, second, _ = orders.waiting(tmp_path / "orders", RING, node=NODE)
    orders.take(tmp_path / "orders", second)
    assert [order.verb for order in orders.waiting(tmp_path / "orders", RING, node=NODE)] == ["replay"]
    orders.leave(tmp_path / "orders", first, KEY)
    assert [order.verb for order in orders.waiting(tmp_path / "orders", RING, node=NODE)] == ["replay"]
    acts = Entry.objects.filter(subject_id=job.code).order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["job.declared", "job.ordered", "job.paused", "job.resumed", "job.replayed"]


def test_an_order_that_was_touched_is_refused(tmp_path: Path) -> None:
    order = Order(number=7, node=NODE, job="ZY-1", verb="run", at="2026-11-20T04:00:00.000Z")
    later_order = Order(number=8, node=NODE, job="ZY-1", verb="stop", at="2026-11-20T04:00:00.000Z")
    orders.leave(tmp_path, order, KEY)
    assert orders.waiting(tmp_path, RING, node=NODE) == [order]
    (file,) = tmp_path.glob("*.order")
    whole = file.read_bytes()
    stranger = INTERNATIONAL.generate("stranger").public
    for raw, ring, node in (
        (whole, RING, "510000"),
        (whole, {stranger.ref: stranger}, NODE),
        (whole.replace(b'"run"', b'"stop"'), RING, NODE),
        (whole[:-9], RING, NODE),
        (b"", RING, NODE),
    ):
        file.write_bytes(raw)
        orders.leave(tmp_path, later_order, KEY)
        with pytest.raises(OrderTampered):
            orders.waiting(tmp_path, ring, node=node)
        # It is told once, and holds up nothing.
        assert orders.waiting(tmp_path, RING, node=NODE) == [later_order]


def test_a_paused_job_takes_no_orders_but_to_resume(desk: Desk) -> None:
    job = actions.pause(desk.declare(), by=desk.xu, at=NOON)
    for act in (actions.pause, actions.run_now, actions.replay):
        with pytest.raises(JobStateWrong):
            act(job, by=desk.xu, at=NOON)
    assert actions.resume(job, by=desk.xu, at=NOON).state == JobState.ACTIVE
    with pytest.raises(JobStateWrong):
        actions.resume(job, by=desk.xu, at=NOON)


def test_the_bureau_may_stop_a_job_and_the_provider_may_not(desk: Desk) -> None:
    job = desk.declare()
    with pytest.raises(NotYourJob):
        actions.pause(job, by=desk.cast.as_actor(desk.cast.luo), at=NOON)
    assert actions.pause(job, by=desk.cast.as_actor(desk.cast.tian), at=NOON).state == JobState.PAUSED


def test_no_run_under_a_revoked_grant(desk: Desk) -> None:
    job = desk.declare()
    sharing.revoke(desk.grant, reason="x", by=SYSTEM, at=NOON)
    with pytest.raises(GrantNotInForce):
        actions.run_now(job, by=desk.xu, at=NOON)


def test_cancelling_gives_the_open_run_up(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    with pytest.raises(NothingToCancel):
        actions.cancel(job, by=desk.xu, at=NOON)
    tell(tmp_path, job, run_name(NOON), at=NOON)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    actions.cancel(job, by=desk.xu, at=NOON)
    assert sent(tmp_path) == [("cancel", job.code)]
    tell(tmp_path, job, run_name(NOON), at=later(NOON, 1), begun=NOON, state="stopped")
    actions.note_progress(tmp_path, by=SYSTEM, at=later(NOON, 1))
    assert Run.objects.get().state == RunState.CANCELLED
    with pytest.raises(NothingToCancel):
        actions.cancel(job, by=desk.xu, at=NOON)


def test_only_a_job_with_a_watermark_is_replayed_from_a_point(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(ReplayPointWrong):
        actions.replay(desk.declare(), since="2026-11-01", by=desk.xu, at=NOON)
    job = desk.declare(reading="watermark", writing="append", watermark="valid_to")
    for wrong in ("x" * 65, "a\tb"):
        with pytest.raises(ReplayPointWrong):
            actions.replay(job, since=wrong, by=desk.xu, at=NOON)
    actions.replay(job, since=" 2026-11-01 ", by=desk.xu, at=NOON)
    sent(tmp_path)
    assert orders.waiting(tmp_path / "orders", RING, node=NODE)[0].since == "2026-11-01"


# ── the timetable ──


def test_the_timetable_orders_a_nightly_run_once(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(schedule={"kind": "daily", "at": "02:00"})
    night = datetime(2026, 11, 21, 2, 0, tzinfo=BEIJING)
    assert job.next_at == night
    assert actions.order_due(by=SYSTEM, at=later(night, -1)) == 0
    assert actions.order_due(by=SYSTEM, at=later(night, 1)) == 1
    assert actions.order_due(by=SYSTEM, at=later(night, 2)) == 0
    job.refresh_from_db()
    assert job.next_at == night + timedelta(days=1)
    assert sent(tmp_path) == [("run", job.code)]


def test_a_paused_job_is_not_due_and_neither_is_one_of_a_revoked_grant(desk: Desk) -> None:
    job = desk.declare(schedule={"kind": "daily", "at": "02:00"})
    actions.pause(job, by=desk.xu, at=NOON)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 86_400)) == 0
    actions.resume(job, by=desk.xu, at=NOON)
    sharing.revoke(desk.grant, reason="x", by=SYSTEM, at=NOON)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 86_400)) == 0


def test_the_data_plane_times_plain_intervals_itself(desk: Desk) -> None:
    desk.declare(schedule={"kind": "interval", "every_s": 60})
    assert actions.order_due(by=SYSTEM, at=later(NOON, 600)) == 0


def test_a_job_follows_its_predecessors_each_time_they_are_done(desk: Desk, tmp_path: Path) -> None:
    first, second = desk.declare(), desk.declare()
    third = desk.declare(depends_on=[first.code, second.code])

    def done(job: Job, seconds: int) -> None:
        moment = later(NOON, seconds)
        tell(tmp_path, job, run_name(moment), at=moment, state="done")
        actions.note_progress(tmp_path, by=SYSTEM, at=moment)

    done(first, 10)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 11)) == 0
    done(second, 20)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 21)) == 1
    assert actions.order_due(by=SYSTEM, at=later(NOON, 22)) == 0
    done(first, 30)
    done(second, 31)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 32)) == 1
    assert sent(tmp_path) == [("run", third.code)] * 2


def test_what_waiting_may_cure_is_tried_again_and_then_told(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(retry_limit=2)
    lost = {"code": "database_lost", "message": {"zh": "断", "en": "broke"}}
    moment = NOON
    for n in range(3):
        moment = later(moment, 10_000)
        tell(tmp_path, job, run_name(NOON), at=moment, begun=moment, state="paused", error=lost)
        actions.note_progress(tmp_path, by=SYSTEM, at=moment)
        job.refresh_from_db()
        if n < 2:
            assert job.retry_at == moment + retry_after(n)
            assert actions.order_due(by=SYSTEM, at=later(job.retry_at, 1)) == 1
            tell(tmp_path, job, run_name(NOON), at=later(moment, 200), begun=later(moment, 200))
            actions.note_progress(tmp_path, by=SYSTEM, at=moment)
    assert job.retry_at is None
    assert Alert.objects.get(code="batch_stopped").details["error"] == "database_lost"


def test_the_data_plane_takes_up_again_what_it_times(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(schedule={"kind": "interval", "every_s": 600}, retry_limit=1)
    lost = {"code": "database_lost", "message": {"zh": "断", "en": "broke"}}
    for seconds, alerts in ((10, 0), (40, 1)):
        begun = later(NOON, seconds)
        tell(tmp_path, job, run_name(NOON), at=begun, begun=begun)
        actions.note_progress(tmp_path, by=SYSTEM, at=begun)
        tell(tmp_path, job, run_name(NOON), at=later(begun, 5), begun=begun, state="paused", error=lost)
        actions.note_progress(tmp_path, by=SYSTEM, at=begun)
        assert actions.order_due(by=SYSTEM, at=later(NOON, 100_000)) == 0
        assert Alert.objects.count() == alerts


def test_what_waiting_does_not_cure_is_told_at_once(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    bad = {"code": "too_many_bad_rows", "message": {"zh": "坏\0行", "en": "bad"}, "details": {}}
    tell(tmp_path, job, run_name(NOON), at=NOON, state="stopped", error=bad)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    assert Alert.objects.get(code="batch_stopped").details["job"] == job.code
    assert Run.objects.get().error == {
        "code": "too_many_bad_rows",
        "message": {"zh": "坏\ufffd行", "en": "bad"},
    }


def test_a_person_s_pause_is_no_fault(desk: Desk, tmp_path: Path) -> None:
    job = actions.pause(desk.declare(), by=desk.xu, at=NOON)
    unknown = {"code": "job_unknown", "message": {"zh": "", "en": ""}}
    tell(tmp_path, job, run_name(NOON), at=NOON, state="stopped", error=unknown)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (Schedule("manual"), None),
        (Schedule("interval", every_s=90), later(NOON, 90)),
        (Schedule("daily", at="12:00"), NOON + timedelta(days=1)),  # 2026-11-20, a Friday, noon in Beijing
        (Schedule("daily", at="12:01"), later(NOON, 60)),
        (Schedule("weekdays", at="11:59"), NOON + timedelta(days=3, minutes=-1)),
    ],
)
def test_the_next_start(schedule: Schedule, wanted: datetime | None) -> None:
    assert next_start(schedule, after=NOON) == wanted
