"""The client against real gateways: what it asks, what it believes, what it waits for."""

import asyncio
from pathlib import Path

import pytest
from tests.gateway import cast
from tests.gateway.town import Town, running

from guantong.counter.gateway_client import NO_GRANT, Answered, Failed, GatewayClient, Question
from guantong.kit import canonical, envelope
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import SigningKey


def client_of(town: Town) -> GatewayClient:
    key = SigningKey(cast.ENROLMENT, town.keys.application._secret_bytes, town.keys.application.algorithm)
    return GatewayClient(
        town.city.url, key, lambda: NodeKeys(town.city.key.public), node=cast.CITY, timeout_s=10
    )


def question(**changes: object) -> Question:
    asked = {
        "trace": "t-1", "case": "case-1", "resource": cast.PERSONS, "mode": "verify", "grant": cast.G_PERSONS,
        "purpose": cast.PURPOSE, "keys": {"id_number": "511602199001011234"},
        "claims": {"name": "张三", "birthplace": "511603"},
    }  # fmt: skip
    return Question(**{**asked, **changes})


@pytest.mark.parametrize("suite_name", ["international", "national"])
async def test_a_verified_answer_comes_with_every_receipt(tmp_path: Path, suite_name: str) -> None:
    async with running(tmp_path, suite_name) as town:
        client = client_of(town)
        answered = await asyncio.to_thread(client.ask, question())
        assert isinstance(answered, Answered), answered
        assert answered.answer == {"matched": {"name": "match", "birthplace": "no_match"}}
        assert answered.receipt["body"]["node"] == cast.NATION
        assert answered.countersign["body"]["trace"] == "t-1"
        assert [hop["body"]["node"] for hop in answered.hops] == [cast.PROVINCE]
        asked = question(
            resource=cast.RESIDENCE, grant=cast.G_RESIDENCE, mode="query", claims={}, fields=["name"]
        )
        answered = await asyncio.to_thread(client.ask, asked)
        assert answered.answer == {"rows": [{"name": "张三"}]}
        assert answered.countersign is None
        client.close()


async def test_without_a_grant_there_is_a_receipt_of_the_refusal(tmp_path: Path) -> None:
    async with running(tmp_path) as town:
        client = client_of(town)
        failed = await asyncio.to_thread(client.ask, question(grant=NO_GRANT))
        assert isinstance(failed, Failed)
        assert (failed.status, failed.is_passing) == (403, False)
        assert failed.error.details["code"] == "grant_unknown"
        sealed = envelope.read(canonical.dumps(failed.receipt))
        assert sealed.check({town.city.key.public.ref: town.city.key.public})
        assert sealed.body["decision"] == "refuse"
        client.close()


async def test_a_province_that_is_down_is_named_and_may_be_asked_again(tmp_path: Path) -> None:
    async with running(tmp_path) as town:
        client = client_of(town)
        await town.province.stop()
        failed = await asyncio.to_thread(client.ask, question())
        assert isinstance(failed, Failed)
        assert failed.is_passing
        assert cast.PROVINCE in failed.error.sentence("zh")
        await town.province.start()
        assert isinstance(await asyncio.to_thread(client.ask, question()), Answered)
        client.close()
