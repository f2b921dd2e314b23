"""A call from the city through the province to the nation, and what each of the three leaves behind."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.gateway import cast
from tests.gateway.town import Town, believed, far, running

from guantong.gateway import proving
from guantong.gateway.signing import Signers
from guantong.kit import envelope


@pytest.mark.parametrize("suite_name", ["international", "national"])
async def test_three_nodes_answer_with_three_receipts(tmp_path: Path, suite_name: str) -> None:
    async with running(tmp_path, suite_name) as town:
        heard = await town.ask("/v1/query", far(fields=["name", "birthplace"]))
        assert heard.status == 200, heard.json
        assert heard.is_signed_by(town.city)
        said = heard.json
        assert said["answer"] == {"rows": [{"name": "张三", "birthplace": "5116"}]}
        provider = believed(said["receipt"], town.nation)
        relay = believed(said["hops"][0], town.province)
        consumer = believed(said["countersign"], town.city)
        assert [body["role"] for body in (provider, relay, consumer)] == ["provider", "relay", "consumer"]
        assert len({body["request"] for body in (provider, relay, consumer)}) == 1
        assert len({body["answer"] for body in (provider, relay, consumer)}) == 1
        assert len({body["subject"] for body in (provider, relay, consumer)}) == 3, "each by its own key"
        raw = msgspec.json.encode(said["receipt"], order="sorted")
        assert consumer["provider_receipt"] == proving.digest_like(provider["answer"], raw)
        assert relay["provider_receipt"] == consumer["provider_receipt"]
        for station, body in ((town.nation, provider), (town.province, relay), (town.city, consumer)):
            assert station.receipts() == [body]


async def test_verify_across_nodes(town: Town) -> None:
    heard = await town.ask("/v1/verify", far(fields=None, claims={"name": "张三", "birthplace": "511602"}))
    assert heard.json["answer"] == {"matched": {"name": "match", "birthplace": "match"}}


async def test_the_providers_refusal_travels_back_with_its_receipt(town: Town) -> None:
    town.nation.publish(grants={cast.G_PERSONS: cast.grant(state="revoked")})
    await town.nation.in_force()
    heard = await town.ask("/v1/query", far())
    assert (heard.status, heard.code, heard.json["node"]) == (403, "grant_revoked", cast.NATION)
    assert believed(heard.json["receipt"], town.nation)["decision"] == "refuse"
    assert len(heard.json["hops"]) == 2
    hops = [believed(heard.json["hops"][n], station) for n, station in enumerate((town.city, town.province))]
    assert [(hop["role"], hop["decision"], hop["reason"]) for hop in hops] == [
        ("consumer", "refuse", "grant_revoked"),
        ("relay", "refuse", "grant_revoked"),
    ]


async def test_a_relay_refuses_by_its_own_bundle(town: Town) -> None:
    town.province.publish(grants={})
    await town.province.in_force()
    heard = await town.ask("/v1/query", far())
    assert (heard.status, heard.code, heard.json["node"]) == (403, "grant_unknown", cast.PROVINCE)
    assert believed(heard.json["receipt"], town.province)["role"] == "relay"
    assert town.nation.receipts() == []


async def test_the_consumers_node_refuses_without_troubling_anyone(town: Town) -> None:
    heard = await town.ask("/v1/query", far(purpose="curiosity"))
    assert (heard.status, heard.code, heard.json["node"]) == (403, "purpose_not_granted", cast.CITY)
    assert believed(heard.json["receipt"], town.city)["role"] == "consumer"
    assert town.province.receipts() == []


async def test_a_node_that_is_down_is_named(town: Town) -> None:
    await town.nation.stop()
    heard = await town.ask("/v1/query", far())
    assert (heard.status, heard.code) == (502, "peer_unreachable")
    assert heard.json["error"]["details"]["peer"] == cast.NATION
    assert heard.json["node"] == cast.PROVINCE
    assert [(body["decision"], body["reason"]) for body in town.city.receipts()] == [
        ("allow", "peer_unreachable")
    ]
    await town.province.stop()
    heard = await town.ask("/v1/query", far())
    assert heard.json["error"]["details"]["peer"] == cast.PROVINCE
    assert heard.is_signed_by(town.city)


@pytest.mark.parametrize("deaf", [cast.NATION, cast.PROVINCE])
async def test_a_node_that_hangs_is_named_within_the_budget(town: Town, deaf: str) -> None:
    await town.stations[deaf].stop()
    held = []
    server = await asyncio.start_server(
        lambda _, writer: held.append(writer), "127.0.0.1", town.stations[deaf].settings.gateway_port
    )
    began = asyncio.get_running_loop().time()
    heard = await town.ask("/v1/query", far(), headers={"guantong-budget-ms": "2000"})
    took_s = asyncio.get_running_loop().time() - began
    assert (heard.status, heard.code) == (504, "peer_timed_out")
    assert heard.json["error"]["details"]["peer"] == deaf
    assert took_s < 2
    for writer in held:
        writer.close()
    server.close()
    await server.wait_closed()


async def test_a_call_goes_through_again_when_the_node_is_back(town: Town) -> None:
    await town.province.stop()
    assert (await town.ask("/v1/query", far())).status == 502
    await town.province.start()
    assert (await town.ask("/v1/query", far())).status == 200


async def test_a_peer_that_changes_an_answer_is_caught(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The province answers with another name; its signature over the transport is good, the proof is not."""
    assert town.province.parts
    gateway = town.province.parts.gateway
    honest = gateway._switch.answer

    async def dishonest(question: Any) -> Any:
        answered = await honest(question)
        answered.answer["rows"][0]["name"] = "李四"
        return answered

    monkeypatch.setattr(gateway._switch, "answer", dishonest)
    heard = await town.ask("/v1/query", far())
    assert (heard.status, heard.code) == (502, "peer_answer_not_proved")
    assert town.city.receipts()[-1]["reason"] == "peer_answer_not_proved"


async def test_a_peer_without_the_right_key_is_not_believed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert town.province.parts
    monkeypatch.setattr(
        town.province.parts.gateway, "_signers", Signers(cast.PROVINCE, town.nation.key, None)
    )
    heard = await town.ask("/v1/query", far())
    assert (heard.status, heard.code) == (502, "peer_answer_not_proved")
    assert heard.json["error"]["details"]["peer"] == cast.PROVINCE


# ── what is handed over ──


def sealed(town: Town, key: Any = None, kind: str = "guantong/call@v1", **changes: Any) -> bytes:
    from guantong.kit import clock

    call = cast.call(**{"at": clock.rfc3339(clock.now())} | changes)
    return envelope.seal(kind, call.as_body(), key or town.city.key)


async def hand_over(town: Town, raw: bytes, *, by: str = cast.CITY, path: str = cast.CITY, **how: Any) -> Any:
    covered = ("@method", "@path", "content-digest", "guantong-budget-ms", "guantong-path")
    return await town.ask(
        "/v1/relay",
        raw,
        station=town.province,
        key=how.pop("key", None) or town.stations[by].key,
        keyid=by,
        headers={"guantong-budget-ms": "1000", "guantong-path": path},
        components=how.pop("components", covered),
    )


async def test_a_neighbour_may_hand_over_a_signed_call(town: Town) -> None:
    heard = await hand_over(town, sealed(town))
    assert heard.status == 200, heard.json


async def test_what_may_not_be_handed_over(town: Town) -> None:
    old = "2020-01-01T00:00:00.000Z"
    for answer, status, code in [
        (hand_over(town, sealed(town, town.province.key)), 401, "call_not_proved"),
        (hand_over(town, sealed(town, kind="guantong/receipt@v1")), 401, "call_not_proved"),
        (hand_over(town, b"{}"), 401, "call_not_proved"),
        (hand_over(town, sealed(town, at=old)), 403, "relay_not_on_route"),
        (hand_over(town, sealed(town), by=cast.NATION, path=cast.NATION), 403, "relay_not_on_route"),
        (hand_over(town, sealed(town), path=f"{cast.CITY},{cast.PROVINCE}"), 502, "route_loop"),
        (hand_over(town, sealed(town), path="1,2,3,4,5,6,7"), 502, "route_too_long"),
        (hand_over(town, sealed(town), components=("@method", "@path", "content-digest")), 401,
         "signature_incomplete"),
        (hand_over(town, sealed(town), by="999999", key=town.city.key), 401, "signature_key_unknown"),
        (hand_over(town, sealed(town), key=town.nation.key), 401, "signature_wrong"),
    ]:  # fmt: skip
        heard = await answer
        assert (heard.status, heard.code) == (status, code)
    assert town.nation.receipts() == []


async def test_a_route_that_is_missing_is_said(town: Town) -> None:
    town.city.publish(routes={})
    await town.city.in_force()
    heard = await town.ask("/v1/query", far())
    assert (heard.status, heard.code) == (502, "no_route")
