"""What the running gateway does with good and bad bundles."""

from typing import Any

import msgspec
import pytest
from tests.gateway import cast
from tests.gateway.town import Station, Town, query, until

from guantong.bundle.depot import publish
from guantong.bundle.sealing import seal


def alerts_of(station: Station) -> list[dict[str, Any]]:
    return [record for record in station.records() if record["kind"] == "guantong/alert@v1"]


@pytest.mark.parametrize("how", ["tampered", "older", "foreign", "forged"])
async def test_a_bad_bundle_is_refused_once_and_the_old_one_stays(town: Town, how: str) -> None:
    city = town.city
    city.publish()
    await city.in_force()
    empty = msgspec.structs.replace(city.bundle, sequence=9, grants={})
    raw, code = {
        "tampered": (seal(empty, city.key).replace(b"GA-2026-1", b"GA-2026-2"), "bundle_tampered"),
        "older": (seal(msgspec.structs.replace(empty, sequence=1), city.key), "bundle_older"),
        "foreign": (
            seal(msgspec.structs.replace(empty, node=cast.NATION), city.key),
            "bundle_for_another_node",
        ),
        "forged": (seal(empty, town.province.key), "bundle_tampered"),
    }[how]
    if how == "tampered":
        raw = raw.replace(b'"sequence":9', b'"sequence":8')
    publish(city.settings.bundle_folder, raw)
    await until(lambda: alerts_of(city))
    assert (await town.ask("/v1/query", query())).status == 200
    alerts = alerts_of(city)
    assert [alert["body"]["alert"] for alert in alerts] == [code]
    assert alerts[0]["body"]["details"]["file"].startswith("sha-256:")


async def test_the_gateway_serves_on_after_a_restart_with_a_bad_bundle_on_offer(town: Town) -> None:
    publish(town.city.settings.bundle_folder, b"nonsense")
    await town.city.stop()
    await town.city.start()
    assert (await town.ask("/v1/query", query())).status == 200


async def test_only_known_origins_are_dialled(town: Town) -> None:
    assert town.city.parts
    allowed = town.city.parts.courier._allowed
    assert town.province.url in allowed
    assert town.nation.url not in allowed
    assert town.city.settings.log_url in allowed
    assert len(allowed) == 3, "itself, its neighbour and its own log"
