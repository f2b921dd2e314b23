"""Breakers and tokens as Prometheus reads them of a gateway that runs: an interface whose address fails is seen to rest."""

import contextlib
import json
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.gateway import cast, processes
from tests.gateway.department import Department, open_for_business
from tests.gateway.test_metrics import Samples, folders, names_nobody, port, scraped, value
from tests.gateway.test_services import OPERATIONS, asked
from tests.gateway.test_tokens import asked as asked_for_token
from tests.gateway.test_tokens import form, shown
from tests.gateway.town import Town, until

from guantong.bundle.services import Service

__all__ = ["folders", "port"]
pytestmark = pytest.mark.town
RESTING, FAILURES = "guantong_service_addresses_resting", "guantong_service_failures_total"


@contextlib.asynccontextmanager
async def served(town: Town, port: int, workers: str, **service: int) -> AsyncIterator[Department]:
    """The city's gateway as processes of its own, the residence behind two addresses: one well, one that nobody is at."""
    city = town.city
    async with open_for_business() as department:
        path = city.home / "sources.json"
        addresses = f"http://127.0.0.1:1 {department.url}"
        path.write_text(json.dumps({**json.loads(path.read_text()), "registry": addresses}))
        resources = {
            code: msgspec.structs.replace(one, operations=OPERATIONS)
            for code, one in city.bundle.resources.items()
        }
        reached = Service(resource=cast.RESIDENCE, source="registry", **service)
        city.publish(resources=resources, services={cast.RESIDENCE: reached}, bindings={})
        how = {"GUANTONG_GATEWAY_WORKERS": workers, "GUANTONG_METRICS_PORT": str(port)}
        with processes.gateway(city, **how):
            await until(lambda: value(scraped(port)[1], "guantong_gateway_processes") == int(workers))
            yield department


async def seen(port: int, name: str, wanted: float, **labels: str) -> Samples:
    await until(lambda: value(scraped(port)[1], name, **labels) == wanted)
    return scraped(port)[1]


async def test_an_address_that_fails_is_seen_to_rest_and_to_come_back(folders: Town, port: int) -> None:
    async with served(folders, port, "1", breaker_failures=2, breaker_rest_s=2) as department:
        assert value(scraped(port)[1], RESTING) == 0
        while value(scraped(port)[1], FAILURES, resource=cast.RESIDENCE) < 2:
            assert (await asked(folders)).status == 200, "the other address answers"
        samples = await seen(port, RESTING, 1, resource=cast.RESIDENCE)
        assert value(samples, "guantong_service_addresses", resource=cast.RESIDENCE) == 2
        assert value(samples, FAILURES) == 2
        # Both of them rest: nobody is asked, callers hear so at once, and the failures stop.
        department.status = 503
        while value(scraped(port)[1], RESTING, resource=cast.RESIDENCE) < 2:
            assert (await asked(folders)).code == "source_unavailable"
        department.status = 200
        await seen(port, RESTING, 0, resource=cast.RESIDENCE)  # their rest is over
        heard = [await asked(folders) for _ in range(4)]
        assert {one.status for one in heard} == {200}
        names_nobody(scraped(port)[0])


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_tokens_are_counted_and_refused_requests_are_none(
    folders: Town, port: int, workers: str
) -> None:
    async with served(folders, port, workers):
        tokens = [
            (await asked_for_token(folders, form(client_secret=folders.keys.secret))).json["access_token"]
            for _ in range(6)
        ]
        for _ in range(2):
            assert (await asked_for_token(folders, form(client_secret="wrong"))).status == 401
        assert (await shown(folders, tokens[0])).status in {200, 422}
        samples = await seen(port, "guantong_tokens_issued_total", 6)
        await seen(port, "guantong_calls_total", 8, mode="token")
        assert value(samples, "guantong_refusals_total") == 0, "a token is no call under a grant"
        names_nobody(scraped(port)[0])
        assert folders.keys.secret not in scraped(port)[0]
        assert tokens[0] not in scraped(port)[0]
