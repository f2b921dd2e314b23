"""Refused rows: handed out to the side that refused them, corrected, sent through the same job again."""

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from guantong.bundle import orders
from guantong.dispatch import actions
from guantong.dispatch.errors import NotYourRows, ResendWrong, RowsElsewhere, RunOpen
from guantong.dispatch.models import Job, Run
from guantong.exchange.quarantine import put_aside
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.site.node import node_settings
from tests.cast import NODE, NOON
from tests.dispatch.cast import Desk, later, run_name, tell
from tests.dispatch.test_change import BY_MARK
from tests.dispatch.test_edges import added, enrolled
from tests.dispatch.test_order import RING, sent
from tests.dispatch.test_pages import signed_in

ROWS = pl.DataFrame(
    {
        "residence_division": ["511602", "=cmd()"],
        "valid_to": ["2027-13-01", None],
        "reasons": ["valid_to:type", "valid_to:not_null; residence_division:codes"],
    }
)


@pytest.fixture
def desk(db: None) -> Any:
    with clock.frozen(NOON):
        yield Desk(NOON)


def luo(desk: Desk) -> Actor:
    return desk.cast.as_actor(desk.cast.luo)


def refused(desk: Desk, folder: Path, **changes: Any) -> Run:
    job = desk.declare(**{**BY_MARK, **changes})
    name = run_name(NOON)
    for side in ("provider", "target"):
        rows = ROWS if side == "provider" else ROWS.head(1)
        put_aside(folder / "quarantine", job=job.code, run=name, chunk=1, side=side, rows=rows)
    tell(folder, job, name, at=NOON, state="done", refused=2)
    actions.note_progress(folder, by=SYSTEM, at=NOON)
    return Run.objects.get()


def test_each_side_gets_the_rows_that_its_own_gate_refused(desk: Desk, tmp_path: Path) -> None:
    run, folder = refused(desk, tmp_path), tmp_path / "quarantine"
    names, rows = actions.hand_out_refused(run, folder, by=luo(desk), at=NOON)
    assert names == ["residence_division", "valid_to", "reasons"]
    assert rows[1] == ["=cmd()", None, "valid_to:not_null; residence_division:codes"]
    assert len(actions.hand_out_refused(run, folder, by=desk.xu, at=NOON)[1]) == 1
    with pytest.raises(NotYourRows):
        actions.hand_out_refused(run, folder, by=desk.cast.as_actor(desk.cast.tian), at=NOON)
    taken = Entry.objects.filter(act="quarantine.taken").values_list("actor_name", flat=True)
    assert sorted(taken) == ["罗数", "许数"]


def test_corrected_rows_are_laid_down_and_ordered(desk: Desk, tmp_path: Path) -> None:
    run = refused(desk, tmp_path)
    raw = "residence_division,valid_to,reasons\n'=cmd(),2027-12-01,x\n".encode("gb18030")
    actions.resend(run.job, raw, folder=tmp_path, by=luo(desk), at=NOON)
    assert sent(tmp_path) == [("resend", run.job.code)]
    (order,) = orders.waiting(tmp_path / "orders", RING, node=NODE)
    (file,) = (tmp_path / "resent" / run.job.code).iterdir()
    assert order.file == file.name
    assert file.read_text() == "residence_division,valid_to\n=cmd(),2027-12-01\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert Entry.objects.get(act="job.resent").details["rows"] == 1
    # It broke before anything was on record: the same file is ordered again.
    lost = {"code": "database_lost", "message": {"zh": "断", "en": "broke"}}
    after = later(NOON, 10)
    tell(tmp_path, run.job, run_name(after), at=after, state="paused", error=lost)
    actions.note_progress(tmp_path, by=SYSTEM, at=after)
    assert actions.order_due(by=SYSTEM, at=later(NOON, 100)) == 1
    sent(tmp_path)
    assert [each.file for each in orders.waiting(tmp_path / "orders", RING, node=NODE)] == [file.name] * 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"valid_to\n2027-12-01\n",
        b"residence_division,valid_to\n",
        b"residence_division,valid_to\n1\n",
        b"PK\x03\x04 no sheet",
        b"\xff\xff\xff",
        b"x" * 4_000_001,
    ],
)
def test_a_file_that_cannot_be_sent_is_refused(desk: Desk, tmp_path: Path, raw: bytes) -> None:
    run = refused(desk, tmp_path)
    with pytest.raises(ResendWrong):
        actions.resend(run.job, raw, folder=tmp_path, by=luo(desk), at=NOON)
    assert not (tmp_path / "resent").exists()


def test_only_where_nothing_would_be_doubled_or_lost(desk: Desk, tmp_path: Path) -> None:
    raw = b"residence_division,valid_to\n1,2027-12-01\n"
    for changes in (
        {"reading": "full", "writing": "replace", "watermark": "", "key": []},
        {"writing": "append", "key": []},
    ):
        job = desk.declare(**{**BY_MARK, **changes})
        with pytest.raises(ResendWrong):
            actions.resend(job, raw, folder=tmp_path, by=luo(desk), at=NOON)
    job = desk.declare(**BY_MARK)
    with pytest.raises(NotYourRows):
        actions.resend(job, raw, folder=tmp_path, by=desk.xu, at=NOON)
    tell(tmp_path, job, run_name(NOON), at=NOON)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    with pytest.raises(RunOpen):
        actions.resend(job, raw, folder=tmp_path, by=luo(desk), at=NOON)


def test_rows_that_lie_at_an_edge_stay_there(desk: Desk, tmp_path: Path) -> None:
    enrolled(desk, added(desk, sources=["police"]))
    run = refused(desk, tmp_path)
    with pytest.raises(RowsElsewhere):
        actions.hand_out_refused(run, tmp_path / "quarantine", by=luo(desk), at=NOON)


def test_the_page_hands_out_and_takes_back(desk: Desk) -> None:
    home = node_settings().home / "exchange"
    run = refused(desk, home)
    officer, address = signed_in("luo"), f"/share/jobs/{run.job.code}/runs/{run.code}"
    assert "补正重送" in officer.get(f"{address}/refused").content.decode()
    told = officer.get(f"{address}/rows?format=csv").content.decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(told)))
    assert lines[2][0] == "'=cmd()"
    book = openpyxl.load_workbook(io.BytesIO(officer.get(f"{address}/rows?format=xlsx").content))
    sheet = book.worksheets[0]
    sheet["B2"], sheet["B3"] = "2027-12-01", "2027-12-02"
    buffer = io.BytesIO()
    book.save(buffer)
    file = SimpleUploadedFile("rows.xlsx", buffer.getvalue())
    assert officer.post(f"/share/jobs/{run.job.code}/resend", {"file": file}).status_code == 302
    (kept,) = (home / "resent" / run.job.code).iterdir()
    assert kept.read_text() == "residence_division,valid_to\n511602,2027-12-01\n=cmd(),2027-12-02\n"
    assert officer.post(f"/share/jobs/{run.job.code}/resend").status_code == 422
    assert officer.get(f"{address}/rows?format=pdf").status_code == 404
    # The consumer's officer sees reasons, and their own side's rows only; the auditor sees no rows.
    assert "补正重送" not in signed_in("xu").get(f"{address}/refused").content.decode()
    assert signed_in("gao").get(f"{address}/rows?format=csv").status_code == 403
    assert Job.objects.get().ordered["verb"] == "resend"
