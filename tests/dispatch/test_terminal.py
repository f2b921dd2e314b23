"""Batch jobs in the terminal."""

from pathlib import Path
from typing import Any

import pytest

from guantong.dispatch.models import Job
from guantong.exchange.progress import Progress
from guantong.journal.models import Entry
from guantong.kit import clock
from guantong.site.commands import jobs
from guantong.site.commands.jobs import NoSuchJob, describe, watch
from tests.cast import NOON
from tests.dispatch.cast import Desk, run_name, tell
from tests.dispatch.test_change import BY_MARK
from tests.dispatch.test_order import sent

LOST = {"code": "database_lost", "message": {"zh": "断", "en": "broke"}}


@pytest.fixture
def desk(db: None) -> Any:
    with clock.frozen(NOON):
        yield Desk(NOON)


def test_jobs_are_listed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    job = desk.declare(schedule={"kind": "daily", "at": "02:00"})
    assert jobs.main([]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert "作业 job" in head
    assert line.split() == [job.code, job.name, "active", "-", "0", "2026-11-21", "02:00"]


def test_orders_are_given_and_written_down(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(**BY_MARK)
    for words in (["run"], ["pause"], ["resume"], ["replay", "--since", "2026-01-01"]):
        assert jobs.main([words[0], job.code, *words[1:]]) == 0
    assert jobs.main(["backfill", job.code, "--since", "2026-01-01", "--until", "2026-02-01"]) == 0
    assert [verb for verb, _ in sent(tmp_path)] == ["run", "stop", "replay", "backfill"]
    assert Job.objects.get().state == "active"
    assert Entry.objects.filter(act="job.paused").get().actor_name.startswith("终端")
    with pytest.raises(NoSuchJob):
        jobs.main(["run", "ZY-none"])


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("stopped", 1), ("paused", 1)])
@pytest.mark.django_db
def test_a_run_is_watched_to_its_end(tmp_path: Path, state: str, code: int) -> None:
    said: list[str] = []
    assert watch(tmp_path / "none.json", say=said.append) == 1
    progress = Progress("ZY-1", tmp_path / "ZY-1.json", run="1-2", expected=4000)
    progress.tell(force=True)

    def say(line: str) -> None:
        said.append(line)
        if progress.state == "running":
            progress.add(chunk=1, read=4000, applied=3990, refused=10, size=1)
            progress.end(state)  # type: ignore[arg-type]

    assert watch(progress.path or tmp_path, say=say) == code
    assert "running" in said[1]
    assert "4,000 / 4,000" in said[2]
    assert state in said[2]


def test_a_run_that_lost_its_process_is_not_watched_for_ever(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    tell(tmp_path, job, run_name(NOON), at=NOON, error=LOST, seconds_left=65, refused=2)
    path = tmp_path / "progress" / f"{job.code}.json"
    said: list[str] = []
    with clock.frozen(NOON.replace(hour=8)):
        assert watch(path, say=said.append) == 1
    assert "-1:05" in said[0]
    assert "断" in said[0]
    assert describe(
        {"run": "", "state": "done", "read": 1, "expected": 0, "rate": 1, "refused": 0}
    ).startswith("-")
