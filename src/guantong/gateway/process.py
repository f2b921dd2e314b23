"""One gateway process: parts put together from the node's folder, bundles watched, calls served, counts told."""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvicorn

from guantong.bundle.addresses import read_secrets
from guantong.bundle.depot import Accepted, Depot, Rejected
from guantong.bundle.types import Bundle
from guantong.courier.client import Courier
from guantong.evidence.successions import PRESENT, OwnRing, own_keys
from guantong.gateway.app import Gateway
from guantong.gateway.callers import Callers
from guantong.gateway.draining import DrainingServer
from guantong.gateway.holding import Holding
from guantong.gateway.limits.counts import Counts
from guantong.gateway.limits.limits import RULES, Limits
from guantong.gateway.limits.redis import RedisCounts
from guantong.gateway.limits.table import SharedTable
from guantong.gateway.metrics import ANSWERED, Meters, Snapshot, listed, of_bundle, told
from guantong.gateway.national.door import NationalDoor
from guantong.gateway.national.signing import Callers as NationalCallers
from guantong.gateway.national.wrapping import WRAPPINGS
from guantong.gateway.proofs import Proofs
from guantong.gateway.protocol import Http11
from guantong.gateway.readiness import Readiness
from guantong.gateway.receipts import Ledger
from guantong.gateway.relay import Relay
from guantong.gateway.secrets import SharedSecrets
from guantong.gateway.services.calling import Services
from guantong.gateway.signing import Signers
from guantong.gateway.sources.opening import Sources
from guantong.gateway.switch import Switch
from guantong.gateway.tokens import Tokens
from guantong.gateway.traces import Traces
from guantong.kit.key_files import HeldKey
from guantong.kit.settings import Settings
from guantong.kit.shared_secrets import FILE as SHARED_SECRETS
from guantong.kit.suites import SigningKey, suite

POLL_S = 0.2
TELL_S = 0.1
FIRST_S = 0.01
LARGEST_ANSWER = 8 << 20
"""What another node may answer: 4 MB of a department's, as base64 and with its proofs, fit."""
BACKLOG = 2048
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
    holding: Holding
    courier: Courier
    meters: Meters
    traces: Traces
    log_url: str
    drain_s: float
    key: HeldKey
    ring: OwnRing

    def snapshot(self) -> Snapshot:
        """What this process counts, now."""
        written, sources, services = self.ledger.spool.written, self.sources.opened, self.services.opened
        tokens = self.meters.calls.by.get(("token", ANSWERED), 0)
        refusals = self.ledger.refusals.by
        failed = {resource: sum(one.failed for one in found.all) for resource, found in services.items()}
        resting = {resource: sum(map(found.is_resting, found.all)) for resource, found in services.items()}
        return Snapshot(
            counters={
                "calls": listed(self.meters.calls),
                "refusals": listed(self.ledger.refusals),
                "limits_reached": [(rule, count) for rule, count in refusals.items() if rule[0] in RULES],
                "tokens_issued": [((), tokens)],
                "receipts_written": [((), written.records)],
                "receipt_failures": [((), written.failures)],
                "source_statements": [((name,), one.statements) for name, one in sources.items()],
                "source_lookups": [((name,), one.lookups) for name, one in sources.items()],
                "source_failures": [((name,), one.failures) for name, one in sources.items()],
                "spans_sent": [((), self.traces.sent)],
                "spans_dropped": [((), self.traces.dropped)],
                "service_failures": [((name,), count) for name, count in failed.items()],
            },
            gauges={
                "calls_in_flight": [((), self.meters.in_flight)],
                "receipts_waiting": [((), self.ledger.waiting)],
                "bodies_on_disk_bytes": [((), self.holding.on_disk)],
                "draining": [((), int(self.gateway.is_draining))],
                "service_addresses": [((name,), len(found.all)) for name, found in services.items()],
                "service_addresses_resting": [((name,), count) for name, count in resting.items()],
                **of_bundle(self.depot.bundle),
            },
            histograms={
                "call_seconds": [told((mode,), one) for mode, one in self.meters.seconds.items()],
                "receipt_disk_seconds": [told((), written.seconds)],
            },
        )


def parts_of(settings: Settings, number: int) -> Parts:
    """The parts of gateway process ``number`` from the node's folder."""
    subject_key = _subject_key(settings.key_folder / "subject.key")
    key, ring = HeldKey(settings.key_folder / PRESENT), OwnRing(settings.key_folder)
    depot = Depot(settings.bundle_folder, ring, node=settings.node)
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
    courier = Courier([], timeout_s=60, max_body=LARGEST_ANSWER)
    relay = Relay(settings.node, key, courier)
    counts = counts_of(settings)
    holding = Holding(settings.home / "run", settings.gateway_held_mb << 20)
    limits = Limits(counts, f"{socket.gethostname()}/gateway-{number}", ledger.days)
    meters = Meters()
    traces = Traces(settings.otlp_url, settings.node, f"gateway-{number}", ratio=settings.trace_ratio)
    url = settings.gateway_url.rstrip("/")
    tokens = Tokens(settings.node, url, key, counts, ring=ring)
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
        switch=Switch(settings.node, ledger, limits, sources, services, relay, holding),
        holding=holding,
        proofs=Proofs(settings.node, settings.log_url, courier, relay),
        readiness=Readiness(settings.node, settings.spool_folder / f"gateway-{number}", ledger, counts),
        meters=meters,
        traces=traces,
        budget_s=settings.call_budget_s,
    )
    return Parts(
        gateway, depot, ledger, counts, sources, services, holding, courier, meters, traces, settings.log_url,
        settings.gateway_drain_s, key, ring,
    )  # fmt: skip


def check_keys(settings: Settings) -> None:
    """Raise OSError, ValueError or a GuantongError if the node's keys could not be used as they are now."""
    _subject_key(settings.key_folder / "subject.key")
    own_keys(settings.key_folder)
    _answer_key(settings.key_folder / "answer.key")


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
    server: Callable[[uvicorn.Config], uvicorn.Server] | None = None,
    tell: Callable[[bytes], None] | None = None,
) -> None:
    """Serve until told to stop; everything on its way is finished first, then receipts are closed.

    ``alerts``: whether this process is the one that puts refused bundles on record. ``tell`` is given the process's
    counts as JSON, from the moment that it accepts calls.
    """
    await _news(parts, parts.depot.recover(), alerts=alerts)
    await _look(parts, alerts=alerts)
    config = uvicorn.Config(
        parts.gateway,  # type: ignore[arg-type] # our own protocol asks it, not ASGI
        interface="asgi3",
        http=Http11,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
    )
    serving = server(config) if server else DrainingServer(config, parts.gateway, bound_s=parts.drain_s)
    tasks = [asyncio.create_task(_watch(parts, alerts=alerts)), asyncio.create_task(parts.traces.run())]
    if tell is not None:
        tasks.append(asyncio.create_task(_tell(parts, serving, tell)))
    try:
        await serving.serve(sockets=[listening])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tell is not None:
            tell(msgspec.json.encode(parts.snapshot()))
        await parts.courier.close()
        await parts.sources.close()
        await parts.services.close()
        await parts.counts.close()
        parts.ledger.close()


async def _tell(parts: Parts, serving: uvicorn.Server, tell: Callable[[bytes], None]) -> None:
    while True:
        if serving.started:
            tell(msgspec.json.encode(parts.snapshot()))
        await asyncio.sleep(TELL_S if serving.started else FIRST_S)


# ── bundles ──


async def _watch(parts: Parts, *, alerts: bool) -> None:
    while True:
        await asyncio.sleep(POLL_S)
        try:
            await _look(parts, alerts=alerts)
            await parts.services.look()
        except Exception as fault:  # noqa: BLE001 - watching must outlive a full disk or an unreadable folder
            logger.error("looking for bundles failed: %s", type(fault).__name__)  # noqa: TRY400


async def _look(parts: Parts, *, alerts: bool) -> None:
    # A key that was changed is taken over between two calls.
    parts.key.renew()
    parts.ring.renew()
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
