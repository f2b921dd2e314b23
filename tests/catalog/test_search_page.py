"""The page that finds entries: facets, chips, suggestions, exports, kept searches; with the index and without it."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from tests.cast import NODE, NOON, PERMITS, POLICE, Cast, assemble, content, publish_permits

from guantong.catalog import actions
from guantong.catalog.models import Resource, ResourceVersion
from guantong.catalog.search import finding, keeping
from guantong.catalog.search.generations import EmbeddedIndex
from guantong.catalog.search.models import SavedSearch
from guantong.journal.types import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def index(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedIndex]:
    monkeypatch.setattr(settings, "NODE", replace(settings.NODE, home=tmp_path))
    yield finding.own_index()
    finding.index_at.cache_clear()


@pytest.fixture
def cast() -> Cast:
    found = assemble()
    publish_permits(found)
    return found


def text_of(response: Any) -> str:
    return str(response.content.decode())


def whole(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_a_search_finds_marks_and_counts(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    keeping.build_now(index)
    page = text_of(client.get("/find/", {"q": "居住證"}))
    assert "<mark>居住证</mark>信息" in page
    assert "有条件共享" in page
    assert "notice wait" not in page
    nothing = text_of(client.get("/find/", {"q": "没有这样的"}))
    assert 'class="empty"' in nothing


def test_without_an_index_the_database_answers_and_the_page_says_so(
    cast: Cast, index: EmbeddedIndex, client: Client
) -> None:
    page = text_of(
        client.get("/find/", {"q": "居住证", "sharing": "conditional", "open": "no", "level": "3"})
    )
    assert "检索索引正在建立" in page
    assert f"/find/{PERMITS}/" in page
    found = client.get("/find/?format=json&limit=5&q=居住证&kind=3&linked=no&medium=database").json()
    assert (found["is_plain"], found["total"]) == (True, 1)
    assert client.get("/find/?format=json&limit=5&open=yes").json()["total"] == 0


def test_a_filter_is_a_chip_with_a_way_back(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    keeping.build_now(index)
    page = text_of(client.get("/find/", {"q": "居住证", "department": POLICE, "region": "5116"}))
    assert "部门: 广安市公安局" in page
    assert 'href="?q=%E5%B1%85%E4%BD%8F%E8%AF%81&amp;region=5116"' in page, "the department can be dropped"
    assert f'href="?q=%E5%B1%85%E4%BD%8F%E8%AF%81&amp;department={POLICE}&amp;region=51"' in page, (
        "one level up"
    )


def test_the_json_has_counts_and_a_cursor(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    for number in range(2, 6):
        publish_permits(cast, code=f"3070511600001/{number:06}", name=f"居住证信息{number}")
    keeping.build_now(index)
    first = client.get("/find/?format=json&limit=3&q=居住证").json()
    assert (first["total"], len(first["rows"]), first["facets"]["sharing"]) == (5, 3, {"conditional": 5})
    second = client.get(f"/find/?format=json&limit=3&q=居住证&cursor={first['cursor']}").json()
    codes = [row["code"] for row in first["rows"] + second["rows"]]
    assert (len(codes), len(set(codes)), second["cursor"]) == (5, 5, "")
    refused = client.get(f"/find/?format=json&limit=3&q=其他&cursor={first['cursor']}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "cursor_unreadable")


def test_all_hits_are_exported(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    for number in range(2, 6):
        publish_permits(cast, code=f"3070511600001/{number:06}", name=f"=居住证{number}")
    keeping.build_now(index)
    rows = list(csv.DictReader(io.StringIO(whole(client.get("/find/?format=csv&q=居住证")).lstrip("\ufeff"))))
    assert len(rows) == 5
    assert {row["name"][:2] for row in rows} == {"居住", "'="}, "no cell is a formula"
    assert client.get("/find/?format=json&q=居住证").json()["total"] == 5


@pytest.mark.parametrize(
    "query",
    ["sort=upside", "limit=0", "limit=100000", "limit=x", "region=5", "region=51&region=52", "cursor=%25%25", "cursor=AAAA",
     "department=" + "x" * 90],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(cast: Cast, index: EmbeddedIndex, client: Client, query: str) -> None:
    keeping.build_now(index)
    answer = client.get(
        f"/find/?format=json&limit=3&{query}" if "limit" not in query else f"/find/?format=json&{query}"
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"search_unreadable", "cursor_unreadable"}


@pytest.mark.parametrize(
    "words",
    ['"', "'", "a AND (", "name:*", "*", "?", "\\", "[a TO b]", "居住证~2", "^5 +- && || !", "😀",
     "居" * 1500, "\u202e", "x" * 5000,
     "居住证 OR 1=1 --", "<script>alert(1)</script>", "%", "_", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")],
)  # fmt: skip
def test_no_sign_in_a_search_means_anything(
    cast: Cast, index: EmbeddedIndex, client: Client, words: str
) -> None:
    keeping.build_now(index)
    answer = client.get("/find/", {"q": words})
    too_long = len(words.encode()) * 3 > 8_000
    assert answer.status_code in ({200, 400, 413, 414} if too_long else {200})
    assert "<script>alert" not in text_of(answer)
    assert client.get("/find/suggest", {"q": words}).status_code in {200, 400, 413, 414}


def test_what_entries_say_is_escaped(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    publish_permits(cast, name="<img src=x>居住证</mark>", summary="<b>居住证</b>" * 30)
    keeping.build_now(index)
    page = text_of(client.get("/find/?q=居住证"))
    assert "&lt;img src=x&gt;<mark>居住证</mark>&lt;/mark&gt;" in page
    assert "<b>" not in page.partition('id="found"')[2].partition("<aside")[0]


def test_nul_in_an_address_is_refused(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    assert client.get("/find/?q=%00").status_code == 400


def test_suggestions_by_pinyin(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    keeping.build_now(index)
    rows = client.get("/find/suggest?format=json&q=jzz").json()["rows"]
    assert rows[0] == {"text": "居住证信息", "kind": "name", "total": 1}
    assert "居住证信息" in text_of(client.get("/find/?q=jzz")), "without scripts, too"
    assert client.get("/find/suggest?format=json&q=").json()["rows"] == []


def test_drafts_are_found_by_their_department_alone(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    secret = content(code="3070511600001/000009", name="居住证内部草稿")
    actions.draft(actions.read_content(secret), node=NODE, by=cast.as_actor(cast.luo), at=NOON)
    keeping.build_now(index)
    seen = {}
    for person in (None, cast.luo, cast.xu, cast.tian, cast.gao):
        client.logout()
        if person:
            client.force_login(person)
        found = client.get("/find/?format=json&limit=9&drafts=1&q=居住证").json()
        seen[person.username if person else ""] = (found["total"], found["facets"]["stage"])
    assert seen.pop("luo") == (2, {"published": 1, "draft": 1})
    assert set(map(str, seen.values())) == {"(1, {'published': 1})"}
    assert "内部草稿" not in json.dumps(
        client.get("/find/suggest?format=json&q=居住证").json(), ensure_ascii=False
    )


def test_a_search_is_kept_and_tells_of_news(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    client.force_login(cast.xu)
    kept = client.post(
        "/find/saved/keep", {"name": "居住", "query": "q=居住证&format=csv", "tells_news": "1"}
    )
    assert kept.headers["Location"] == "/find/?q=%E5%B1%85%E4%BD%8F%E8%AF%81"
    actions.number_changes(by=SYSTEM, at=NOON)
    keeping.build_now(index)
    keeper = keeping.Keeper(index, start=lambda: pytest.fail("the index is whole"))
    keeper.tend()
    publish_permits(cast, code="3070511600001/000002", name="居住证签注")
    publish_permits(cast, code="3070511600001/000003", name="法人基本信息", summary="")
    actions.number_changes(by=SYSTEM, at=NOON)
    keeper.tend()
    saved = SavedSearch.objects.get()
    assert saved.news == 1
    page = text_of(client.get("/find/"))
    assert "新增 1" in page
    assert client.get(f"/find/saved/{saved.uuid}/").status_code == 302
    assert SavedSearch.objects.get().news == 0
    client.force_login(cast.luo)
    assert client.get(f"/find/saved/{saved.uuid}/").status_code == 404, "it is somebody else's"
    assert client.post(f"/find/saved/{saved.uuid}/forget").status_code == 404
    client.force_login(cast.xu)
    assert client.get("/find/saved/?format=json").json()["total"] == 1
    client.post(f"/find/saved/{saved.uuid}/forget")
    assert not SavedSearch.objects.exists()
    assert client.post("/find/saved/keep", {"name": " ", "query": ""}).status_code == 400


def test_a_catalogue_that_flows_in_is_built_once_it_is_whole(
    cast: Cast, index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.build_now(index)
    publish_permits(cast, code="3070511600001/000002", name="居住证签注")
    actions.number_changes(by=SYSTEM, at=NOON)
    monkeypatch.setattr(keeping, "FLOOD", 1)
    monkeypatch.setattr(keeping, "QUIET_S", 0.0)
    flowing, begun = [True], []

    class Running:
        def poll(self) -> int | None:
            return None

    def start() -> Running:
        begun.append(1)
        return Running()

    keeper = keeping.Keeper(index, start=start, is_flowing=lambda: flowing[0])
    assert [keeper.tend() for _ in range(3)] == [0, 0, 0]
    assert not begun, "more is on its way"
    flowing[0] = False
    keeper.tend()
    assert begun == [1]


def test_changes_are_followed(cast: Cast, index: EmbeddedIndex, client: Client) -> None:
    keeping.build_now(index)
    keeper = keeping.Keeper(index, start=lambda: pytest.fail("the index is whole"))

    def codes(words: str) -> list[str]:
        return [row["code"] for row in client.get(f"/find/?format=json&limit=9&q={words}").json()["rows"]]

    publish_permits(cast, name="居住许可信息", summary="新的说明")
    actions.number_changes(by=SYSTEM, at=NOON)
    assert keeper.tend() == 1
    assert (codes("居住许可"), codes("居住证")) == ([PERMITS], [])
    actions.withdraw(Resource.objects.get(code=PERMITS), by=cast.as_actor(cast.jiang), at=NOON)
    assert codes("居住许可") == [], "the database has the last word at once"
    actions.number_changes(by=SYSTEM, at=NOON)
    keeper.tend()
    assert client.get("/find/?format=json&limit=9&q=居住许可").json()["total"] == 0
    assert ResourceVersion.objects.filter(number__isnull=True).count() == 0
