"""The background worker of a node: one process, one loop, nothing kept in memory that a restart would miss."""

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from django.db import close_old_connections

from guantong.catalog import actions as catalog
from guantong.catalog.harvesting import reading
from guantong.catalog.search.finding import own_index
from guantong.catalog.search.keeping import Keeper
from guantong.counter import actions as counter
from guantong.dispatch import actions as dispatch
from guantong.evidence.spool import Spool
from guantong.federation import keyset, queries
from guantong.federation.actions import (
    feed,
    joining,
    keeping_keys,
    learning,
    messages,
    publishing,
    standards,
    undoing,
)
from guantong.federation.keys import node_key
from guantong.federation.models import Node
from guantong.identity import actions as identity
from guantong.journal import actions as journal
from guantong.journal.actions.records import WRITER
from guantong.journal.models import OutboxMessage
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.notices import posting
from guantong.risk.watching import Watcher
from guantong.sharing import actions as sharing_actions
from guantong.sharing import queries as sharing
from guantong.site.archiving import archive_old

logger = logging.getLogger(__name__)

# A revoked grant must reach the gateway within a second; the gateway looks five times a second too.
TICK_S = 0.2


class Worker:
    """Publishes bundles, delivers the outbox, pushes the catalogue, feeds the log, resumes waiting cases, tends jobs,
    keeps the search index, watches the catalogue's links, judges receipts.

    Each duty has a loop of its own, so that a neighbour that hangs or a backlog of receipts delays no bundle.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by = Actor("node", settings.node, settings.title, settings.node)
        self._stopping = threading.Event()
        self._watcher = Watcher()
        self._keeper = Keeper(own_index(), sharing.uses, is_flowing=queries.is_flowing)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. A second worker of the same node waits until the first has gone."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        lease = os.open(self._settings.home / "worker.lock", os.O_CREAT | os.O_RDWR, 0o600)
        while not _is_leased(lease):
            if self._stopping.wait(TICK_S):
                return
        with Spool(self._settings.spool_folder, WRITER) as spool:
            duties = [
                ("records", TICK_S, lambda: self.keep_records(spool)),
                ("post", TICK_S, self.post),
                ("feed", 1.0, self.push),
                ("cases", 1.0, self._resume),
                ("jobs", 0.5, self.tend_jobs),
                ("standards", 15.0, self.tell_standards),
                ("notices", 5.0, self.send_notices),
                ("deadlines", 60.0, self.watch_deadlines),
                ("keys", 60.0, self.end_keys),
                ("imports", 1.0, self.take_in_files),
                ("search", 0.3, self.keep_index),
                ("lists", 1.0, self.keep_lists),
                ("links", 5.0, self.watch_links),
                ("archive", 3600.0, self.archive_records),
                ("risks", 1.0, self.watch_risks),
            ]
            threads = [threading.Thread(target=self._loop, args=duty, daemon=True) for duty in duties]
            for thread in threads:
                thread.start()
            self._loop("bundle", TICK_S, self.publish)
            for thread in threads:
                thread.join(timeout=5)

    def publish(self) -> None:
        """Answer every wish for a new bundle, and tell log, verifiers and neighbours of new nodes."""
        at = clock.now()
        journal.deliver({"nodes.changed": self._nodes_changed}, by=self._by, at=at)
        journal.deliver_together("bundle.stale", self._publish_bundle, by=self._by, at=at)

    def post(self) -> None:
        """Send what waits for other nodes."""
        handlers = {
            "node.message": self._send,
            "route.message": self._send,
            "relay.message": messages.forward,
        }
        journal.deliver(handlers, by=self._by, at=clock.now())

    def keep_records(self, spool: Spool) -> None:
        """Journal entries to the log; receipts and alerts of the data plane to the database."""
        folder, key = self._settings.spool_folder, node_key(self._settings)
        journal.seal_entries(spool, key, folder=folder, by=self._by, at=clock.now())
        journal.take_in_records(folder, by=self._by, at=clock.now())

    def archive_records(self) -> None:
        """Pack the records that are older than the setting says."""
        if self._settings.archive_after_days:
            archive_old(self._settings, days=self._settings.archive_after_days, at=clock.now())

    def push(self) -> None:
        """Push to each neighbour in turn until nothing is left; one that is down does not hold up the others.

        What persons want taken back goes first.
        """
        while undoing.carry_on(by=self._by, at=clock.now()) and not self._stopping.is_set():
            pass
        learning.welcome(by=self._by, at=clock.now())
        waiting = queries.neighbours()
        while waiting and not self._stopping.is_set():
            waiting = [neighbour for neighbour in waiting if self._push_to(neighbour)]

    def _push_to(self, neighbour: Node) -> int:
        try:
            return feed.push(neighbour, settings=self._settings, by=self._by, at=clock.now())
        except GuantongError as error:
            logger.info("feed to %s: %s", neighbour.code, error)
            return 0

    def send_notices(self) -> None:
        """Mail and post what people chose to hear besides the page."""
        posting.post(settings=self._settings, key=node_key(self._settings), by=self._by, at=clock.now())

    def take_in_files(self) -> None:
        """Import the files of catalogue entries that were too long to do while somebody waits."""
        catalog.run_imports(by=self._by, at=clock.now())

    def tell_standards(self) -> None:
        """Tell the nodes below of elements and code lists that they have not been told yet."""
        standards.tell_standards(own=self._settings.node, by=self._by, at=clock.now())

    def watch_deadlines(self) -> None:
        """Remind those whose decisions fall due, and tell the bureau of those that are late."""
        sharing_actions.watch_deadlines(by=self._by, at=clock.now())
        sharing_actions.keep_in_grace(by=self._by, at=clock.now())
        sharing_actions.watch_grants(by=self._by, at=clock.now())
        sharing_actions.watch_voices(by=self._by, at=clock.now())

    def end_keys(self) -> None:
        """Take away secrets of applications and the node's own former key when their overlap is over."""
        identity.end_overlaps(by=self._by, at=clock.now())
        keeping_keys.forget_old_key(self._settings, by=self._by, at=clock.now())

    def keep_index(self) -> None:
        """Number what was published, also where there is no neighbour to push it to, and take it into the index."""
        catalog.number_changes(by=self._by, at=clock.now())
        self._keeper.tend()

    def watch_links(self) -> None:
        """Look behind the catalogue's links that are due, whether their data is still there."""
        catalog.watch_links(reading.addresses(self._settings.home), by=self._by, at=clock.now())

    def keep_lists(self) -> None:
        """Meet needs by what was published, judge entries by their elements, tell the bureau of needs that lie too long."""
        self._in_turns(lambda: catalog.tend_needs(by=self._by, at=clock.now()))
        self._in_turns(lambda: catalog.tend_conformance(by=self._by, at=clock.now()))
        catalog.escalate_needs(by=self._by, at=clock.now())

    def watch_risks(self) -> None:
        """Judge receipts that have come in by the rules of risk, and look once a day for what only time shows."""
        self._watcher.tend(by=self._by, at=clock.now())
        self._in_turns(lambda: self._watcher.judge(by=self._by, at=clock.now()))

    def _in_turns(self, work: Callable[[], int]) -> None:
        """Do ``work`` until nothing is left, and leave the database to others as long as each turn took."""
        while not self._stopping.is_set():
            began = time.monotonic()
            if not work():
                return
            self._stopping.wait(time.monotonic() - began)

    def tend_jobs(self) -> None:
        """Note how batch jobs get on, order those that are due, and leave the orders for the data plane."""
        folder, at = self._settings.home / "exchange", clock.now()
        dispatch.note_progress(folder, by=self._by, at=at)
        dispatch.take_in_handovers(by=self._by, at=at)
        dispatch.tell_providers(by=self._by, at=at)
        dispatch.watch_edges(folder, by=self._by, at=at)
        dispatch.watch_links(folder, by=self._by, at=at)
        dispatch.keep_limits(by=self._by, at=at)
        dispatch.order_due(per_source=self._settings.jobs_per_source, by=self._by, at=at)
        journal.deliver({"job.order": self._order}, by=self._by, at=at)

    def _order(self, row: OutboxMessage) -> None:
        folder, key = self._settings.home / "exchange", node_key(self._settings)
        dispatch.send_order(row, folder=folder, node=self._settings.node, key=key)

    def _resume(self) -> None:
        counter.resume_waiting(by=SYSTEM, at=clock.now())

    def _send(self, row: OutboxMessage) -> None:
        messages.send_outbox(row, settings=self._settings, at=clock.now())

    def _publish_bundle(self, because: str) -> None:
        publishing.publish_bundle(self._settings, because=because, by=self._by, at=clock.now())

    def _nodes_changed(self, row: OutboxMessage) -> None:
        keyset.write_keyset(keyset.keyset_folder(self._settings))
        keyset.write_log_files(self._settings)
        joining.spread(row.payload["learnt"], row.payload["from"], by=self._by, at=clock.now())

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

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping.set()


def _is_leased(lease: int) -> bool:
    """Whether the worker's lock is ours; asking, not waiting, so that a signal is heard meanwhile."""
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
