"""Pages that change what stands: jobs, targets, the calendar, quiet hours."""

import io
from pathlib import Path
from typing import Any

import pytest

from guantong.dispatch import actions
from guantong.dispatch.charting import charts
from guantong.dispatch.models import Job, QuietHours, Run, Target
from guantong.identity.actions import register_person
from guantong.identity.models import CalendarDay
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from tests.cast import NOON
from tests.dispatch.cast import Desk, later, run_name, tell
from tests.dispatch.test_change import BY_MARK
from tests.dispatch.test_order import sent
from tests.dispatch.test_pages import form, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Any:
    with clock.frozen(NOON):
        yield Desk(NOON)


def test_a_job_is_changed_on_its_form_and_the_page_says_what(desk: Desk) -> None:
    job = desk.declare(conversions={"residence_division": {"1": "2"}}, limits={"chunk_rows": 500})
    xu = signed_in("xu")
    page = xu.get(f"/share/jobs/{job.code}/change").content.decode()
    assert f'<option value="{desk.target.code}" selected>' in page
    values = form(
        desk,
        target=desk.target.code,
        wanted=["residence_division", "valid_to"],
        schedule="monthly",
        day="0",
        longest_minutes="30",
    )
    assert xu.post(f"/share/jobs/{job.code}/change", values).status_code == 302
    job.refresh_from_db()
    assert (job.version, job.terms["schedule"]["day"], job.terms["longest_minutes"]) == (2, 0, 30)
    # What the form does not ask for stays.
    assert job.terms["conversions"] == {"residence_division": {"1": "2"}}
    assert job.terms["limits"]["chunk_rows"] == 500
    page = xu.get(f"/share/jobs/{job.code}/").content.decode()
    for words in ("修改记录", "最长运行分钟数", "每月最后一天", "写入方式"):
        assert words in page
    assert "没有变化" in xu.post(f"/share/jobs/{job.code}/change", values, follow=True).content.decode()


def test_a_change_with_a_fault_changes_nothing(desk: Desk) -> None:
    job = desk.declare()
    values = form(desk, target=desk.target.code, key=[])
    answer = signed_in("xu").post(f"/share/jobs/{job.code}/change", values)
    assert answer.status_code == 422
    assert "更新写入需要主键" in answer.content.decode()
    job.refresh_from_db()
    assert job.version == 1


def test_another_job_is_made_like_this_one(desk: Desk) -> None:
    job = desk.declare(**BY_MARK)
    page = signed_in("xu").get(f"/share/jobs/declare?grant={desk.grant.code}&like={job.code}")
    assert '<option value="watermark" selected>' in page.content.decode()


def test_a_job_is_put_away_and_brought_back_on_its_page(desk: Desk) -> None:
    job = desk.declare()
    xu = signed_in("xu")
    assert "停办" in xu.get(f"/share/jobs/{job.code}/retire").content.decode()
    xu.post(f"/share/jobs/{job.code}/retire")
    assert Job.objects.get().state == "retired"
    assert "恢复作业" in xu.get(f"/share/jobs/{job.code}/").content.decode()
    xu.post(f"/share/jobs/{job.code}/orders/restore")
    assert Job.objects.get().state == "paused"
    assert signed_in("luo").post(f"/share/jobs/{job.code}/retire").status_code == 403


def test_a_gap_is_filled_and_a_point_of_the_past_replayed_from_the_page(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare(**BY_MARK)
    tell(tmp_path, job, run_name(NOON), at=NOON, state="done", high="2026-10-31")
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    xu = signed_in("xu")
    assert '<option value="2026-10-31">' in xu.get(f"/share/jobs/{job.code}/").content.decode()
    xu.post(f"/share/jobs/{job.code}/orders/replay", {"point": "2026-10-31", "since": ""})
    xu.post(f"/share/jobs/{job.code}/orders/backfill", {"since": "2026-01-01", "until": "2026-01-31"})
    assert xu.post(f"/share/jobs/{job.code}/orders/backfill", {"since": "b", "until": "a"}).status_code == 422
    assert [verb for verb, _ in sent(tmp_path)] == ["replay", "backfill"]


def test_the_last_runs_are_drawn(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    assert charts([]) is None
    for n in range(3):
        at = later(NOON, n * 100)
        tell(tmp_path, job, run_name(at), at=later(at, 10 + n), begun=at, state="done", applied=n, refused=1)
        actions.note_progress(tmp_path, by=SYSTEM, at=at)
    drawn = charts(Run.objects.all())
    assert drawn is not None
    assert [bar.value for bar in drawn.rows] == [0, 1, 2]
    assert (drawn.most_rows, drawn.most_seconds) == (3, 12)
    tallest = drawn.rows[-1]
    assert tallest.height + tallest.bad_height == pytest.approx(110, abs=0.2)
    assert "近期批次走势" in signed_in("xu").get(f"/share/jobs/{job.code}/").content.decode()


# ── targets ──


def test_targets_are_listed_changed_and_retired(desk: Desk) -> None:
    xu, address = signed_in("xu"), f"/share/targets/{desk.target.code}/"
    (row,) = xu.get("/share/targets/?format=json&q=permits").json()["rows"]
    assert row | {"code": desk.target.code, "jobs": 0, "state": "active"} == row
    for query, count in (
        ("organisation=教科", 1),
        ("organisation=公安", 0),
        ("dialect=csv", 0),
        ("state=retired", 0),
    ):
        assert xu.get(f"/share/targets/?format=json&{query}").json()["total"] == count, query
    values = {
        "name": "新表",
        "source": "education",
        "dialect": "sqlite",
        "table": "t2",
        "column-valid_to": "ends",
    }
    assert xu.post(address, values).status_code == 302
    assert Target.objects.get().columns == {"valid_to": "ends"}
    assert xu.post(address, {**values, "table": ""}).status_code == 422
    assert xu.get(f"{address}retire").status_code == 200
    xu.post(f"{address}retire")
    assert Target.objects.get().is_retired
    assert signed_in("luo").get(address).status_code == 404
    assert signed_in("gao").get(address).status_code == 200
    assert signed_in("gao").post(address, values).status_code == 403


# ── the calendar ──


def test_the_bureau_keeps_the_calendar_on_its_page(desk: Desk) -> None:
    register_person(
        "an", "安管", password="x" * 12, roles=["operator"], organisation=desk.cast.bureau, by=SYSTEM, at=NOON
    )
    an, xu = signed_in("an"), signed_in("xu")
    page = an.get("/share/calendar/?year=2026").content.decode()
    assert "02-28" in page
    assert "静默时段" in page
    an.post("/share/calendar/note", {"day": "2027-02-06", "workday": "1", "name": "补班"})
    file = io.BytesIO("2027-02-08,0,春节\n2027-02-09,0,春节\n".encode())
    file.name = "days.csv"
    assert an.post("/share/calendar/note", {"file": file})["Location"] == "/share/calendar/?year=2027"
    assert CalendarDay.objects.count() == 3
    told = an.get("/share/calendar/?year=2027&format=csv").content.decode()
    assert "2027-02-06,1,补班" in told
    an.post("/share/calendar/forget", {"day": "2027-02-06"})
    assert CalendarDay.objects.count() == 2
    assert an.post("/share/calendar/note", {"day": "x"}).status_code == 422
    an.post(
        "/share/calendar/quiet",
        {"source": "police", "since": "08:00", "until": "18:00", "only_workdays": "1"},
    )
    quiet = QuietHours.objects.get()
    assert "police" in xu.get("/share/calendar/").content.decode()
    for wrong in ({"source": "../x", "since": "08:00", "until": "09:00"}, {"source": "a", "since": "8"}):
        assert an.post("/share/calendar/quiet", wrong).status_code == 422
    assert xu.post(f"/share/calendar/quiet/{quiet.pk}/drop").status_code == 403
    an.post(f"/share/calendar/quiet/{quiet.pk}/drop")
    assert not QuietHours.objects.exists()
    assert "尚未收录" in xu.get("/share/calendar/?year=2050").content.decode()


def test_alerts_of_jobs_are_read_by_those_who_have_them(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    bad = {"code": "too_many_bad_rows", "message": {"zh": "坏", "en": "bad"}}
    tell(tmp_path, job, run_name(NOON), at=NOON, state="stopped", error=bad)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    register_person("qian", "钱外", password="x" * 12, roles=["data_officer"], by=SYSTEM, at=NOON)
    for username, count in (("xu", 1), ("luo", 1), ("gao", 1), ("qian", 0)):
        told = signed_in(username).get("/share/jobs/alerts/?format=json&state=open").json()
        assert told["total"] == count, username
    page = signed_in("xu").get("/share/jobs/alerts/").content.decode()
    assert "too_many_bad_rows" in page
    assert "1 条" in signed_in("xu").get("/share/jobs/").content.decode()
    assert signed_in("xu").get("/share/jobs/alerts/?format=json&state=settled").json()["total"] == 0


def test_the_other_half_is_shown(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    tell(tmp_path, job, run_name(NOON), at=NOON, applied=400)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    half = {"half": "sending", "state": "running", "at": clock.rfc3339(NOON), "read": 700, "expected": 1000}
    Run.objects.update(other_half={**half, "refused": 3, "applied": 0, "code": ""})
    page = signed_in("xu").get(f"/share/jobs/{job.code}/").content.decode()
    assert "提供方已发送" in page
    assert '<progress max="1000" value="700"' in page
