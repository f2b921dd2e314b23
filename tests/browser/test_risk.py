"""Alerts in real Chromium: every page sound in both languages; a grant suspended from its alert."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from guantong.kit import clock
from guantong.risk import actions, queries
from guantong.risk.declaring import written
from guantong.risk.defaults import shipped
from guantong.risk.models import Finding
from guantong.sharing.models import Grant
from tests.browser.looking import look_at_all
from tests.browser.test_catalogue import pictured
from tests.dispatch.test_chromium import in_chromium, visit
from tests.risk.cast import Desk, month_of_use

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def furnished() -> Desk:
    desk = Desk()
    now = clock.now().replace(hour=7, minute=30, second=0, microsecond=0)
    month_of_use(desk, until=now if now < clock.now() else now - timedelta(days=1))
    # One person, day after day by the grant; and from many sides, all of them with cases of their own.
    last = now if now < clock.now() else now - timedelta(days=1)
    desk.arrive([desk.call(last - timedelta(days=n % 4, minutes=n), subject="e" * 64) for n in range(16)])
    desk.arrive(
        [
            desk.call(last - timedelta(days=n % 3, minutes=n), subject="f" * 64, grant=f"GT-{n}",
                consumer_organisation=f"o{n}")
            for n in range(10)
        ]
    )  # fmt: skip
    desk.judge()
    actions.change_for_grant(
        replace(next(rule for rule in shipped() if rule.code == "odd_hours"), floor=60, percent=5),
        desk.grant,
        reason="夜间值守窗口，已与提供方核对",
        by=desk.cast.as_actor(desk.an),
        at=clock.now(),
    )
    night = Finding.objects.get(rule="odd_hours")
    until = (clock.now() + timedelta(days=30)).date()
    actions.decide(
        night,
        "false",
        reason="节假日值守",
        exempt_until=until,
        by=desk.cast.as_actor(desk.cast.jiang),
        at=clock.now(),
    )
    return desk


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_alerts_is_sound(live_server: LiveServer, language: str) -> None:
    furnished()
    bulk, night, person = (
        Finding.objects.get(rule=rule) for rule in ("bulk_rows_day", "odd_hours", "followed_week")
    )
    pages = {
        "an": {
            "list": "/oversee/risk/",
            "none": "/oversee/risk/?state=confirmed",
            "alert": f"/oversee/risk/{bulk.uuid}/",
            "decided": f"/oversee/risk/{night.uuid}/",
            "calls": f"/oversee/risk/{bulk.uuid}/calls",
            "suspend": f"/oversee/risk/{bulk.uuid}/suspend",
            "rules": "/oversee/risk/rules/",
            "rule": "/oversee/risk/rules/odd_hours/?preview=1",
            "rule-of-grant": f"/oversee/risk/rules/odd_hours/?grant={bulk.grant}",
            "rule-of-persons": "/oversee/risk/rules/followed_week/?preview=1",
            "take-in": "/oversee/risk/rules/take-in",
            "person": f"/oversee/risk/{person.uuid}/",
            "exemptions": "/oversee/risk/exemptions/",
            "todo": "/todo/",
            "notices": "/notices/",
        },
        "gao": {"rule-read": "/oversee/risk/rules/other_purpose/", "oversee": "/oversee/"},
        "xu": {"nothing": "/oversee/risk/"},
    }
    look_at_all(live_server.url, pages, language, "risk")


def test_a_grant_is_suspended_from_its_alert(live_server: LiveServer) -> None:
    furnished()

    def work(browser: Browser) -> None:
        page = visit(browser, live_server.url, "an", "zh", [])
        page.goto(f"{live_server.url}/todo/")
        page.get_by_role("link", name="批量拉取（日）").first.click()
        page.get_by_role("link", name="暂停授权……").click()
        expect(page.locator("#reason")).to_contain_text("批量拉取（日）")
        page.get_by_role("button", name="立即暂停授权").click()
        expect(page.locator("main")).to_contain_text("已由此暂停该授权")
        pictured(page, "risk-suspended", "zh")

    in_chromium(work)
    assert Grant.objects.get().state == "suspended"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_rule_is_tried_saved_and_gone_back_from_and_a_file_taken_in(
    live_server: LiveServer, language: str, tmp_path: Path
) -> None:
    furnished()
    listed = json.loads(written(shipped()))
    listed[0]["floor"] = 5000
    (tmp_path / "rules.json").write_text(json.dumps(listed))
    (tmp_path / "wrong.json").write_text(
        json.dumps([{**listed[0], "floor": 0}, {"kind": "magic", "code": "x1"}])
    )
    words = {
        "zh": ("用最近三十天预演", "存为新版本", "修改已保存", "查看会改动什么", "导入"),
        "en": ("Try it on the last thirty days", "Save as the next version", "has been saved",
            "Show what it would change", "Take them in"),
    }[language]  # fmt: skip
    tried, save, saved, show, take = words

    def work(browser: Browser) -> None:
        page = visit(browser, live_server.url, "an", language, [])
        page.goto(f"{live_server.url}/oversee/risk/rules/case_reused/")
        assert page.get_by_role("button", name=save).count() == 0
        page.locator("#floor").fill("95")
        page.get_by_role("button", name=tried).click()
        pictured(page, "risk-tried", language)
        page.locator("#reason").fill("窗口合办件较多")
        page.get_by_role("button", name=save).click()
        expect(page.locator("body")).to_contain_text(saved)
        page.goto(f"{live_server.url}/oversee/risk/rules/take-in")
        page.locator("#file").set_input_files(tmp_path / "wrong.json")
        page.get_by_role("button", name=show).click()
        expect(page.get_by_role("alert")).to_contain_text("bulk_rows_day")
        pictured(page, "risk-file-wrong", language)
        page.locator("#file").set_input_files(tmp_path / "rules.json")
        page.get_by_role("button", name=show).click()
        pictured(page, "risk-file", language)
        page.locator("#reason").fill("与省厅一致")
        page.get_by_role("button", name=take, exact=True).click()
        expect(page.locator("table")).to_contain_text("5,000")

    in_chromium(work)
    assert queries.rules().general[0].floor == 5000  # type: ignore[union-attr] # it has one
