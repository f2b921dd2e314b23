"""A node's key changes under running gateways: no call is lost, and the former key opens no door any more."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
from tests.gateway import cast
from tests.gateway.test_bundles import alerts_of
from tests.gateway.test_tokens import given, shown
from tests.gateway.town import Station, Town, believed, far, query, signed, until

from guantong.bundle.depot import publish
from guantong.bundle.sealing import seal
from guantong.bundle.types import FormerKey, Node
from guantong.evidence import successions
from guantong.evidence.successions import own_keys
from guantong.gateway.relay import COVERED_WITHOUT_BODY
from guantong.kit import clock, tokens
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import SigningKey

BUDGET = {"guantong-budget-ms": "5000", "guantong-path": cast.PROVINCE}


def told(node: Node, keys: NodeKeys) -> Node:
    """What the control plane's compiler writes of a node."""
    return msgspec.structs.replace(
        node,
        key=keys.present.to_text(),
        coming=keys.coming.to_text() if keys.coming else "",
        former=[FormerKey(key=each.key.to_text(), until=each.until) for each in keys.former],
    )


async def everybody_knows(town: Town, rotated: Station) -> None:
    keys = own_keys(rotated.settings.key_folder)
    for station in town.stations.values():
        known = station.bundle.nodes[rotated.code]
        station.publish(nodes={**station.bundle.nodes, rotated.code: told(known, keys)})
    for station in town.stations.values():
        await station.in_force()


async def test_calls_go_on_while_the_provinces_key_changes(town: Town) -> None:
    province = town.province
    folder, former = province.settings.key_folder, province.key
    before = await town.ask("/v1/query", far())
    assert before.status == 200
    seen: list[tuple[int, Any]] = []
    done = asyncio.Event()

    async def ask_on() -> None:
        while not done.is_set():
            heard = await town.ask("/v1/query", far())
            seen.append((heard.status, heard.json))

    asking = asyncio.create_task(ask_on())
    successions.announce(folder)
    await everybody_knows(town, province)
    now = clock.now()
    province.key = successions.promote(folder, until=now + timedelta(hours=1), at=now)
    # The gateway takes it over by itself; the neighbours need not have heard of it yet.
    count = len(seen)
    await until(lambda: any(believed_by(hop, province) for _, each in seen[count:] for hop in each["hops"]))
    await everybody_knows(town, province)
    count = len(seen)
    await until(lambda: len(seen) > count + 5)
    done.set()
    await asking
    assert {status for status, _ in seen} == {200}
    assert former.public != province.key.public


def believed_by(receipt: dict[str, Any], station: Station) -> bool:
    return any(each["key"] == station.key.public.ref for each in receipt["signatures"]) and bool(
        believed(receipt, station)
    )


async def rotated(town: Town, station: Station, overlap: timedelta) -> SigningKey:
    """The key changed, everybody knows; the former one."""
    former, now = station.key, clock.now()
    successions.announce(station.settings.key_folder)
    station.key = successions.promote(station.settings.key_folder, until=now + overlap, at=now)
    await everybody_knows(town, station)
    return former


async def knock(town: Town, key: SigningKey) -> int:
    """Somebody asks the city for a checkpoint as the province."""
    path = f"/v1/nodes/{cast.CITY}/checkpoint"
    url = town.city.url + path
    request = signed(
        "GET", url, b"", key, keyid=cast.PROVINCE, headers=BUDGET, components=COVERED_WITHOUT_BODY
    )
    return (await town.send(request, b"")).status


async def test_a_stolen_former_key_opens_no_door(town: Town) -> None:
    assert await knock(town, town.province.key) != 401
    former = await rotated(town, town.province, timedelta(0))
    assert await knock(town, town.province.key) != 401
    assert await knock(town, former) == 401
    # Nor does the city believe a bundle by its own former key.
    city = town.city
    stolen = await rotated(town, city, timedelta(0))
    forged = msgspec.structs.replace(city.bundle, sequence=city.bundle.sequence + 5, grants={})
    publish(city.settings.bundle_folder, seal(forged, stolen))
    await until(lambda: alerts_of(city))
    assert [alert["body"]["alert"] for alert in alerts_of(city)] == ["bundle_tampered"]
    assert (await town.ask("/v1/query", query())).status == 200


async def test_during_the_overlap_both_keys_open(town: Town) -> None:
    former = await rotated(town, town.province, timedelta(hours=1))
    assert await knock(town, former) != 401
    assert await knock(town, town.province.key) != 401


async def test_tokens_outlive_the_change_and_a_stolen_key_makes_none(town: Town) -> None:
    before = await given(town)
    former = await rotated(town, town.city, timedelta(hours=1))
    await town.city.stop()  # what it remembered of tokens is forgotten
    await town.city.start()
    assert (await shown(town, before)).status == 200
    assert (await shown(town, await given(town))).status == 200
    stolen = await rotated(town, town.city, timedelta(0))
    claims = tokens.read(before, former.public, at=clock.millis() // 1000)
    made = {key: tokens.sign(claims, key, typ="at+jwt") for key in (stolen, town.city.key)}
    assert (await shown(town, made[town.city.key])).status == 200
    assert (await shown(town, made[stolen])).status == 401
