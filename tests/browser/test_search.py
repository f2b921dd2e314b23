"""Finding data in real Chromium: typing, suggestions, facets, chips, kept searches; by keyboard, narrow, without scripts."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Town
from tests.browser.inspecting import contrast_faults, overflow_faults, structure_faults

pytestmark = [pytest.mark.browser, pytest.mark.town]


def ready(page: Page) -> None:
    """The worker has built the index: until then the page says that the database is searched."""
    for _ in range(60):
        if not page.locator(".notice.wait", has_text="检索索引").count():
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail("the index was not built")


def test_typing_pinyin_suggests_and_choosing_finds(town: Town) -> None:
    page = town.reader().open("/find/")
    ready(page)
    page.get_by_role("searchbox").press_sequentially("jzz", delay=50)
    suggestion = page.locator("#suggestions a").first
    expect(suggestion).to_contain_text("居住证")
    page.get_by_role("searchbox").press("Tab")
    suggestion.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#found mark").first).to_have_text("居住证")


def test_a_facet_is_chosen_and_its_chip_drops_it_by_keyboard(town: Town) -> None:
    page = town.reader().open("/find/")
    ready(page)
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


def test_the_page_is_sound_at_any_width(town: Town) -> None:
    for width in (360, 768, 1280):
        for language in ("zh", "en"):
            reader = town.reader(
                "education-officer", language=language, viewport={"width": width, "height": 900}
            )
            for path in (
                "/find/?q=居住证",
                "/find/?sharing=conditional&region=51",
                "/find/?q=jzz",
                "/find/saved/",
                "/find/?q=没有的",
            ):
                page = reader.open(path)
                faults = [*overflow_faults(page), *structure_faults(page), *contrast_faults(page)]
                assert faults == [], (width, language, path)


def test_without_scripts_it_finds_suggests_and_pages(town: Town) -> None:
    page = town.reader(java_script_enabled=False).open("/find/")
    page.get_by_role("searchbox").fill("jzz")
    page.get_by_role("button", name="搜索").click()
    expect(page.locator("#suggestions a").first).to_contain_text("居住证")
    page.locator("#filters a").first.click() if page.locator("#filters a").count() else None


def test_a_search_is_kept_and_forgotten(town: Town) -> None:
    page = town.reader("education-officer").open("/find/?q=居住证")
    page.get_by_text("保存这次查找").click()
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("nav.kept a").first).to_have_text("居住证")
    page.goto(town.readers[-1].address + "/find/saved/")
    page.get_by_role("button", name="不再保存").click()
    expect(page.locator(".empty")).to_be_visible()
