"""Linking on pages: the mapping, what is refused, how it stands, who may see it, and entries without data."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from tests.cast import NOON, PERMITS, Cast, assemble, content, publish_permits

from guantong.catalog import actions
from guantong.catalog.models import Link, Resource
from guantong.catalog.search import finding
from guantong.federation.actions.publishing import _bindings
from guantong.identity.queries import actor
from guantong.journal.types import SYSTEM
from guantong.kit import clock

pytestmark = pytest.mark.django_db
PLACE = {"source": "police", "table": "permits"}
MAPPED = {
    "column-id_number": "sfzh",
    "column-residence_division": "xzqh",
    "column-valid_to": "yxqz",
    "fresh": "gxsj",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "police.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE permits (sfzh text, xzqh text, yxqz date, gxsj datetime, photo blob)"
        )
        connection.execute(
            "INSERT INTO permits VALUES ('1', '511602', '2027-01-01', ?, NULL)", [clock.rfc3339(clock.now())]
        )
        connection.commit()
    known = {
        "police": f"sqlite:///{path}",
        "files": f"file://{tmp_path}",
        "api": "http://127.0.0.1:9/api",
        "mail": "nats://x",
    }
    (tmp_path / "sources.json").write_text(json.dumps(known))
    monkeypatch.setattr(settings, "NODE", replace(settings.NODE, home=tmp_path))
    yield tmp_path
    finding.index_at.cache_clear()


@pytest.fixture
def cast(home: Path) -> Cast:
    found = assemble()
    publish_permits(found)
    return found


def signed_in(client: Client, person: Any) -> Client:
    client.force_login(person)
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_a_table_is_chosen_mapped_and_linked(cast: Cast, client: Client) -> None:
    luo = signed_in(client, cast.luo)
    page = text_of(luo.get(f"/find/{PERMITS}/link"))
    assert "police · 库表" in page
    assert "mail" not in page
    assert "<option>permits</option>" in text_of(luo.get(f"/find/{PERMITS}/link?source=police"))
    page = text_of(luo.get(f"/find/{PERMITS}/link", PLACE))
    assert '<option value="sfzh" selected>' in page, "suggested by what the name means"
    assert '<option value="gxsj" selected>' in page
    answer = luo.post(f"/find/{PERMITS}/link", {**PLACE, **MAPPED, "save": "1"}, follow=True)
    assert "已挂接" in text_of(answer)
    link = Link.objects.get()
    assert (link.columns["id_number"], link.fresh, link.dialect) == ("sfzh", "gxsj", "sqlite")
    assert link.health.state == "well"
    assert "核查时间" in text_of(luo.get(f"/find/{PERMITS}/"))


def test_what_does_not_fit_is_refused_in_words(cast: Cast, client: Client) -> None:
    luo = signed_in(client, cast.luo)
    for changes, said in (
        ({"column-valid_to": "photo"}, "类型不符：valid_to: photo"),
        ({"column-id_number": "nowhere"}, "id_number: nowhere"),
        (dict.fromkeys(MAPPED, ""), "至少对应一个信息项"),
        ({"fresh": "nowhere"}, "没有字段 nowhere"),
        ({"table": "gone"}, "无法读取"),
    ):
        answer = luo.post(f"/find/{PERMITS}/link", {**PLACE, **MAPPED, "save": "1", **changes})
        assert answer.status_code == 422, changes
        assert said in text_of(answer), changes
    assert not Link.objects.exists()


def test_a_folder_and_an_interface_are_offered_with_their_own_words(cast: Cast, client: Client) -> None:
    luo = signed_in(client, cast.luo)
    assert "HTTP 接口" in text_of(luo.get(f"/find/{PERMITS}/link"))
    assert "路径（以 / 开头）" in text_of(luo.get(f"/find/{PERMITS}/link?source=api"))
    assert "无法读取" in text_of(luo.get(f"/find/{PERMITS}/link?source=api&table=/x"))
    assert "个文件" in text_of(luo.get(f"/find/{PERMITS}/link?source=files&table=."))


def test_an_interface_is_not_in_the_configuration_yet(cast: Cast) -> None:
    resource = Resource.objects.get()
    given: dict[str, Any] = {"columns": {"id_number": "x"}, "by": actor(cast.luo), "at": NOON}
    actions.link(resource, source="api", dialect="http", table="/x", **given)
    assert _bindings() == {}
    actions.link(resource, source="police", dialect="sqlite", table="permits", **given)
    assert list(_bindings()) == [PERMITS]


def test_only_its_department_links_and_only_overseers_see_more(cast: Cast, client: Client) -> None:
    assert signed_in(client, cast.xu).get(f"/find/{PERMITS}/link").status_code == 403
    actions.link(
        Resource.objects.get(), source="secret", dialect="sqlite", table="t", columns={"id_number": "x"},
        by=actor(cast.luo), at=NOON,
    )  # fmt: skip
    assert "secret" not in text_of(client.get(f"/find/{PERMITS}/"))
    assert client.get(f"/find/{PERMITS}/link/history").status_code == 404
    assert client.get("/find/links/?format=json").json()["rows"] == []
    assert "secret" not in text_of(Client().get(f"/find/{PERMITS}/"))
    gao = signed_in(client, cast.gao)
    assert "secret" in text_of(gao.get(f"/find/{PERMITS}/link/history"))
    assert [row["state"] for row in gao.get("/find/links/?format=json").json()["rows"]] == [""]
    assert gao.get("/find/links/?state=new&format=json").json()["total"] == 1
    assert gao.get("/find/links/?state=broken&format=json").json()["total"] == 0


def test_somebody_looks_now_and_takes_it_away(cast: Cast, client: Client) -> None:
    luo = signed_in(client, cast.luo)
    assert luo.post(f"/find/{PERMITS}/link/check").status_code == 404
    luo.post(f"/find/{PERMITS}/link", {**PLACE, **MAPPED, "save": "1"})
    assert luo.post(f"/find/{PERMITS}/link/check").status_code == 302
    rows = luo.get(f"/find/{PERMITS}/link/history?format=json").json()["rows"]
    assert [(row["state"], row["rows"]) for row in rows] == [("well", 1), ("well", 1)]
    assert "已解除" in text_of(luo.post(f"/find/{PERMITS}/link/remove", follow=True))
    assert not Link.objects.exists()


def test_entries_without_data_are_listed_and_counted(cast: Cast, client: Client, home: Path) -> None:
    xu = signed_in(client, cast.xu)
    rows = xu.get("/find/without-data/?format=json").json()["rows"]
    assert [(row["code"], row["why"]) for row in rows] == [(PERMITS, "never")]
    actions.link(
        Resource.objects.get(), source="police", dialect="sqlite", table="gone", columns={"id_number": "sfzh"},
        by=actor(cast.luo), at=NOON,
    )  # fmt: skip
    assert xu.get("/find/without-data/?format=json").json()["total"] == 0, "nobody has looked yet"
    actions.check_link(Link.objects.get(), {"police": f"sqlite:///{home}/police.sqlite3"}, by=SYSTEM, at=NOON)
    assert xu.get("/find/without-data/?why=broken&format=json").json()["total"] == 1
    assert xu.get("/find/without-data/?why=stale&format=json").json()["total"] == 0
    (share,) = xu.get("/find/without-data/?list=departments&format=json").json()["rows"]
    assert (share["entries"], share["never"], share["broken"], share["linked_percent"]) == (1, 0, 1, 0)
    assert "广安市公安局" in text_of(xu.get("/find/without-data/?list=departments"))
    assert "中断" in text_of(xu.get("/find/without-data/"))
    assert xu.get("/find/without-data/?format=xlsx").status_code == 200
    assert Client().get("/find/without-data/").status_code == 302


def test_related_entries_say_why(cast: Cast, client: Client) -> None:
    other = "3070511600001/000002"
    items = [
        {**item, "element": "DE00001" if item["name"] == "id_number" else ""} for item in content()["items"]
    ]
    publish_permits(cast, code=other, name="暂住登记", items=items)
    publish_permits(cast, code="3070511600001/000003", name="居住登记", items=items, related=[other])
    page = text_of(client.get("/find/3070511600001/000003/"))
    assert "提供方声明的关联" in page
    assert "同一数据元：DE00001" in page
    assert "同一部门" in page
    assert "相关" in page or "关联资源" in page
