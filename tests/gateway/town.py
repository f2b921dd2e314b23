"""Three nodes' gateways on loopback, with real sockets, real files and real signatures, in one event loop."""

import asyncio
import contextlib
import json
import secrets
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from tests.gateway import cast

from guantong.bundle.depot import publish
from guantong.bundle.sealing import seal
from guantong.bundle.types import Bundle
from guantong.courier.client import Courier, Reply
from guantong.evidence import spool
from guantong.gateway.process import Parts, parts_of, serve
from guantong.kit import clock, envelope, http_signatures
from guantong.kit.http_signatures import Request, Response
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey, suite

PEOPLE = [
    ("511602199001011234", "张三", "1990-01-01", "511602", "13812345678"),
    ("511602199102022345", "李四", "1991-02-02", "511603", "13912345678"),
    ("511602199303033456", "阿依古丽·买买提", "1993-03-03", "511602", None),
]


class Quiet(uvicorn.Server):
    """A server that leaves the test process's signal handlers alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening() -> socket.socket:
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


@dataclass
class Station:
    """One node: its folder, its gateway while it runs, and the bundle it was given last."""

    code: str
    home: Path
    key: SigningKey
    settings: Settings
    bundle: Bundle
    parts: Parts | None = None
    server: Quiet | None = None
    running: "asyncio.Task[None] | None" = None

    @property
    def url(self) -> str:
        return self.settings.gateway_url

    def publish(self, **changes: Any) -> None:
        """Put a changed bundle, one number higher, where the gateway looks."""
        self.bundle = msgspec.structs.replace(self.bundle, sequence=self.bundle.sequence + 1, **changes)
        publish(self.settings.bundle_folder, seal(self.bundle, self.key))

    async def in_force(self) -> None:
        """Return when the gateway obeys the bundle that was published last."""
        await until(
            lambda: (
                self.parts is not None
                and self.parts.depot.bundle is not None
                and self.parts.depot.bundle.sequence == self.bundle.sequence
            )
        )

    def with_log(self) -> None:
        """Give the station a log of its own: a key and a port."""
        (self.home / "keys/log.key").write_text(
            suite(self.settings.suite).generate(f"{self.settings.name}/log").to_text()
        )
        with listening() as place:
            port = place.getsockname()[1]
        self.settings = replace(self.settings, log_port=port, log_url="").completed()

    async def start(self) -> None:
        parts = parts_of(self.settings, 0)

        def server(config: uvicorn.Config) -> Quiet:
            self.server = Quiet(config)
            return self.server

        place = socket.socket()
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", self.settings.gateway_port))
        self.parts = parts
        self.running = asyncio.create_task(serve(parts, place, server=server))
        while self.server is None or not self.server.started:
            if self.running.done():
                self.running.result()
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        if self.server is not None and self.running is not None:
            self.server.should_exit = True
            await self.running
            self.server = self.running = self.parts = None

    def records(self) -> list[dict[str, Any]]:
        """Everything on disk, oldest first."""
        found = spool.read(self.settings.spool_folder, "gateway-0")
        return [msgspec.json.decode(spooled.record) for spooled in found]

    def receipts(self) -> list[dict[str, Any]]:
        return [record["body"] for record in self.records() if record["kind"] == "guantong/receipt@v1"]


async def until(holds: Callable[[], object], *, within_s: float = 20) -> None:
    """Return when ``holds`` is true; TimeoutError if it never is."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for lies in files and other processes
            await asyncio.sleep(0.005)


@dataclass
class Town:
    """The three stations and the school's application."""

    keys: cast.Keys
    stations: dict[str, Station]
    courier: Courier = field(default_factory=lambda: Courier([], timeout_s=20))

    @property
    def city(self) -> Station:
        return self.stations[cast.CITY]

    @property
    def province(self) -> Station:
        return self.stations[cast.PROVINCE]

    @property
    def nation(self) -> Station:
        return self.stations[cast.NATION]

    async def ask(self, path: str, body: Any, *, station: Station | None = None, **how: Any) -> "Heard":
        """Sign and send a question as the school's application."""
        station = station or self.city
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        request = signed(
            "POST", station.url + path, raw, how.pop("key", self.keys.application),
            keyid=how.pop("keyid", cast.ENROLMENT), **how,
        )  # fmt: skip
        return await self.send(request, raw)

    async def get(self, path: str, *, key: SigningKey | None = None) -> "Heard":
        """Sign and send a GET to the city's gateway as the school's application."""
        used = key or self.keys.application
        return await self.send(signed("GET", self.city.url + path, b"", used, keyid=cast.ENROLMENT), b"")

    async def send(self, request: Request, raw: bytes) -> "Heard":
        self.courier.allow([station.url for station in self.stations.values()])
        headers = dict(request.headers)
        reply = await self.courier.send(request.method, request.target_uri, headers=headers, body=raw)
        return Heard(reply, request)

    async def courier_get(self, url: str) -> Reply:
        self.courier.allow([url])
        return await self.courier.send("GET", url)


@dataclass
class Heard:
    """A reply, and the request that it must be bound to."""

    reply: Reply
    request: Request

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.reply.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    def is_signed_by(self, station: Station) -> bool:
        http_signatures.check_content_digest(self.reply.body, self.reply.headers["content-digest"])
        verified = http_signatures.verify(
            Response(self.status, self.reply.headers, self.request),
            lambda keyid: station.key.public if keyid == station.code else None,
            required=["@status", "content-digest", "@method;req", "@path;req", "signature;req"],
            at=clock.millis() // 1000,
        )
        return verified.keyid == station.code


def signed(
    method: str,
    url: str,
    body: bytes,
    key: SigningKey,
    *,
    keyid: str,
    headers: Mapping[str, str] | None = None,
    components: tuple[str, ...] = (),
    created: int | None = None,
    nonce: str | None = None,
) -> Request:
    given = dict(headers or {})
    if body:
        given["content-digest"] = http_signatures.content_digest(body)
    covered = components or (("@method", "@path", "content-digest") if body else ("@method", "@path"))
    message = Request(method, url, given)
    signature = http_signatures.sign(
        message, covered, key, keyid=keyid,
        created=clock.millis() // 1000 if created is None else created,
        nonce=nonce if nonce is not None else secrets.token_hex(8),
    )  # fmt: skip
    return Request(method, url, {**given, **signature})


def query(**changes: Any) -> dict[str, Any]:
    asked = {
        "resource": cast.RESIDENCE,
        "grant": cast.G_RESIDENCE,
        "purpose": cast.PURPOSE,
        "case": "case-1",
        "keys": {"id_number": PEOPLE[0][0]},
        "fields": ["name", "phone"],
    }
    return {name: value for name, value in (asked | changes).items() if value is not None}


def far(**changes: Any) -> dict[str, Any]:
    """The same question, to the nation."""
    return query(**({"resource": cast.PERSONS, "grant": cast.G_PERSONS} | changes))


def make_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE rkjbxx (sfzh TEXT PRIMARY KEY, xm TEXT, csrq TEXT, csd TEXT, dh TEXT)")
    connection.executemany("INSERT INTO rkjbxx VALUES (?,?,?,?,?)", PEOPLE)
    connection.commit()
    connection.close()


def built(folder: Path, suite_name: str = "international") -> Town:
    """Folders, keys, databases and first bundles of all three; nothing runs yet."""
    keys = cast.Keys(suite_name)
    places = {code: listening() for code in cast.NODES}
    ports = {code: place.getsockname()[1] for code, place in places.items()}
    urls = {code: f"http://127.0.0.1:{port}" for code, port in ports.items()}
    stations = {}
    for code, place in places.items():
        place.close()
        home = folder / code
        (home / "keys").mkdir(parents=True)
        (home / "keys/node.key").write_text(keys.nodes[code].to_text())
        (home / "keys/subject.key").write_text(secrets.token_hex(32))
        make_database(home / "police.db")
        (home / "sources.json").touch(mode=0o600)
        (home / "sources.json").write_text(json.dumps({"police": f"sqlite://{home}/police.db"}))
        (home / "keys/applications.json").touch(mode=0o600)
        (home / "keys/applications.json").write_text(json.dumps({cast.ENROLMENT: keys.secret}))
        settings = Settings(
            node=code, home=home, development=True, gateway_port=ports[code], suite=suite_name, log_port=1
        ).completed()
        bundle = msgspec.structs.replace(cast.bundle(keys, code, urls), suite=suite_name, sequence=0)
        stations[code] = Station(code, home, keys.nodes[code], settings, bundle)
        stations[code].publish()
    return Town(keys, stations)


@contextlib.asynccontextmanager
async def running(folder: Path, suite_name: str = "international") -> AsyncIterator[Town]:
    """The town at work."""
    town = built(folder, suite_name)
    try:
        await asyncio.gather(*(station.start() for station in town.stations.values()))
        yield town
    finally:
        await asyncio.gather(*(station.stop() for station in town.stations.values()))
        await town.courier.close()


def believed(receipt: dict[str, Any], station: Station) -> dict[str, Any]:
    """The body of a receipt, if ``station`` signed these very facts."""
    raw = msgspec.json.encode(receipt, order="sorted")
    statement = envelope.read(raw)
    statement.check({station.key.public.ref: station.key.public})
    return statement.body
