"""The pages of a department's HTTP interface in real Chromium: sound in both languages at any width."""

import json
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_catalogue import pictured
from tests.cast import PERMITS, assemble, publish_permits
from tests.catalog.interface_server import serving
from tests.catalog.test_interfaces import BY_ID, OPENAPI
from tests.dispatch.test_chromium import faults_of, in_chromium, visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_an_interface_is_sound(live_server: LiveServer, language: str) -> None:
    publish_permits(assemble(), operations={"by_id": BY_ID})
    faults: dict[str, Any] = {}
    complaints: list[str] = []
    pages = {
        "interface": f"/find/{PERMITS}/interface",
        "operation": f"/find/{PERMITS}/interface/by_id",
        "interface-link": f"/find/{PERMITS}/link?source=police-api&table=/health",
        "interface-entry": f"/find/{PERMITS}/",
    }

    def look(browser: Browser) -> None:
        page = visit(browser, live_server.url, "luo", language, complaints)
        for name, path in pages.items():
            page.goto(live_server.url + path)
            if found := faults_of(page):
                faults[path] = found
            pictured(page, name, language)
        page.goto(live_server.url + pages["interface"])
        page.locator("summary").first.click()
        page.locator("#text").fill(json.dumps(OPENAPI))
        page.locator("form[action$=import] button").click()
        page.wait_for_selector("input[name=take]")
        if found := faults_of(page):
            faults["import"] = found
        pictured(page, "interface-import", language)
        page.locator("main form button").click()
        page.wait_for_url(live_server.url + pages["interface"])

    path = settings.NODE.home / "sources.json"
    with serving() as address:
        path.write_text(json.dumps({"police-api": address, "police-api.headers": "X-Token: inside"}), "utf-8")
        try:
            in_chromium(look)
        finally:
            path.unlink()
    assert (json.dumps(faults, ensure_ascii=False, indent=1), complaints) == ("{}", [])
