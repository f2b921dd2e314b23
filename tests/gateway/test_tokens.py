"""OAuth 2.0 client credentials: a token for a secret or an assertion, good here, for a while, for one application."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from tests.gateway import cast
from tests.gateway.test_refusals import is_told
from tests.gateway.town import PEOPLE, Heard, Town, query, running

from guantong.gateway.tokens import ASSERTION, LASTS_S
from guantong.kit import clock, tokens
from guantong.kit.http_signatures import Request
from guantong.kit.suites import SigningKey
from guantong.kit.tokens import Claims

pytestmark = pytest.mark.town
FORM = "application/x-www-form-urlencoded"


async def posted(town: Town, path: str, body: bytes, headers: Mapping[str, str]) -> Heard:
    return await town.send(Request("POST", town.city.url + path, dict(headers)), body)


async def asked(town: Town, form: Mapping[str, str], **headers: str) -> Heard:
    given = {"content-type": FORM, **headers}
    return await posted(town, "/oauth2/token", urlencode(form).encode(), given)


def form(**changes: str | None) -> dict[str, str]:
    given: dict[str, str | None] = {"grant_type": "client_credentials", "client_id": cast.ENROLMENT}
    return {name: value for name, value in (given | changes).items() if value is not None}


async def given(town: Town, **changes: str | None) -> str:
    heard = await asked(town, form(client_secret=town.keys.secret, **changes))
    assert heard.status == 200, heard.json
    assert heard.reply.headers["cache-control"] == "no-store"
    assert (heard.json["token_type"], heard.json["expires_in"]) == ("Bearer", LASTS_S)
    return str(heard.json["access_token"])


async def shown(town: Town, token: str) -> Heard:
    body = json.dumps(query()).encode()
    return await posted(town, "/v1/query", body, {"authorization": f"Bearer {token}"})


def assertion(town: Town, key: SigningKey | None = None, **changes: Any) -> str:
    now = clock.millis() // 1000
    said = Claims(
        iss=cast.ENROLMENT,
        sub=cast.ENROLMENT,
        aud=f"{town.city.url}/oauth2/token",
        exp=now + 60,
        iat=now,
        jti="one",
    )
    return tokens.sign(msgspec.structs.replace(said, **changes), key or town.keys.application)


async def test_a_secret_buys_a_token_and_the_token_an_answer(town: Town) -> None:
    heard = await shown(town, await given(town))
    assert heard.status == 200
    assert heard.json["answer"] == {"rows": [{"name": PEOPLE[0][1], "phone": "*******5678"}]}
    assert heard.json["receipt"]["body"]["consumer"]["application"] == cast.ENROLMENT


async def test_the_secret_may_come_in_the_header(town: Town) -> None:
    basic = base64.b64encode(f"{cast.ENROLMENT}:{town.keys.secret}".encode()).decode()
    heard = await asked(town, form(client_id=None), authorization=f"Basic {basic}")
    assert (await shown(town, heard.json["access_token"])).status == 200


@pytest.mark.parametrize("suite", ["international", "national"])
async def test_an_assertion_opens_once(tmp_path: Any, suite: str) -> None:
    async with running(tmp_path, suite) as town:
        proof = form(client_id=None, client_assertion_type=ASSERTION, client_assertion=assertion(town))
        heard = await asked(town, proof)
        assert (await shown(town, heard.json["access_token"])).status == 200
        again = await asked(town, proof)
        assert (again.status, again.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
    ],
)
async def test_who_gets_none(town: Town, changes: dict[str, Any], status: int, error: str) -> None:
    heard = await asked(town, form(**{"client_secret": town.keys.secret, **changes}))
    assert (heard.status, heard.json["error"]) == (status, error)
    assert heard.json["message"]["zh"]
    assert ("www-authenticate" in heard.reply.headers) == (status == 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example"},
        {"sub": "nobody"},
        {"iss": "nobody"},
        {"exp": 1},
        {"exp": 2**40},
        {"jti": ""},
        {"jti": "x" * 200},
    ],
)
async def test_an_assertion_that_does_not_fit(town: Town, changes: dict[str, Any]) -> None:
    proof = form(client_assertion_type=ASSERTION, client_assertion=assertion(town, **changes))
    assert (await asked(town, proof)).json["error"] == "invalid_client"


async def test_an_assertion_by_another_key(town: Town) -> None:
    forged = assertion(town, key=town.nation.key)
    proof = form(client_assertion_type=ASSERTION, client_assertion=forged)
    assert (await asked(town, proof)).json["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", FORM),
        (b"grant_type", FORM),
        (b"\xff", FORM),
        (b"&".join(b"a%d=1" % n for n in range(40)), FORM),
        (b"{}", "application/json"),
    ],
)
async def test_a_form_that_cannot_be_read(town: Town, body: bytes, kind: str) -> None:
    heard = await posted(town, "/oauth2/token", body, {"content-type": kind})
    assert (heard.status, heard.json["error"]) == (400, "invalid_request")


async def test_a_token_that_was_touched_or_is_anothers_is_refused(town: Town) -> None:
    token = await given(town)
    head, claims, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    now = clock.millis() // 1000
    forged = tokens.sign(
        Claims(iss=cast.CITY, sub=cast.ENROLMENT, aud=town.city.url, exp=now + 60, iat=now), town.nation.key
    )
    for wrong in (
        "",
        "x",
        f"{none}.{claims}.",
        f"{head}.{claims}.{other}{signature[1:]}",
        f"{token}=",
        forged,
        "é.é.é",
    ):
        heard = await shown(town, wrong)
        is_told(heard, 401, "token_invalid")
        assert heard.reply.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert (await shown(town, token)).status == 200


async def test_a_token_ends(town: Town) -> None:
    token = await given(town)
    assert (await shown(town, token)).status == 200
    with clock.frozen(clock.now() + timedelta(seconds=LASTS_S)):
        is_told(await shown(town, token), 401, "token_invalid")


async def test_a_token_ends_with_the_keys_it_rests_on(town: Town) -> None:
    token = await given(town)
    proof = form(client_id=None, client_assertion_type=ASSERTION, client_assertion=assertion(town))
    by_key = (await asked(town, proof)).json["access_token"]
    application = town.city.bundle.applications[cast.ENROLMENT]
    for changes, ends, stays in (
        ({"secret": ""}, token, by_key),
        ({"keys": [town.nation.key.public.to_text()]}, by_key, token),
    ):
        town.city.publish(applications={cast.ENROLMENT: msgspec.structs.replace(application, **changes)})
        await town.city.in_force()
        is_told(await shown(town, ends), 401, "token_invalid")
        assert (await shown(town, stays)).status == 200
    town.city.publish(applications={cast.ENROLMENT: application})
    await town.city.in_force()
    assert (await shown(town, token)).status == 200


async def test_an_application_without_a_secret_cannot_prove_one(town: Town) -> None:
    application = msgspec.structs.replace(town.city.bundle.applications[cast.ENROLMENT], secret="")
    town.city.publish(applications={cast.ENROLMENT: application})
    await town.city.in_force()
    for secret in ("", town.keys.secret):
        heard = await asked(town, form(client_secret=secret))
        assert (heard.status, heard.json["error"]) == (401, "invalid_client")


async def test_another_nodes_token_is_none_here(town: Town) -> None:
    # The province knows the application too, but it is not at home there.
    heard = await town.send(
        Request("POST", f"{town.province.url}/oauth2/token", {"content-type": FORM}),
        urlencode(form(client_secret=town.keys.secret)).encode(),
    )
    assert heard.status == 401
