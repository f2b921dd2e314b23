"""The background worker of a node: one process, one loop, nothing kept in memory that a restart would miss."""

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from django.db import close_old_connections

from guantong.counter import actions as counter
from guantong.evidence.spool import Spool
from guantong.federation import keyset, queries
from guantong.federation.actions import feed, joining, messages, publishing
from guantong.federation.keys import node_key
from guantong.journal import actions as journal
from guantong.journal.actions.records import WRITER
from guantong.journal.models import OutboxMessage
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings

logger = logging.getLogger(__name__)

# A revoked grant must reach the gateway within a second; the gateway looks five times a second too.
TICK_S = 0.2


class Worker:
    """Delivers the outbox, publishes bundles, pushes the catalogue, feeds the log, resumes waiting cases."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by = Actor("node", settings.node, settings.title, settings.node)
        self._stopping = threading.Event()
        self._published_at = clock.parse("1970-01-01T00:00:00Z")
        self._handlers: dict[str, Callable[[OutboxMessage], None]] = {
            "bundle.stale": self._publish,
            "nodes.changed": self._nodes_changed,
            "node.message": lambda row: messages.send_outbox(
                row, settings=settings, by=self._by, at=clock.now()
            ),
            "route.message": lambda row: messages.send_outbox(
                row, settings=settings, by=self._by, at=clock.now()
            ),
            "relay.message": lambda row: messages.forward(row, by=self._by),
        }

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. A second worker of the same node waits until the first has gone."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        lease = os.open(self._settings.home / "worker.lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lease, fcntl.LOCK_EX)
        catalogue = threading.Thread(target=self._loop, args=("feed", 1.0, self._push), daemon=True)
        cases = threading.Thread(target=self._loop, args=("cases", 1.0, self._resume), daemon=True)
        catalogue.start()
        cases.start()
        with Spool(self._settings.spool_folder, WRITER) as spool:
            self._loop("outbox", TICK_S, lambda: self.tick(spool))
        for thread in (catalogue, cases):
            thread.join(timeout=10)

    def tick(self, spool: Spool) -> None:
        """One round: outbox, journal entries to the log, receipts and alerts to the database."""
        journal.deliver(self._handlers, by=self._by, at=clock.now())
        journal.seal_entries(spool, node_key(self._settings), by=self._by, at=clock.now())
        journal.take_in_records(self._settings.spool_folder, by=self._by, at=clock.now())

    def _loop(self, name: str, pause_s: float, work: Callable[[], object]) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except GuantongError as error:
                logger.warning("%s: %s", name, error)
            except Exception:
                # Whatever it was, the next round starts from the database again.
                logger.exception("%s failed", name)
            close_old_connections()
            self._stopping.wait(pause_s)

    def _push(self) -> None:
        """Push to each neighbour until nothing is left; one that is down does not hold up the others."""
        for neighbour in queries.neighbours():
            try:
                while feed.push(neighbour, settings=self._settings, by=self._by, at=clock.now()):
                    pass
            except GuantongError as error:
                logger.info("feed to %s: %s", neighbour.code, error)

    def _resume(self) -> None:
        counter.resume_waiting(by=SYSTEM, at=clock.now())

    def _publish(self, row: OutboxMessage) -> None:
        """One bundle answers every wish that was written before it was compiled."""
        if row.created_at <= self._published_at:
            return
        moment = clock.now()
        publishing.publish_bundle(self._settings, because=row.payload["because"], by=self._by, at=moment)
        self._published_at = moment

    def _nodes_changed(self, row: OutboxMessage) -> None:
        keyset.write_keyset(keyset.keyset_folder(self._settings))
        keyset.write_log_files(self._settings)
        joining.spread(row.payload["learnt"], row.payload["from"], by=self._by, at=clock.now())

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping.set()
