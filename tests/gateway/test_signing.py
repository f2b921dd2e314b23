"""Answers signed in the suite that the caller can verify."""

from pathlib import Path

import pytest
from tests.gateway import cast
from tests.gateway.test_refusals import is_told
from tests.gateway.test_tokens import given
from tests.gateway.town import Heard, built, query

from guantong.gateway.signing import KIND
from guantong.kit import clock, envelope, http_signatures
from guantong.kit.http_signatures import Request, Response
from guantong.kit.suites import VerifyKey, suite

pytestmark = pytest.mark.town
OTHER = {"international": "national", "national": "international"}


def is_signed(heard: Heard, key: VerifyKey, keyid: str, *required: str) -> None:
    http_signatures.check_content_digest(heard.reply.body, heard.reply.headers["content-digest"])
    verified = http_signatures.verify(
        Response(heard.status, heard.reply.headers, heard.request), lambda found: key if found == keyid else None,
        required=["@status", "content-digest", "@method;req", "@path;req", *required], at=clock.millis() // 1000,
    )  # fmt: skip
    assert verified.keyid == keyid


@pytest.mark.parametrize("mine", list(OTHER))
async def test_the_caller_chooses_and_the_nodes_key_vouches(tmp_path: Path, mine: str) -> None:
    town = built(tmp_path, mine)
    other = suite(OTHER[mine]).generate("511600.guantong.example/answer")
    (town.city.home / "keys/answer.key").write_text(other.to_text())
    await town.city.start()
    try:
        said = envelope.read((await town.courier_get(f"{town.city.url}/v1/keys")).body)
        said.check({town.city.key.public.ref: town.city.key.public})
        assert (said.kind, said.body["node"]) == (KIND, cast.CITY)
        published = {name: VerifyKey.from_text(text) for name, text in said.body["keys"].items()}
        assert published == {cast.CITY: town.city.key.public, other.public.ref: other.public}

        for wanted, name in (
            (other.algorithm, other.public.ref),
            (town.city.key.algorithm, cast.CITY),
            ("", cast.CITY),
        ):
            accept = {"accept-signature": f'sig1=();alg="{wanted}"'} if wanted else {}
            heard = await town.ask("/v1/query", query(), headers=accept)
            assert heard.status == 200
            is_signed(heard, published[name], name, "signature;req")

        token = {"authorization": f"Bearer {await given(town)}"}
        request = Request(
            "POST", f"{town.city.url}/v1/query", {**token, "accept-signature": 'sig1=();alg="sm2-sm3"'}
        )
        heard = await town.send(request, b"{}")
        assert heard.status == 422, "a refusal is signed too, and a token's holder may ask for it"
        national = other if other.algorithm == "sm2-sm3" else town.city.key
        is_signed(heard, national.public, next(n for n, key in published.items() if key == national.public))

        before = len(town.city.receipts())
        heard = await town.ask(
            "/v1/query", query(), headers={"accept-signature": 'sig1=();alg="rsa-pss-sha512"'}
        )
        is_told(heard, 406, "signature_not_offered")
        assert len(town.city.receipts()) == before
    finally:
        await town.city.stop()
        await town.courier.close()
