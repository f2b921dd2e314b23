"""Eight nodes in a row, each a process of its own: a call passes six of them, and is refused where it would pass a seventh."""

import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.gateway import cast, processes
from tests.gateway.town import PEOPLE, Station, Town, believed, far, listening, make_database, query, until

from guantong.bundle.types import Bundle, Node
from guantong.gateway.relay import LONGEST_PATH
from guantong.kit.settings import Settings
from guantong.kit.suites import suite

pytestmark = pytest.mark.town
ROW = [f"51{place}000" for place in range(1, LONGEST_PATH + 3)]
FIRST, SEVENTH, EIGHTH = ROW[0], ROW[LONGEST_PATH], ROW[LONGEST_PATH + 1]


def in_a_row(folder: Path) -> Town:
    """The school is at the first node; its residence is kept at the seventh, persons at the eighth."""
    keys = cast.Keys()
    keys.nodes = {code: suite("international").generate(f"{code}.guantong.example/node") for code in ROW}
    stations = {}
    with contextlib.ExitStack() as held:  # all ports at once, or one might be given twice
        ports = {code: held.enter_context(listening()).getsockname()[1] for code in ROW}
    for code in ROW:
        home = folder / code
        (home / "keys").mkdir(parents=True)
        (home / "keys/node.key").write_text(keys.nodes[code].to_text())
        (home / "keys/subject.key").write_text(secrets.token_hex(32))
        make_database(home / "police.db")
        (home / "sources.json").touch(mode=0o600)
        (home / "sources.json").write_text(json.dumps({"police": f"sqlite://{home}/police.db"}))
        settings = Settings(node=code, home=home, development=True, gateway_port=ports[code], log_port=1)
        stations[code] = Station(code, home, keys.nodes[code], settings.completed(), plain(keys))
    for place, code in enumerate(ROW):
        near = ROW[max(0, place - 1) : place + 2]
        served = {SEVENTH: cast.RESIDENCE, EIGHTH: cast.PERSONS}.get(code)
        stations[code].publish(
            node=code,
            nodes={
                other: Node(
                    code=other, name=other, key=keys.nodes[other].public.to_text(),
                    gateway_url=stations[other].url if other in near else "",
                )
                for other in ROW
            },
            routes={other: ROW[place + (1 if ROW.index(other) > place else -1)] for other in ROW if other != code},
            bindings={served: cast.binding(served)} if served else {},
        )  # fmt: skip
    return Town(keys, stations)


def plain(keys: cast.Keys) -> Bundle:
    """What all bundles have in common."""
    usual = cast.Keys()
    usual.application, usual.secret = keys.application, keys.secret
    at_home = {"consumer_node": FIRST}
    made = cast.bundle(usual)
    return msgspec.structs.replace(
        made,
        applications={cast.ENROLMENT: msgspec.structs.replace(made.applications[cast.ENROLMENT], node=FIRST)},
        resources={
            cast.RESIDENCE: cast.resource(cast.RESIDENCE, SEVENTH, cast.HOUSING),
            cast.PERSONS: cast.resource(cast.PERSONS, EIGHTH),
        },
        grants={
            cast.G_RESIDENCE: msgspec.structs.replace(
                made.grants[cast.G_RESIDENCE], provider_node=SEVENTH, **at_home
            ),
            cast.G_PERSONS: msgspec.structs.replace(
                made.grants[cast.G_PERSONS], provider_node=EIGHTH, **at_home
            ),
        },
    )


@pytest.fixture
async def row(tmp_path: Path) -> AsyncIterator[Town]:
    town = in_a_row(tmp_path)
    with contextlib.ExitStack() as running:
        started = [
            (station, running.enter_context(processes.ended(processes.started("gateway", station))))
            for station in town.stations.values()
        ]
        for station, process in started:
            processes.wait_for(f"{station.url}/ready", process, timeout_s=60)
        yield town
    await town.courier.close()


async def test_a_call_passes_as_many_nodes_as_it_may_and_not_one_more(row: Town) -> None:
    first = row.stations[FIRST]
    patient = {"guantong-budget-ms": "30000"}
    heard = await row.ask("/v1/query", query(), station=first, headers=patient)
    assert heard.status == 200, heard.json
    assert heard.json["answer"]["rows"][0]["name"] == PEOPLE[0][1]
    way = [
        believed(hop, row.stations[code])["node"]
        for hop, code in zip(heard.json["hops"], ROW[1:6], strict=True)
    ]
    assert way == ROW[1:6]
    assert believed(heard.json["receipt"], row.stations[SEVENTH])["role"] == "provider"

    refused = await row.ask("/v1/query", far(), station=first, headers=patient)
    assert (refused.status, refused.code, refused.json["node"]) == (502, "route_too_long", SEVENTH)
    assert refused.json["error"]["details"] == {"path": ",".join(ROW[:7]), "most": LONGEST_PATH}
    assert str(LONGEST_PATH) in refused.json["error"]["message"]["en"]
    for code in ROW[:7]:
        station = row.stations[code]
        await until(lambda at=station: len(at.receipts()) == 2)
        assert [each["reason"] for each in station.receipts()] == [None, "route_too_long"], code
    assert row.stations[EIGHTH].receipts() == [], "it never got there"

    # It is there all the same: what stopped the call was the length of the way alone.
    assert (await row.courier_get(f"{row.stations[EIGHTH].url}/ready")).status == 200
