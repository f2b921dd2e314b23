"""Alerts in real Chromium: every page sound in both languages; a grant suspended from its alert."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from guantong.kit import clock
from guantong.risk import actions
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
    bulk, night = (Finding.objects.get(rule=rule) for rule in ("bulk_rows_day", "odd_hours"))
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
