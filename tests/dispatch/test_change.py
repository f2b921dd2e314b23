"""What stands is changed, put away and brought back; gaps are filled; what was superseded is given up."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from guantong.bundle import orders
from guantong.dispatch import actions, queries
from guantong.dispatch.errors import (
    BackfillWrong,
    JobStateWrong,
    NotYourJob,
    RunOpen,
    ScheduleWrong,
    TargetInUse,
    TargetWrong,
    WritingWrong,
)
from guantong.dispatch.models import Job, JobVersion, Run
from guantong.dispatch.types import TargetDeclaration
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from tests.cast import NODE, NOON
from tests.dispatch.cast import COLUMNS, Desk, later, run_name, tell
from tests.dispatch.test_order import RING, sent

BY_MARK = {
    "reading": "watermark",
    "watermark": "valid_to",
    "writing": "upsert",
    "key": ["residence_division"],
}


@pytest.fixture
def desk(db: None) -> Any:
    with clock.frozen(NOON):
        yield Desk(NOON)


def began(desk: Desk, job: Job, folder: Path, **news: Any) -> None:
    tell(folder, job, run_name(NOON), at=NOON, **news)
    actions.note_progress(folder, by=SYSTEM, at=NOON)


def test_a_change_makes_a_version_and_says_what_changed(desk: Desk) -> None:
    job = desk.declare()
    assert actions.change_job(job, desk.declaration(), by=desk.xu, at=NOON).version == 1
    said = desk.declaration(name="新名", schedule={"kind": "daily", "at": "03:00"})
    changed = actions.change_job(job, said, by=desk.xu, at=NOON)
    assert (changed.version, changed.name) == (2, "新名")
    assert changed.next_at is not None
    old = JobVersion.objects.get()
    assert [each.name for each in queries.changes(old.terms, changed.terms)] == ["name", "schedule"]
    entry = Entry.objects.get(act="job.changed")
    assert entry.details == {"version": 2, "changed": ["name", "schedule"]}


def test_a_change_is_judged_like_a_declaration(desk: Desk) -> None:
    first, second = desk.declare(), desk.declare()
    actions.change_job(second, desk.declaration(depends_on=[first.code]), by=desk.xu, at=NOON)
    with pytest.raises(ScheduleWrong):
        actions.change_job(first, desk.declaration(depends_on=[second.code]), by=desk.xu, at=NOON)
    with pytest.raises(ScheduleWrong):
        actions.change_job(first, desk.declaration(depends_on=[first.code]), by=desk.xu, at=NOON)
    with pytest.raises(WritingWrong):
        actions.change_job(first, desk.declaration(writing="upsert"), by=desk.xu, at=NOON)
    with pytest.raises(NotYourJob):
        actions.change_job(first, desk.declaration(name="x"), by=desk.cast.as_actor(desk.cast.luo), at=NOON)


def test_what_an_open_run_could_not_take_back_is_not_changed(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(writing="append")
    began(desk, job, tmp_path, chunk=2)
    with pytest.raises(RunOpen):
        actions.change_job(job, desk.declaration(name="x", writing="append"), by=desk.xu, at=NOON)


def test_a_job_is_put_away_and_brought_back(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    began(desk, job, tmp_path)
    with pytest.raises(RunOpen):
        actions.retire_job(job, by=desk.xu, at=NOON)
    actions.cancel(job, by=desk.xu, at=NOON)
    actions.retire_job(job, by=desk.xu, at=NOON)
    assert queries.compiled_jobs(at=NOON) == {}
    assert queries.compiled_targets() == {}
    for act in (actions.retire_job, actions.run_now, actions.resume, actions.pause):
        with pytest.raises(JobStateWrong):
            act(job, by=desk.xu, at=NOON)
    assert actions.restore_job(job, by=desk.xu, at=NOON).state == "paused"
    assert job.code in queries.compiled_jobs(at=NOON)
    with pytest.raises(JobStateWrong):
        actions.restore_job(job, by=desk.xu, at=NOON)


def test_a_target_is_changed_and_retired(desk: Desk) -> None:
    job = desk.declare()
    said = {"name": "新表", "source": "education", "dialect": "sqlite", "table": "permits2"}
    short = msgspec.convert({**said, "columns": {"valid_to": "a"}}, TargetDeclaration)
    with pytest.raises(TargetWrong):
        actions.change_target(desk.target, short, by=desk.xu, at=NOON)
    whole = msgspec.convert({**said, "columns": COLUMNS}, TargetDeclaration)
    assert actions.change_target(desk.target, whole, by=desk.xu, at=NOON).table == "permits2"
    with pytest.raises(NotYourJob):
        actions.change_target(desk.target, whole, by=desk.cast.as_actor(desk.cast.luo), at=NOON)
    with pytest.raises(TargetInUse):
        actions.retire_target(desk.target, by=desk.xu, at=NOON)
    actions.retire_job(job, by=desk.xu, at=NOON)
    actions.retire_target(desk.target, by=desk.xu, at=NOON)
    assert not queries.targets_of(desk.cast.education.code).exists()
    with pytest.raises(TargetWrong):
        actions.restore_job(job, by=desk.xu, at=NOON)


# ── filling gaps ──


def test_a_backfill_is_ordered_with_its_range(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(**BY_MARK)
    actions.backfill(job, since=" 2026-01-01 ", until="2026-01-31", by=desk.xu, at=NOON)
    assert sent(tmp_path) == [("backfill", job.code)]
    (order,) = orders.waiting(tmp_path / "orders", RING, node=NODE)
    assert (order.since, order.until) == ("2026-01-01", "2026-01-31")


def test_a_range_that_makes_no_sense_is_refused(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(**BY_MARK)
    for since, until in (("", ""), ("2026-02-01", "2026-01-01"), ("a\tb", "c"), ("", "x" * 65)):
        with pytest.raises(BackfillWrong):
            actions.backfill(job, since=since, until=until, by=desk.xu, at=NOON)
    with pytest.raises(BackfillWrong):
        actions.backfill(desk.declare(), until="2026-01-01", by=desk.xu, at=NOON)
    plain = desk.declare(reading="watermark", watermark="valid_to", writing="append")
    with pytest.raises(BackfillWrong):
        actions.backfill(plain, until="2026-01-01", by=desk.xu, at=NOON)
    began(desk, job, tmp_path)
    with pytest.raises(RunOpen):
        actions.backfill(job, until="2026-01-31", by=desk.xu, at=NOON)


def test_a_backfill_that_broke_at_once_is_ordered_again_as_one(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(**BY_MARK)
    actions.backfill(job, since="2026-01-01", until="2026-01-31", by=desk.xu, at=NOON)
    lost = {"code": "database_lost", "message": {"zh": "断", "en": "broke"}}
    began(desk, job, tmp_path, state="paused", error=lost)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 61)) == 1
    assert [verb for verb, _ in sent(tmp_path)] == ["backfill", "backfill"]


def test_a_run_that_is_superseded_is_given_up(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    lost = {"code": "database_lost", "message": {"zh": "断", "en": "broke"}}
    began(desk, job, tmp_path, state="paused", error=lost)
    after = later(NOON, 100)
    tell(tmp_path, job, run_name(after), at=after, floor="2026-01-01", high="2026-02-01")
    actions.note_progress(tmp_path, by=SYSTEM, at=after)
    states = dict(Run.objects.values_list("code", "state"))
    assert states == {run_name(NOON): "given_up", run_name(after): "running"}
    assert Run.objects.get(code=run_name(after)).high == "2026-02-01"
