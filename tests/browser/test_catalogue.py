"""Compiling in real Chromium: every page sound in both languages at any width; an entry from the form to the catalogue."""

import json
import os
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from guantong.catalog import actions
from guantong.catalog.models import ImportBatch, Need, Resource
from guantong.catalog.types import ItemNeeds, Wanted
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from tests.cast import NODE, PERMITS, Cast, assemble, content, publish_permits
from tests.dispatch.test_chromium import faults_of, in_chromium, visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A folder for pictures, when somebody wants to look.
PICTURES = os.environ.get("GUANTONG_TEST_PICTURES", "")
ITEM = {"name": "id_number", "label": "身份证号", "type": "C", "length": 18, "level": 1, "element": "DE00001"}


def furnished(folder: Path) -> tuple[Cast, dict[str, dict[str, str]]]:
    """Entries in every state, a file with wrong cells, a database to read, elements, needs; the pages, by visitor."""
    cast = assemble()
    by, at = cast.as_actor(cast.luo), clock.now()
    actions.load_standards(revision="2026", by=SYSTEM, at=at)
    permits = publish_permits(cast, items=[*content()["items"], {**ITEM, "name": "other_id"}])
    actions.claim("DE00001", permits, by=by, at=at)
    edited = content(
        name="居住证基本信息", summary="改过的摘要", items=[*content()["items"][:2], ITEM | {"name": "card"}]
    )
    actions.draft(actions.read_content(edited), node=NODE, by=by, at=at)
    for number, steps in ((2, []), (3, [actions.submit]), (4, [actions.submit, actions.approve])):
        words = content(code=f"3070511600001/00000{number}", name=f"第{number}项目录", sharing_ways=["paper"])
        resource = actions.draft(actions.read_content(words), node=NODE, by=SYSTEM, at=at)
        for step in steps:
            resource = step(resource, by=SYSTEM, at=at)
    actions.send_back(resource, reason="摘要不全，请补充采集范围", by=cast.as_actor(cast.tian), at=at)
    actions.declare_field(
        "secrecy", label="涉密属性", kind="choice", choices=["非涉密", "内部"], by=SYSTEM, at=at
    )
    actions.state_needs(
        [("居住证信息", "入学", ""), ("不动产登记", "入学", "")], organisation=cast.education, by=by, at=at
    )
    lists_of(cast)
    luo = Client()
    luo.force_login(cast.luo)
    bad = "信息资源代码,信息资源名称,共享类型,信息项名称\n3070511600001/000009,甲,随便,乙\n,丙,有条件共享,=1+1\n"
    luo.post("/find/import/", {"file": SimpleUploadedFile("目录.csv", bad.encode("gb18030"))})
    path = folder / "people.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (sfzh text primary key, xm text, lxdh text, csrq date)")
    connection.close()
    (settings.NODE.home / "sources.json").write_text(json.dumps({"people": f"sqlite:///{path}"}), "utf-8")
    batch = ImportBatch.objects.get()
    return cast, {
        "luo": {
            "drafts": "/find/drafts/?state=all",
            "new": "/find/new/",
            "edit": f"/find/{PERMITS}/edit",
            "detail": f"/find/{PERMITS}/",
            "returned": f"/find/{resource.code}/",
            "changes": f"/find/{PERMITS}/changes",
            "imports": "/find/import/",
            "import": f"/find/import/{batch.uuid}/",
            "reverse": "/find/reverse/?source=people&table=people",
            "elements": "/find/elements/",
            "element": "/find/elements/DE00001/",
            "codes": "/find/codes/GB-T-3304/",
            "conformance": f"/find/{PERMITS}/conformance",
            "duties": "/find/duties/",
            "fields": "/find/fields/",
        },
        "tian": {
            "demand": "/find/duties/?list=demand",
            "todo": "/todo/",
            "review": "/find/drafts/",
            "yields": "/find/duties/?list=yields",
            "negative": "/find/duties/?list=negative",
            "late": "/find/duties/?list=late",
            "need": f"/find/needs/{Need.objects.get(wanted='不动产登记').pk}/",
            "element-edit": "/find/directories/element/DE00001/edit",
            "element-import": "/find/directories/element/import",
            "code-lists": "/find/codes/",
            "regulations": "/find/directories/regulation/",
            "regulation": "/find/directories/regulation/LAW00001/",
            "forms": "/find/directories/form/",
            "form": "/find/directories/form/FORM00001/",
            "form-edit": "/find/directories/form/new",
            "parameters": "/find/directories/parameter/",
            "parameter": "/find/directories/parameter/P00001/",
            "dictionary": "/find/dictionary/?organisation=公安",
            "technical": "/find/dictionary/?kind=technical&organisation=公安",
            "conformances": "/find/conformance/",
        },
        "xu": {"need-own": f"/find/needs/{Need.objects.get(wanted='居住').pk}/", "todo-xu": "/todo/"},
    }


def lists_of(cast: Cast) -> None:
    """Needs in several states, directories with something in them, an entry that is late."""
    at = clock.now()
    actions.state_needs([("居住", "租房补贴", "")], organisation=cast.education, by=SYSTEM, at=at)
    child = ItemNeeds(
        cast.education.code,
        "511A0138000000",
        "入学",
        [Wanted("出生医学证明", law="义务教育法")],
        ["入学通知书"],
    )
    actions.declare_item_needs([child], by=SYSTEM, at=at)
    title, number = "中华人民共和国居民身份证法", "主席令第四号"
    law = {"title": title, "document_number": number, "rank": "法律", "in_force_on": "2004-01-01"}
    actions.keep_listing("regulation", law, by=SYSTEM, at=at)
    fields = f"身份证号 | id_number | C | 18 | DE00001 | {PERMITS} | id_number\n监护人意见 | opinion | M"
    form = {
        "name": "入学申请表",
        "organisation": cast.education.code,
        "service_item": "入学",
        "fields": fields,
    }
    actions.keep_listing("form", form, by=SYSTEM, at=at)
    age = {"label": "入学年龄", "kind": "数值", "value": "6", "unit": "周岁", "valid_from": "2026-01-01"}
    actions.keep_listing("parameter", age, by=SYSTEM, at=at)
    actions.keep_listing(
        "parameter", {**age, "value": "7", "valid_from": "2026-09-01"}, identifier="P00001", by=SYSTEM, at=at
    )
    Resource.objects.filter(code=PERMITS).update(stale_on=date(2026, 1, 5))


def pictured(page: Page, name: str, language: str) -> None:
    if not PICTURES:
        return
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=f"{PICTURES}/{name}-{language}-{scheme}-{width}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_compiling_is_sound(live_server: LiveServer, tmp_path: Path, language: str) -> None:
    _cast, pages = furnished(tmp_path)
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
                    faults[path] = found
                pictured(page, name, language)

    try:
        in_chromium(look)
    finally:
        (settings.NODE.home / "sources.json").unlink()
    assert (json.dumps(faults, ensure_ascii=False, indent=1), complaints) == ("{}", [])


def test_an_entry_from_the_form_to_the_catalogue(live_server: LiveServer) -> None:
    assemble()

    def work(browser: Browser) -> None:
        address = live_server.url
        officer = visit(browser, address, "luo", "zh", [])
        officer.goto(f"{address}/find/new/")
        for label, text in (
            ("信息资源代码", "3070511600001/"), ("信息资源名称", "出租房屋登记"),
        ):  # fmt: skip
            officer.get_by_label(label, exact=True).fill(text)
        officer.get_by_label("共享类型", exact=True).select_option("无条件共享")
        officer.get_by_label("信息项名称 1", exact=True).fill("房屋地址")
        officer.get_by_label("信息项英文名 1", exact=True).fill("address")
        officer.get_by_role("button", name="保存草稿").click()
        expect(officer.locator("h1")).to_have_text("出租房屋登记")
        entry = officer.url
        officer.get_by_role("button", name="送审").click()
        approver = visit(browser, address, "jiang", "zh", [])
        approver.goto(f"{address}/todo/")
        approver.get_by_role("link", name="出租房屋登记").click()
        approver.get_by_role("button", name="同意").click()
        bureau = visit(browser, address, "tian", "zh", [])
        bureau.goto(f"{address}/find/drafts/")
        bureau.get_by_label("勾选：出租房屋登记").check()
        bureau.get_by_role("button", name="发布所选").click()
        expect(bureau.locator(".notice")).to_contain_text("1 条办成")
        stranger = browser.new_page()
        stranger.goto(f"{address}/find/?q=出租房屋")
        stranger.get_by_role("link", name="出租房屋登记").first.click()
        expect(stranger).to_have_url(entry)
        expect(stranger.locator("h1")).to_have_text("出租房屋登记")
        expect(stranger.locator("#items")).to_be_visible()

    in_chromium(work)


def test_an_element_is_edited_and_a_need_answered(live_server: LiveServer) -> None:
    cast = assemble()
    actions.load_standards(revision="2026", by=SYSTEM, at=clock.now())

    def work(browser: Browser) -> None:
        address = live_server.url
        bureau = visit(browser, address, "tian", "zh", [])
        bureau.goto(f"{address}/find/elements/DE00008/")
        bureau.get_by_role("link", name="编辑").click()
        bureau.get_by_label("同义词").fill("电话\n手机号\n联系方式")
        bureau.get_by_label("修改原因（随修订保存）").fill("补充同义词")
        bureau.get_by_role("button", name="保存").click()
        expect(bureau.locator("main")).to_contain_text("联系方式")
        expect(bureau.locator("main")).to_contain_text("补充同义词")
        needing = visit(browser, address, "xu", "zh", [])
        needing.goto(f"{address}/find/duties/?list=demand")
        needing.locator("#needs").fill("不动产登记 | 入学 | 义务教育法")
        needing.get_by_role("button", name="提出需求").click()
        bureau.goto(f"{address}/todo/")
        bureau.get_by_role("link", name="不动产登记").click()
        bureau.locator("summary", has_text="依法负责").click()
        bureau.locator("#provider").select_option(cast.police.code)
        bureau.locator("#law").fill("《不动产登记暂行条例》")
        bureau.get_by_role("button", name="交办", exact=True).click()
        asked = visit(browser, address, "luo", "zh", [])
        asked.goto(f"{address}/todo/")
        asked.get_by_role("link", name="不动产登记").click()
        asked.get_by_label("本部门不掌握，理由如下").check()
        asked.get_by_label("理由", exact=True).fill("由自然资源部门掌握")
        asked.get_by_role("button", name="答复").click()
        expect(asked.locator("h1 + p")).to_contain_text("不掌握")
        needing.reload()
        expect(needing.locator("main")).to_contain_text("已答复不掌握")

    in_chromium(work)
