"""The pages of jobs: the form from a grant, the list, one job live, the flows, the reconciliation."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from django.test import Client

from guantong.dispatch import actions
from guantong.dispatch.balance import balances
from guantong.dispatch.models import Handover, Job, Target
from guantong.dispatch.proposing import proposed_checks
from guantong.evidence.spool import Spool
from guantong.exchange.quarantine import put_aside
from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.actions import take_in_records
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from tests.cast import NOON
from tests.dispatch.cast import Desk, later, run_name, sign_for, tell
from tests.dispatch.test_order import sent

pytestmark = pytest.mark.django_db

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def desk(db: None) -> Any:
    with clock.frozen(NOON):
        yield Desk(NOON)


def signed_in(username: str, language: str = "zh-hans") -> Client:
    client = Client()
    client.cookies["django_language"] = language
    client.force_login(Person.objects.get(username=username))
    return client


def form(desk: Desk, **changes: Any) -> dict[str, Any]:
    values = {
        "name": "居住证每夜归集",
        "application": "one-window",
        "wanted": ["residence_division", "valid_to"],
        "key": ["residence_division"],
        "target": "",
        "target_source": "education",
        "target_dialect": "sqlite",
        "target_table": "permits",
        "column-valid_to": "ends_on",
        "reading": "full",
        "writing": "upsert",
        "watermark": "",
        "overlap_s": "0",
        "checks": "range valid_to 1900-01-01 -\nnot_null residence_division",
        "bad_rows": "10",
        "bad_percent": "0.5",
        "schedule": "daily",
        "every_minutes": "60",
        "at": "02:30",
        "retry_limit": "2",
    }
    return {**values, **changes}


def declare(desk: Desk, **changes: Any) -> Any:
    return signed_in("xu").post(f"/share/jobs/declare?grant={desk.grant.code}", form(desk, **changes))


def ran(desk: Desk, folder: Path, *, received: int = 9, is_closed: bool = True) -> Job:
    """A job with one finished run: 9 rows sent in two chunks, 1 refused before, ``received`` taken over."""
    job = desk.declare(schedule={"kind": "daily", "at": "02:00"})
    name = run_name(NOON)
    rows = pl.DataFrame({"valid_to": ["x"], "reasons": ["valid_to:type"]})
    put_aside(folder / "quarantine", job=job.code, run=name, chunk=1, side="source", rows=rows)
    tell(folder, job, name, at=NOON, state="done", read=10, applied=received, refused=1, chunk=2, rate=1234)
    actions.note_progress(folder, by=SYSTEM, at=NOON)
    with Spool(folder / "spool", "exchange") as spool:
        sign_for(spool, job, name, "provider", rows=5, chunk=1, refused=1)
        sign_for(spool, job, name, "provider", rows=4, chunk=2)
        if is_closed:
            sign_for(spool, job, name, "consumer", rows=received)
    take_in_records(folder / "spool", by=SYSTEM, at=NOON)
    actions.take_in_handovers(by=SYSTEM, at=NOON)
    return job


# ── declaring ──


def test_the_form_is_filled_in_from_the_grant(desk: Desk) -> None:
    page = signed_in("xu").get(f"/share/jobs/declare?grant={desk.grant.code}").content.decode()
    assert page.count("checked") == 3  # all items that are granted, and no key yet
    assert "not_null id_number\nresident_id id_number\nrange valid_to 1900-01-01 2100-12-31" in page
    assert desk.target.code in page


def test_the_form_declares_target_and_job(desk: Desk) -> None:
    answer = declare(desk)
    job = Job.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/share/jobs/{job.code}/"
    assert job.target.columns == {"residence_division": "residence_division", "valid_to": "ends_on"}
    assert job.terms["limits"] | {"bad_ppm": 5000, "bad_rows": 10} == job.terms["limits"]
    assert job.terms["schedule"] == {"kind": "daily", "every_s": 0, "at": "02:30", "day": 1}
    assert [check["rule"] for check in job.terms["checks"]] == ["range", "not_null"]


def test_a_form_with_a_fault_declares_nothing_and_says_why(desk: Desk) -> None:
    for changes, words in (
        ({"key": []}, "更新写入需要主键"),
        ({"checks": "no_such_rule valid_to"}, "没有这种规则"),
        ({"checks": "length valid_to"}, "内容不全"),
        ({"target_source": ""}, "数据源"),
        ({"target_source": "../etc"}, "无法识别"),
        ({"wanted": ["phone"]}, "phone"),
        ({"at": "25:00"}, "时刻"),
    ):
        answer = declare(desk, **changes)
        assert answer.status_code == 422, changes
        assert words in answer.content.decode(), changes
    assert not Job.objects.exists()
    assert Target.objects.count() == 1


def test_nobody_declares_under_another_s_grant_or_without_the_permission(desk: Desk) -> None:
    address = f"/share/jobs/declare?grant={desk.grant.code}"
    assert signed_in("luo").get(address).status_code == 404
    assert signed_in("jiang").get(address).status_code == 403
    assert signed_in("xu").get("/share/jobs/declare").status_code == 404


def test_checks_are_proposed_from_the_items(desk: Desk) -> None:
    items = [
        {"name": "id", "label": "公民身份号码", "is_key": True},
        {"name": "born", "label": "出生日期", "type": "D"},
        {"name": "code", "label": "统一社会信用代码"},
        {"name": "free", "label": "备注"},
    ]
    found = [(check.rule, check.items) for check in proposed_checks(items)]
    assert found == [
        ("not_null", ["id"]),
        ("resident_id", ["id"]),
        ("range", ["born"]),
        ("uscc", ["code"]),
        ("born_on", ["id", "born"]),
    ]


# ── the list and the job ──


def test_the_list_shows_state_last_run_and_next_run(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path)
    page = signed_in("xu").get("/share/jobs/").content.decode()
    for words in (job.name, "启用", "已完成", "2026-11-21 02:00"):
        assert words in page
    told = signed_in("xu").get("/share/jobs/?format=json").json()["rows"]
    assert told[0] | {"last_run": "done", "rows_today": 9, "state": "active"} == told[0]
    rows = list(
        csv.DictReader(
            io.StringIO(signed_in("xu").get("/share/jobs/?format=csv").content.decode("utf-8-sig"))
        )
    )
    assert rows[0]["code"] == job.code


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=居住证", 1),
        ("q=nothing", 0),
        ("organisation=公安", 1),
        ("organisation=税务", 0),
        ("state=paused", 0),
        ("run=done", 1),
        ("run=stopped", 0),
        ("provider=nobody", 0),
    ],
)
def test_the_list_is_searched(desk: Desk, tmp_path: Path, query: str, count: int) -> None:
    ran(desk, tmp_path)
    assert signed_in("xu").get(f"/share/jobs/?format=json&{query}").json()["total"] == count


def test_jobs_are_seen_by_both_sides_and_the_auditor_and_by_nobody_else(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path)
    register_person("qian", "钱外", password="x" * 12, roles=["data_officer"], by=SYSTEM, at=NOON)
    register_person("an", "安管", password="x" * 12, roles=["operator"], by=SYSTEM, at=NOON)
    for username in ("xu", "luo", "tian", "gao", "an"):
        assert signed_in(username).get(f"/share/jobs/{job.code}/").status_code == 200, username
    stranger = signed_in("qian")
    assert stranger.get(f"/share/jobs/{job.code}/").status_code == 404
    assert stranger.get("/share/jobs/?format=json").json()["total"] == 0
    assert stranger.get("/oversee/reconciliation/?format=json").json()["total"] == 0
    assert stranger.get("/oversee/flows/?format=json").json()["total"] == 0
    assert stranger.post(f"/share/jobs/{job.code}/orders/run").status_code == 404


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_in_both_languages(desk: Desk, tmp_path: Path, language: str) -> None:
    job = ran(desk, tmp_path)
    visitor = signed_in("xu", language)
    for path in (
        "/share/jobs/",
        f"/share/jobs/{job.code}/",
        f"/share/jobs/{job.code}/progress",
        f"/share/jobs/{job.code}/runs/{run_name(NOON)}/refused",
        f"/share/jobs/declare?grant={desk.grant.code}",
        f"/share/grants/{desk.grant.code}/",
        "/oversee/flows/",
        "/oversee/reconciliation/",
    ):
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert "style=" not in answer.content.decode(), path


def test_progress_is_asked_for_while_it_runs_and_no_longer(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    address = f"/share/jobs/{job.code}/progress"
    visitor = signed_in("xu")
    assert "hx-trigger" not in visitor.get(address).content.decode()
    actions.run_now(job, by=desk.xu, at=NOON)
    assert "hx-trigger" in visitor.get(address).content.decode()
    news = {"read": 250, "applied": 250, "expected": 1000, "rate": 50, "seconds_left": 15}
    tell(tmp_path, job, run_name(NOON), at=later(NOON, 1), **news)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    running = visitor.get(address)
    page = running.content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert '<progress max="1000" value="250"' in page
    assert "每秒 50 行" in page
    assert "约剩 15 秒" in page
    assert "HX-Refresh" not in running.headers
    with clock.frozen(later(NOON, 300)):
        assert "一分钟没有消息" in visitor.get(address).content.decode()
    tell(tmp_path, job, run_name(NOON), at=later(NOON, 9), begun=NOON, state="done", read=1000, applied=1000)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    ended = visitor.get(address)
    assert "hx-trigger" not in ended.content.decode()
    assert ended.headers["HX-Refresh"] == "true"


def test_the_buttons_give_orders(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    visitor = signed_in("xu")
    for verb in ("run", "pause", "resume", "replay"):
        assert visitor.post(f"/share/jobs/{job.code}/orders/{verb}").status_code == 302
    assert [verb for verb, _job in sent(tmp_path)] == ["run", "stop", "replay"]
    assert visitor.post(f"/share/jobs/{job.code}/orders/cancel").status_code == 409
    assert visitor.post(f"/share/jobs/{job.code}/orders/explode").status_code == 404
    assert visitor.get(f"/share/jobs/{job.code}/orders/run").status_code == 405
    assert signed_in("luo").post(f"/share/jobs/{job.code}/orders/run").status_code == 403


def test_runs_and_refusals_are_taken_along(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path)
    visitor = signed_in("xu")
    runs = visitor.get(f"/share/jobs/{job.code}/?format=json").json()["rows"]
    assert runs[0] | {"read": 10, "applied": 9, "refused": 1, "digest": "sha-256:consumer0"} == runs[0]
    refusals = visitor.get(f"/share/jobs/{job.code}/runs/{run_name(NOON)}/refused?format=csv")
    assert "valid_to,type,1" in refusals.content.decode()
    assert visitor.get(f"/share/jobs/{job.code}/runs/none/refused").status_code == 404


def test_a_run_leads_to_the_receipts_of_both_sides(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path)
    page = signed_in("xu").get(f"/share/jobs/{job.code}/").content.decode()
    for handover in Handover.objects.all():
        assert f"/prove/receipts/{handover.receipt}/" in page


# ── overseeing ──


def test_the_flow_picture_leads_to_jobs_and_is_a_table_too(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path)
    page = signed_in("gao").get("/oversee/flows/").content.decode()
    assert "<svg" in page
    assert f'href="/share/jobs/?provider={job.provider}&amp;consumer={job.consumer}"' in page
    assert "广安市公安局 → 广安区教科体局: 9 行" in page
    rows = signed_in("gao").get("/oversee/flows/?format=json").json()["rows"]
    assert rows == [{"provider": "广安市公安局", "consumer": "广安区教科体局", "rows": 9}]
    idle = signed_in("gao").get("/oversee/flows/?since=2026-01-01&until=2026-01-02").content.decode()
    assert "band-of-rows none" in idle
    assert signed_in("gao").get("/oversee/flows/?since=soon").status_code == 400


def test_names_in_the_picture_are_escaped(desk: Desk, tmp_path: Path) -> None:
    ran(desk, tmp_path)
    desk.cast.police.name = '<script>"局"</script>'
    desk.cast.police.save()
    page = signed_in("gao").get("/oversee/flows/").content.decode()
    assert "<script>&quot;" not in page
    assert '<script>"' not in page
    assert "&lt;script&gt;" in page


def test_the_reconciliation_agrees(desk: Desk, tmp_path: Path) -> None:
    ran(desk, tmp_path)
    rows = signed_in("gao").get("/oversee/reconciliation/?format=json").json()["rows"]
    wanted = {"day": "2026-11-20", "sent": 9, "received": 9, "difference": 0, "runs": 1, "state": "equal"}
    assert rows == [rows[0] | wanted]
    assert "sent" in signed_in("gao").get("/oversee/reconciliation/?format=csv").content.decode()


def test_the_reconciliation_tells_what_is_missing(desk: Desk, tmp_path: Path) -> None:
    ran(desk, tmp_path, received=7)
    rows = signed_in("gao").get("/oversee/reconciliation/?format=json&state=differs").json()["rows"]
    assert [(row["sent"], row["received"], row["difference"]) for row in rows] == [(9, 7, 2)]
    assert signed_in("gao").get("/oversee/reconciliation/?format=json&state=equal").json()["total"] == 0


def test_what_was_not_closed_is_counted_apart(desk: Desk, tmp_path: Path) -> None:
    ran(desk, tmp_path, is_closed=False)
    (row,) = signed_in("gao").get("/oversee/reconciliation/?format=json").json()["rows"]
    assert row | {"state": "open", "sent": 0, "pending": 9, "pending_runs": 1} == row


def test_rows_that_the_target_could_not_take_are_not_missing(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path, received=8)
    job.runs.update(set_aside=1)
    (row,) = signed_in("gao").get("/oversee/reconciliation/?format=json").json()["rows"]
    assert row | {"state": "equal", "set_aside": 1, "difference": 0} == row


def test_where_the_other_side_is_elsewhere_there_is_one_side(desk: Desk, tmp_path: Path) -> None:
    ran(desk, tmp_path, is_closed=False)
    day = Handover.objects.first().day  # type: ignore[union-attr]
    (balance,) = balances(Handover.objects.all(), since=day, until=day, own="510000")
    assert (balance.state, balance.sent) == ("one_side", 9)


def test_english_pages_are_english(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path)
    page = signed_in("xu", "en").get(f"/share/jobs/{job.code}/progress").content.decode()
    assert not CHINESE.search(page), CHINESE.findall(page)


def test_a_strange_form_or_address_makes_no_page_fall_over(desk: Desk, tmp_path: Path) -> None:
    job = ran(desk, tmp_path)
    visitor = signed_in("xu")
    assert visitor.post(f"/share/jobs/declare?grant={desk.grant.code}", {}).status_code == 422
    for name in form(desk):
        for value in ("", "x" * 400, "-1", "9" * 30, "\ufffd", "(?=a"):
            answer = declare(desk, **{name: value})
            assert answer.status_code in {302, 422}, (name, value)
    for path in (f"/share/jobs/{job.code}/?page=x", f"/share/jobs/{job.code}/?page=-1&format=html"):
        assert visitor.get(path).status_code == 200
    assert visitor.get("/share/jobs/ZY-none/").status_code == 404
    assert visitor.get("/share/jobs/ZY-none/progress").status_code == 404
    long = visitor.post(f"/share/jobs/{job.code}/orders/replay", {"since": "x" * 4000})
    assert long.status_code == 422


def test_orders_need_their_forms_token_and_a_sign_in(desk: Desk) -> None:
    job = desk.declare()
    client = Client(enforce_csrf_checks=True)
    address = f"/share/jobs/{job.code}/orders/run"
    assert client.post(address).status_code == 403
    client.force_login(desk.cast.xu)
    assert client.post(address).status_code == 403
    for path in (address, f"/share/jobs/declare?grant={desk.grant.code}"):
        assert Client().post(path).status_code == 302


def test_a_run_that_was_given_up_does_not_stay_open(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    gone, whole = run_name(NOON, "00000001"), run_name(later(NOON, 60), "00000002")
    with Spool(tmp_path / "spool", "exchange") as spool:
        sign_for(spool, job, gone, "provider", rows=7, chunk=1)
        sign_for(spool, job, whole, "provider", rows=9, chunk=1)
    take_in_records(tmp_path / "spool", by=SYSTEM, at=NOON)
    actions.take_in_handovers(by=SYSTEM, at=NOON)
    gao, address = signed_in("gao"), "/oversee/reconciliation/?format=json"
    (row,) = gao.get(address).json()["rows"]
    assert (row["pending_runs"], row["given_up_runs"], row["state"]) == (2, 0, "open")
    tell(tmp_path, job, gone, at=NOON)
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    actions.cancel(job, by=desk.xu, at=NOON)
    (row,) = gao.get(address).json()["rows"]
    assert (row["pending_runs"], row["given_up_runs"], row["given_up"]) == (1, 1, 7)
    with Spool(tmp_path / "spool", "exchange") as spool:
        sign_for(spool, job, whole, "consumer", rows=9)
    take_in_records(tmp_path / "spool", by=SYSTEM, at=NOON)
    actions.take_in_handovers(by=SYSTEM, at=NOON)
    (row,) = gao.get(address).json()["rows"]
    assert (row["pending_runs"], row["given_up"], row["state"]) == (0, 7, "equal")
    assert "放弃" in row["explained"]
    sheet = openpyxl.load_workbook(io.BytesIO(gao.get("/oversee/reconciliation/?format=xlsx").content)).active
    assert sheet is not None
    head, line = sheet.iter_rows(values_only=True)
    assert dict(zip(head, line, strict=True))["sent"] == 9


def test_a_run_that_another_took_the_place_of_is_given_up(desk: Desk, tmp_path: Path) -> None:
    job = desk.declare()
    gone, whole = run_name(NOON, "00000001"), run_name(later(NOON, 60), "00000002")
    with Spool(tmp_path / "spool", "exchange") as spool:
        for run, role, chunk in ((gone, "provider", 1), (whole, "provider", 1), (whole, "consumer", 0)):
            sign_for(spool, job, run, role, rows=5, chunk=chunk)
    take_in_records(tmp_path / "spool", by=SYSTEM, at=NOON)
    actions.take_in_handovers(by=SYSTEM, at=NOON)
    (row,) = signed_in("gao").get("/oversee/reconciliation/?format=json").json()["rows"]
    assert (row["given_up_runs"], row["pending_runs"], row["state"]) == (1, 0, "equal")
