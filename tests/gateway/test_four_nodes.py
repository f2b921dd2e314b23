"""A county asks the nation through city and province: one grant, one trace, a receipt at every node."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.gateway import cast
from tests.gateway.department import PERSON, open_for_business
from tests.gateway.test_services import ITEMS, serving
from tests.gateway.test_traces import Collector
from tests.gateway.test_traces import collector as collector  # noqa: PLC0414 - a fixture
from tests.gateway.town import Heard, Station, Town, believed, built, far, listening, signed, until

from guantong.bundle.types import Node
from guantong.kit.suites import suite

pytestmark = pytest.mark.town
COUNTY = "511623"
UPWARDS = [COUNTY, cast.CITY, cast.PROVINCE, cast.NATION]


def settled(folder: Path) -> Town:
    """The town with a county below its city; the school is there, and asks from there."""
    town = built(folder)
    key = suite("international").generate(f"{COUNTY}.guantong.example/node")
    home = folder / COUNTY
    (home / "keys").mkdir(parents=True)
    (home / "keys/node.key").write_text(key.to_text())
    (home / "keys/subject.key").write_text(secrets.token_hex(32))
    with listening() as place:
        settings = replace(
            town.city.settings, node=COUNTY, home=home, name="", gateway_port=place.getsockname()[1], gateway_url="",
            log_url="",
        ).completed()  # fmt: skip
    town.stations[COUNTY] = Station(COUNTY, home, key, settings, town.city.bundle)
    for place, code in enumerate(UPWARDS):
        station = town.stations[code]
        near = UPWARDS[max(0, place - 1) : place + 2]
        nodes = {
            other: Node(code=other, name=other, key=town.stations[other].key.public.to_text(),
                        gateway_url=town.stations[other].url if other in near else "")
            for other in UPWARDS
        }  # fmt: skip
        routes = {
            other: UPWARDS[place + (1 if UPWARDS.index(other) > place else -1)]
            for other in UPWARDS
            if other != code
        }
        school = msgspec.structs.replace(station.bundle.applications[cast.ENROLMENT], node=COUNTY)
        grants = {
            name: msgspec.structs.replace(one, consumer_node=COUNTY)
            for name, one in station.bundle.grants.items()
        }
        more = {"bindings": {}} if code == COUNTY else {}
        station.publish(
            node=code,
            nodes=nodes,
            routes=routes,
            applications={cast.ENROLMENT: school},
            grants=grants,
            **more,
        )
    return town


@pytest.fixture
async def four(tmp_path: Path, collector: Collector) -> AsyncIterator[Town]:
    town = settled(tmp_path)
    for station in town.stations.values():
        station.settings = replace(station.settings, otlp_url=collector.url)
    await asyncio.gather(*(station.start() for station in town.stations.values()))
    yield town
    await asyncio.gather(*(station.stop() for station in town.stations.values()))
    await town.courier.close()


async def ask(town: Town, path: str = "/v1/query", **changes: object) -> Heard:
    return await town.ask(path, far(**changes), station=town.stations[COUNTY])


async def test_a_query_leaves_a_receipt_at_every_node_and_one_trace(four: Town, collector: Collector) -> None:
    heard = await ask(four)
    assert heard.status == 200, heard.json
    said = heard.json
    assert said["answer"]["rows"][0]["name"] == "张三"
    provider, consumer = (
        believed(said["receipt"], four.nation),
        believed(said["countersign"], four.stations[COUNTY]),
    )
    hops = [
        believed(hop, station) for hop, station in zip(said["hops"], (four.city, four.province), strict=True)
    ]
    everybody = [consumer, *hops, provider]
    assert [body["node"] for body in everybody] == UPWARDS
    assert [body["role"] for body in everybody] == ["consumer", "relay", "relay", "provider"]
    for name in ("trace", "request", "answer", "grant", "call"):
        assert len({body[name] for body in everybody}) == 1, name
    for body in everybody:
        assert four.stations[body["node"]].receipts() == [body]
    await until(lambda: len(collector.spans()) == 16)
    spans = collector.spans()
    assert {span.trace_id.hex() for _, span in spans} == {consumer["trace"]}
    assert [node for node, span in spans if not span.parent_span_id] == [COUNTY]


async def test_a_verification_passes_all_nodes(four: Town) -> None:
    heard = await ask(four, "/v1/verify", fields=None, claims={"name": "张三"})
    assert heard.json["answer"] == {"matched": {"name": "match"}}
    assert [len(four.stations[code].receipts()) for code in UPWARDS] == [1, 1, 1, 1]


async def test_a_service_of_the_nation_answers_the_county(four: Town) -> None:
    async with open_for_business() as department:
        await serving(four, department, grant={"fields": list(ITEMS)})
        path = f"/v1/services/{cast.G_PERSONS}/api/persons/{PERSON['sfzh']}"
        request = signed(
            "GET", four.stations[COUNTY].url + path, b"", four.keys.application, keyid=cast.ENROLMENT
        )
        heard = await four.send(request, b"")
        assert heard.status == 200, heard.json
        assert json.loads(heard.reply.body)["data"][0]["xm"] == "张三"
        assert len(department.seen) == 1
    roles = [four.stations[code].receipts()[0]["role"] for code in UPWARDS]
    assert roles == ["consumer", "relay", "relay", "provider"]
    assert len({four.stations[code].receipts()[0]["trace"] for code in UPWARDS}) == 1


@pytest.mark.parametrize("deaf", UPWARDS[1:])
async def test_a_node_that_hangs_is_named_in_time_wherever_it_stands(four: Town, deaf: str) -> None:
    await four.stations[deaf].stop()
    held: list[asyncio.StreamWriter] = []
    port = four.stations[deaf].settings.gateway_port
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", port)
    heard = await four.ask(
        "/v1/query", far(), station=four.stations[COUNTY], headers={"guantong-budget-ms": "2000"}
    )
    assert (heard.status, heard.code) == (504, "peer_timed_out")
    assert heard.json["error"]["details"]["peer"] == deaf
    before = UPWARDS[: UPWARDS.index(deaf)]
    assert heard.json["node"] == before[-1]
    for code in before:  # each had the time to say so, and to write it down
        assert [body["reason"] for body in four.stations[code].receipts()] == ["peer_timed_out"]
    for writer in held:
        writer.close()
    server.close()
    await server.wait_closed()


async def test_a_loop_is_refused_and_every_node_has_written_it_down(four: Town) -> None:
    """The province believes that the nation lies behind the city."""
    four.province.publish(routes={**four.province.bundle.routes, cast.NATION: cast.CITY})
    await four.province.in_force()
    heard = await ask(four)
    assert (heard.status, heard.code, heard.json["node"]) == (502, "route_loop", cast.PROVINCE)
    assert four.nation.receipts() == []
    reasons = [four.stations[code].receipts()[0]["reason"] for code in UPWARDS[:3]]
    assert reasons == ["route_loop"] * 3


async def test_too_many_nodes_are_refused(four: Town) -> None:
    """As if six others had passed it on before."""
    from guantong.gateway.relay import LONGEST_PATH

    assert four.stations[COUNTY].parts
    switch = four.stations[COUNTY].parts.gateway._switch
    honest = switch.answer

    async def travelled(question):
        return await honest(msgspec.structs.replace(question, path=("1",) * LONGEST_PATH))

    switch.answer = travelled
    heard = await ask(four)
    assert (heard.status, heard.code, heard.json["node"]) == (502, "route_too_long", COUNTY)
    assert four.city.receipts() == []


async def test_a_grant_that_ends_at_the_province_ends_the_call_there(four: Town) -> None:
    grants = {cast.G_PERSONS: cast.grant(state="revoked", consumer_node=COUNTY)}
    four.province.publish(grants=grants)
    await four.province.in_force()
    heard = await ask(four)
    assert (heard.status, heard.code, heard.json["node"]) == (403, "grant_revoked", cast.PROVINCE)
    assert len(heard.json["hops"]) == 2
    assert four.nation.receipts() == []
