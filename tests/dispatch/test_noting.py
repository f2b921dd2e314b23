"""What the data plane tells becomes runs and handovers; telling it twice changes nothing."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from guantong.dispatch import actions
from guantong.dispatch.models import Handover, Job, Run, RunState
from guantong.evidence.spool import Spool
from guantong.exchange.progress import Progress, progress_path
from guantong.exchange.quarantine import put_aside
from guantong.journal.actions import take_in_records
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from tests.cast import NOON
from tests.dispatch.cast import Desk, later, run_name, sign_for, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> Job:
    return Desk(NOON).declare()


def note(folder: Path) -> int:
    return actions.note_progress(folder, by=SYSTEM, at=NOON)


def test_news_are_taken_in_once(job: Job, tmp_path: Path) -> None:
    name = run_name(NOON)
    tell(tmp_path, job, name, at=NOON, read=10, applied=9, refused=1, expected=100, rate=5, seconds_left=18)
    assert note(tmp_path) == 1
    assert note(tmp_path) == 0
    run = Run.objects.get()
    assert (run.state, run.read, run.applied, run.refused, run.rate) == ("running", 10, 9, 1, 5)
    tell(tmp_path, job, name, at=later(NOON, 9), begun=NOON, state="done", read=100, applied=99, refused=1)
    assert note(tmp_path) == 1
    run.refresh_from_db()
    assert (run.state, run.applied, run.ended_at) == (RunState.DONE, 99, later(NOON, 9))
    acts = Entry.objects.filter(act__startswith="run.").order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["run.started", "run.done"]


def test_the_data_plane_s_own_file_is_understood(job: Job, tmp_path: Path) -> None:
    progress = Progress(job.code, progress_path(tmp_path / "progress", job.code), run=run_name(NOON))
    progress.chunk, progress.read, progress.applied, progress.refused = 3, 30, 28, 2
    progress.end("done")
    assert note(tmp_path) == 1
    run = Run.objects.get()
    assert (run.state, run.chunks, run.read, run.applied, run.refused) == ("done", 3, 30, 28, 2)


def test_a_run_that_was_taken_up_again_keeps_its_counts(job: Job, tmp_path: Path) -> None:
    name, again = run_name(NOON), later(NOON, 60)
    tell(tmp_path, job, name, at=later(NOON, 5), begun=NOON, read=10, applied=8, refused=2)
    note(tmp_path)
    tell(tmp_path, job, name, at=later(again, 5), begun=again, read=7, applied=6, refused=1, resumed_rows=8)
    note(tmp_path)
    run = Run.objects.get()
    assert (run.read, run.applied, run.refused, run.started_at) == (17, 14, 3, NOON)


def test_strangers_jobs_and_broken_files_are_passed_over(job: Job, tmp_path: Path) -> None:
    tell(tmp_path, job, run_name(NOON), at=NOON)
    files = tmp_path / "progress"
    (files / "half.json").write_text('{"job": "ZY')
    (files / "negative.json").write_text(
        (files / f"{job.code}.json").read_text().replace('"read": 0', '"read": -1')
    )
    (files / "other.json").write_text((files / f"{job.code}.json").read_text().replace(job.code, "ZY-other"))
    assert note(tmp_path) == 1


def test_an_attempt_that_never_became_a_run_is_told(job: Job, tmp_path: Path) -> None:
    denied = {"code": "database_denied", "message": {"zh": "拒绝", "en": "denied"}}
    tell(tmp_path, job, "", at=NOON, state="paused", error=denied)
    note(tmp_path)
    run = Run.objects.get()
    assert (run.code, run.error) == (clock.rfc3339(NOON), denied)


def test_refused_rows_are_counted_by_reason_and_nothing_else_of_them_is_kept(
    job: Job, tmp_path: Path
) -> None:
    name = run_name(NOON)
    rows = pl.DataFrame(
        {
            "id_number": ["51", "52", "53"],
            "reasons": ["id:resident_id", "id:resident_id; x:not_null", "x:type"],
        }
    )
    place = tmp_path / "quarantine"
    put_aside(place, job=job.code, run=name, chunk=1, side="source", rows=rows.head(2))
    put_aside(place, job=job.code, run=name, chunk=1, side="target", rows=rows.tail(1))
    put_aside(place, job=job.code, run=run_name(NOON, "other"), chunk=1, side="source", rows=rows)
    tell(tmp_path, job, name, at=NOON, state="done", read=9, applied=6, refused=3)
    note(tmp_path)
    run = Run.objects.get()
    assert run.reasons == {"id:resident_id": 2, "x:not_null": 1, "x:type": 1}
    assert run.set_aside == 1


def test_receipts_of_batches_become_handovers(job: Job, tmp_path: Path) -> None:
    name = run_name(NOON)
    tell(tmp_path, job, name, at=NOON, state="done", read=10, applied=9, refused=1)
    note(tmp_path)
    with Spool(tmp_path / "spool", "exchange") as spool:
        sign_for(spool, job, name, "provider", rows=4, chunk=1)
        sign_for(spool, job, name, "provider", rows=5, chunk=1, refused=1)  # made again after a crash
        sign_for(spool, job, name, "provider", rows=4, chunk=2)
        sign_for(spool, job, name, "consumer", rows=9)
    take_in_records(tmp_path / "spool", by=SYSTEM, at=NOON)
    assert actions.take_in_handovers(by=SYSTEM, at=NOON) == 4
    assert actions.take_in_handovers(by=SYSTEM, at=NOON) == 0
    sides = {(h.role, h.chunk): h.rows for h in Handover.objects.all()}
    assert sides == {("provider", 1): 5, ("provider", 2): 4, ("consumer", 0): 9}
    assert {h.day for h in Handover.objects.all()} == {date(2026, 11, 20)}
    assert Run.objects.get().digest == "sha-256:consumer0"
