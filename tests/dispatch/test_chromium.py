"""The pages of jobs in real Chromium: sound in both languages at any width, and live without a reload."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from guantong.dispatch import actions
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from tests.browser.conftest import ARGUMENTS
from tests.browser.inspecting import contrast_faults, overflow_faults, structure_faults
from tests.cast import NOON
from tests.dispatch.cast import Desk, run_name, tell
from tests.dispatch.test_edges import added, enrolled
from tests.dispatch.test_pages import ran

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def in_chromium(work: Callable[[Browser], None]) -> None:
    """Do ``work`` in a thread of its own: Playwright's event loop and the database do not go together."""

    def browse() -> None:
        path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        assert path, "Chromium is missing: sh deploy/servers.sh"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            work(browser)
            browser.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(browse).result()


def visit(browser: Browser, address: str, username: str, language: str, complaints: list[str]) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    if language == "en":
        context.add_cookies([{"name": "django_language", "value": "en", "url": address}])
    page = context.new_page()
    page.on(
        "console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/sign-in/")
    page.fill("#id_username", username)
    page.fill("#id_password", f"{username}-password-1")
    page.press("#id_password", "Enter")
    page.wait_for_url(f"{address}/")
    return page


def faults_of(page: Page) -> list[str]:
    found = structure_faults(page) + contrast_faults(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark {fault}" for fault in contrast_faults(page)]
    page.emulate_media(color_scheme="light")
    for width in (640, 360):
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"at {width} {fault}" for fault in overflow_faults(page)]
    page.set_viewport_size({"width": 1280, "height": 900})
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_jobs_is_sound(live_server: LiveServer, tmp_path: Path, language: str) -> None:
    desk = Desk(clock.now())
    job = ran(desk, tmp_path)
    edge = enrolled(desk, added(desk))
    pages = {
        "xu": [
            "/share/jobs/",
            f"/share/jobs/{job.code}/",
            f"/share/jobs/declare?grant={desk.grant.code}",
            f"/share/jobs/{job.code}/runs/{run_name(NOON)}/refused",
            f"/share/grants/{desk.grant.code}/",
            f"/share/jobs/{job.code}/change",
            f"/share/jobs/{job.code}/retire",
            "/share/targets/",
            f"/share/targets/{desk.target.code}/",
            f"/share/targets/{desk.target.code}/retire",
            "/share/calendar/",
            "/share/jobs/alerts/",
            "/share/edges/",
            "/share/edges/add",
            f"/share/edges/{edge.code}/",
            f"/share/edges/{edge.code}/retire",
        ],
        "gao": ["/oversee/", "/oversee/flows/?since=2026-11-01", "/oversee/reconciliation/?since=2026-11-01"],
    }
    complaints: list[str] = []
    faults: dict[str, list[str]] = {}

    def look(browser: Browser) -> None:
        for username, paths in pages.items():
            page = visit(browser, live_server.url, username, language, complaints)
            for path in paths:
                answer = page.goto(live_server.url + path)
                assert answer is not None
                assert answer.status == 200, path
                faults[path] = faults_of(page)

    in_chromium(look)
    assert {path: found for path, found in faults.items() if found} == {}
    assert complaints == []


def test_progress_moves_by_itself_and_the_page_follows_the_end(
    live_server: LiveServer, tmp_path: Path
) -> None:
    desk, begun = Desk(clock.now()), clock.now()
    job = desk.declare()
    run = run_name(begun)

    def note() -> None:
        """The worker's part, away from Playwright's event loop."""
        actions.note_progress(tmp_path, by=SYSTEM, at=clock.now())
        connection.close()

    def news(**values: object) -> None:
        tell(tmp_path, job, run, at=clock.now(), begun=begun, **values)
        with ThreadPoolExecutor(1) as worker:
            worker.submit(note).result()

    complaints: list[str] = []

    def watch(browser: Browser) -> None:
        page = visit(browser, live_server.url, "xu", "zh", complaints)
        news(read=1000, applied=1000, expected=4000, rate=500, seconds_left=6)
        page.goto(f"{live_server.url}/share/jobs/{job.code}/")
        expect(page.locator("#progress progress")).to_have_attribute("value", "1000")
        news(read=3000, applied=3000, expected=4000, rate=500, seconds_left=2)
        expect(page.locator("#progress progress")).to_have_attribute("value", "3000")
        expect(page.locator("#progress")).to_contain_text("约剩 2 秒")
        news(read=4000, applied=4000, expected=4000, state="done")
        expect(page.locator("#progress .state")).to_have_text("已完成")
        expect(page.locator("#progress progress")).to_have_count(0)
        page.get_by_role("button", name="暂停").click()
        expect(page.locator(".state", has_text="已暂停").first).to_be_visible()

    in_chromium(watch)
    assert complaints == []
