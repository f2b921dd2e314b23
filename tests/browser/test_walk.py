"""走一遍: a newcomer walks the whole story by the buttons of the first pages, in real Chromium, in a fresh town."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.guangan.town import Town
from playwright.sync_api import Browser, Locator, Page, expect

from tests.towns import in_folder

pytestmark = [pytest.mark.browser, pytest.mark.town]

NATION, CITY = "000000", "511600"
# The rows of the walk's tables: the resource's node, and its place in the table as that node shows it.
ROWS = ((NATION, 0), (CITY, 1), (CITY, 2), (CITY, 3), (CITY, 4))


@pytest.fixture
def fresh(tmp_path: Path, tables: Path) -> Iterator[Town]:
    with Town.on_free_ports(in_folder(tmp_path, tables)) as town:
        yield town


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


def test_a_newcomer_walks_the_story(fresh: Town, page: Page) -> None:
    page.set_default_timeout(15_000)
    for node, row in ROWS:
        _go(page, fresh, node, step=1, row=row, door=0)
        page.get_by_role("button", name="送审").click()
        expect(page.get_by_role("status")).to_be_visible()
        _go(page, fresh, node, step=1, row=row, door=1)
        page.get_by_role("button", name="同意", exact=True).click()
        expect(page.get_by_role("status")).to_be_visible()
        _go(page, fresh, node, step=1, row=row, door=2)
        page.get_by_role("button", name="发布", exact=True).click()
        expect(page.get_by_role("status")).to_be_visible()
    _until_done(page, fresh, 2)
    for _, row in ROWS:
        _go(page, fresh, CITY, step=3, row=row, door=0)
        page.get_by_label("我代表本机构签署数据安全承诺").check()
        page.get_by_role("button", name="提交申请").click()
        expect(page.get_by_role("status")).to_contain_text("已提交")
    for door in (0, 1):
        for node, row in ROWS:
            _until_waiting(page, fresh, node, row, door)
            page.locator(".results a").first.click()
            page.get_by_role("button", name="同意", exact=True).click()
            expect(page.get_by_role("status")).to_contain_text("已记录")
    _until_done(page, fresh, 5)
    _step(page, fresh, CITY, 6).locator("button, .button").first.click()
    page.goto(fresh.url(CITY))
    page.get_by_role("link", name="填入表单").first.click()
    # The gateways take the grants over within a moment; a case that came too early would wait for a person.
    page.wait_for_timeout(3_000)
    page.get_by_role("button", name="受理并查询").click()
    expect(page.locator(".decision")).to_contain_text("准予", timeout=20_000)
    _until_done(page, fresh, 7)


def _step(page: Page, town: Town, node: str, number: int) -> Locator:
    page.goto(town.url(node))
    return page.locator("section[aria-labelledby=walk] > .line > li").nth(number - 1)


def _go(page: Page, town: Town, node: str, *, step: int, row: int, door: int) -> None:
    """Through the button of one row of a step, which signs in and opens the right page."""
    place = _step(page, town, node, step)
    if not place.locator("details").evaluate("details => details.open"):
        place.locator("summary").click()
    place.locator("tbody tr").nth(row).locator(".button, button").nth(door).click()
    page.wait_for_load_state()


def _until_done(page: Page, town: Town, count: int) -> None:
    """Look at the city's first page until so many steps are done; what travels between nodes takes a moment."""
    for _ in range(40):
        page.goto(town.url(CITY))
        if page.locator(".line > li.done").count() >= count:
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"{count} steps should be done", page.locator(".line").inner_text())


def _until_waiting(page: Page, town: Town, node: str, row: int, door: int) -> None:
    """Open the approver's to-dos until the request has arrived there."""
    for _ in range(40):
        _go(page, town, node, step=4, row=row, door=door)
        if page.locator(".results a").count():
            return
        page.wait_for_timeout(500)
    raise AssertionError("nothing to decide", page.locator("main").inner_text())
