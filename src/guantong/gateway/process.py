"""The gateway's process: parts put together from the node's folder, bundles watched, calls served."""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import uvicorn
import uvloop

from guantong.bundle.addresses import read_secrets
from guantong.bundle.depot import Accepted, Depot, Rejected
from guantong.bundle.types import Bundle
from guantong.courier.client import Courier
from guantong.gateway.app import Gateway
from guantong.gateway.callers import Callers
from guantong.gateway.limits.counts import Counts
from guantong.gateway.limits.limits import Limits
from guantong.gateway.limits.redis import RedisCounts
from guantong.gateway.limits.table import SharedTable
from guantong.gateway.national.door import NationalDoor
from guantong.gateway.national.signing import Callers as NationalCallers
from guantong.gateway.national.wrapping import WRAPPINGS
from guantong.gateway.proofs import Proofs
from guantong.gateway.protocol import Http11
from guantong.gateway.receipts import Ledger
from guantong.gateway.relay import Relay
from guantong.gateway.secrets import SharedSecrets
from guantong.gateway.services.calling import Services
from guantong.gateway.signing import Signers
from guantong.gateway.sources.opening import Sources
from guantong.gateway.switch import Switch
from guantong.gateway.tokens import Tokens
from guantong.kit.settings import Settings
from guantong.kit.shared_secrets import FILE as SHARED_SECRETS
from guantong.kit.suites import SigningKey, suite

POLL_S = 0.2
KEEP_ALIVE_S = 30
GC_EVERY = 20_000
CONNECTIONS = 8_192
SHORTEST_SUBJECT_KEY = 32

logger = logging.getLogger("guantong.gateway")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running gateway is made of."""

    gateway: Gateway
    depot: Depot
    ledger: Ledger
    counts: Counts
    sources: Sources
    services: Services
    courier: Courier
    log_url: str


def run_gateway(settings: Settings) -> None:
    """Serve calls until SIGTERM or SIGINT, in one process or several (``gateway_workers``).

    Each process writes receipts under its own name, ``gateway-0``, ``gateway-1`` and so on.
    """
    if settings.gateway_workers == 1:
        _work(settings, 0, _listening(settings, shared=False))
    else:
        _supervise(settings)


def parts_of(settings: Settings, number: int) -> Parts:
    """The parts of gateway process ``number`` from the node's folder."""
    subject_key = _subject_key(settings.key_folder / "subject.key")
    key = SigningKey.from_text((settings.key_folder / "node.key").read_text("utf-8").strip())
    depot = Depot(settings.bundle_folder, {key.public.ref: key.public}, node=settings.node)
    ledger = Ledger(
        settings.spool_folder,
        f"gateway-{number}",
        node=settings.node,
        key=key,
        suite=suite(settings.suite),
        subject_key=subject_key,
    )
    sources = Sources(lambda: read_secrets(settings.home / "sources.json"))
    services = Services(lambda: read_secrets(settings.home / "sources.json"))
    courier = Courier([], timeout_s=60)
    relay = Relay(settings.node, key, courier)
    counts = counts_of(settings)
    limits = Limits(counts, f"{socket.gethostname()}/gateway-{number}", ledger.days)
    url = settings.gateway_url.rstrip("/")
    tokens = Tokens(settings.node, url, key, counts)
    shared = SharedSecrets(settings.key_folder / SHARED_SECRETS)
    national = NationalDoor(
        NationalCallers(subject_key, shared, counts), WRAPPINGS[settings.national_wrapping]
    )
    gateway = Gateway(
        node=settings.node,
        signers=Signers(settings.node, key, _answer_key(settings.key_folder / "answer.key")),
        depot=depot,
        callers=Callers(url, tokens, shared, counts),
        tokens=tokens,
        convention=national,
        ledger=ledger,
        switch=Switch(settings.node, ledger, limits, sources, services, relay),
        proofs=Proofs(settings.node, settings.log_url, courier, relay),
        budget_s=settings.call_budget_s,
    )
    return Parts(gateway, depot, ledger, counts, sources, services, courier, settings.log_url)


def counts_of(settings: Settings) -> Counts:
    """Where the processes of this node's gateway count together: one machine's memory, or a server for many."""
    if not settings.limits_url:
        return SharedTable(settings.home / "run" / "counts")
    password = (
        read_secrets(Path(settings.limits_credentials)).get("password", "")
        if settings.limits_credentials
        else ""
    )
    return RedisCounts(settings.limits_url, password, node=settings.node)


async def serve(
    parts: Parts,
    listening: socket.socket,
    *,
    alerts: bool = True,
    server: Callable[[uvicorn.Config], uvicorn.Server] = uvicorn.Server,
) -> None:
    """Serve until told to stop; everything on its way is finished first.

    ``alerts``: whether this process is the one that puts refused bundles on record.
    """
    await _news(parts, parts.depot.recover(), alerts=alerts)
    await _look(parts, alerts=alerts)
    watching = asyncio.create_task(_watch(parts, alerts=alerts))
    config = uvicorn.Config(
        parts.gateway,
        http=Http11,
        ws="none",
        lifespan="off",
        limit_concurrency=CONNECTIONS,
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        backlog=2048,
    )
    try:
        await server(config).serve(sockets=[listening])
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await parts.courier.close()
        await parts.sources.close()
        await parts.services.close()
        await parts.counts.close()
        parts.ledger.close()


# ── bundles ──


async def _watch(parts: Parts, *, alerts: bool) -> None:
    supervisor = multiprocessing.parent_process()
    while True:
        await asyncio.sleep(POLL_S)
        if supervisor is not None and not supervisor.is_alive():
            # Left behind by a killed supervisor: make room for the processes that the next one starts.
            signal.raise_signal(signal.SIGTERM)
        try:
            await _look(parts, alerts=alerts)
            await parts.services.look()
        except Exception as fault:  # noqa: BLE001 - watching must outlive a full disk or an unreadable folder
            logger.error("looking for bundles failed: %s", type(fault).__name__)  # noqa: TRY400


async def _look(parts: Parts, *, alerts: bool) -> None:
    await _news(parts, await asyncio.to_thread(parts.depot.poll), alerts=alerts)


async def _news(parts: Parts, news: object, *, alerts: bool) -> None:
    if isinstance(news, Rejected):
        logger.warning("a bundle was refused: %s", news.reason)
        if alerts:
            await parts.ledger.alert(
                news.reason.code, {"file": f"sha-256:{news.digest}", **news.reason.details}
            )
    elif isinstance(news, Accepted):
        parts.courier.allow(origins(news.bundle, parts.log_url))


def origins(bundle: Bundle, log_url: str) -> list[str]:
    """All that this gateway may dial: its neighbours' gateways and its own log."""
    near = [node.gateway_url for node in bundle.nodes.values() if node.gateway_url]
    return [*near, log_url]


# ── processes ──


def _work(settings: Settings, number: int, listening: socket.socket) -> None:
    async def main() -> None:
        parts = parts_of(settings, number)
        # What is there now stays; calls leave no cycles worth looking for every few hundred objects.
        gc.freeze()
        gc.set_threshold(GC_EVERY, 50, 100)
        await serve(parts, listening, alerts=number == 0)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def _worker(settings: Settings, number: int) -> None:
    _work(settings, number, _listening(settings, shared=True))


def _supervise(settings: Settings) -> None:
    """Keep ``gateway_workers`` processes running; they share the port, the kernel shares out the calls."""
    context = multiprocessing.get_context("spawn")

    def started(number: int) -> BaseProcess:
        process = context.Process(target=_worker, args=(settings, number), name=f"gateway-{number}")
        process.start()
        return process

    with _told_to_stop() as stop:
        running = [started(number) for number in range(settings.gateway_workers)]
        while not stop:
            time.sleep(POLL_S)
            for number, process in enumerate(running):
                if not process.is_alive() and not stop:
                    logger.error("gateway-%d ended with %s and is started again", number, process.exitcode)
                    running[number] = started(number)
        for process in running:
            process.terminate()
        for process in running:
            process.join()


@contextlib.contextmanager
def _told_to_stop() -> Iterator[list[int]]:
    """A list that is empty until a signal asks this process to stop."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda sent, _: told.append(sent))
    yield told


def _listening(settings: Settings, *, shared: bool) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((settings.host, settings.gateway_port))
    return listening


def _answer_key(path: Path) -> SigningKey | None:
    try:
        return SigningKey.from_text(path.read_text("utf-8").strip())
    except FileNotFoundError:
        return None


def _subject_key(path: Path) -> bytes:
    key = path.read_bytes().strip()
    if len(key) < SHORTEST_SUBJECT_KEY:
        raise ValueError("subject.key is too short")
    return key
