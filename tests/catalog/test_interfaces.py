"""A department's HTTP interface as part of an entry: its rules, its pages, its document, its way into the bundle."""

import json
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.test import Client
from tests.cast import NOON, PERMITS, Cast, assemble, content, publish_permits
from tests.catalog.interface_server import serving

from guantong.bundle.services import Operation, Parameter, Service
from guantong.catalog import actions
from guantong.catalog.comparing import differences
from guantong.catalog.errors import ContentWrong
from guantong.catalog.interfaces import checking, openapi
from guantong.catalog.interfaces.types import OperationContent
from guantong.catalog.links.types import ServiceTerms
from guantong.catalog.models import Link, Resource
from guantong.catalog.types import ResourceContent
from guantong.federation.actions.publishing import compile_bundle
from guantong.identity.models import Person
from guantong.journal.types import SYSTEM
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db
ITEMS = {"id_number", "residence_division", "valid_to"}
BY_ID: dict[str, Any] = {
    "method": "GET",
    "path": "/permits/{id}",
    "label": "按公民身份号码查询",
    "parameters": {"id": {"where": "path", "item": "id_number", "required": True}},
    "items": {"residence_division": "/data/*/area", "valid_to": "/data/*/until"},
    "rows": "/data/*",
    "passed": ["/code"],
    "cache_s": 30,
}


def operation(**changes: Any) -> OperationContent:
    return msgspec.convert({**BY_ID, **changes}, OperationContent)


def said(**changes: Any) -> list[str]:
    return [en for _, en in checking.faults({"by_id": operation(**changes)}, ITEMS, [["id_number"]])]


def test_a_sound_interface_breaks_no_rule() -> None:
    assert said() == []
    assert actions.read_content(content(operations={"by_id": BY_ID})).operations["by_id"] == operation()


KEY = BY_ID["parameters"]["id"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "permits/{id}"}, "begins with /"),
        ({"path": "/permits/../{id}"}, "not in plain form"),
        ({"path": "/permits//{id}"}, "not in plain form"),
        ({"path": "/a%2fb/{id}"}, "not in plain form"),
        ({"path": "/a/x{id}"}, "not in plain form"),
        ({"path": "/a;b/{id}"}, "not in plain form"),
        ({"path": "/a/{id}/{id}"}, "twice"),
        ({"path": "/a/{id}/{other}"}, "not declared"),
        ({"path": "/permits"}, "does not stand in its path"),
        ({"parameters": {"id": {**KEY, "item": "nothing"}}}, "unknown item"),
        ({"parameters": {"id": {**KEY, "required": False}}}, "keeps its name"),
        ({"parameters": {"id": {**KEY, "sent_as": "ident"}}}, "keeps its name"),
        ({"parameters": {"id": KEY, "a b": {"where": "query"}}}, "letters, digits"),
        ({"parameters": {"id": KEY, "x": {"where": "json"}}}, "must be JSON"),
        ({"parameters": {"id": KEY, "x": {"where": "header", "sent_as": "Connection"}}}, "header connection"),
        ({"parameters": {"id": KEY, "x": {"where": "header", "sent_as": "X-Forwarded-For"}}}, "header"),
        ({"parameters": {"id": KEY, "authorization": {"where": "header"}}}, "header authorization"),
        ({"parameters": {"id": KEY, "x": {"where": "header", "sent_as": "a:b"}}}, "header"),
        (
            {"parameters": {"id": KEY, "a": {"where": "query", "sent_as": "q"}, "q": {"where": "query"}}},
            "sent as q",
        ),
        ({"parameters": {"id": KEY, "b": {"where": "query", "item": "id_number"}}}, "stand for the item"),
        ({"parameters": {"id": {"where": "path", "required": True}}}, "declared keys"),
        ({"method": "POST", "cache_s": 0}, "declared keys"),
        ({"method": "POST"}, "may be given again"),
        ({"body": "json"}, "have no body"),
        ({"items": {"nothing": "/data/*/x"}}, "no item"),
        ({"items": {"valid_to": "data/*/x"}}, "should look like"),
        ({"items": {"valid_to": "/data/*/~2"}}, "should look like"),
        ({"items": {"valid_to": "/total"}}, "outside the rows"),
        ({"items": {"valid_to": "/data/*/a", "residence_division": "/data/*/a/b"}}, "holds that of"),
        ({"items": {"valid_to": "/data/*/a", "residence_division": "/data/*/a"}}, "holds that of"),
        ({"passed": ["/data"]}, "holds the rows"),
        ({"passed": [""]}, "holds the rows"),
        ({"passed": ["/data/*"]}, "holds the rows"),
        ({"passed": ["/data/*/area"]}, "overlaps"),
        ({"passed": ["/data/*/area/name"]}, "overlaps"),
        ({"rows": "", "passed": ["/data/0"]}, "overlaps"),
        ({"answer": "whole", "cache_s": 0}, "goes through whole"),
    ],
)
def test_each_rule_is_told(changes: dict[str, Any], words: str) -> None:
    assert any(words in sentence for sentence in said(**changes)), said(**changes)


def test_two_operations_cannot_be_told_apart_by_their_parameters_names() -> None:
    other = operation(path="/permits/{number}", parameters={"number": KEY})
    found = checking.faults({"by_id": operation(), "by_number": other}, ITEMS, [])
    assert "same method and path" in found[0][1]
    assert checking.faults({"By Id": operation()}, ITEMS, [])


def test_a_wrong_interface_is_refused_with_the_entry() -> None:
    with pytest.raises(ContentWrong) as refused:
        actions.read_content(content(operations={"by_id": {**BY_ID, "path": "/permits/../{id}"}}))
    assert refused.value.details["field"] == "operations"


def published(cast: Cast) -> Resource:
    return publish_permits(cast, operations={"by_id": BY_ID})


def linked(cast: Cast, resource: Resource) -> None:
    actions.link(
        resource, source="police-api", dialect="http", table="/health", columns={},
        service=ServiceTerms(timeout_ms=900, response_headers=["X-Request-Id"]), by=cast.as_actor(cast.luo), at=NOON,
    )  # fmt: skip


def test_an_interface_comes_into_the_bundle_with_its_link() -> None:
    cast = assemble()
    resource = published(cast)
    linked(cast, resource)
    bundle = compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=NOON)
    assert bundle.resources[PERMITS].operations["by_id"] == Operation(
        method="GET", path="/permits/{id}", parameters={"id": Parameter(where="path", item="id_number", required=True)},
        items=BY_ID["items"], passed=["/code"], rows="/data/*",
    )  # fmt: skip
    service = bundle.services[PERMITS]
    assert (service.source, service.timeout_ms, service.health) == ("police-api", 900, "/health")
    assert service.answer_limit == Service(resource="", source="").answer_limit, "as usual where nobody said"
    assert (service.cache_s, service.response_headers) == ({"by_id": 30}, ["X-Request-Id"])
    assert PERMITS not in bundle.bindings


def test_what_declares_no_operations_is_not_served() -> None:
    cast = assemble()
    linked(cast, publish_permits(cast))
    bundle = compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=NOON)
    assert (bundle.services, bundle.bindings) == ({}, {})


def test_versions_are_compared_operation_by_operation() -> None:
    before = actions.read_content(content(operations={"by_id": BY_ID}))
    after = actions.read_content(
        content(
            operations={
                "by_id": {**BY_ID, "path": "/v2/permits/{id}"},
                "all": {"method": "GET", "path": "/all"},
            }
        )
    )
    found = {(d.kind, d.field, d.item) for d in differences(before, after)}
    assert found == {("changed", "operation.path", "by_id"), ("added", "operation", "all")}


OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "居住证", "version": "1"},
    "paths": {
        "/permits/{idNumber}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {
                "operationId": "getPermit",
                "summary": "查询居住证",
                "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}},
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
        },
        "/permits": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {
                    "type": "object", "required": ["idNumber"], "properties": {"idNumber": {"type": "string"}},
                }}}},
                "responses": {"200": {"content": {"application/pdf": {}}}},
            },
        },
    },
    "components": {
        "parameters": {"id": {"name": "idNumber", "in": "path", "required": True, "schema": {"type": "string"}}},
        "schemas": {
            "Page": {"type": "object", "properties": {
                "code": {"type": "string"},
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/Permit"}},
            }},
            "Permit": {"allOf": [{"type": "object", "properties": {
                "area": {"type": "string", "title": "居住地"},
                "validTo": {"type": "string"},
                "next": {"$ref": "#/components/schemas/Permit"},
            }}]},
        },
    },
}  # fmt: skip


def items() -> Any:
    return actions.read_content(content()).items


def test_an_openapi_document_proposes_operations() -> None:
    found = openapi.read(json.dumps(OPENAPI), items())
    one = found["get_permit"]
    assert (one.method, one.path, one.label, one.rows) == (
        "GET",
        "/permits/{idNumber}",
        "查询居住证",
        "/data/*",
    )
    assert one.items == {"residence_division": "/data/*/area", "valid_to": "/data/*/validTo"}
    assert one.parameters["idNumber"].item == "id_number"
    assert one.parameters["page"].where == "query"
    other = found["post_permits"]
    assert (other.body, other.answer, other.parameters["idNumber"].where) == ("json", "whole", "json")
    assert checking.faults(found, ITEMS, [["id_number"]]) == []


@pytest.mark.parametrize(
    "text",
    ["", "no", "[]", "[" * 5000, '{"openapi":"2.0"}', '{"openapi":"3.0.0","paths":[]}', '{"a":{"method":"TRACE"}}',
     '{"openapi":"3.0.0","paths":{"/a":{"get":{"parameters":[{"in":"query"}]}}}}', '{"openapi":"3.0.0","paths":{"/a":[1]}}',
     '{"openapi":"3.0.0","paths":{"/a":{"get":{"responses":3}}}}'],
)  # fmt: skip
def test_what_is_no_such_document_is_refused(text: str) -> None:
    with pytest.raises(ContentWrong):
        openapi.read(text, items())


def test_references_that_go_round_come_to_an_end() -> None:
    turning = {"$ref": "#/components/schemas/a"}
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/a": {"get": {"responses": {"200": {"content": {"application/json": {"schema": turning}}}}}}
        },
        "components": {"schemas": {"a": turning}},
    }
    assert list(openapi.read(json.dumps(document), items())) == ["get_a"]


def as_(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def draft_of(resource: Resource) -> ResourceContent:
    resource.refresh_from_db()
    assert resource.draft
    return actions.read_content(resource.draft)


def test_an_interface_is_published_without_writing_json() -> None:
    cast = assemble()
    resource = publish_permits(cast)
    page = f"/find/{PERMITS}/interface"
    client = as_(cast.luo)
    assert client.get(page).status_code == 200
    shown = client.post(f"{page}/import", {"text": json.dumps(OPENAPI)}).content.decode()
    assert "get_permit" in shown
    client.post(f"{page}/import", {"text": json.dumps(OPENAPI), "chosen": "1", "take": ["get_permit"]})
    assert list(draft_of(resource).operations) == ["get_permit"]
    form = {
        "rows_shown": "4", "method": "GET", "path": "/v2/permits/{idNumber}", "label": "查询", "rows": "/data/*",
        "p0-name": "idNumber", "p0-where": "path", "p0-item": "id_number",
        "p1-name": "size", "p1-where": "query", "p1-sent_as": "pageSize",
        "i-valid_to": "/data/*/validTo", "passed": "/code\n\n/page", "body": "none", "answer": "json", "cache_s": "60",
    }  # fmt: skip
    wrong = client.post(f"{page}/get_permit", {**form, "passed": "/data"})
    assert wrong.status_code == 422
    assert "/data" in wrong.content.decode()
    assert client.post(f"{page}/get_permit", {**form, "more": "1"}).content.decode().count('-where"') > 4
    assert client.post(f"{page}/get_permit", form).status_code == 302
    saved = draft_of(resource).operations["get_permit"]
    assert (saved.path, saved.passed, saved.cache_s) == ("/v2/permits/{idNumber}", ["/code", "/page"], 60)
    assert saved.parameters["size"].sent_as == "pageSize"
    # The form of the entry says nothing of the interface and keeps it.
    assert client.get(f"/find/{PERMITS}/changes").status_code == 200
    taken = client.get(f"{page}.json")
    assert openapi.read(taken.content.decode(), items()) == {"get_permit": saved}
    client.post(f"{page}/get_permit", {"drop": "1"})
    assert draft_of(resource).operations == {}


def test_an_interface_is_its_departments_to_write() -> None:
    cast = assemble()
    published(cast)
    page = f"/find/{PERMITS}/interface"
    other = as_(cast.xu)
    assert "/permits/{id}" in other.get(page).content.decode()
    assert other.get(f"{page}/by_id").status_code in {403, 404}
    assert other.post(f"{page}/import", {"text": "{}"}).status_code in {403, 404}
    assert other.post(f"{page}/by_id", {"drop": "1"}).status_code in {403, 404}


def looked_at(cast: Cast, resource: Resource, known: dict[str, str], table: str = "/health") -> str:
    link = actions.link(
        resource,
        source="police-api",
        dialect="http",
        table=table,
        columns={},
        by=cast.as_actor(cast.luo),
        at=NOON,
    )
    health = actions.check_link(link, known, by=SYSTEM, at=NOON)
    assert health is not None
    return health.state


def test_an_interface_is_watched_by_its_health_path_with_what_it_wants_to_see() -> None:
    cast = assemble()
    resource = published(cast)
    with serving() as address:
        token = {"police-api.headers": "X-Token: inside"}
        gone = "http://127.0.0.1:9"
        assert looked_at(cast, resource, {"police-api": address, **token}) == "well"
        assert looked_at(cast, resource, {"police-api": f"{gone} {address}", **token}) == "well"
        assert looked_at(cast, resource, {"police-api": address, **token}, "/nothing") == "broken"
        assert looked_at(cast, resource, {"police-api": address}) == "broken"
        assert looked_at(cast, resource, {"police-api": address}, "-") == "well"
        assert looked_at(cast, resource, {"police-api": f"{gone} {gone}"}, "-") == "broken"


def test_how_an_interface_is_asked_is_said_on_the_page() -> None:
    cast = assemble()
    resource = published(cast)
    path = settings.NODE.home / "sources.json"
    client, page = as_(cast.luo), f"/find/{PERMITS}/link"
    with serving() as address:
        path.write_text(json.dumps({"police-api": address, "police-api.headers": "X-Token: inside"}), "utf-8")
        try:
            place = {"source": "police-api", "table": "/health"}
            assert "timeout_ms" in client.get(page, place).content.decode()
            wrong = client.post(page, {**place, "save": "1", "timeout_ms": "1"})
            assert wrong.status_code == 422
            for name, value, words in (
                ("answer_limit_kb", "0", "最大响应（KB）应为 1 至 1048576 的整数"),
                ("answer_limit_kb", "1048577", "最大响应（KB）应为 1 至 1048576 的整数"),
                ("answer_limit_kb", "4 MB", "最大响应（KB）应为 1 至 1048576 的整数"),
                ("body_limit_kb", "0", "最大请求体（KB）应为 1 至 1048576 的整数"),
                ("attempts", "9", "尝试次数应为 1 至 5 的整数"),
                ("response_headers", "X_Y", "响应头最多 20 个"),
            ):
                wrong = client.post(page, {**place, "save": "1", name: value})
                assert wrong.status_code == 422
                assert words in wrong.content.decode()
            more = {
                "answer_limit_kb": "8192", "body_limit_kb": "2048", "timeout_ms": "800",
                "response_headers": "X-Request-Id, Etag",
            }  # fmt: skip
            assert client.post(page, {**place, "save": "1", **more}).status_code == 302
        finally:
            path.unlink()
    compiled = compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=NOON).services[PERMITS]
    assert (compiled.timeout_ms, compiled.answer_limit, compiled.body_limit) == (800, 8 << 20, 2 << 20)
    assert compiled.response_headers == ["X-Request-Id", "Etag"]
    assert Link.objects.get(resource=resource).columns == {}
