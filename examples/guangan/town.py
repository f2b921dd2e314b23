"""Building, starting and stopping the town: three nodes, each its own process group, database, keys and log."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from examples.guangan import people
from examples.guangan.places import PLACES
from examples.guangan.visitor import Visitor

ROOT = Path(__file__).parents[2]
PARTS = ("web", "gateway", "log", "exchange")
# Bump when the town's content changes, so that an old one is built anew.
EDITION = "2"


class TownBusy(RuntimeError):
    """A town runs in this folder already."""


@dataclass
class Town:
    """One town in one folder. ``ports`` maps (node, part) to ports; ``database_urls`` switches nodes to PostgreSQL."""

    folder: Path
    ports: dict[tuple[str, str], int]
    database_urls: dict[str, str] = field(default_factory=dict)
    extra_environment: dict[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = print
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _lease: int | None = None

    @classmethod
    def at(cls, folder: Path, *, first_port: int = 8000, **more: object) -> "Town":
        """A town on well-known ports: 8000 to 8003 for the nation, 8010 … for Sichuan, 8020 … for Guang'an."""
        ports = {
            (code, part): first_port + 10 * n + m
            for n, code in enumerate(PLACES)
            for m, part in enumerate(PARTS)
        }
        return cls(folder, ports, **more)  # type: ignore[arg-type]

    @classmethod
    def on_free_ports(cls, folder: Path, **more: object) -> "Town":
        """A town on ports that nobody uses, for stories and tests beside a running one."""
        ports = iter(_free_ports(len(PLACES) * len(PARTS)))
        return cls(folder, {(code, part): next(ports) for code in PLACES for part in PARTS}, **more)  # type: ignore[arg-type]

    def home(self, node: str) -> Path:
        """The node's folder."""
        return self.folder / node

    def url(self, node: str, part: str = "web") -> str:
        """The address of a part of a node."""
        return f"http://127.0.0.1:{self.ports[node, part]}"

    def log_in(self, username: str) -> dict[str, str]:
        """Name, password and node of someone who can sign in."""
        for node in PLACES:
            known = json.loads((self.home(node) / "log-ins.json").read_text(encoding="utf-8"))
            if username in known:
                return {"username": username, **known[username]}
        raise KeyError(username)

    def visitor(self, username: str) -> Visitor:
        """Someone at a browser, signed in at their node."""
        who = self.log_in(username)
        visitor = Visitor(self.url(who["node"]), who["name"])
        visitor.sign_in(username, who["password"])
        return visitor

    def environment(self, node: str) -> dict[str, str]:
        """What the processes of one node are started with."""
        settings = {
            "NODE": node,
            "HOME": str(self.home(node)),
            "TITLE": PLACES[node].title,
            "DEVELOPMENT": "true",
            "SECRET_KEY_FILE": str(self.home(node) / "secret"),
            "DATABASE_URL": self.database_urls.get(node, ""),
            **{f"{part.upper()}_PORT": str(self.ports[node, part]) for part in PARTS},
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GUANTONG_", "DJANGO_"))}
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        return {
            **kept,
            "PYTHONPATH": path,
            **{f"GUANTONG_{name}": value for name, value in settings.items()},
            **self.extra_environment,
        }

    @property
    def is_built(self) -> bool:
        """Whether the whole town stands, of this edition and on these ports."""
        return self._mark("built") == self._edition

    @property
    def _edition(self) -> str:
        return f"{EDITION} {sorted(self.ports.values())}"

    def _mark(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def build(self) -> None:
        """Make keys, databases and content of the three nodes, or bring a standing town up to date.

        Nothing runs yet. :class:`TownBusy` if the town in this folder is running already.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._hold()
        schema = _schema()
        if self.is_built:
            if self._mark("schema") != schema:
                self._each_node("-m", "guantong", "init")
                (self.folder / "schema").write_text(schema)
            return
        for node in PLACES:
            shutil.rmtree(self.home(node), ignore_errors=True)
        self.say("造数：10 万合成人口及四个部门的数据表")
        people.build(self.folder / "tables")
        for node in PLACES:
            self.home(node).mkdir(parents=True)
            secret = self.home(node) / "secret"
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(48))
        self._each_node("-m", "examples.guangan.stock", str(self.folder))
        (self.folder / "schema").write_text(schema)

    def _each_node(self, *words: str) -> None:
        started = [
            subprocess.Popen([sys.executable, *words], env=self.environment(node), cwd=ROOT)  # noqa: S603 - our own code
            for node in PLACES
        ]
        codes = [process.wait() for process in started]
        if any(codes):
            raise RuntimeError("a node could not be prepared; its words stand above")

    def _hold(self) -> None:
        """Two towns in one folder would write over each other: the first one holds it."""
        if self._lease is None:
            self._lease = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(self._lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TownBusy(self.folder) from None

    def start(self) -> None:
        """Start the three nodes and wait until every part answers; join them to a tree the first time."""
        for node in PLACES:
            self.start_node(node)
        self.wait_until_ready()
        if not self.is_built:
            self._join()
            (self.folder / "built").write_text(self._edition)

    def start_node(self, node: str) -> None:
        """Start one node as a process group of its own; its words go to ``<home>/node.out``."""
        with (self.home(node) / "node.out").open("ab") as out:
            self._running[node] = subprocess.Popen(
                [sys.executable, "-m", "guantong", "up"],
                env=self.environment(node),
                cwd=ROOT,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait_until_ready(self, nodes: tuple[str, ...] = tuple(PLACES), *, within_s: float = 60) -> None:
        """Return when every part of the nodes answers; RuntimeError with the node's words if one does not."""
        ends = time.monotonic() + within_s
        for node in nodes:
            for part in PARTS:
                address = self.url(node, part) + ("/federation/card" if part == "web" else "/health")
                while not answers(address):
                    if time.monotonic() > ends or self._has_ended(node):
                        words = (self.home(node) / "node.out").read_text(errors="replace")[-3000:]
                        raise RuntimeError(f"{node} {part} does not answer\n{words}")
                    time.sleep(0.05)

    def _has_ended(self, node: str) -> bool:
        process = self._running.get(node)
        return process is not None and process.poll() is not None

    def _join(self) -> None:
        """Each child announces itself; the operator above compares the fingerprint and confirms."""
        operators = {"000000": "nda-approver", "510000": "sc-operator"}
        for place in PLACES.values():
            if not place.parent:
                continue
            subprocess.run(  # noqa: S603 - our own code
                [sys.executable, "-m", "guantong", "join", "--parent", self.url(place.parent)],
                env=self.environment(place.code),
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            self.visitor(operators[place.parent]).post(
                f"/oversee/nodes/{place.code}/confirm", source="/oversee/"
            )
            self.say(f"节点 {place.code} 加入上级 {place.parent}，经人工确认")

    def process_id(self, node: str, part: str) -> int:
        """The process that serves a part of a node, e.g. ``gateway-0``."""
        return int((self.home(node) / "run" / f"{part}.pid").read_text())

    def stop_node(self, node: str) -> None:
        """End one node and everything in its process group."""
        process = self._running.pop(node, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """End the whole town."""
        for process in self._running.values():
            process.terminate()
        for node in list(self._running):
            self.stop_node(node)
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None

    def __enter__(self) -> Self:
        self.build()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _schema() -> str:
    """What the databases must look like: the names of all migrations."""
    names = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("migrations/0*.py"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def answers(address: str) -> bool:
    """Whether anything but silence comes from ``address``."""
    try:
        with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own loopback address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    # All are held open until the last is found, so that none is found twice.
    holders = [socket.socket() for _ in range(count)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports
