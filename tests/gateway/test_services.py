"""A department's interface behind the gateway: unchanged for its callers, and no more of it than is granted."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.gateway import cast
from tests.gateway.department import PERSON, Department, open_for_business
from tests.gateway.test_refusals import is_told
from tests.gateway.test_tokens import given
from tests.gateway.town import Heard, Town, believed, far, query, signed, until

from guantong.bundle.services import Operation, Parameter, Service
from guantong.bundle.types import Condition
from guantong.gateway.services.answers import is_given_by_a_service
from guantong.gateway.services.endpoints import Endpoints
from guantong.kit import canonical, envelope
from guantong.kit.http_signatures import content_digest

pytestmark = pytest.mark.town

ITEMS = {
    "id_number": "/data/*/sfzh", "name": "/data/*/xm", "born_on": "/data/*/csrq", "phone": "/data/*/dh",
    "birthplace": "/data/*/csd",
}  # fmt: skip
OPERATIONS = {
    "person": Operation(
        method="GET", path="/api/persons/{id}", items=ITEMS, passed=["/code", "/message"], rows="/data/*",
        parameters={
            "id": Parameter(where="path", item="id_number", required=True),
            "lang": Parameter(where="query", sent_as="language"),
            "x-client": Parameter(where="header", sent_as="X-Dept-Client"),
        },
    ),
    "register": Operation(
        method="POST", path="/api/persons", body="json", items=ITEMS, passed=["/code"], rows="/data/*",
        parameters={
            "number": Parameter(where="json", sent_as="sfzh", item="id_number", required=True),
            "note": Parameter(where="json"),
        },
    ),
    "photo": Operation(
        method="GET", path="/api/photos/{id}", answer="whole",
        parameters={"id": Parameter(where="path", item="id_number", required=True)},
    ),
    "special": Operation(method="GET", path="/api/persons/special", items=ITEMS, rows="/data/*"),
}  # fmt: skip
PATH = f"/v1/services/{cast.G_RESIDENCE}/api/persons/{PERSON['sfzh']}"


@pytest.fixture
async def department(town: Town) -> AsyncIterator[Department]:
    async with open_for_business() as department:
        await serving(town, department)
        yield department


async def serving(town: Town, *departments: Department, grant: Any = None, **service: Any) -> None:
    """The city's residence, and the nation's persons, are served by these interfaces from now on."""
    addresses = {
        "registry": " ".join(one.url for one in departments),
        "registry.headers": "X-Key: of the department",
    }
    for station, code in ((town.city, cast.RESIDENCE), (town.nation, cast.PERSONS)):
        path = station.home / "sources.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **addresses}))
        station.publish(services={code: Service(resource=code, source="registry", **service)}, bindings={})
    for station in town.stations.values():
        resources = {
            code: msgspec.structs.replace(one, operations=OPERATIONS)
            for code, one in station.bundle.resources.items()
        }
        given = {
            name: msgspec.structs.replace(one, **(grant or {})) for name, one in station.bundle.grants.items()
        }
        station.publish(resources=resources, grants=given)
        await station.in_force()


async def asked(
    town: Town, path: str = PATH, method: str = "GET", body: bytes = b"", **headers: str
) -> Heard:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if method != "GET" and not body:
        names["content-digest"] = content_digest(b"")
    request = signed(
        method, town.city.url + path, body, town.keys.application, keyid=cast.ENROLMENT, headers=names,
        components=("@method", "@path", "content-digest") if body or method != "GET" else ("@method", "@path"),
    )  # fmt: skip
    return await town.send(request, body)


async def test_the_interface_answers_as_it_would_without_us(town: Town, department: Department) -> None:
    heard = await asked(town, PATH + "?lang=zh", x_client="school")
    assert heard.status == 200, heard.json
    assert heard.json == {
        "code": 0, "message": "ok",
        "data": [{"sfzh": PERSON["sfzh"], "xm": "张三", "csrq": "1990-01-01", "dh": "*******5678", "csd": "5116"}],
    }, "granted items, masked, and what everybody may see; nothing else of the answer"  # fmt: skip
    assert heard.is_signed_by(town.city)
    (seen,) = department.seen
    assert (seen.method, seen.path, seen.query) == (
        "GET",
        f"/api/persons/{PERSON['sfzh']}",
        {"language": "zh"},
    )
    assert seen.headers["x-dept-client"] == "school"
    assert seen.headers["x-key"] == "of the department"
    told = {"signature", "signature-input", "content-digest", "guantong-purpose", "authorization", "cookie"}
    assert not told & set(seen.headers), "nothing of the caller's own request travels on"
    assert "set-cookie" not in heard.reply.headers


async def test_its_receipt_tells_fields_and_binds_the_very_answer(town: Town, department: Department) -> None:
    heard = await asked(town, guantong_case="case%2D7")
    headers = heard.reply.headers
    raw = canonical.from_base64(headers["guantong-receipt"].strip(":"))
    body = believed(msgspec.json.decode(raw), town.city)
    assert (body["decision"], body["rows"], body["case"]) == ("allow", 1, "case-7")
    assert sorted(body["fields"]) == sorted(ITEMS)
    assert headers["guantong-receipt-digest"] == envelope.digest(raw)
    answer = {
        "status": 200, "headers": {"content-type": headers["content-type"]}, "is_base64": False,
        "body": heard.reply.body.decode(),
    }  # fmt: skip
    covered = bytes.fromhex(headers["guantong-salt"]) + canonical.dumps(answer)
    assert body["answer"] == envelope.digest(covered)


async def test_a_grant_of_less_shows_less(town: Town, department: Department) -> None:
    await serving(town, department, grant={"fields": ["name"]})
    assert (await asked(town)).json == {"code": 0, "message": "ok", "data": [{"xm": "张三"}]}


async def test_rows_that_do_not_meet_the_condition_do_not_exist(town: Town, department: Department) -> None:
    elsewhere = {**PERSON, "xm": "李四", "csd": "511603"}
    department.people = [PERSON, elsewhere, {**PERSON, "csd": None}, {}]
    await serving(
        town, department, grant={"condition": [Condition(item="birthplace", op="eq", value="511603")]}
    )
    assert [row["xm"] for row in (await asked(town)).json["data"]] == ["李四"]


async def test_numbers_keep_every_digit(town: Town, department: Department) -> None:
    with_income = {**OPERATIONS["person"].items, "name": "/data/*/income"}
    for station in town.stations.values():
        operations = {"person": msgspec.structs.replace(OPERATIONS["person"], items=with_income)}
        resource = msgspec.structs.replace(station.bundle.resources[cast.RESIDENCE], operations=operations)
        station.publish(resources={**station.bundle.resources, cast.RESIDENCE: resource})
        await station.in_force()
    assert b"12345678901234567890.125" in (await asked(town)).reply.body


async def test_a_body_is_renamed_and_checked(town: Town, department: Department) -> None:
    path = f"/v1/services/{cast.G_RESIDENCE}/api/persons"
    body = json.dumps({"number": PERSON["sfzh"], "note": {"any": [1.10]}}).encode()
    heard = await asked(town, path, "POST", body)
    assert heard.status == 200, heard.json
    assert json.loads(department.seen[0].body) == {"sfzh": PERSON["sfzh"], "note": {"any": [1.1]}}
    for wrong in (b"{", b"[]", b'{"note":1}', b'{"number":"1","more":2}', b"\xff"):
        heard = await asked(town, path, "POST", wrong)
        assert heard.status in {400, 422}, wrong
    assert len(department.seen) == 1, "and nothing of that reached the department"


async def test_query_and_verify_ask_the_interface_too(town: Town, department: Department) -> None:
    heard = await town.ask("/v1/query", query())
    assert heard.json["answer"] == {"rows": [{"name": "张三", "phone": "*******5678"}]}
    heard = await town.ask("/v1/verify", query(fields=None, claims={"name": "张三", "born_on": "19900102"}))
    assert heard.json["answer"] == {"matched": {"name": "match", "born_on": "no_match"}}
    department.status = 404
    assert (await town.ask("/v1/query", query())).json["answer"] == {"rows": []}


async def test_the_nations_interface_answers_through_the_province(town: Town, department: Department) -> None:
    path = PATH.replace(cast.G_RESIDENCE, cast.G_PERSONS)
    heard = await asked(town, path)
    assert heard.json["data"][0]["xm"] == "张三"
    body = believed(
        msgspec.json.decode(canonical.from_base64(heard.reply.headers["guantong-receipt"].strip(":"))),
        town.nation,
    )
    assert body["role"] == "provider"
    assert [each["role"] for each in town.province.receipts()] == ["relay"]
    assert town.city.receipts()[0]["provider_receipt"] == heard.reply.headers["guantong-receipt-digest"]
    assert (await town.ask("/v1/query", far())).json["answer"]["rows"]


@pytest.mark.parametrize(
    "rest",
    [
        "/api//persons/1", "/api/persons/1/", "/api/./persons/1", "/api/../api/persons/1", "/api/persons/%2e%2e",
        "/api/persons/%2E", "/api/persons/a%2fb", "/api/persons/a%5Cb", "/api/persons/a%00", "/api/persons/a%0d%0ab",
        "/api/persons/%252e%252e", "/api/persons/a;b=c", "/api/persons/%ff", "/api/persons/a%3fb", "/api/persons/a%23b",
        "/%61pi/../x", "/api/persons/" + "x" * 3000, "/" + "a/" * 40,
    ],
)  # fmt: skip
async def test_a_path_that_two_servers_may_read_differently_is_refused(
    town: Town, department: Department, rest: str
) -> None:
    status, body = await as_it_stands(town, f"/v1/services/{cast.G_RESIDENCE}{rest}")
    assert status == 400, body
    assert json.loads(body)["error"]["code"] == "path_refused"
    assert department.seen == []


@pytest.mark.parametrize("method", ["get", "Get", "G\u0415T", "PROPFIND", "CONNECT", "TRACE", "OPTIONS"])
async def test_a_method_in_another_spelling_reaches_nothing(
    town: Town, department: Department, method: str
) -> None:
    status, _ = await as_it_stands(town, PATH, method)
    assert status in {400, 404, 405}
    assert department.seen == []


async def as_it_stands(town: Town, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Send a path that no client library would let through; status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.city.settings.gateway_port)
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {await given(town)}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head_, _, body = answer.partition(b"\r\n\r\n")
    return int(head_.split(b" ")[1]), body


async def test_an_encoded_path_reaches_what_the_plain_one_does(town: Town, department: Department) -> None:
    plain, encoded = await asked(town), await asked(town, PATH.replace("/api/persons", "/%61pi/p%65rsons"))
    assert plain.json == encoded.json
    assert department.seen[0].path == department.seen[1].path
    assert (await asked(town, f"/v1/services/{cast.G_RESIDENCE}/api/persons/special")).status != 404
    assert department.seen[-1].path == "/api/persons/special", "the literal path counts before the parameter"


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        (f"/v1/services/{cast.G_RESIDENCE}/api/other", "GET", 404, "operation_unknown"),
        (f"/v1/services/{cast.G_RESIDENCE}", "GET", 404, "operation_unknown"),
        (PATH, "DELETE", 405, "operation_method_wrong"),
        ("/v1/services/nothing/api/persons/1", "GET", 403, "grant_unknown"),
        (PATH + "?language=zh", "GET", 422, "request_misshapen"),
        (PATH + "?lang=zh&lang=en", "GET", 400, "query_refused"),
        (PATH + "?lang=%ff", "GET", 400, "query_refused"),
        (PATH + "?lang=%0a", "GET", 422, "request_misshapen"),
    ],
)
async def test_what_is_not_declared_is_refused(
    town: Town, department: Department, path: str, method: str, status: int, code: str
) -> None:
    is_told(await asked(town, path, method), status, code)
    assert department.seen == []


async def test_keys_of_a_query_cannot_leave_their_place_in_the_path(
    town: Town, department: Department
) -> None:
    for key in ("..", ".", "a/b", "a%2fb", "a;b", "?x=1", "a\\b"):
        heard = await town.ask("/v1/query", query(keys={"id_number": key}))
        is_told(heard, 400, "path_refused")
    assert department.seen == []


async def test_an_answer_in_one_piece_takes_a_grant_of_everything(town: Town, department: Department) -> None:
    path = f"/v1/services/{cast.G_RESIDENCE}/api/photos/1"
    is_told(await asked(town, path), 403, "fields_not_granted")
    await granted_whole(town, mask="keep_head:1")
    is_told(await asked(town, path), 403, "answer_not_divisible")
    await granted_whole(town, mask="none")
    department.body, department.media_type = b"\x89PNG\x00\xff", "image/png"
    heard = await asked(town, path)
    assert (heard.status, heard.reply.body) == (200, b"\x89PNG\x00\xff")
    assert heard.reply.headers["content-type"] == "image/png"


async def granted_whole(town: Town, *, mask: str) -> None:
    """Every item of every resource is granted, at a level that the school may see."""
    items = {
        name: msgspec.structs.replace(one, level=1, mask=mask) for name, one in cast.PERSON_ITEMS.items()
    }
    for station in town.stations.values():
        resources = {
            code: msgspec.structs.replace(one, items=items) for code, one in station.bundle.resources.items()
        }
        grants = {
            name: msgspec.structs.replace(one, fields=[*items]) for name, one in station.bundle.grants.items()
        }
        station.publish(resources=resources, grants=grants)
        await station.in_force()


async def test_answers_that_are_not_what_was_declared(town: Town, department: Department) -> None:
    for body in (b"{", b"<html>", b"\xff", b"[" * 100_000):
        department.body = body
        is_told(await asked(town), 502, "answer_misshapen")
    department.body, department.media_type = b"<b>511602199001011234</b>", "text/html"
    is_told(await asked(town), 502, "answer_misshapen")
    department.status = 404
    heard = await asked(town)
    assert (heard.status, heard.reply.body) == (404, b""), "a refusal in HTML may hold anything"
    department.status, department.body, department.media_type = (
        422,
        b'{"code":7,"detail":"x"}',
        "application/json",
    )
    heard = await asked(town)
    assert (heard.status, heard.json) == (422, {"code": 7})
    department.status = 500
    is_told(await asked(town), 502, "source_unavailable")


async def test_an_answer_beyond_its_limit_is_refused(town: Town, department: Department) -> None:
    await serving(town, department, answer_limit=1000)
    department.body = b'"' + b"x" * 2000 + b'"'
    is_told(await asked(town), 502, "answer_misshapen")


async def test_an_interface_that_hangs_ends_in_time(town: Town, department: Department) -> None:
    department.hangs = True
    await serving(town, department, timeout_ms=100, attempts=1)
    is_told(await asked(town), 504, "time_is_up")
    assert town.city.receipts()[-1]["reason"] == "time_is_up"


async def test_another_address_is_asked_when_one_fails_and_only_where_nothing_changes(town: Town) -> None:
    async with open_for_business() as bad, open_for_business() as good:
        bad.status = 503
        await serving(town, bad, good, breaker_failures=100)
        heard = [await asked(town) for _ in range(6)]
        assert {one.status for one in heard} == {200}
        assert (len(bad.seen), len(good.seen)) == (3, 6)
        path = f"/v1/services/{cast.G_RESIDENCE}/api/persons"
        body = json.dumps({"number": PERSON["sfzh"]}).encode()
        posted = [(await asked(town, path, "POST", body)).status for _ in range(4)]
        assert sorted(posted) == [200, 200, 502, 502], "what may change something is sent once"


async def test_an_address_that_fails_rests_and_is_tried_again(town: Town, department: Department) -> None:
    await serving(town, department, breaker_failures=3, breaker_rest_s=1, attempts=1)
    department.status = 503
    for _ in range(10):
        is_told(await asked(town), 502, "source_unavailable")
    assert len(department.seen) == 3, "then it was left in peace"
    department.status = 200
    async with asyncio.timeout(10):
        while (await asked(town)).status != 200:
            pass
    assert len(department.seen) == 4, "one call tried, and it is open again"


async def test_only_one_tries_an_address_that_rested() -> None:
    endpoints = Endpoints(["a"], failures=1, rest_s=0)
    (one,) = endpoints.ready()
    endpoints.failed(one)
    endpoints._rest_s = 60
    assert [*endpoints.ready()] == [one]
    assert [*endpoints.ready()] == [], "the others go on without it"
    endpoints.went_well(one)
    assert [*endpoints.ready()] == [one]


async def test_what_may_be_given_again_is_not_asked_again(town: Town, department: Department) -> None:
    await serving(town, department, cache_s={"person": 60})
    first, second = await asked(town), await asked(town)
    assert first.json == second.json
    assert len(department.seen) == 1
    assert len(town.city.receipts()) == 2, "each use has its receipt"
    await asked(town, PATH + "?lang=zh")
    assert len(department.seen) == 2, "another question is another answer"


async def test_an_address_that_says_it_is_not_well_is_asked_last(town: Town) -> None:
    async with open_for_business() as ill, open_for_business() as well:
        await serving(town, ill, well, health="/health")
        ill.status = 503
        await asked(town)
        assert town.city.parts
        services = town.city.parts.services
        await services.look()
        opened = services._open[cast.RESIDENCE]
        # Whoever looked first, this or the process itself.
        await until(lambda: [one.is_well for one in opened.endpoints.all] == [False, True])
        before = len(ill.seen)
        assert {(await asked(town)).status for _ in range(4)} == {200}
        assert len(ill.seen) == before


async def test_the_departments_address_and_key_are_told_to_nobody(town: Town, department: Department) -> None:
    department.status = 503
    heard = await asked(town)
    said = heard.reply.body.decode() + str(dict(heard.reply.headers))
    assert department.url not in said
    assert "of the department" not in said


async def test_what_a_caller_shows_to_us_never_reaches_the_department(
    town: Town, department: Department
) -> None:
    greedy = {
        "authorization": Parameter(where="header", sent_as="X-Taken"),
        "Signature": Parameter(where="header", sent_as="X-Taken-Too"),
        "gjgxjhpt_sign": Parameter(where="header", sent_as="X-Taken-As-Well"),
    }
    for station in town.stations.values():
        operation = msgspec.structs.replace(
            OPERATIONS["person"], parameters={**OPERATIONS["person"].parameters, **greedy}
        )
        resources = {
            code: msgspec.structs.replace(one, operations={"person": operation})
            for code, one in station.bundle.resources.items()
        }
        station.publish(resources=resources)
        await station.in_force()
    assert (await asked(town, gjgxjhpt_sign="x")).status == 200
    assert (await as_it_stands(town, PATH))[0] == 200
    for seen in department.seen:
        assert not {name for name in seen.headers if name.startswith("x-taken")}


@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({}, True),
        ({"status": 99}, False),
        ({"status": 101}, False),
        ({"status": True}, False),
        ({"headers": {"set-cookie": "a=b"}}, False),
        ({"headers": {"x": "a\r\nset-cookie: b"}}, False),
        ({"headers": {"x\r\ny": "a"}}, False),
        ({"headers": {"x": "中"}}, False),
        ({"headers": {"x": 1}}, False),
        ({"headers": {f"x{n}": "" for n in range(40)}}, False),
        ({"is_base64": True}, False),
        ({"is_base64": True, "body": "AAEC"}, True),
        ({"more": 1}, False),
        ({"rows": []}, False),
    ],
)
def test_another_nodes_answer_cannot_split_ours(changes: dict[str, Any], is_good: bool) -> None:
    answer = {
        "status": 200,
        "headers": {"content-type": "text/plain"},
        "body": "é",
        "is_base64": False,
        **changes,
    }
    assert is_given_by_a_service(answer) == is_good
