"""The form of an entry, judged cell by cell; the node's own fields."""

import re
from typing import Any

import pytest
from django.test import Client
from tests.cast import NODE, NOON, PERMITS, POLICE, Cast, assemble, content, publish_permits

from guantong.catalog import actions
from guantong.catalog.models import ExtensionField, Resource
from guantong.identity.actions import register_person
from guantong.journal.types import SYSTEM

pytestmark = pytest.mark.django_db


def client(cast: Cast, name: str) -> Client:
    visitor = Client()
    visitor.force_login(getattr(cast, name))
    return visitor


def filled(page: str) -> dict[str, str]:
    """What a browser would send back of the form, untouched."""
    form = page[page.index('name="rows"') - 60 : page.rindex("</form>")]
    values = dict(re.findall(r'<input[^>]*? name="(\d+(?:-\d+)?|rows)" value="([^"]*)"', form))
    values |= dict(re.findall(r'<textarea[^>]*? name="(\d+)">([^<]*)</textarea>', form))
    for key, options in re.findall(r'<select [^>]*?name="([\d-]+)"[^>]*>(.*?)</select>', form):
        chosen = re.search(r"<option selected>([^<]*)", options)
        values[key] = chosen[1] if chosen else ""
    return {"rows": re.search(r'name="rows" value="(\d+)"', page)[1], **values}  # type: ignore[index]


def key(page: str, label: str) -> str:
    """The key of the box with that label."""
    return re.search(rf'<label for="b(\d+)">{label}</label>', page)[1]  # type: ignore[index]


def test_an_entry_is_written_on_the_page() -> None:
    cast = assemble()
    luo = client(cast, "luo")
    page = luo.get("/find/new/").content.decode()
    form = filled(page)
    told = {
        "信息资源代码": "3070511600001/",
        "信息资源名称": "户籍",
        "共享类型": "有条件共享",
        "共享条件": "办事",
    }
    form |= {key(page, label): value for label, value in told.items()}
    item = next(name.partition("-")[0] for name in form if name.endswith("-0"))
    form |= {f"{item}-0": "姓名", f"{int(item) + 1}-0": "full_name", f"{int(item) + 4}-0": "9"}
    refused = luo.post("/find/new/", form)
    assert refused.status_code == 422
    assert "应为 1 至 4 的整数" in refused.content.decode()
    assert 'value="户籍"' in refused.content.decode()
    assert luo.post("/find/new/", {**form, f"{int(item) + 4}-0": "3"}).status_code == 302
    resource = Resource.objects.get()
    assert (resource.code, resource.draft["provider"]) == ("3070511600001/000001", POLICE)
    assert resource.draft["items"][0]["label"] == "姓名"
    assert client(cast, "xu").get(f"/find/{resource.code}/edit").status_code == 403
    assert client(cast, "gao").get("/find/new/").status_code == 403


def test_saving_without_a_change_changes_nothing() -> None:
    cast = assemble()
    words: dict[str, Any] = content(
        summary="第一行\n=第二行", sharing_ways=["paper"], keywords=["-甲"], is_open=True
    )
    actions.draft(actions.read_content(words), node=NODE, by=SYSTEM, at=NOON)
    before = Resource.objects.get().draft
    page = client(cast, "luo").get(f"/find/{PERMITS}/edit").content.decode()
    assert client(cast, "luo").post(f"/find/{PERMITS}/edit", filled(page)).status_code == 302
    assert Resource.objects.get().draft == before


def test_more_rows_keep_what_was_typed() -> None:
    cast = assemble()
    publish_permits(cast)
    luo = client(cast, "luo")
    form = filled(luo.get(f"/find/{PERMITS}/edit").content.decode())
    page = luo.post(f"/find/{PERMITS}/edit", {**form, "more": "1"})
    assert page.context["count"] == int(form["rows"]) + 3
    assert Resource.objects.get().draft is None
    for hostile in ("x", "99999999", "-1", ""):
        assert luo.post(f"/find/{PERMITS}/edit", {**form, "rows": hostile}).status_code in {302, 422}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_fields_are_declared_by_the_operator(language: str) -> None:
    cast = assemble()
    operator = register_person(
        "an",
        "安管",
        password="an-password-1",
        roles=["operator"],
        organisation=cast.bureau,
        by=SYSTEM,
        at=NOON,
    )
    an = Client()
    an.force_login(operator)
    an.cookies["django_language"] = language
    form = {
        "name": "secrecy",
        "label": "涉密属性",
        "kind": "choice",
        "choices": "非涉密 内部",
        "is_required": "on",
    }
    assert client(cast, "luo").post("/find/fields/", form).status_code == 403
    assert an.post("/find/fields/", form).status_code == 302
    assert ExtensionField.objects.get().choices == ["非涉密", "内部"]
    for wrong in ({"name": "A"}, {"kind": "x"}, {"choices": ""}, {"name": "other"}):
        assert an.post("/find/fields/", {**form, **wrong}).status_code == 200
    assert ExtensionField.objects.count() == 1
    assert "扩展·涉密属性" in client(cast, "luo").get("/find/new/").content.decode()
    an.post("/find/fields/", {"retire": "secrecy"})
    assert "扩展·涉密属性" not in client(cast, "luo").get("/find/new/").content.decode()
