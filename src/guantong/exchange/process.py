"""The exchange's process: watches the bundle and the orders, and runs jobs, a few at a time.

One process a node writes the batch receipts. It needs the node's folder and its databases, and nothing of the
control plane: jobs with a period run by the bundle alone.
"""

import logging
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType

from guantong.bundle import orders
from guantong.bundle.addresses import read_secrets
from guantong.bundle.depot import Depot, Rejected
from guantong.bundle.orders import Order
from guantong.bundle.types import Bundle
from guantong.exchange.errors import JobUnknown
from guantong.exchange.node import Node
from guantong.exchange.receipts import Accounts
from guantong.exchange.run import Outcome, give_up, run
from guantong.exchange.timetable import broken_off, due
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey, suite

POLL_S = 0.2
AT_ONCE = 1
"""Jobs that run at the same time; each may hold about 150 MB."""
SWEEP_EVERY_S = 3600
KEPT_S = 7 * 86_400
"""How long a staged chunk waits to be fetched."""

logger = logging.getLogger("guantong.exchange")


class Exchange:
    """One node's jobs. ``look`` does what is to be done at this moment; ``watch`` does so until told to stop."""

    def __init__(self, settings: Settings) -> None:
        key = SigningKey.from_text((settings.key_folder / "node.key").read_text("utf-8").strip())
        self._settings = settings
        self._keyring = {key.public.ref: key.public}
        self._depot = Depot(settings.bundle_folder, self._keyring, node=settings.node)
        self.node = node_of(settings, key)
        self._orders = self.node.folder / "orders"
        self._running: dict[str, Future[object]] = {}
        self._held: dict[str, threading.Event] = {}
        self._stopping = threading.Event()
        self._has_looked = False
        self._runners = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="job")
        self._depot.recover()

    def watch(self) -> None:
        """Until SIGTERM or SIGINT; runs under way rest at their next chunk."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        swept = 0.0
        while not self._stopping.is_set():
            self.look()
            now = clock.now().timestamp()
            if now - swept > SWEEP_EVERY_S:
                self.node.store().expire(KEPT_S)
                swept = now
            self._stopping.wait(POLL_S)
        self.close()

    def refresh(self) -> bool:
        """Take in a new bundle if there is one; whether any is in force."""
        news = self._depot.poll()
        if isinstance(news, Rejected):
            logger.warning("a bundle was refused: %s", news.reason)
        return self._depot.bundle is not None

    def look(self) -> None:
        """Take in a new bundle and new orders, and start what is due."""
        if not self.refresh():
            return
        if not self._has_looked:
            self._has_looked = True
            for job in broken_off(self.node.folder / "progress"):
                self.start(job)
        self._running = {job: future for job, future in self._running.items() if not future.done()}
        self._obey()
        for job in due(self.bundle(), self.node.folder / "progress", at=clock.now()):
            if job not in self._running and not self._is_held(job):
                self.start(job)

    def bundle(self) -> Bundle:
        """The bundle in force."""
        if self._depot.bundle is None:
            raise JobUnknown(job="-")
        return self._depot.bundle

    def start(self, job: str, *, since: str | None = None) -> "Future[object]":
        """Run the job as soon as there is room."""
        held = self._held[job] = threading.Event()
        self._running[job] = future = self._runners.submit(
            self._told, lambda: run(self.node, self.bundle, job, since=since, held=held.is_set), job
        )
        return future

    def close(self) -> None:
        """Have every run rest at its next chunk, and wait for it."""
        for held in self._held.values():
            held.set()
        self._runners.shutdown(wait=True, cancel_futures=True)
        self.node.accounts.close()

    def _obey(self) -> None:
        try:
            waiting = orders.waiting(self._orders, self._keyring, node=self._settings.node)
        except GuantongError as fault:
            logger.warning("an order was refused: %s", fault)
            return
        for order in waiting:
            if not self._obeyed(order):
                return
            orders.take(self._orders, order)

    def _obeyed(self, order: Order) -> bool:
        """Whether the order could be followed now; one that must wait for a run to rest is looked at again."""
        is_running = order.job in self._running
        if order.verb == "run":
            if not is_running:
                self.start(order.job)
            return True
        if is_running:
            self._held[order.job].set()
            return order.verb == "stop"
        if order.verb == "cancel":
            self._running[order.job] = self._runners.submit(
                self._told, lambda: give_up(self.node, self.bundle, order.job), order.job
            )
        elif order.verb == "replay":
            self.start(order.job, since=order.since)
        elif order.verb == "stop":
            self._held.setdefault(order.job, threading.Event()).set()
        return True

    def _is_held(self, job: str) -> bool:
        held = self._held.get(job)
        return held is not None and held.is_set()

    def _told(self, work: Callable[[], object], job: str) -> object:
        """Do the work; what goes wrong is in the progress file, and in the log by its code alone."""
        try:
            done = work()
        except GuantongError as fault:
            logger.warning("job %s: %s", job, fault.code)
            return None
        except Exception as fault:
            logger.exception("job %s failed: %s", job, type(fault).__name__)
            return None
        if isinstance(done, Outcome):
            logger.info("job %s: run %s, %d rows", job, done.run, done.rows)
        return done

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping.set()


def node_of(settings: Settings, key: SigningKey) -> Node:
    """This node's side of exchanges, from its folder. SpoolBusy if another process has it."""
    chosen = suite(settings.suite)
    return Node(
        code=settings.node,
        key=key,
        suite=chosen,
        folder=settings.home / "exchange",
        subject_key=(settings.key_folder / "subject.key").read_bytes().strip(),
        addresses=lambda: read_secrets(settings.home / "sources.json"),
        accounts=Accounts(settings.spool_folder, node=settings.node, key=key, suite=chosen),
        quota=settings.staging_quota,
        staging_url=settings.staging_url,
        staging_credentials=settings.staging_credentials,
    )


def run_exchange(settings: Settings) -> None:
    """Run due jobs until told to stop."""
    Exchange(settings).watch()
