"""The log's process: integrator, witness and HTTP server together, stopped by SIGTERM or SIGINT."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import uvicorn

from guantong.courier.client import Courier, Reply
from guantong.evidence import rotation
from guantong.evidence.alarms import WRITER, Alarms
from guantong.evidence.configuration import followed_file, known_logs_file
from guantong.evidence.following import Following
from guantong.evidence.log import Log
from guantong.evidence.rotation import read_key
from guantong.evidence.running import Running
from guantong.evidence.server import LogServer
from guantong.evidence.spool import Spool
from guantong.evidence.witness import Witness
from guantong.kit.errors import GuantongError
from guantong.kit.key_files import HeldKey
from guantong.kit.settings import Settings
from guantong.kit.suites import VerifyKey

LOG_KEY = "log.key"
NODE_KEY = "node.key"
KEYS_EVERY_S = 0.5

_logger = logging.getLogger(__name__)
WITNESS_KEY = "witness.key"


def run_log(settings: Settings) -> None:
    """Run the node's log until the process is told to stop.

    Keys are ``keys/log.key`` and, if the node witnesses for others, ``keys/witness.key``; the log's folder
    holds ``policy`` (a C2SP tlog-policy), ``known-logs`` (verifier keys, one a line) and ``followed`` (address and
    verifier keys of a log to follow, one log a line), all read again when changed.
    """
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    log = Log(settings.log_folder, settings.spool_folder, read_key(settings.key_folder / LOG_KEY))
    witness = _witness(settings)
    try:
        with Spool(settings.spool_folder, WRITER) as spool:
            alarm_key = _alarm_key(settings)
            alarms = Alarms(spool, settings.node, alarm_key)
            async with (
                Courier([]) as courier,
                Courier([]) as reader,
                Running(log, CourierSend(log, courier), alarms) as running,
                Following(
                    settings.log_folder / "mirrors",
                    followed_file(settings.log_folder / "followed"),
                    reader,
                    witness,
                    alarms,
                ) as following,
                _changing_keys(running, witness, settings.key_folder, alarm_key),
            ):
                await _serve(_server(settings, LogServer(running, witness, following)))
    finally:
        log.close()
        if witness:
            witness.close()


def _server(settings: Settings, application: LogServer) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=settings.host,
        port=settings.log_port,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
    )


@asynccontextmanager
async def _changing_keys(
    running: Running, witness: Witness | None, folder: Path, alarm_key: HeldKey
) -> AsyncIterator[None]:
    """Take a changed key of the node, the log or the witness into use within a second, while all go on."""

    async def watch() -> None:
        stamps: dict[Path, int] = {}
        while True:
            try:
                alarm_key.renew()
                await _take_keys(running, witness, folder, stamps)
            except (OSError, ValueError, GuantongError):
                _logger.exception("the keys could not be read again")
            await asyncio.sleep(KEYS_EVERY_S)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):  # as it was told a line above
            await task


async def _take_keys(
    running: Running, witness: Witness | None, folder: Path, stamps: dict[Path, int]
) -> None:
    for path in (folder / LOG_KEY, folder / WITNESS_KEY):
        if not path.exists() or stamps.get(path) == path.stat().st_ino:
            continue
        stamps[path] = path.stat().st_ino  # a key is replaced by renaming
        if path.name == LOG_KEY:
            former = [VerifyKey.from_text(text) for text in rotation.former_keys(folder, "log")]
            await running.rekey(read_key(path), former)
        elif witness:
            old = folder / "witness.old.key"
            witness.rekey(read_key(path), *([read_key(old)] if old.exists() else []))


async def _serve(config: uvicorn.Config) -> None:
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    await server.serve()


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again after serving, and end the process uncleaned."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _witness(settings: Settings) -> Witness | None:
    path = settings.key_folder / WITNESS_KEY
    if not path.exists():
        return None
    known = known_logs_file(settings.log_folder / "known-logs")
    return Witness(settings.log_folder / "witness.sqlite", read_key(path), known.current)


def _alarm_key(settings: Settings) -> HeldKey:
    node = settings.key_folder / NODE_KEY
    return HeldKey(node if node.exists() else settings.key_folder / LOG_KEY)


class CourierSend:
    """``send`` for cosigning: through the courier, to the witnesses of the policy and nobody else."""

    def __init__(self, log: Log, courier: Courier) -> None:
        self._log = log
        self._courier = courier
        self._allowed: frozenset[str] = frozenset()

    async def __call__(self, method: str, url: str, body: bytes) -> Reply:
        """Send it; a witness that has just joined the policy is allowed from now on."""
        wanted = frozenset(party.url for party in self._log.policy.witnesses.values() if party.url)
        if wanted != self._allowed:
            self._courier.allow(wanted)
            self._allowed = wanted
        return await self._courier.send(method, url, headers={"content-type": "text/plain"}, body=body)
