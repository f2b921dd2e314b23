"""The node's own process: runs the job, tells who listens, answers readers; killed and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.exchange import cast
from tests.exchange.listening import FIELDS, numbers
from tests.exchange.test_events_server import Reader, events
from tests.exchange.test_listeners import Hall
from tests.exchange.test_objects import free_port
from tests.exchange.test_process import Node

from guantong.bundle import depot, sealing
from guantong.bundle.jobs import Limits
from guantong.kit.suites import INTERNATIONAL


class Process(Node):
    """A node whose register is told as events."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.port = free_port()
        self.reader_key = INTERNATIONAL.generate("schools")
        self.child: subprocess.Popen[bytes] | None = None

    def publish(self, **job: Any) -> None:
        self.sequence += 1
        bundle = cast.bundle(
            self.key,
            job=cast.job(limits=Limits(chunk_rows=20), writing="append", key=["person_no"], **job),
            grant=cast.grant(),
            source={"dialect": "sqlite", "table": "person", "columns": FIELDS},
            target={"dialect": "events", "table": "persons", "columns": FIELDS},
        )
        known = msgspec.structs.replace(
            bundle.applications[cast.SCHOOLS], keys=[self.reader_key.public.to_text()]
        )
        whole = msgspec.structs.replace(bundle, sequence=self.sequence, applications={known.id: known})
        depot.publish(self.settings.bundle_folder, sealing.seal(whole, self.key))

    def listen(self, address: str) -> None:
        path = self.settings.home / "sources.json"
        told = msgspec.json.decode(path.read_bytes())
        told.pop("education", None)
        path.write_bytes(msgspec.json.encode(told | ({"education": address} if address else {})))

    def start(self) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "GUANTONG_NODE": cast.CITY,
            "GUANTONG_HOME": str(self.settings.home),
            "GUANTONG_DEVELOPMENT": "true",
            "GUANTONG_EXCHANGE_PORT": str(self.port),
        }
        self.child = subprocess.Popen([sys.executable, "-m", "guantong", "exchange"], env=environment)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.child is not None:
            self.child.send_signal(number)
            self.child.wait(30)
            self.child = None


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.stop(signal.SIGKILL)


def test_readers_are_answered_by_the_exchange(process: Process) -> None:
    process.listen("")
    process.publish()
    process.start()
    process.order("run")
    reader = Reader(f"http://127.0.0.1:{process.port}", process.reader_key)
    found: list[Any] = []
    deadline = time.monotonic() + 60
    after = "0"
    while len(found) < 201 and time.monotonic() < deadline:
        try:
            reply = reader.ask(f"after={after}&limit=1000&wait_s=5")
        except Exception:  # noqa: BLE001 - it is still starting
            time.sleep(0.1)
            continue
        found += events(reply)
        after = reply.headers["guantong-cursor"]
    assert numbers(found) == list(range(1, 201))


def test_listeners_are_told_by_the_exchange_through_kills(process: Process) -> None:
    hall = Hall()
    process.listen(f"webhook+{hall.url}")
    process.publish()
    process.order("run")
    for goal in (5, 60, 130):
        process.start()
        until(lambda goal=goal: len(hall.taken) >= goal)
        process.stop(signal.SIGKILL)
    process.start()
    until(lambda: any(one["type"] == "guantong.batch.arrived" for one in hall.events()))
    process.stop()
    once = {one["id"]: one for one in hall.events()}
    assert numbers(list(once.values())) == list(range(1, 201))
    hall.shutdown()
    hall.server_close()


def until(is_so: Any) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
