"""A program changes over while it runs: the former secret and either key open every door until they end."""

import asyncio
import contextlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.gateway import cast
from tests.gateway.test_national import KEY, Client
from tests.gateway.test_refusals import is_told
from tests.gateway.test_tokens import asked, assertion, form, shown
from tests.gateway.town import Town, query, running, signed

from guantong.bundle.overlaps import entry, name_of
from guantong.gateway.tokens import ASSERTION
from guantong.kit import clock
from guantong.kit.canonical import to_base64
from guantong.kit.http_signatures import Request, signature_base
from guantong.kit.shared_secrets import digest_of
from guantong.kit.suites import INTERNATIONAL, NATIONAL, SigningKey

pytestmark = pytest.mark.town
NEW = "a-new-secret-of-many-bits"


async def rolled(town: Town, *, until: datetime | None) -> None:
    """Give the school's application a new secret; the former one is good ``until`` then, or no more."""
    before = town.city.bundle.applications[cast.ENROLMENT]
    now = msgspec.structs.replace(before, secret=digest_of(NEW))
    applications, held = {cast.ENROLMENT: now}, {cast.ENROLMENT: NEW}
    if until:
        moment = clock.rfc3339(until)
        applications |= [entry(now, digest=digest_of(town.keys.secret), until=moment)]
        held[name_of(cast.ENROLMENT, moment)] = town.keys.secret
    # The file first, as the control plane does: what it holds changes nothing before the bundle does.
    (town.city.home / "keys/applications.json").write_text(json.dumps(held))
    town.city.publish(applications=applications)
    await town.city.in_force()


async def by_token(town: Town, secret: str) -> bool:
    heard = await asked(town, form(client_secret=secret))
    if heard.status != 200:
        assert heard.json["error"] == "invalid_client"
        return False
    return (await shown(town, heard.json["access_token"])).status == 200


async def by_nonce(town: Town, secret: str) -> bool:
    body, path = json.dumps(query()).encode(), "/v1/query"
    said = [cast.ENROLMENT, str(clock.millis()), secrets.token_hex(8)]
    covered = "\n".join([*said, "POST", path, sha256(body).hexdigest()])
    headers = dict(zip(("x-client-id", "x-timestamp", "x-nonce"), said, strict=True))
    headers["x-signature"] = hmac.digest(secret.encode(), covered.encode(), "sha256").hex()
    heard = await town.send(Request("POST", town.city.url + path, headers), body)
    if heard.status != 200:
        assert heard.code == "secret_not_proved"
    return heard.status == 200


async def by_convention(town: Town, secret: str) -> bool:
    client = Client(town, key=secret)
    refreshed = await client.refresh()
    if refreshed.status != 200:
        assert refreshed.json["error"]["code"] == "sign_not_right"
        return False
    return bool((await client.ask(path=f"?id_number={KEY['id_number']}")).json["code"] == "0")


WAYS: list[Callable[[Town, str], Awaitable[bool]]] = [by_token, by_nonce, by_convention]


@pytest.mark.parametrize("suite", ["international", "national"])
async def test_both_secrets_open_every_door_until_the_former_one_ends(tmp_path: Path, suite: str) -> None:
    async with running(tmp_path, suite) as town:
        ends = clock.now() + timedelta(hours=1)
        await rolled(town, until=ends)
        for way in WAYS:
            assert await way(town, NEW), way
            assert await way(town, town.keys.secret), way
            assert not await way(town, "neither"), way
        with clock.frozen(ends):
            for way in WAYS:
                assert await way(town, NEW), way
                assert not await way(town, town.keys.secret), way


async def test_without_an_overlap_the_former_secret_opens_nothing(town: Town) -> None:
    await rolled(town, until=None)
    for way in WAYS:
        assert await way(town, NEW), way
        assert not await way(town, town.keys.secret), way


async def test_what_was_given_for_a_secret_outlives_its_change_and_ends_with_it(town: Town) -> None:
    token = (await asked(town, form(client_secret=town.keys.secret))).json["access_token"]
    client = Client(town)
    await client.refresh()
    await rolled(town, until=clock.now() + timedelta(hours=1))
    path = f"?id_number={KEY['id_number']}"
    assert (await shown(town, token)).status == 200
    assert (await client.ask(path=path)).json["code"] == "0"
    await rolled(town, until=None)  # "end it now"
    is_told(await shown(town, token), 401, "token_invalid")
    assert (await client.ask(path=path)).json["error"]["code"] == "sign_not_right"


async def test_the_file_may_change_before_the_bundle(town: Town) -> None:
    held = {cast.ENROLMENT: NEW, name_of(cast.ENROLMENT, "2099-01-01T00:00:00Z"): town.keys.secret}
    (town.city.home / "keys/applications.json").write_text(json.dumps(held))
    assert await by_nonce(town, town.keys.secret)
    assert not await by_nonce(town, NEW), "the file alone makes no secret good"


async def test_the_entry_of_a_former_secret_is_no_application(town: Town) -> None:
    moment = clock.now() + timedelta(hours=1)
    await rolled(town, until=moment)
    name = name_of(cast.ENROLMENT, clock.rfc3339(moment))
    heard = await asked(town, form(client_id=name, client_secret=town.keys.secret))
    assert heard.json["error"] == "invalid_client"
    is_told(await town.ask("/v1/query", query(), keyid=name), 401, "signature_key_unknown")


@contextlib.asynccontextmanager
async def calling(call: Callable[[], Awaitable[Any]]) -> AsyncIterator[list[Any]]:
    """Call again and again meanwhile; what came back."""
    heard: list[Any] = []
    is_over = False

    async def caller() -> None:
        while not is_over:
            heard.append(await call())

    running = asyncio.create_task(caller())
    try:
        yield heard
    finally:
        is_over = True
        await running


async def test_a_program_that_calls_all_the_while_notices_nothing(town: Town) -> None:
    using = [town.keys.secret]
    async with calling(lambda: by_nonce(town, using[0])) as heard:
        await rolled(town, until=clock.now() + timedelta(hours=1))
        seen = len(heard)
        while len(heard) < seen + 5:  # noqa: ASYNC110 - the calls are what is waited for
            await asyncio.sleep(0.005)
        using[0] = NEW
        seen = len(heard)
        while len(heard) < seen + 5:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
        await rolled(town, until=None)
        seen = len(heard)
        while len(heard) < seen + 5:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
    assert all(heard), heard


async def with_second_key(town: Town, key: SigningKey) -> None:
    before = town.city.bundle.applications[cast.ENROLMENT]
    both = msgspec.structs.replace(before, keys=[*before.keys, key.public.to_text()])
    town.city.publish(applications={cast.ENROLMENT: both})
    await town.city.in_force()


@pytest.mark.parametrize("kind", [INTERNATIONAL, NATIONAL], ids=["international", "national"])
@pytest.mark.parametrize("suite", ["international", "national"])
async def test_either_key_signs_by_name_or_by_trying(tmp_path: Path, suite: str, kind: Any) -> None:
    async with running(tmp_path, suite) as town:
        coming = kind.generate(cast.ENROLMENT)
        by_id = f"{cast.ENROLMENT}+{coming.public.key_id}"
        is_told(await town.ask("/v1/query", query(), key=coming), 401, "signature_wrong")
        is_told(await town.ask("/v1/query", query(), key=coming, keyid=by_id), 401, "signature_key_unknown")
        await with_second_key(town, coming)
        former = town.keys.application
        for key in (former, coming):
            named = f"{cast.ENROLMENT}+{key.public.key_id}"
            for keyid in (cast.ENROLMENT, named):
                heard = await town.ask("/v1/query", query(), key=key, keyid=keyid)
                assert heard.status == 200, heard.json
                assert heard.json["receipt"]["body"]["consumer"]["application"] == cast.ENROLMENT
            proof = form(client_assertion_type=ASSERTION, client_assertion=assertion(town, key, jti=named))
            token = (await asked(town, proof)).json["access_token"]
            assert (await shown(town, token)).status == 200
        # By the id of one key, the other does not do.
        is_told(await town.ask("/v1/query", query(), key=former, keyid=by_id), 401, "signature_wrong")
        unknown = f"{cast.ENROLMENT}+00000000"
        is_told(await town.ask("/v1/query", query(), keyid=unknown), 401, "signature_key_unknown")


async def test_a_signature_that_names_its_algorithm_finds_the_key_of_that_suite(town: Town) -> None:
    other = NATIONAL.generate(cast.ENROLMENT)
    await with_second_key(town, other)
    body = json.dumps(query()).encode()
    for key, algorithm, status in (
        (other, "sm2-sm3", 200),
        (town.keys.application, "ed25519", 200),
        (other, "hmac-sha256", 401),
    ):
        plain = signed("POST", f"{town.city.url}/v1/query", body, key, keyid=cast.ENROLMENT)
        assert (await town.send(with_algorithm(plain, key, algorithm), body)).status == status


def with_algorithm(request: Request, key: SigningKey, algorithm: str) -> Request:
    """The same request, signed anew with ``alg`` among the parameters."""
    params = request.headers["signature-input"].removeprefix("sig1=") + f';alg="{algorithm}"'
    base = signature_base(request, ("@method", "@path", "content-digest"), params)
    fields = {
        "signature-input": f"sig1={params}",
        "signature": f"sig1=:{to_base64(key.sign(base))}:",
    }
    return Request(request.method, request.target_uri, {**request.headers, **fields})
