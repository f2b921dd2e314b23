"""Linking, links, entries without data and lineage in real Chromium: by keyboard, narrow, in both languages, without scripts."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.inspecting import contrast_faults, overflow_faults, structure_faults
from tests.cast import PERMITS
from tests.catalog.searching import run, searching_node
from tests.gateway import processes

pytestmark = pytest.mark.browser
FILL = """
import django; django.setup()
from django.conf import settings
from tests.cast import *
from guantong.catalog import actions
from guantong.catalog.harvesting import reading
from guantong.catalog.models import Resource
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.sharing import actions as sharing
class Cast: pass
cast = Cast()
for name in ("luo", "jiang", "tian", "xu", "gao"):
    setattr(cast, name, Person.objects.get(username=name))
cast.as_actor = actor
items = [{**i, "element": "DE00001"} for i in content()["items"]]
for number, mapped in ((2, "sfzh"), (3, "gone")):
    made = publish_permits(cast, code=f"3070511600001/{number:06}", name=f"居住证签注{number}", items=items)
    link = actions.link(made, source="police", dialect="sqlite", table="permits", columns={"id_number": mapped},
                        by=actor(cast.luo), at=clock.now())
    actions.check_link(link, reading.addresses(settings.NODE.home), by=SYSTEM, at=clock.now())
for number in range(9):
    filed = sharing.file_request(need(resource="3070511600001/000002", purpose=f"512B{number:010}", purpose_text=f"事项{number}"),
                                 consumer=Organisation.objects.get(code=EDUCATION), by=actor(cast.xu), at=clock.now())
    sharing.decide(filed, "approved", by=actor(cast.jiang), at=clock.now())
    filed.refresh_from_db()
    if filed.state == "waiting":
        sharing.decide(filed, "approved", by=actor(cast.tian), at=clock.now())
"""


@dataclass
class Site:
    """A node with a linked, a broken and an unlinked entry. ``complaints`` is what browsers said against its pages."""

    address: str
    chromium: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str, who: str = "luo", *, language: str = "zh-hans", **window: Any) -> Page:
        window.setdefault("viewport", {"width": 1280, "height": 900})
        context = self.chromium.new_context(reduced_motion="reduce", **window)
        context.add_cookies([{"name": "django_language", "value": language, "url": self.address}])
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{self.address}/sign-in/")
        page.locator("#id_username").fill(who)
        page.locator("#id_password").fill(f"{who}-password-1")
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
        home = Path(environment["GUANTONG_HOME"])
        with closing(sqlite3.connect(home / "police.sqlite3")) as connection:
            connection.execute("CREATE TABLE permits (sfzh text, xzqh text, yxqz date, gxsj datetime)")
            connection.commit()
        (home / "sources.json").write_text(json.dumps({"police": f"sqlite:///{home}/police.sqlite3"}))
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
    assert shared.complaints == [], (
        "the data block on the entry's page is no script for the content policy either"
    )


def test_an_entry_is_linked_by_keyboard(site: Site) -> None:
    page = site.open(f"/find/{PERMITS}/", java_script_enabled=False)
    page.get_by_role("link", name="挂接数据").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="查看", exact=True).click()
    page.locator("select[name=table]").select_option("permits")
    page.get_by_role("button", name="查看", exact=True).click()
    expect(page.get_by_label("列 公民身份号码")).to_have_value("sfzh")
    page.get_by_label("列 居住地").select_option("xzqh")
    page.get_by_label("列 有效期止").select_option("yxqz")
    page.get_by_role("button", name="核对并挂接").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已挂接")
    expect(page.locator("#link-health + p .state-well")).to_be_visible()


def test_lineage_is_walked_by_keyboard(site: Site) -> None:
    page = site.open("/find/3070511600001/000002/")
    page.get_by_role("link", name="血缘与影响").click()
    expect(page.locator("svg.lineage a")).to_have_count(11)
    box = page.locator("svg.lineage a").filter(has_text="permits")
    box.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("permits")
    page.get_by_label("方向").select_option("down")
    page.get_by_label("授权", exact=True).check()
    page.get_by_role("button", name="绘制").click()
    expect(page.locator("svg.lineage .of-grant")).to_have_count(0)
    expect(page.locator("#impact ~ ul")).to_contain_text("9 项授权")


def test_no_box_lies_on_another(site: Site) -> None:
    page = site.open("/find/lineage/?start=entry:3070511600001/000002&detail=1")
    boxes = [found for each in page.locator("svg.lineage rect").all() if (found := each.bounding_box())]
    assert len(boxes) > 10
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            is_apart = (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"]
                or other["y"] + other["height"] <= one["y"]
            )
            assert is_apart, (one, other)


def test_the_pages_are_sound_at_any_width(site: Site) -> None:
    paths = (
        ("luo", f"/find/{PERMITS}/link?source=police&table=permits"),
        ("luo", "/find/3070511600001/000003/link/history"),
        ("luo", "/find/3070511600001/000002/"),
        ("gao", "/find/links/"),
        ("gao", "/find/without-data/"),
        ("gao", "/find/without-data/?list=departments"),
        ("gao", "/find/lineage/"),
        ("gao", "/find/lineage/?start=entry:3070511600001/000002"),
        ("gao", "/find/lineage/?start=column:police.permits.sfzh"),
    )
    for width in (360, 1280):
        for language in ("zh-hans", "en"):
            for who in ("luo", "gao"):
                window = {"width": width, "height": 900}
                page = site.open("/", who, language=language, viewport=window)
                for path in [path for person, path in paths if person == who]:
                    page.goto(site.address + path)
                    faults = [*overflow_faults(page), *structure_faults(page), *contrast_faults(page)]
                    assert faults == [], (width, language, path)
