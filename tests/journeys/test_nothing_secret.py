"""Two real nodes that say all they ever could: no secret and nobody's data stands in what pages, worker, log and witness
say or keep, nor the second secret of the national convention.
"""

import contextlib
import hmac
import json
import re
import secrets
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from examples.guangan.visitor import Visitor

from guantong.gateway.national.signing import sign
from guantong.kit import clock
from tests.cast import PERMITS
from tests.databases import free_port
from tests.federation.nodes import CONFIRM, RealNode, until
from tests.gateway.processes import wait_for
from tests.gateway.test_national import unwrapped
from tests.gateway.test_nothing_secret import leaks, spoken

pytestmark = pytest.mark.town
PERSON = ("511602199001011234", "张三丰", "2031-07-08")
DATABASE_PASSWORD, WRONG_PASSWORD = "Secret-Password-4711", "Wrong-Password-4712"
PARTS = ("web", "work", "log", "gateway")

FURNISH = """
from tests.cast import assemble, need, publish_permits
from guantong.catalog import actions as catalog
from guantong.identity.actions import register_person
from guantong.journal.types import SYSTEM
from guantong.sharing import actions
from guantong.sharing.models import Grant
cast, at = assemble(), clock.now()
entry = publish_permits(cast)
catalog.link(entry, source="police", dialect="sqlite", table="permits", by=cast.as_actor(cast.luo), at=at,
             columns={"id_number": "sfzh", "residence_division": "jzd", "valid_to": "yxq"})
asked = actions.file_request(need(fields=["id_number", "valid_to"]), consumer=cast.education,
                             by=cast.as_actor(cast.xu), at=at)
actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=at)
actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=at)
grant = Grant.objects.get()
print(grant.code, grant.sids[0], cast.counter.rid)
"""
BREAK = """
from tests.cast import PERMITS
from guantong.catalog.models import Link
from guantong.catalog import actions as catalog
from guantong.catalog.harvesting import reading
from guantong.journal.types import SYSTEM
from guantong.site.node import node_settings
Link.objects.update(source="away", dialect="postgresql")
link = Link.objects.get(resource__code=PERMITS)
catalog.check_link(link, reading.addresses(node_settings().home), by=SYSTEM, at=clock.now())
"""


class LoudNode(RealNode):
    """A node with log, witness and gateway besides, which says everything that its libraries say."""

    module = "tests.journeys.loud"

    def __init__(self, folder: Path, code: str) -> None:
        self.ports = {part: free_port() for part in ("gateway", "log")}
        super().__init__(folder, code)

    @property
    def environment(self) -> dict[str, str]:
        ports = {f"GUANTONG_{part.upper()}_PORT": str(port) for part, port in self.ports.items()}
        return {**super().environment, **ports, "DJANGO_SETTINGS_MODULE": "tests.journeys.loud_settings"}

    def address(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}"

    def said(self) -> Iterator[tuple[str, bytes]]:
        """Every file of the node except those that are made to hold secrets: keys, addresses, a department's data."""
        for path in self.home.rglob("*"):
            inside = path.relative_to(self.home)
            if (
                path.is_file()
                and inside.parts[0] != "keys"
                and inside.name not in {"sources.json", "police.db"}
            ):
                yield str(path), path.read_bytes()
        # In the file itself a long value may be cut in two by the end of a page.
        with contextlib.closing(sqlite3.connect(self.home / "control.sqlite3")) as database:
            tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for (table,) in tables:
                rows = database.execute(f'SELECT * FROM "{table}"').fetchall()
                values = [value for row in rows for value in row if value is not None]
                yield (
                    f"{self.home}/control.sqlite3/{table}",
                    b"\n".join(
                        value if isinstance(value, bytes) else str(value).encode() for value in values
                    ),
                )


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[LoudNode, LoudNode]]:
    province, city = LoudNode(tmp_path, "510000"), LoudNode(tmp_path, "511600")
    with sqlite3.connect(city.home / "police.db") as database:
        database.execute("CREATE TABLE permits (sfzh TEXT PRIMARY KEY, xm TEXT, jzd TEXT, yxq TEXT)")
        database.execute("INSERT INTO permits VALUES (?, ?, '511602', ?)", PERSON)
    database.close()
    sources = city.home / "sources.json"
    sources.touch(mode=0o600)
    away = f"postgresql://guantong:{DATABASE_PASSWORD}@127.0.0.1:1/guantong"
    sources.write_text(json.dumps({"police": f"sqlite://{city.home}/police.db", "away": away}))
    try:
        province.start("web")
        city.command("join", "--parent", province.url)
        province.script(CONFIRM, city.code)
        province.start("log", "work")
        yield province, city
    finally:
        for node in (province, city):
            node.kill()


def sent(
    url: str, body: bytes | None = None, method: str | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(
        url, data=body, method=method, headers={n.replace("_", "-"): v for n, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read(), dict(reply.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def by_convention(city: LoudNode, names: tuple[str, str], key: str) -> str:
    """A call by the national platform's convention, from first to last; the second secret."""
    (sid, rid), gateway = names, city.address("gateway")

    def four(secret: str) -> dict[str, str]:
        at = str(clock.millis())
        given = {"rid": rid, "sid": sid, "rtime": at, "sign": sign(secret.encode(), sid, rid, at)}
        return {f"gjgxjhpt_{name}": text for name, text in given.items()}

    status, told, _ = sent(
        f"{gateway}/sysapi/auth/refreshappsecret", json.dumps(four(key)).encode(), content_type="application/json"
    )  # fmt: skip
    assert status == 200, told
    second = unwrapped(json.loads(told)["data"]["secret"], key)
    headers = four(second)
    for wanted in (200, 401):  # the second time it is a replay
        request = urllib.request.Request(f"{gateway}/httpproxy?id_number={PERSON[0]}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                status, told = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, told = error.code, error.read()
        assert status == wanted, told
    return second


def by_nonce(city: LoudNode, secret: str, body: bytes) -> int:
    said = ["one-window", str(clock.millis()), secrets.token_hex(8)]
    covered = "\n".join([*said, "POST", "/v1/query", sha256(body).hexdigest()])
    made = hmac.digest(secret.encode(), covered.encode(), "sha256").hex()
    status, _, _ = sent(
        f"{city.address('gateway')}/v1/query", body,
        x_client_id=said[0], x_timestamp=said[1], x_nonce=said[2], x_signature=made,
    )  # fmt: skip
    return status


def used(province: LoudNode, city: LoudNode) -> dict[str, str]:
    """Sign in and fail to, give secrets out, call in every way, ask for nonsense; every secret by name."""
    grant, *names = city.script(FURNISH).split()
    city.start(*PARTS)
    for part in ("gateway", "log"):
        path = "ready" if part == "gateway" else "health"
        wait_for(f"{city.address(part)}/{path}", city.running[part], 60)
    visitor = Visitor(city.url)
    visitor.post("/sign-in/", {"username": "xu", "password": WRONG_PASSWORD})
    visitor.sign_in("xu", "xu-password-1")
    given = []
    for _ in range(2):
        page = visitor.post("/share/applications/one-window/secret", source="/share/applications/one-window/")
        shown = re.search(r'id="secret">([^<]+)<', page.text)
        assert shown, page.text[:2000]
        given.append(shown[1])
    former, present = given

    def is_known() -> bool:
        form = f"grant_type=client_credentials&client_id=one-window&client_secret={present}".encode()
        return sent(f"{city.address('gateway')}/oauth2/token", form)[0] == 200

    until(is_known, about="the gateway takes the new secret")
    form = f"grant_type=client_credentials&client_id=one-window&client_secret={former}".encode()
    token = json.loads(sent(f"{city.address('gateway')}/oauth2/token", form)[1])["access_token"]
    seconds = [by_convention(city, (names[0], names[1]), key) for key in given]
    body = {"resource": PERMITS, "grant": grant, "purpose": "512B0156000000", "case": "",
            "keys": {"id_number": PERSON[0]}, "fields": ["valid_to"]}  # fmt: skip
    raw = json.dumps(body).encode()
    assert (by_nonce(city, present, raw), by_nonce(city, former, raw)) == (200, 200)
    asked = sent(f"{city.address('gateway')}/v1/query", raw, authorization=f"Bearer {token}")
    assert asked[0] == 200, asked[1]
    nonsense(province, city, token, visitor)
    city.script(BREAK)
    session = next(cookie.value for cookie in jar_of(visitor) if cookie.name.endswith("_session"))
    return {
        "present secret": present, "former secret": former, "token": token,
        "second secret": seconds[0], "second secret of the former": seconds[1],
        "password": "xu-password-1", "wrong password": WRONG_PASSWORD, "database password": DATABASE_PASSWORD,
        "session": str(session), "id number": PERSON[0], "name": PERSON[1], "date": PERSON[2],
        **{
            f"{path.stem} of {node.code}": path.read_text().strip()
            for node in (province, city) for path in (node.home / "keys").glob("*.key")
        },
    }  # fmt: skip


def jar_of(visitor: Visitor) -> Any:
    return next(each.cookiejar for each in visitor._opener.handlers if hasattr(each, "cookiejar"))


def nonsense(province: LoudNode, city: LoudNode, token: str, visitor: Visitor) -> None:
    """Questions that fail, with secrets where none belong: in addresses, forms, and to whom they do not concern."""
    bad = f"?token={token}&id={PERSON[0]}"
    for node in (province, city):
        for path in (f"/nothing{bad}", f"/federation/card{bad}", f"/share/grants/{bad}"):
            sent(node.url + path, authorization=f"Bearer {token}")
        assert sent(f"{node.url}/federation/messages", b"{" + PERSON[0].encode())[0] >= 400
        for path, body in (
            (f"/proof/{'0' * 64}{bad}", None), (f"/nothing{bad}", None), ("/add-checkpoint", b"old 0\n\n" + PERSON[1].encode()),
            ("/add-checkpoint", PERSON[0].encode()),
        ):  # fmt: skip
            status, _, _ = sent(node.address("log") + path, body, authorization=f"Bearer {token}")
            assert status >= 400
    assert visitor.get(f"/find/?q={quote(PERSON[1])}").status == 200
    assert sent(f"{city.url}/sign-in/", f"username=xu&password={WRONG_PASSWORD}".encode())[0] == 403


def test_no_secret_stands_in_what_the_nodes_say_and_keep(nodes: tuple[LoudNode, LoudNode]) -> None:
    province, city = nodes
    known = used(province, city)
    # The city's log has grown and the province's witness has signed for it: all four have had something to say.
    until(lambda: city.ask("SELECT count(*) FROM journal_receipt")[0][0] >= 5, about="receipts come in")
    checkpoint = f"{city.address('log')}/checkpoint"
    until(lambda: sent(checkpoint)[1].count("\u2014 ".encode()) >= 2, about="the witness signs")
    for node in nodes:
        node.kill()
    said = {place: text for node in nodes for place, text in node.said()}
    loud = [text for place, text in said.items() if place.endswith(".out")]
    assert len(loud) == len(PARTS) + 3
    assert all(b"everything is said" in text or b"DEBUG" in text for text in loud)
    for kind in ("control.sqlite3/journal_receipt", "/spool/"):
        assert any(kind in place and b"guantong/receipt" in text for place, text in said.items()), kind
    found = leaks(known, said)
    assert {one for one in found if not is_kept(*one)} == set()
    # What is looked for would be found, wherever it stood and however it were written.
    for name, secret in known.items():
        for way in spoken(secret):
            for place in [place for place in said if place.endswith(".out")]:
                planted = {place: said[place] + b"... " + way + b" ..."}
                assert leaks({name: secret}, planted) == {(place, name)}


def is_kept(place: str, name: str) -> bool:
    """The one thing that is kept on purpose: who is signed in, in the control database."""
    return name == "session" and "/control.sqlite3" in place
