"""The gateway's processes: one or several on one port, started again when they die, replaced without being missed.

Each process listens with a socket of its own that the supervisor keeps open, so that a connection that waits in the
queue of a process that dies is taken by its successor. SIGHUP: keys and settings are read again and the processes replaced
one after another, each successor at work before its predecessor stops.
"""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, Self

import uvicorn
import uvloop

from guantong.evidence.standing import standing
from guantong.gateway.board import Board, serve_metrics
from guantong.gateway.draining import DrainingServer
from guantong.gateway.process import BACKLOG, check_keys, parts_of, serve
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings

POLL_S = 0.2
GC_EVERY = 20_000
STARTED_WITHIN_S = 30.0
LARGEST_WORD = 1 << 20

Reread = Callable[[], Settings]

logger = logging.getLogger("guantong.gateway")


def run_gateway(settings: Settings, reread: Reread | None = None) -> None:
    """Serve calls until SIGTERM or SIGINT, in one process or several (``gateway_workers``).

    Each process writes receipts under its own name, ``gateway-0``, ``gateway-1`` and so on. ``reread`` gives the settings
    again on SIGHUP; port, host and number of processes stay as they were.
    """
    board = Board(lambda: standing(settings.log_folder, settings.spool_folder))
    with contextlib.ExitStack() as stack:
        if settings.metrics_port:
            stack.callback(serve_metrics(board, settings.metrics_host, settings.metrics_port))
        if settings.gateway_workers == 1:
            _alone(settings, board, reread)
        else:
            with Supervisor(settings, board, reread) as supervisor:
                supervisor.run()


# ── one process ──


def _alone(settings: Settings, board: Board, reread: Reread | None) -> None:
    coming: list[Settings] = [settings]

    def may_come_back() -> bool:
        found = _read_again(coming[-1], reread)
        try:
            check_keys(found)
        except (OSError, ValueError, GuantongError) as fault:
            logger.error("new keys do not work, the old ones stay: %s", type(fault).__name__)  # noqa: TRY400 - keys
            return False
        coming[:] = [found]
        return True

    listening = _listening(settings, shared=False)
    while _work(
        coming[-1], 0, listening.dup(), lambda word: board.put("gateway-0", word), kept=listening, again=may_come_back
    ):  # fmt: skip
        # New connections wait in the socket's queue meanwhile, and further signals change nothing.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        board.gone("gateway-0")


def _work(
    settings: Settings, number: int, listening: socket.socket, tell: Callable[[bytes], None], *, alerts: bool = True,
    kept: socket.socket | None = None, again: Callable[[], bool] | None = None,
) -> bool:  # fmt: skip
    """Be gateway process ``number`` until told to stop; whether to come back with new settings.

    That is so after a SIGHUP for which ``again`` gave its consent; otherwise the ``kept`` socket is closed, or who
    comes now would wait for nobody.
    """
    comes_back = False

    async def main() -> None:
        parts = parts_of(settings, number)
        # What is there now stays; calls leave no cycles worth looking for every few hundred objects.
        gc.freeze()
        gc.set_threshold(GC_EVERY, 50, 100)
        loop = asyncio.get_running_loop()

        def made(config: uvicorn.Config) -> DrainingServer:
            server = DrainingServer(config, parts.gateway, bound_s=parts.drain_s)

            def stop() -> None:
                nonlocal comes_back
                comes_back = False
                if kept is not None:
                    kept.close()
                server.stop()

            def renew() -> None:
                nonlocal comes_back
                if again is not None and again():
                    comes_back = True
                    server.stop()

            for sent in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(sent, stop)
            if again is not None:
                loop.add_signal_handler(signal.SIGHUP, renew)
            return server

        orphaned = asyncio.create_task(_watch_parent())
        await serve(parts, listening, alerts=alerts, server=made, tell=tell)
        orphaned.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    return comes_back


async def _watch_parent() -> None:
    supervisor = multiprocessing.parent_process()
    while supervisor is not None and supervisor.is_alive():  # noqa: ASYNC110 - another process tells nothing
        await asyncio.sleep(POLL_S)
    if supervisor is not None:
        # Left behind by a killed supervisor: make room for the processes that the next one starts.
        signal.raise_signal(signal.SIGTERM)


def _worker(
    settings: Settings, number: int, listening: socket.socket, channel: socket.socket, alerts: bool
) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the supervisor's to obey; it may reach the whole group
    channel.setblocking(False)

    def tell(word: bytes) -> None:
        # A supervisor that does not listen just now hears the next word.
        with contextlib.suppress(BlockingIOError, ConnectionError):
            channel.send(word)

    _work(settings, number, listening, tell, alerts=alerts)


# ── several ──


@dataclass
class Worker:
    """One process, the socket that it listens on and the one that it tells its counts by."""

    number: int
    process: BaseProcess
    listening: socket.socket
    channel: socket.socket
    is_first: bool
    is_started: bool = field(default=False)

    @property
    def name(self) -> str:
        """Its name in metrics: another for each process."""
        return f"gateway-{self.number}-{self.process.pid}"


class Supervisor:
    """Keeps ``gateway_workers`` processes running; they share the port, the kernel shares out the calls."""

    def __init__(self, settings: Settings, board: Board, reread: Reread | None) -> None:
        self._settings = settings
        self._board = board
        self._reread = reread
        self._context = multiprocessing.get_context("spawn")
        self._signals: set[int] = set()
        self._workers: list[Worker] = []
        self._leaving: list[Worker] = []
        self._spare = settings.gateway_workers
        """The number that no process has: successors take it while their predecessors still write under theirs."""

    def __enter__(self) -> Self:
        for wanted in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(wanted, lambda sent, _: self._signals.add(sent))
        for number in range(self._settings.gateway_workers):
            listening = _listening(self._settings, shared=True)
            listening.listen(BACKLOG)
            self._workers.append(self._started(number, listening, is_first=number == 0))
        return self

    def __exit__(self, *_: object) -> None:
        everyone = [*self._workers, *self._leaving]
        for worker in everyone:
            worker.listening.close()  # or who comes now would wait for nobody
            worker.process.terminate()
        for worker in everyone:
            worker.process.join()
            worker.channel.close()

    def run(self) -> None:
        """Attend to the processes until told to stop."""
        while not self._is_stopping():
            self._attend()
            if signal.SIGHUP in self._signals:
                self._signals.discard(signal.SIGHUP)
                self._replace_all()

    def _is_stopping(self) -> bool:
        return bool(self._signals & {signal.SIGTERM, signal.SIGINT})

    def _replace_all(self) -> None:
        before = self._settings
        self._settings = _read_again(before, self._reread)
        for place in range(len(self._workers)):
            if self._is_stopping():
                return
            if not self._replaced(place) and not self._is_stopping():
                logger.error(
                    "new keys or settings do not work: the processes that answer go on with the old ones"
                )
                self._settings = before
                return

    def _replaced(self, place: int) -> bool:
        """Put a successor beside the process in ``place``, then stop that one; False if the successor dies."""
        old = self._workers[place]
        fresh = self._started(self._spare, old.listening, is_first=old.is_first)
        self._leaving.append(fresh)
        end = time.monotonic() + STARTED_WITHIN_S
        while (
            not (fresh.is_started or self._is_stopping())
            and fresh.process.is_alive()
            and time.monotonic() < end
        ):
            self._attend()
        self._leaving.remove(fresh)
        old = self._workers[place]
        if not fresh.is_started:
            self._end(fresh)
            return False
        self._workers[place] = fresh
        self._leaving.append(old)
        old.process.terminate()
        end = time.monotonic() + self._settings.gateway_drain_s + 5
        while old.process.is_alive() and time.monotonic() < end:
            self._attend()
            if self._is_stopping():
                return True  # and it is waited for with the others
        self._leaving.remove(old)
        self._end(old)
        self._spare = old.number
        return True

    def _attend(self) -> None:
        """Hear what the processes tell, and start again those that died."""
        everyone = [*self._workers, *self._leaving]
        waited: list[Any] = [*(one.channel for one in everyone), *(one.process.sentinel for one in everyone)]
        connection.wait(waited, timeout=POLL_S)
        for one in everyone:
            self._hear(one)
        for place, worker in enumerate(self._workers):
            if not worker.process.is_alive() and not self._is_stopping():
                logger.error(
                    "gateway-%d ended with %s and is started again", worker.number, worker.process.exitcode
                )
                self._end(worker)
                time.sleep(0 if worker.is_started else POLL_S)
                self._workers[place] = self._started(
                    worker.number, worker.listening, is_first=worker.is_first
                )

    def _hear(self, worker: Worker) -> None:
        # Nothing more to hear now, or ever again: a worker that ended is noticed by its process.
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while word := worker.channel.recv(LARGEST_WORD):
                worker.is_started = True
                self._board.put(worker.name, word)

    def _end(self, worker: Worker) -> None:
        if worker.process.is_alive():
            worker.process.kill()
        worker.process.join()
        self._hear(worker)
        self._board.gone(worker.name)
        worker.channel.close()

    def _started(self, number: int, listening: socket.socket, *, is_first: bool) -> Worker:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here.setblocking(False)
        process = self._context.Process(
            target=_worker,
            args=(self._settings, number, listening, there, is_first),
            name=f"gateway-{number}",
        )
        process.start()
        there.close()
        return Worker(number, process, listening, here, is_first)


def _read_again(settings: Settings, reread: Reread | None) -> Settings:
    try:
        return reread() if reread else settings
    except GuantongError as fault:
        logger.error("the settings are left as they were: %s", fault)  # noqa: TRY400 - a sentence is enough
        return settings


def _listening(settings: Settings, *, shared: bool) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((settings.host, settings.gateway_port))
    return listening
