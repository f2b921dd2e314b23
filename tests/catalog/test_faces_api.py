"""The JSON API: what it says, pages, filters, refusals, ETags; and that its OpenAPI document tells the truth."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.cast import NODE, NOON, PERMITS, POLICE, Cast, assemble, content, publish_permits

from guantong.catalog import actions
from guantong.catalog.search import finding
from guantong.identity.queries import actor
from guantong.journal.types import SYSTEM

pytestmark = pytest.mark.django_db
API = "/api/catalog/v1"
SECOND = "3070511600001/000002"


@pytest.fixture
def cast(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    monkeypatch.setattr(settings, "NODE", replace(settings.NODE, home=tmp_path))
    found = assemble()
    publish_permits(found)
    publish_permits(found, code=SECOND, name="暂住登记", related=[PERMITS], update_cycle="monthly")
    actions.number_changes(by=SYSTEM, at=NOON)
    yield found
    finding.index_at.cache_clear()


@pytest.fixture
def document(cast: Cast, client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{API}/openapi.json").json()
    return found


def told(client: Client, document: dict[str, Any], path: str, name: str, **query: Any) -> dict[str, Any]:
    """An answer, once it is what the document promises."""
    response = client.get(API + path, query)
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    Draft202012Validator(schema).validate(body)
    return body


def test_the_document_is_openapi_and_names_every_address(document: dict[str, Any]) -> None:
    validate(document)
    assert set(document["paths"]) == {
        "/entries", "/entries/{code}", "/entries/{code}/items", "/entries/{code}/versions",
        "/entries/{code}/versions/{number}", "/changes",
    }  # fmt: skip
    names = {each["name"] for each in document["paths"]["/entries"]["get"]["parameters"]}
    assert {"q", "linked", "medium", "cursor", "facets"} <= names


def test_every_answer_is_what_the_document_says(client: Client, document: dict[str, Any]) -> None:
    page = told(client, document, "/entries", "EntryPage", facets="department,sharing")
    assert (page["total"], page["facets"]["department"]) == (2, {POLICE: 2})
    entry = told(client, document, f"/entries/{SECOND}", "Entry")
    assert entry["content"]["name"] == "暂住登记"
    assert entry["linked"] == "no"
    assert entry["related"][0]["code"] == PERMITS
    assert "declared" in entry["related"][0]["reasons"]
    assert entry["links"]["page"].endswith(f"/find/{SECOND}/")
    items = told(client, document, f"/entries/{PERMITS}/items", "Items")
    assert [item["name"] for item in items["items"]] == ["id_number", "residence_division", "valid_to"]
    versions = told(client, document, f"/entries/{PERMITS}/versions", "Versions")
    assert [row["version"] for row in versions["versions"]] == [1]
    assert told(client, document, f"/entries/{PERMITS}/versions/1", "Version")["content"]["code"] == PERMITS
    assert client.get(f"{API}/").json()["node"] == NODE


def test_pages_go_on_by_cursor(client: Client, document: dict[str, Any]) -> None:
    first = told(client, document, "/entries", "EntryPage", limit=1, sort="name")
    rest = client.get(first["next"]).json()
    assert {first["entries"][0]["code"], rest["entries"][0]["code"]} == {PERMITS, SECOND}
    assert (rest["cursor"], rest["next"]) == ("", "")
    found = told(client, document, "/entries", "EntryPage", q="暂住", cycle="monthly", sharing="conditional")
    assert [entry["code"] for entry in found["entries"]] == [SECOND]


def test_changes_are_followed_by_number(client: Client, document: dict[str, Any], cast: Cast) -> None:
    first = told(client, document, "/changes", "Changes", limit=1)
    assert first["is_more"]
    second = client.get(first["next"]).json()
    assert not second["is_more"]
    actions.withdraw(publish(cast), by=actor(cast.jiang), at=NOON)
    actions.number_changes(by=SYSTEM, at=NOON)
    (gone,) = told(client, document, "/changes", "Changes", after=second["after"])["changes"]
    assert (gone["code"], gone["is_withdrawal"]) == (PERMITS, True)
    answer = client.get(f"{API}/entries/{PERMITS}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "resource_withdrawn")
    assert client.get(f"{API}/entries/{PERMITS}/versions/1").status_code == 410
    assert client.get(f"{API}/entries/{PERMITS}/versions").status_code == 200


def publish(cast: Cast) -> Any:
    from guantong.catalog.models import Resource

    return Resource.objects.get(code=PERMITS)


def test_drafts_are_not_known_outside_even_to_their_department(client: Client, cast: Cast) -> None:
    draft = "3070511600001/000009"
    actions.draft(
        actions.read_content(content(code=draft, name="机密草稿")), node=NODE, by=actor(cast.luo), at=NOON
    )
    secret = content(name="居住证信息（未发布的修改）")
    actions.draft(actions.read_content(secret), node=NODE, by=actor(cast.luo), at=NOON)
    client.force_login(cast.luo)
    for path in (f"/entries/{draft}", f"/entries/{draft}/versions", f"/entries/{draft}/items"):
        assert client.get(API + path).status_code == 404, path
    for path in ("/entries?limit=100", f"/entries/{PERMITS}", "/changes", f"/entries/{SECOND}"):
        text = client.get(API + path).content.decode()
        assert "机密草稿" not in text, path
        assert "未发布的修改" not in text, path
    for path in ("/dcat/catalogue.ttl", f"/find/{PERMITS}.ttl"):
        response = client.get(path)
        text = b"".join(response).decode()
        assert "居住证信息" in text, path
        assert "机密草稿" not in text, path
        assert "未发布的修改" not in text, path


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/entries?colour=red", 400, "parameter_unknown"),
        ("/entries?limit=0", 400, "parameter_wrong"),
        ("/entries?limit=9999", 400, "parameter_wrong"),
        ("/entries?facets=colour", 400, "parameter_wrong"),
        ("/entries?sort=colour", 400, "search_unreadable"),
        ("/entries?region=x", 400, "search_unreadable"),
        ("/entries?stage=draft", 400, "parameter_unknown"),
        ("/changes?after=-1", 400, "parameter_wrong"),
        ("/changes?after=99999999999999999999", 400, "parameter_wrong"),
        ("/entries/3070511600001/999999", 404, "resource_unknown"),
        (f"/entries/{PERMITS}/versions/9", 404, "version_unknown"),
        ("/nothing", 404, "page_unknown"),
    ],
)
def test_refusals_have_a_code_and_both_languages(
    client: Client, document: dict[str, Any], path: str, status: int, code: str
) -> None:
    response = client.get(API + path)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert set(response.json()["error"]["message"]) == {"zh", "en"}
    schema = {"$ref": "#/components/schemas/Refusal", "components": document["components"]}
    Draft202012Validator(schema).validate(response.json())


def test_it_is_read_only_public_and_kept(client: Client, cast: Cast) -> None:
    first = client.get(f"{API}/entries/{PERMITS}")
    assert first["Access-Control-Allow-Origin"] == "*"
    assert "Cookie" not in first.get("Vary", "")
    assert "no-store" not in first["Cache-Control"]
    again = client.get(f"{API}/entries/{PERMITS}", headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{API}/entries/{PERMITS}", headers={"if-none-match": '"x"'}).status_code == 200
    assert client.post(f"{API}/entries").status_code == 405
    assert client.head(f"{API}/entries").status_code == 200
    assert json.loads(client.get(f"{API}/entries", headers={"accept": "text/html"}).content)["total"] == 2
