"""Reading the record in real Chromium: the verifier with good and bad files, the search, completeness, one's own data."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from guantong.federation import keyset
from guantong.journal.models import Receipt
from guantong.kit import envelope
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing.models import Agreement, Grant
from guantong.site.node import node_settings
from tests.browser.test_catalogue import pictured
from tests.dispatch.test_chromium import faults_of, in_chromium, visit
from tests.site import test_grant_receipts, test_own

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def furnished(folder: Path) -> None:
    test_own.furnished(folder / "own")
    test_grant_receipts.write(
        folder / "chain", writer="gateway-2", count=400, without=(1, 40, 41, 42, 300), forged=200
    )
    test_grant_receipts.write(folder / "whole", writer="gateway-1", count=30)
    Grant.objects.update(consumer_node="511602")
    keyset.write_keyset(keyset.keyset_folder(node_settings()))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_the_record_is_sound(live_server: LiveServer, tmp_path: Path, language: str) -> None:
    furnished(tmp_path)
    grant, use = Grant.objects.get().code, Receipt.objects.filter(number=7).first()
    assert use is not None
    pages = {
        "gao": {
            "search": "/oversee/journal/",
            "narrowed": "/oversee/journal/?about=uses&field=居住地&decision=allow",
            "nothing": "/oversee/journal/?case=none",
            "receipt": f"/prove/receipts/{use.digest}/",
            "complete": f"/prove/grants/{grant}/",
            "readings": "/prove/readings/",
        },
        "xu": {"uses": "/prove/"},
        "bai": {"own": "/prove/mine/", "own-all": "/prove/mine/?all=1"},
    }
    faults: dict[str, Any] = {}
    complaints: list[str] = []

    def look(browser: Browser) -> None:
        for who, paths in pages.items():
            page = visit(browser, live_server.url, who, language, complaints)
            for name, path in paths.items():
                answer = page.goto(live_server.url + path)
                assert answer is not None
                assert answer.status == 200, path
                if found := faults_of(page):
                    faults[name] = found
                pictured(page, f"record-{name}", language)

    in_chromium(look)
    assert (json.dumps(faults, ensure_ascii=False, indent=1), complaints) == ("{}", [])


@pytest.mark.parametrize(("width", "tall"), [(1280, 60), (390, 200)])
def test_how_a_search_is_spread_takes_little_room_and_opens_by_key_without_scripts(
    live_server: LiveServer, tmp_path: Path, width: int, tall: int
) -> None:
    furnished(tmp_path)

    def work(browser: Browser) -> None:
        signed_in = visit(browser, live_server.url, "gao", "zh", []).context.storage_state()
        page = browser.new_context(java_script_enabled=False, storage_state=signed_in).new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{live_server.url}/oversee/journal/")
        spread = page.locator(".spread")
        assert spread.locator("details[open]").count() == 0
        box = spread.bounding_box()
        assert box is not None
        assert box["height"] <= tall
        pictured(page, f"spread-folded-{width}", "zh")
        page.set_viewport_size({"width": width, "height": 900})
        decision = spread.locator("summary").first
        decision.focus()
        page.keyboard.press("Enter")
        assert spread.locator("details[open]").count() == 1
        spread.locator("summary").nth(1).focus()
        page.keyboard.press("Enter")
        # One at a time.
        assert spread.locator("details[open]").count() == 1
        decision.focus()
        page.keyboard.press("Enter")
        pictured(page, f"spread-open-{width}", "zh")
        page.set_viewport_size({"width": width, "height": 900})
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**decision=**")
        expect(page.locator(".spread .chosen summary")).to_contain_text("允许")
        pictured(page, f"spread-chosen-{width}", "zh")

    in_chromium(work)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_files_are_dropped_on_the_verifier_without_scripts(
    live_server: LiveServer, tmp_path: Path, language: str
) -> None:
    furnished(tmp_path)
    agreement, use = Agreement.objects.get(), Receipt.objects.filter(number=7).first()
    assert use is not None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "stranger.json", envelope.seal("x@v1", {"node": "1"}, INTERNATIONAL.generate("y/node"))
        )
    # Playwright takes the bytes as they are; the receipt is of the test's own key, which the node does not know.
    files: list[Any] = [
        {"name": "agreement.json", "mimeType": "application/json", "buffer": bytes(agreement.statement)},
        {"name": "agreement.pdf", "mimeType": "application/pdf", "buffer": bytes(agreement.document) + b" "},
        {"name": "receipt.json", "mimeType": "application/json", "buffer": bytes(use.raw)},
        {"name": "several.zip", "mimeType": "application/zip", "buffer": packed.getvalue()},
    ]
    faults: dict[str, Any] = {}

    def look(browser: Browser) -> None:
        address = f"{live_server.url}/prove/check/"
        context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
        if language == "en":
            context.add_cookies([{"name": "django_language", "value": "en", "url": live_server.url}])
        page = context.new_page()
        for name, dropped in {"one": files[:1], "several": files}.items():
            page.goto(address)
            page.locator("#proof").set_input_files(dropped)
            page.locator("main form button").last.click()
            expect(page.locator(".examined").first).to_be_visible()
            pictured(page, f"record-check-{name}", language)
        assert page.locator(".examined").count() == 3
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(address)
        page.locator("#proof").set_input_files(files)
        page.locator("main form button").last.click()
        if found := faults_of(page):
            faults["check"] = found

    in_chromium(look)
    assert json.dumps(faults, ensure_ascii=False, indent=1) == "{}"
