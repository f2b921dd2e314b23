"""A nation, a province and a city, an edge in the city, each exchange a process of its own that a test may kill."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.exchange import cast
from tests.exchange.test_pairs import Place

from guantong.bundle import depot, orders, sealing
from guantong.bundle.jobs import Edge, Job, Target
from guantong.bundle.orders import Order
from guantong.bundle.types import Application, Binding, Bundle, Node, Organisation, Resource
from guantong.evidence import spool
from guantong.exchange.receipts import WRITER
from guantong.kit import envelope
from guantong.kit.suites import INTERNATIONAL

NATION, PROVINCE, CITY, EDGE = "000000", "510000", "511600", "QZ511600-0a1b2c3d"
ABOVE = {CITY: PROVINCE, PROVINCE: NATION}
COLUMNS = {item: item for item in cast.FIELDS}
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GUANTONG_")},
    "PYTHONPATH": os.pathsep.join(sys.path),
}


@dataclass
class Way:
    """One job: from a table at ``reader`` to one at ``writer`` (a node, or the edge)."""

    job: str
    source: Place
    target: Place
    reader: str
    writer: str
    terms: dict[str, Any] = field(default_factory=dict)

    @property
    def provider(self) -> str:
        return CITY if self.reader == EDGE else self.reader

    @property
    def consumer(self) -> str:
        return CITY if self.writer == EDGE else self.writer

    @property
    def is_staged(self) -> bool:
        return self.reader != self.writer


class Tree:
    """Folders, keys and bundles of the three nodes and the edge. Nothing runs until it is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = {
            code: INTERNATIONAL.generate(f"{code}.guantong.example/node") for code in (NATION, PROVINCE, CITY)
        }
        self.edge_key = INTERNATIONAL.generate("edge.guantong.example/node")
        self.ports = dict(zip(self.keys, _free_ports(3), strict=True))
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.sequence = self.number = 0
        self.ways: list[Way] = []
        self.grant_changes: dict[str, Any] = {}
        for code, key in self.keys.items():
            _write(self.home(code) / "keys" / "node.key", key.to_text())
            _write(self.home(code) / "keys" / "subject.key", "s" * 32)
        _write(self.home(EDGE) / "keys" / "edge.key", self.edge_key.to_text())
        told = {
            "edge": EDGE, "name": "公安前置机", "node": CITY, "node_title": "广安市", "suite": "international",
            "node_key": self.keys[CITY].public.to_text(), "exchange_url": self.url(CITY),
        }  # fmt: skip
        _write(self.home(EDGE) / "edge.json", json.dumps(told))

    def home(self, place: str) -> Path:
        return self.folder / place

    def url(self, code: str) -> str:
        return f"http://127.0.0.1:{self.ports[code]}"

    # ── what may be done ──

    def publish(self, *ways: Way, **grant_changes: Any) -> None:
        """Let every node know what it may know of ``ways``."""
        self.sequence += 1
        self.ways, self.grant_changes = list(ways), grant_changes
        addresses: dict[str, dict[str, str]] = {place: {} for place in (*self.keys, EDGE)}
        for way in ways:
            addresses[way.reader][f"source-{way.job}"] = way.source.url
            addresses[way.writer][f"target-{way.job}"] = way.target.url
        for place, known in addresses.items():
            _write(self.home(place) / "sources.json", json.dumps(known))
        for code in self.keys:
            raw = sealing.seal(self.bundle(code), self.keys[code])
            depot.publish(self.home(code) / "bundle", raw)

    def bundle(self, node: str) -> Bundle:
        near = [way for way in self.ways if node in {way.provider, way.consumer}]
        edge_sources = [f"source-{w.job}" for w in self.ways if w.reader == EDGE]
        edge_sources += [f"target-{w.job}" for w in self.ways if w.writer == EDGE]
        edge = Edge(EDGE, "公安前置机", cast.POLICE, self.edge_key.public.to_text(), edge_sources)
        return Bundle(
            node=node,
            sequence=self.sequence,
            published_at="2026-11-22T00:00:00.000Z",
            suite="international",
            nodes={code: self._node(code, seen_from=node) for code in self.keys},
            routes=_routes(node),
            organisations={
                cast.POLICE: Organisation(id=cast.POLICE, name="公安局"),
                cast.EDUCATION: Organisation(id=cast.EDUCATION, name="教育局"),
            },
            applications={self._app(w): self._application(w) for w in self.ways},
            resources={f"R-{w.job}": self._resource(w) for w in self.ways},
            bindings={f"R-{w.job}": self._binding(w) for w in near if w.provider == node},
            grants={f"G-{w.job}": self._grant(w) for w in self.ways},
            jobs={w.job: self._job(w) for w in near},
            targets={f"T-{w.job}": self._target(w) for w in near},
            edges={EDGE: edge} if node == CITY else {},
        )

    def _node(self, code: str, *, seen_from: str) -> Node:
        url = self.url(code) if ABOVE.get(seen_from) == code else ""
        return Node(code=code, name=code, key=self.keys[code].public.to_text(), exchange_url=url)

    def _app(self, way: Way) -> str:
        return f"A-{way.consumer}"

    def _application(self, way: Way) -> Application:
        return Application(self._app(way), "平台", cast.EDUCATION, way.consumer, [], 3, active=True)

    def _resource(self, way: Way) -> Resource:
        return Resource(f"R-{way.job}", "人口信息", cast.POLICE, way.provider, 1, dict(cast.ITEMS), [])

    def _binding(self, way: Way) -> Binding:
        return Binding(
            resource=f"R-{way.job}", source=f"source-{way.job}", dialect=way.source.dialect,  # type: ignore[arg-type]
            table=way.source.table, columns=COLUMNS, max_rows=1,
        )  # fmt: skip

    def _grant(self, way: Way) -> Any:
        return cast.grant(
            id=f"G-{way.job}", number=f"G-{way.job}", resource=f"R-{way.job}", provider_node=way.provider,
            consumer_node=way.consumer, applications=[self._app(way)], **self.grant_changes,
        )  # fmt: skip

    def _job(self, way: Way) -> Job:
        return cast.job(
            id=way.job, grant=f"G-{way.job}", application=self._app(way), target=f"T-{way.job}",
            **{"staged": way.is_staged, **way.terms},
        )  # fmt: skip

    def _target(self, way: Way) -> Target:
        reader = self.edge_key.public.to_text() if way.writer == EDGE else ""
        return Target(
            id=f"T-{way.job}", node=way.consumer, organisation=cast.EDUCATION, source=f"target-{way.job}",
            dialect=way.target.dialect, table=way.target.table, columns=COLUMNS, reader=reader,  # type: ignore[arg-type]
        )  # fmt: skip

    def order(self, way: Way, verb: Any = "run", *, at: str = "", since: str = "") -> None:
        """Leave an order where the rows are read (or at ``at``), as the control plane does."""
        self.number += 1
        place = at or way.reader
        node = CITY if place == EDGE else place
        folder = self.home(node) / "exchange" / ("orders" if place == node else f"edges/{EDGE}/orders")
        order = Order(
            number=self.number, node=node, job=way.job, verb=verb, at="2026-11-22T00:00:00Z", since=since
        )
        orders.leave(folder, order, self.keys[node])

    # ── processes ──

    def start(self, *places: str) -> None:
        for place in places or (NATION, PROVINCE, CITY, EDGE):
            with (self.home(place) / "out").open("ab") as out:
                self.running[place] = subprocess.Popen(
                    [sys.executable, "-m", "guantong", *self.words(place)],
                    env={**ENVIRONMENT, **self.settings(place)}, stdout=out, stderr=subprocess.STDOUT,
                )  # fmt: skip

    def words(self, place: str) -> list[str]:
        return ["edge", "--home", str(self.home(EDGE)), "run"] if place == EDGE else ["exchange"]

    def settings(self, place: str) -> dict[str, str]:
        if place == EDGE:
            return {}
        return {
            "GUANTONG_NODE": place,
            "GUANTONG_HOME": str(self.home(place)),
            "GUANTONG_DEVELOPMENT": "true",
            "GUANTONG_EXCHANGE_PORT": str(self.ports[place]),
        }

    def kill(self, place: str) -> None:
        process = self.running.pop(place)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            if process.poll() is None:
                process.kill()
                process.wait()
        self.running.clear()

    # ── what came of it ──

    def progress(self, way: Way, place: str, *, is_sending: bool = False) -> dict[str, Any]:
        name = f"{way.job}{'.sending' if is_sending else ''}.json"
        path = self.home(place) / "exchange" / "progress" / name
        with contextlib.suppress(FileNotFoundError, ValueError):
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        return {}

    def until(self, holds: Callable[[], Any], *, for_s: float = 60, about: str = "") -> Any:
        deadline = time.monotonic() + for_s
        while time.monotonic() < deadline:
            if found := holds():
                return found
            time.sleep(0.05)
        words = {
            place: (self.home(place) / "out").read_text(errors="replace")[-1500:] for place in self.running
        }
        raise AssertionError(f"{about}: {json.dumps(words, ensure_ascii=False, indent=1)}")

    def until_done(self, way: Way, *, for_s: float = 60, after: str = "") -> dict[str, Any]:
        """Until a run of ``way`` later than ``after`` is whole in the target."""

        def done() -> dict[str, Any] | None:
            told = self.progress(way, way.writer)
            return told if told.get("state") == "done" and told["run"] > after else None

        found: dict[str, Any] = self.until(done, for_s=for_s, about=str(self.progress(way, way.writer)))
        return found

    def receipts(self, code: str) -> list[Mapping[str, Any]]:
        return [envelope.read(r.record).body for r in spool.read(self.home(code) / "spool", WRITER)]


def _routes(node: str) -> dict[str, str]:
    return {
        NATION: {PROVINCE: PROVINCE, CITY: PROVINCE},
        PROVINCE: {NATION: NATION, CITY: CITY},
        CITY: {PROVINCE: PROVINCE, NATION: PROVINCE},
    }[node]


def _free_ports(count: int) -> Iterator[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        yield from [each.getsockname()[1] for each in sockets]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(path)
