"""Finding data in real Chromium: typing, suggestions, facets, chips, kept searches; by keyboard, narrow, without scripts."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.inspecting import contrast_faults, overflow_faults, structure_faults
from tests.catalog.searching import run, searching_node
from tests.gateway import processes

pytestmark = pytest.mark.browser

FILL = """
import django; django.setup()
from tests.cast import assemble, publish_permits
from guantong.identity.models import Organisation, Person
from dataclasses import dataclass
class Cast: pass
from guantong.identity.queries import actor
cast = Cast()
for name in ("luo", "jiang", "tian", "xu", "gao"):
    setattr(cast, name, Person.objects.get(username=name))
cast.as_actor = actor
for number in range(2, 40):
    sharing = "unconditional" if number % 3 else "conditional"
    publish_permits(cast, code=f"3070511600001/{number:06}", name=f"居住证签注信息{number}", sharing_type=sharing,
                    sharing_condition="" if number % 3 else "依职责", update_cycle="daily" if number % 2 else "monthly")
"""


@dataclass
class Site:
    """A node with forty entries, and readers of it. ``complaints`` is what browsers said against its pages."""

    address: str
    chromium: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str, *, language: str = "zh-hans", signed_in: bool = False, **window: Any) -> Page:
        window.setdefault("viewport", {"width": 1280, "height": 900})
        context = self.chromium.new_context(reduced_motion="reduce", **window)
        context.add_cookies([{"name": "django_language", "value": language, "url": self.address}])
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if signed_in:
            page.goto(f"{self.address}/sign-in/")
            page.locator("#id_username").fill("xu")
            page.locator("#id_password").fill("xu-password-1")
            page.locator("#id_password").press("Enter")
            page.wait_for_url(self.address + "/")
        page.goto(self.address + path)
        return page

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def shared(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with searching_node(tmp_path_factory.mktemp("node")) as environment, contextlib.ExitStack() as stack:
        run(environment, "-c", FILL)
        run(environment, "-m", "guantong", "index")
        web = subprocess.Popen([sys.executable, "-m", "guantong", "web"], env=environment)
        stack.enter_context(processes.ended(web))
        address = f"http://127.0.0.1:{environment['GUANTONG_WEB_PORT']}"
        processes.wait_for(f"{address}/find/", web, 120)
        yield Site(address, chromium)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    yield shared
    for context in shared.contexts:
        context.close()
    shared.contexts.clear()
    assert shared.complaints == []


def test_typing_pinyin_suggests_and_choosing_finds(site: Site) -> None:
    page = site.open("/find/")
    page.get_by_role("searchbox").press_sequentially("jzz", delay=50)
    suggestion = page.locator("#suggestions a").first
    expect(suggestion).to_contain_text("居住证")
    page.get_by_role("searchbox").press("Tab")
    suggestion.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#found mark").first).to_contain_text("居住证")


def test_a_facet_is_chosen_and_its_chip_drops_it_by_keyboard(site: Site) -> None:
    page = site.open("/find/")
    total = page.locator(".tally p").first.inner_text()
    value = page.locator("#filters a").first
    count = value.locator(".number").inner_text()
    value.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".tally p").first).to_contain_text(count)
    chip = page.locator("#found .chips a").first
    chip.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".tally p").first).to_have_text(total)


def test_the_page_is_sound_at_any_width(site: Site) -> None:
    for width in (360, 768, 1280):
        for language in ("zh-hans", "en"):
            window = {"width": width, "height": 900}
            page = site.open("/find/", language=language, signed_in=True, viewport=window)
            for path in (
                "/find/?q=居住证",
                "/find/?sharing=conditional&region=51",
                "/find/?q=jzz",
                "/find/saved/",
                "/find/?q=没有的",
            ):
                page.goto(site.address + path)
                faults = [*overflow_faults(page), *structure_faults(page), *contrast_faults(page)]
                assert faults == [], (width, language, path)


def test_without_scripts_it_finds_suggests_and_pages(site: Site) -> None:
    page = site.open("/find/", java_script_enabled=False)
    page.get_by_role("searchbox").fill("jzz")
    page.get_by_role("button", name="搜索").click()
    expect(page.locator("#suggestions a").first).to_contain_text("居住证")
    page.locator("#suggestions a").first.click()
    page.get_by_role("link", name="下一页").click()
    expect(page.locator("#found .results > li")).to_have_count(19)
    page.locator("#filters a").first.click()
    expect(page.locator("#found .chips a").first).to_be_visible()


def test_a_search_is_kept_and_forgotten(site: Site) -> None:
    page = site.open("/find/?q=居住证", signed_in=True)
    page.get_by_text("保存这次查找").click()
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("nav.kept a").first).to_have_text("居住证")
    page.goto(site.address + "/find/saved/")
    page.get_by_role("button", name="不再保存").click()
    expect(page.locator(".empty")).to_be_visible()
