"""The national platform's convention: what its clients send is understood, and nothing gets in by being sent twice."""

import asyncio
import base64
import hmac
import json
import shutil
from datetime import timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from tests.gateway import cast
from tests.gateway.department import PERSON, open_for_business
from tests.gateway.test_refusals import is_told
from tests.gateway.test_services import serving
from tests.gateway.town import PEOPLE, Heard, Town, query

from guantong.gateway.national.signing import LASTS_S, WINDOW_S, sign
from guantong.kit import clock
from guantong.kit.http_signatures import Request
from guantong.kit.shared_secrets import digest_of

pytestmark = pytest.mark.town
KEY = {"id_number": PEOPLE[0][0]}


def test_the_published_check_value() -> None:
    made = sign(b"demo-secret", "s_demo_0001", "rid-demo", "1700000000000")
    assert made == "dWzj89BX+TR9/F0SRNDM7Z3HoVtAokNM75NUo0DStps="


class Client:
    """A caller by the convention, which never sends the same time twice."""

    def __init__(self, town: Town, rid: str = cast.RID, key: str = "") -> None:
        self.town = town
        self.rid = rid
        self.key = key or town.keys.secret
        self.secret = ""
        self.last = 0

    def four(self, key: str, sid: str, **changes: Any) -> dict[str, str]:
        self.last = max(self.last + 1, clock.millis())
        given = {"rid": self.rid, "sid": sid, "rtime": str(self.last), **changes}
        given.setdefault("sign", sign(key.encode(), given["sid"], given["rid"], given["rtime"]))
        return {f"gjgxjhpt_{name}": str(value) for name, value in given.items()}

    async def refresh(self, **changes: Any) -> Heard:
        body = json.dumps(self.four(self.key, cast.S_RESIDENCE, **changes)).encode()
        heard = await self.sent("POST", "/sysapi/auth/refreshappsecret", body)
        if heard.status == 200:
            self.secret = unwrapped(heard.json["data"]["secret"], self.key)
        return heard

    async def ask(
        self, sid: str = cast.S_RESIDENCE, path: str = "", body: bytes = b"", **changes: Any
    ) -> Heard:
        more = changes.pop("headers", {})
        four = changes.pop("four", None) or self.four(self.secret, sid, **changes)
        return await self.sent("POST" if body else "GET", f"/httpproxy{path}", body, {**four, **more})

    async def sent(self, method: str, path: str, body: bytes, headers: Any = None) -> Heard:
        return await self.town.send(Request(method, self.town.city.url + path, headers or {}), body)


def unwrapped(text: str, key: str) -> str:
    derived = sha1(sha1(key.encode()).digest()).digest()[:16]  # noqa: S324 - as Java clients do
    decryptor = Cipher(algorithms.AES(derived), modes.ECB()).decryptor()  # noqa: S305 - the same
    padded = decryptor.update(base64.b64decode(text)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


@pytest.fixture
async def client(town: Town) -> Client:
    client = Client(town)
    heard = await client.refresh()
    assert heard.json["code"] == "0", heard.json
    assert clock.millis() < heard.json["data"]["secretEndTime"] <= clock.millis() + 2 * LASTS_S * 1000
    return client


async def test_a_call_gets_the_granted_fields_and_leaves_its_receipt(client: Client) -> None:
    heard = await client.ask(path="?" + urlencode(KEY), headers={"guantong-case": "case-9"})
    assert heard.json["code"] == "0", heard.json
    (row,) = heard.json["data"]
    assert (row["name"], row["phone"], row["birthplace"]) == (PEOPLE[0][1], "*******5678", "5116")
    receipt = client.town.city.receipts()[-1]
    assert (receipt["case"], receipt["purpose"]) == ("case-9", cast.PURPOSE)
    assert heard.reply.headers["guantong-call"] == receipt["call"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (urlencode(KEY).encode(), "application/x-www-form-urlencoded"),
        (json.dumps(KEY).encode(), "application/json"),
    ],
)
async def test_parameters_may_come_in_the_body(client: Client, body: bytes, kind: str) -> None:
    heard = await client.ask(body=body, headers={"content-type": kind})
    assert heard.json["data"][0]["name"] == PEOPLE[0][1]


async def test_a_service_of_the_nation_is_called_through_city_and_province(client: Client) -> None:
    heard = await client.ask(cast.S_PERSONS, path="?" + urlencode(KEY))
    assert heard.json["data"][0]["name"] == PEOPLE[0][1]
    assert [each["role"] for each in client.town.nation.receipts()] == ["provider"]


async def test_a_departments_own_interface_answers_as_it_is(client: Client) -> None:
    async with open_for_business() as department:
        await serving(client.town, department)
        named = {"guantong-operation": "person"}
        heard = await client.ask(path=f"?id={PERSON['sfzh']}", headers=named)
        assert heard.json["data"][0]["xm"] == "张三", heard.json
        assert department.seen[0].path == f"/api/persons/{PERSON['sfzh']}"
        posted = await client.ask(
            body=json.dumps({"number": PERSON["sfzh"]}).encode(), headers={"content-type": "application/json"}
        )
        assert posted.json["code"] == 0, "the only operation of that method needs no name"
        several = await client.ask(path=f"?id={PERSON['sfzh']}")
        assert (several.status, several.json["error"]["code"]) == (409, "service_ambiguous")


@pytest.mark.parametrize(
    ("changes", "status", "code", "ours"),
    [
        ({"rid": "nobody"}, 403, "E-106", "not_on_the_list"),
        ({"sid": "s_nothing"}, 403, "E-106", "not_on_the_list"),
        ({"sign": "AAAA"}, 401, "-1", "sign_not_right"),
        ({"sign": "é"}, 401, "-1", "sign_not_right"),
        ({"rtime": "tomorrow"}, 401, "-1", "sign_not_right"),
        ({"rtime": 1700000000000}, 401, "-1", "sign_too_old"),
        ({"rtime": ""}, 401, "-1", "sign_not_right"),
    ],
)
async def test_who_is_sent_away(
    client: Client, changes: dict[str, Any], status: int, code: str, ours: str
) -> None:
    before = len(client.town.city.receipts())
    heard = await client.ask(path="?" + urlencode(KEY), **changes)
    assert (heard.status, heard.json["code"], heard.json["error"]["code"]) == (status, code, ours)
    assert heard.json["msg"]
    assert len(client.town.city.receipts()) == before
    if "sid" not in changes:
        assert (await client.refresh(**changes)).json["error"]["code"] == ours


async def test_one_signature_is_one_call(client: Client) -> None:
    four = client.four(client.secret, cast.S_RESIDENCE)
    assert (await client.ask(path="?" + urlencode(KEY), four=four)).json["code"] == "0"
    again = await client.ask(path="?id_number=511602199102022345", four=four)
    assert (again.status, again.json["error"]["code"]) == (401, "sign_replayed")


async def test_the_application_key_opens_nothing_but_the_second_secret(client: Client) -> None:
    four = client.four(client.key, cast.S_RESIDENCE)
    assert (await client.ask(path="?" + urlencode(KEY), four=four)).json["error"]["code"] == "sign_not_right"
    heard = await client.sent(
        "POST",
        "/sysapi/auth/refreshappsecret",
        json.dumps(client.four(client.secret, cast.S_RESIDENCE)).encode(),
    )
    assert heard.json["error"]["code"] == "sign_not_right"


async def test_a_second_secret_outlives_one_half_day_and_not_two(client: Client) -> None:
    start = clock.now()
    for halves, status in ((1, 200), (2, 401)):
        with clock.frozen(start + timedelta(seconds=halves * LASTS_S)):
            assert (await client.ask(path="?" + urlencode(KEY))).status == status


async def test_a_secret_that_was_replaced_opens_nothing(client: Client) -> None:
    town = client.town
    application = msgspec.structs.replace(
        town.city.bundle.applications[cast.ENROLMENT], secret=digest_of("another secret")
    )
    town.city.publish(applications={cast.ENROLMENT: application})
    await town.city.in_force()
    assert (await client.ask(path="?" + urlencode(KEY))).json["code"] == "E-106"
    path = town.city.home / "keys/applications.json"
    path.write_text(json.dumps({cast.ENROLMENT: "another secret"}))
    assert (await client.ask(path="?" + urlencode(KEY))).json["error"]["code"] == "sign_not_right"
    other = Client(town, key="another secret")
    assert (await other.refresh()).json["code"] == "0"


async def test_a_refusal_by_rule_leaves_a_receipt_and_says_so_in_the_conventions_words(
    client: Client,
) -> None:
    town = client.town
    suspended = msgspec.structs.replace(town.city.bundle.grants[cast.G_RESIDENCE], state="suspended")
    town.city.publish(grants={cast.G_RESIDENCE: suspended})
    await town.city.in_force()
    heard = await client.ask(path="?" + urlencode(KEY))
    assert (heard.status, heard.json["code"], heard.json["error"]["code"]) == (
        403,
        "E-106",
        "grant_suspended",
    )
    assert town.city.receipts()[-1]["reason"] == "grant_suspended"


async def test_a_java_client_works_by_changing_its_address(town: Town, tmp_path: Path) -> None:
    for program in ("javac", "java"):
        assert shutil.which(program), f"{program} is missing: sh deploy/servers.sh fetches it"
    source = Path(__file__).with_name("NationalClient.java")
    compiling = await asyncio.create_subprocess_exec(
        "javac", "-encoding", "UTF-8", "-d", str(tmp_path), str(source)
    )
    assert await compiling.wait() == 0
    words = [town.city.url, cast.RID, cast.S_PERSONS, "id_number", PEOPLE[0][0]]
    running = await asyncio.create_subprocess_exec(
        "java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", str(tmp_path), "NationalClient", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    out, err = await running.communicate(town.keys.secret.encode())
    assert running.returncode == 0, err.decode()
    answer = json.loads(out)
    assert answer["code"] == "0"
    assert answer["data"][0]["name"] == PEOPLE[0][1]


# ── the nonce profile ──


def nonced(town: Town, body: bytes, *, path: str = "/v1/query", **changes: Any) -> dict[str, str]:
    given = {"name": cast.ENROLMENT, "time": str(clock.millis()), "nonce": "n1", "method": "POST", **changes}
    digest = sha256(body).hexdigest()
    covered = "\n".join([given["name"], given["time"], given["nonce"], given["method"], path, digest])
    made = hmac.new(given.get("key", town.keys.secret).encode(), covered.encode(), "sha256").hexdigest()
    return {
        "x-client-id": given["name"], "x-timestamp": given["time"], "x-nonce": given["nonce"],
        "x-signature": given.get("signature", made),
    }  # fmt: skip


async def nonce_asked(town: Town, body: bytes, headers: dict[str, str], path: str = "/v1/query") -> Heard:
    return await town.send(Request("POST", town.city.url + path, headers), body)


async def test_a_secret_with_a_nonce_opens_every_door_once(town: Town) -> None:
    body = json.dumps(query()).encode()
    headers = nonced(town, body)
    assert (await nonce_asked(town, body, headers)).status == 200
    is_told(await nonce_asked(town, body, headers), 401, "signature_replayed")
    is_told(await nonce_asked(town, body + b" ", nonced(town, body, nonce="n2")), 401, "secret_not_proved")
    is_told(
        await nonce_asked(town, body, nonced(town, body, nonce="n3"), "/v1/verify"), 401, "secret_not_proved"
    )
    for changes in (
        {"key": "wrong"},
        {"name": "nobody"},
        {"time": "x"},
        {"signature": ""},
        {"signature": "é"},
    ):
        is_told(
            await nonce_asked(town, body, nonced(town, body, **{"nonce": "n4", **changes})),
            401,
            "secret_not_proved",
        )
    late = str(clock.millis() - (WINDOW_S + 5) * 1000)
    is_told(
        await nonce_asked(town, body, nonced(town, body, nonce="n5", time=late)), 401, "signature_expired"
    )
    is_told(await nonce_asked(town, body, nonced(town, body, nonce="")), 401, "signature_replayed")
