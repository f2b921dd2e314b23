"""Who listens: a webhook that fails, hangs, asks for time or has had enough; NATS JetStream; Kafka. All real servers."""

import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import nats
import pytest
from confluent_kafka import Consumer
from tests.exchange import cast
from tests.exchange.listening import Listening, numbers, words
from tests.exchange.test_objects import free_port

from guantong.exchange import errors
from guantong.exchange.events.kafka import Kafka
from guantong.exchange.events.outlets import is_embedded, open_outlet
from guantong.exchange.events.webhook import Webhook
from guantong.kit import clock, http_signatures
from guantong.kit.http_signatures import Request

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


# ── a webhook ──


class Receiver(BaseHTTPRequestHandler):
    server: "Hall"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more = self.server.judge(json.loads(body))
        if status == 0:
            self.server.stuck.wait(30)
            self.close_connection = True
            return
        if 200 <= status < 300:
            self.server.taken.append((headers, body))
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Nothing."""


class Hall(ThreadingHTTPServer):
    daemon_threads = True
    taken: list[tuple[dict[str, str], bytes]]
    judge: Callable[[Any], tuple[int, dict[str, str]]]
    allow_reuse_address: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.taken, self.stuck = [], threading.Event()
        self.judge = lambda _: (204, {})
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.taken]


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.stuck.set()
    hall.shutdown()
    hall.server_close()


@pytest.fixture
def hook(tmp_path: Path, hall: Hall) -> Iterator[Listening]:
    listening = Listening(tmp_path, f"webhook+{hall.url}")
    listening.source.fill(range(1, 31))
    yield listening
    listening.close()


def after(seconds: float) -> Any:
    return clock.frozen(datetime.now(UTC) + timedelta(seconds=seconds))


def delivered(listening: Listening) -> int:
    """How many are taken until nothing more is."""
    return sum(iter(listening.deliverer.deliver_once, 0))


def test_each_event_is_posted_once_in_order_and_signed(hook: Listening, hall: Hall) -> None:
    hook.run()
    assert delivered(hook) == 31
    assert numbers(hall.events()) == list(range(1, 31))
    headers, body = hall.taken[0]
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    http_signatures.check_content_digest(body, headers["content-digest"])
    request = Request("POST", hall.url, headers)
    key = hook.exchange.key.public
    verified = http_signatures.verify(
        request,
        lambda name: key if name == cast.CITY else None,
        required=("@method", "@target-uri", "content-digest", "content-type"),
        at=int(time.time()),
    )
    assert verified.nonce


def test_one_who_fails_is_asked_later_and_later_and_then_goes_on_in_order(
    hook: Listening, hall: Hall
) -> None:
    hook.run()
    hall.judge = lambda event: (204, {}) if numbers([event]) in ([1], [2]) else (500, {})
    assert hook.deliverer.deliver_once() == 2
    assert hook.deliverer.deliver_once() == 0  # not due yet
    waits = []
    for attempt in range(5):
        (listener,) = hook.deliverer.listeners()
        assert (listener.waiting, listener.attempts, listener.why) == (29, attempt + 1, "HTTP 500")
        moment = clock.parse(listener.next_at)
        waits.append(moment)
        with clock.frozen(moment + timedelta(milliseconds=1)):
            assert hook.deliverer.deliver_once() == 0
    steps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(waits)]
    assert all(later > sooner for sooner, later in itertools.pairwise(steps))
    hall.judge = lambda _: (200, {})
    with after(7200):
        assert delivered(hook) == 29
    assert numbers(hall.events()) == list(range(1, 31))
    assert hook.deliverer.listeners()[0].attempts == 0


@pytest.mark.parametrize("said", ["120", "date"])
def test_retry_after_is_obeyed(hook: Listening, hall: Hall, said: str) -> None:
    from email.utils import format_datetime

    hook.run()
    field = (
        said if said != "date" else format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    )
    hall.judge = lambda _: (429, {"Retry-After": field})
    assert hook.deliverer.deliver_once() == 0
    hall.judge = lambda _: (204, {})
    with after(115):
        assert hook.deliverer.deliver_once() == 0
    with after(125):
        assert delivered(hook) == 31


def test_one_who_wants_no_more_is_left_alone_and_the_job_says_so(hook: Listening, hall: Hall) -> None:
    hook.run()
    hall.judge = lambda _: (410, {})
    assert hook.deliverer.deliver_once() == 0
    hall.judge = lambda _: (204, {})
    with after(86_400):
        assert hook.deliverer.deliver_once() == 0
    assert hook.deliverer.listeners()[0].has_ended
    with pytest.raises(errors.SubscriptionEnded) as caught:
        hook.run()
    assert caught.value.status == 410
    hook.addresses["education"] += "?again"  # a new address is a new listener
    hook.run()
    while hook.deliverer.deliver_once():
        pass
    assert len(hall.taken) == 62


def test_one_who_hangs_is_given_up_for_now(tmp_path: Path, hook: Listening, hall: Hall) -> None:
    hook.run()
    hall.judge = lambda event: (204, {}) if numbers([event]) == [1] else (0, {})
    store = hook.store()
    with closing(Webhook(hook.here.key, cast.CITY, "T-1", f"webhook+{hall.url}", timeout_s=0.5)) as outlet:
        handed = outlet.hand_over(store.after(0, 10)[0])
    store.close()
    assert (handed.taken, handed.why) == (1, "peer_timed_out")


def test_nobody_there(tmp_path: Path) -> None:
    listening = Listening(tmp_path, f"webhook+http://127.0.0.1:{free_port()}/x")
    listening.source.fill([1])
    listening.run()
    assert listening.deliverer.deliver_once() == 0
    assert listening.deliverer.listeners()[0].why == "peer_unreachable"
    listening.close()


def test_a_redirect_is_not_followed(hook: Listening, hall: Hall) -> None:
    hook.run()
    hall.judge = lambda _: (307, {"Location": "http://169.254.169.254/"})
    assert hook.deliverer.deliver_once() == 0
    assert hook.deliverer.listeners()[0].why == "HTTP 307"


@pytest.mark.parametrize("address", ["webhook+http://10.0.0.1/x", "webhook+https://u:p@h/x"])
def test_addresses_that_are_refused(hook: Listening, address: str) -> None:
    from guantong.kit.errors import GuantongError

    with pytest.raises(GuantongError):
        open_outlet(hook.here.key, cast.CITY, "T-1", address)


def test_only_an_address_of_a_listener_is_one() -> None:
    assert is_embedded("")
    assert is_embedded("embedded:")
    assert not is_embedded("kafka://h/t")
    assert not is_embedded("//h/t")


def test_what_a_revoked_grant_has_left_is_never_told(hook: Listening, hall: Hall) -> None:
    hook.run()
    hook.grant = {"state": "suspended"}
    assert hook.deliverer.deliver_once() == 0
    hook.grant = {"state": "active"}
    hall.judge = lambda event: (204, {}) if numbers([event]) == [1] else (500, {})
    assert hook.deliverer.deliver_once() == 1
    hook.grant = {"state": "revoked"}
    hall.judge = lambda _: (204, {})
    with after(7200):
        assert hook.deliverer.deliver_once() == 0
        hook.grant = {}
        assert hook.deliverer.deliver_once() == 0
    assert numbers(hall.events()) == [1]


def test_killed_while_delivering(tmp_path: Path, hall: Hall) -> None:
    listening = Listening(tmp_path, f"webhook+{hall.url}")
    listening.source.fill(range(1, 61))
    listening.close()
    address, dice, died = f"webhook+{hall.url}", random.Random(7), 0
    while died < 3:
        text = words(tmp_path, dice.randrange(8, 30), address, writing="append", key=["person_no"])
        done = child(text)
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr[-2000:]
        died += done.returncode != 0
    assert child(words(tmp_path, 0, address, writing="append", key=["person_no"])).returncode == 0
    once: dict[str, Any] = {}
    for event in hall.events():
        once.setdefault(event["id"], event)
    runs = {event["run"] for event in once.values() if event["type"] == "guantong.batch.arrived"}
    for run in runs:
        assert numbers([event for event in once.values() if event["run"] == run]) == list(range(1, 61))


def child(text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.exchange.listening"],
        env=ENVIRONMENT, input=text, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


# ── NATS ──


class Nats:
    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        self.url = f"nats://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        program = shutil.which("nats-server") or "/usr/sbin/nats-server"
        self.process = subprocess.Popen(
            [program, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", self.folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    async def with_stream(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = await nats.connect(
                    self.url,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0.1,
                    error_cb=_quiet,
                )
                break
            except (OSError, nats.errors.Error):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
        await connection.jetstream().add_stream(name="GUANTONG", subjects=["guantong.>"])
        await connection.close()

    async def stored(self) -> list[Any]:
        connection = await nats.connect(self.url)
        stream = connection.jetstream()
        count = (await stream.stream_info("GUANTONG")).state.messages
        found = [await stream.get_msg("GUANTONG", number) for number in range(1, count + 1)]
        await connection.close()
        return [(message.headers, json.loads(message.data or b"")) for message in found]


async def _quiet(fault: Exception) -> None:
    pass


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Nats]:
    broker = Nats(tmp_path / "nats")
    yield broker
    broker.stop()


def test_jetstream_stores_each_event_once(tmp_path: Path, broker: Nats) -> None:
    asyncio.run(broker.with_stream())
    listening = Listening(tmp_path, f"{broker.url}/guantong.persons")
    listening.source.fill(range(1, 31))
    listening.run()
    assert listening.deliverer.deliver_once() == 31
    store = listening.store()
    store.put_mark("delivered", "10")  # as if a crash had come before the mark
    store.close()
    assert listening.deliverer.deliver_once() == 21
    stored = asyncio.run(broker.stored())
    assert numbers([event for _, event in stored]) == list(range(1, 31))
    assert all(headers["Nats-Msg-Id"] == event["id"] for headers, event in stored)
    listening.close()


def test_a_broker_without_a_stream_and_one_that_is_gone(tmp_path: Path, broker: Nats) -> None:
    asyncio.run(broker.with_stream())
    listening = Listening(tmp_path, f"{broker.url}/elsewhere.persons")
    listening.source.fill([1])
    listening.run()
    assert listening.deliverer.deliver_once() == 0
    assert listening.deliverer.listeners()[0].why == "no stream takes the subject"
    broker.stop()
    listening.addresses["education"] = f"{broker.url}/guantong.persons"
    assert listening.deliverer.deliver_once() == 0
    assert listening.deliverer.listeners()[0].waiting == 2
    broker.start()
    asyncio.run(broker.with_stream())
    with after(3600):
        assert listening.deliverer.deliver_once() == 2
    listening.close()


# ── Kafka ──

CLUSTER = """
import sys, time
from confluent_kafka import Producer
cluster = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 3, "log_level": 0})
brokers = cluster.list_topics(timeout=10).brokers.values()
print(",".join(f"{one.host}:{one.port}" for one in brokers), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def cluster() -> Iterator[str]:
    """librdkafka's own cluster: three brokers that speak the protocol, in a process of their own."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdin
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def records(hosts: str, topic: str, count: int) -> list[Any]:
    consumer = Consumer(
        {"bootstrap.servers": hosts, "group.id": "test", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe([topic])
    found, deadline = [], time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found


def test_kafka_takes_each_row_under_its_subject(tmp_path: Path, cluster: str) -> None:
    listening = Listening(tmp_path, f"kafka://{cluster}/persons")
    listening.source.fill(range(1, 31))
    listening.run()
    assert listening.deliverer.deliver_once() == 31
    found = records(cluster, "persons", 31)
    events = [json.loads(message.value()) for message in found]
    assert sorted(numbers(events)) == list(range(1, 31))
    for message, event in zip(found, events, strict=True):
        assert message.key().decode() == event.get("subject", event["id"])
        assert dict(message.headers())["ce_id"].decode() == event["id"]
    listening.close()


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    listening = Listening(tmp_path)
    listening.source.fill([1, 2])
    listening.run()
    store = listening.store()
    with closing(Kafka("T-1", f"kafka://127.0.0.1:{free_port()}/t", timeout_s=1)) as outlet:
        handed = outlet.hand_over(store.after(0, 10)[0])
    assert handed.taken == 0
    assert handed.why
    store.close()
    listening.close()


def test_an_address_sets_nothing_but_security() -> None:
    outlet = Kafka("T-1", "kafka://u%40x:p@h1:1,h2:2/t?security.protocol=SASL_SSL&sasl.oauthbearer.config=x")
    assert outlet._config["bootstrap.servers"] == "h1:1,h2:2"
    assert outlet._config["sasl.username"] == "u@x"
    assert outlet._config["security.protocol"] == "SASL_SSL"
    assert "sasl.oauthbearer.config" not in outlet._config
