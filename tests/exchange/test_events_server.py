"""Readers with a mark of their own, at a real server: granted events only, in order, through kills, waiting for news."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from tests.exchange import cast
from tests.exchange.listening import Listening, numbers

from guantong.bundle.types import Application, Bundle
from guantong.courier.client import Reply, SyncCourier
from guantong.exchange.events.server import EventServer
from guantong.kit import http_signatures
from guantong.kit.doorkeeper import check_answer
from guantong.kit.http_signatures import Request, Response
from guantong.kit.suites import INTERNATIONAL, SigningKey

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
COVERED = ("@method", "@target-uri")


class Reader:
    """A department's program with its key."""

    def __init__(self, url: str, key: SigningKey, name: str = cast.SCHOOLS) -> None:
        self.url, self.key, self.name = url, key, name
        self.courier = SyncCourier([url], timeout_s=40, max_body=64 << 20)

    def ask(self, query: str = "", *, target: str = "T-1", covered: tuple[str, ...] = COVERED) -> Reply:
        return self.send(*self.signed(query, target=target, covered=covered))

    def signed(
        self, query: str = "", *, target: str = "T-1", covered: tuple[str, ...] = COVERED
    ) -> tuple[str, Mapping[str, str]]:
        address = f"{self.url}/v1/events/{target}{'?' + query if query else ''}"
        headers = http_signatures.sign(
            Request("GET", address, {}), covered, self.key, created=int(time.time()), keyid=self.name,
            nonce=secrets.token_hex(8),
        )  # fmt: skip
        return address, headers

    def send(self, address: str, headers: Mapping[str, str]) -> Reply:
        return self.courier.send("GET", address, headers=headers)


class Counter:
    """The node's server over a listening register, and a reader who may."""

    def __init__(self, home: Path) -> None:
        self.listening = Listening(home)
        self.key = INTERNATIONAL.generate("schools")
        self.changes: dict[str, Any] = {}
        self.door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        here = self.listening.here
        self.app = EventServer(here.folder, self.bundle, self.url, key=here.key, code=here.code)
        config = uvicorn.Config(
            self.app, interface="asgi3", lifespan="off", log_level="error", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.door]}, daemon=True)
        self.thread.start()
        self.reader = Reader(self.url, self.key)

    def bundle(self) -> Bundle:
        bundle = self.listening.bundle()
        known = msgspec.structs.replace(bundle.applications[cast.SCHOOLS], keys=[self.key.public.to_text()])
        strange: Application = msgspec.structs.replace(known, id="strange")
        changes = {"applications": {cast.SCHOOLS: known, "strange": strange}, **self.changes}
        return msgspec.structs.replace(bundle, **changes)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.app.close()
        self.door.close()
        self.listening.close()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    counter = Counter(tmp_path)
    counter.listening.source.fill(range(1, 31))
    yield counter
    counter.close()


def events(reply: Reply) -> list[Any]:
    assert reply.status == 200, reply.body
    found: list[Any] = json.loads(reply.body)
    return found


def test_a_reader_goes_from_number_to_number(counter: Counter) -> None:
    counter.listening.run()
    after, found = "0", []
    while batch := events(reply := counter.reader.ask(f"after={after}&limit=7")):
        found += batch
        after = reply.headers["guantong-cursor"]
        assert reply.headers["content-type"].startswith("application/cloudevents-batch+json")
    assert numbers(found) == list(range(1, 31))
    assert [one["sequence"] for one in found] == [str(n) for n in range(1, 32)]
    assert after == "31"


def test_the_answer_is_the_nodes(counter: Counter) -> None:
    counter.listening.run()
    address, headers = counter.reader.signed("limit=1")
    reply = counter.reader.send(address, headers)
    request = Request("GET", address, headers)
    http_signatures.check_content_digest(reply.body, reply.headers["content-digest"])
    check_answer(Response(reply.status, reply.headers, request), counter.listening.here.key.public, cast.CITY)


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, json.loads(reply.body)["error"]["code"]


def test_a_reader_with_two_keys_signs_by_either_named_or_not(counter: Counter) -> None:
    counter.listening.run()
    coming = INTERNATIONAL.generate("schools")
    known = counter.bundle().applications[cast.SCHOOLS]
    both = msgspec.structs.replace(known, keys=[*known.keys, coming.public.to_text()])
    assert code(Reader(counter.url, coming).ask("limit=1")) == (401, "signature_wrong")
    counter.changes["applications"] = {cast.SCHOOLS: both}
    for key in (counter.key, coming):
        for keyid in (cast.SCHOOLS, f"{cast.SCHOOLS}+{key.public.key_id}"):
            reader = Reader(counter.url, key)
            reader.name = keyid
            assert len(events(reader.ask("limit=1"))) == 1
    reader.key = counter.key
    assert code(reader.ask("limit=1")) == (401, "signature_wrong")


def test_only_who_may_is_answered(counter: Counter) -> None:
    counter.listening.run()
    ask = counter.reader.ask
    assert code(counter.reader.send(f"{counter.url}/v1/events/T-1", {})) == (401, "signature_missing")
    assert code(ask(covered=("@method", "@path"))) == (401, "signature_incomplete")
    assert code(ask(target="T-2")) == (404, "subscription_unknown")
    assert code(Reader(counter.url, counter.key, "strange").ask()) == (404, "subscription_unknown")
    assert code(Reader(counter.url, counter.key, "nobody").ask()) == (401, "signature_key_unknown")
    other = INTERNATIONAL.generate("schools")
    assert code(Reader(counter.url, other).ask()) == (401, "signature_wrong")
    address, headers = counter.reader.signed()
    assert counter.reader.send(address, headers).status == 200
    assert code(counter.reader.send(address, headers)) == (401, "signature_replayed")
    assert code(counter.reader.send(address + "?after=1", counter.reader.signed()[1]))[0] == 401
    assert counter.reader.send(f"{counter.url}/else", {}).status == 404


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=1001", "after=99999999999999999999", "wait_s=٣"]
)
def test_bad_numbers(counter: Counter, query: str) -> None:
    from urllib.parse import quote

    assert code(counter.reader.ask(quote(query, safe="=-"))) == (400, "query_misshapen")


@pytest.mark.parametrize(
    ("grant", "refusal"),
    [
        ({"state": "revoked"}, "grant_revoked"),
        ({"state": "suspended"}, "grant_suspended"),
        ({"not_after": "2021-01-01T00:00:00Z"}, "grant_expired"),
        ({"purpose": "else"}, "purpose_not_granted"),
    ],
)
def test_a_grant_that_is_not_in_force_gives_nothing(counter: Counter, grant: Any, refusal: str) -> None:
    counter.listening.run()
    counter.listening.grant = grant
    reply = counter.reader.ask()
    assert code(reply) == (403, refusal)
    assert b"\xe5" not in reply.body.split(b'"details"')[1]


def test_a_revocation_ends_a_waiting_answer(counter: Counter) -> None:
    replies: list[Reply] = []
    waiting = threading.Thread(target=lambda: replies.append(counter.reader.ask("wait_s=20")))
    waiting.start()
    until(lambda: counter.app._waiting == 1)
    counter.listening.grant = {"state": "revoked"}
    waiting.join(10)
    assert code(replies[0]) == (403, "grant_revoked")


def until(is_so: Any) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_answer_waits_for_news(counter: Counter) -> None:
    replies: list[Reply] = []
    waiting = threading.Thread(target=lambda: replies.append(counter.reader.ask("wait_s=20")))
    waiting.start()
    until(lambda: counter.app._waiting == 1)
    counter.listening.run()
    waiting.join(15)
    assert numbers(events(replies[0]))[0] == 1
    assert events(counter.reader.ask("after=31&wait_s=0")) == []


def test_who_missed_events_is_told(counter: Counter) -> None:
    counter.listening.run()
    assert len(events(counter.reader.ask("after=5"))) == 26
    store = counter.listening.store()
    store.expire(rows=10)
    store.close()
    assert code(counter.reader.ask("after=5")) == (410, "events_expired")
    assert len(events(counter.reader.ask("after=0"))) == 10
    assert code(counter.reader.ask("after=4000")) == (410, "events_expired")


def test_only_the_readers_own_grants_events_go_out(counter: Counter) -> None:
    counter.listening.run()
    store = counter.listening.store()
    store._db.execute("UPDATE events SET grant_id = 'another' WHERE n % 2 = 0")
    store.close()
    reply = counter.reader.ask("limit=1000")
    assert [int(one["sequence"]) % 2 for one in events(reply)] == [1] * 16
    assert reply.headers["guantong-cursor"] == "31"


CONSUMER = """
import json, os, sys
from pathlib import Path
from guantong.kit.suites import SigningKey
from tests.exchange.test_events_server import Reader
url, key, home = sys.argv[1:]
reader, mark, notes = Reader(url, SigningKey.from_text(key)), Path(home, "mark"), Path(home, "notes")
while True:
    after = int(mark.read_text()) if mark.exists() else 0
    reply = reader.ask(f"after={after}&limit=5&wait_s=1")
    with notes.open("a") as file:
        for event in json.loads(reply.body):
            file.write(json.dumps([event["id"], event["type"], event["data"].get("person_no", 0)]) + "\\n")
        file.flush()
        os.fsync(file.fileno())
    Path(home, "mark.new").write_text(reply.headers["guantong-cursor"])
    Path(home, "mark.new").replace(mark)
"""


def test_a_reader_that_is_killed_misses_nothing(counter: Counter, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    counter.listening.run(fields=["person_no", "name"])

    def told() -> int:
        return len(notes.read_text().splitlines()) if notes.exists() else 0

    for goal in (6, 14, 31):
        consumer = subprocess.Popen(
            [sys.executable, "-c", CONSUMER, counter.url, counter.key.to_text(), str(tmp_path)],
            env=ENVIRONMENT,
        )
        until(lambda goal=goal: told() >= goal)
        consumer.send_signal(signal.SIGKILL)
        consumer.wait()
    lines = [json.loads(line) for line in notes.read_text().splitlines() if line.endswith("]")]
    once = list({line[0]: line for line in lines}.values())
    assert [line[2] >> 40 for line in once if line[1] == "guantong.row.changed"] == list(range(1, 31))
