"""What a place has to do: jobs that are due or ordered, and postings that have come; a few runs at a time."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from guantong.bundle.orders import Order
from guantong.bundle.types import Bundle
from guantong.exchange.ends import part_of, whither
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.node import Node
from guantong.exchange.resending import Resent
from guantong.exchange.run import Outcome, give_up, run
from guantong.exchange.starting import Since, Span
from guantong.exchange.timetable import broken_off, due
from guantong.kit import clock
from guantong.kit.errors import GuantongError

PAUSED_S = 30.0
"""A run that waits for a database or for room is taken up again after this."""
STOPPED_S = 600.0
"""One that only a person can cure is tried again, in case that person has done so."""

logger = logging.getLogger("guantong.exchange")


@dataclass(frozen=True, slots=True)
class _Rest:
    """A job whose postings are left lying: until a moment, or a new bundle, or an order."""

    until: float
    sequence: int


class Runner:
    """Runs the jobs of one place. ``look`` starts what is to be done at this moment."""

    def __init__(self, node: Node, room: Mailroom, *, at_once: int = 1) -> None:
        """``at_once`` jobs run at the same time; each may hold about 150 MB."""
        self._node = node
        self._room = room
        self._bundle: Bundle | None = None
        self._running: dict[str, Future[object]] = {}
        self._held: dict[str, threading.Event] = {}
        self._paused: set[str] = set()
        self._resting: dict[str, _Rest] = {}
        self._has_looked = False
        self._runners = ThreadPoolExecutor(at_once, thread_name_prefix="job")

    @property
    def running(self) -> list[str]:
        """The jobs that are under way."""
        return sorted(job for job, future in self._running.items() if not future.done())

    def bundle(self) -> Bundle:
        """The bundle in force."""
        if self._bundle is None:
            raise RuntimeError("no bundle is in force")
        return self._bundle

    def look(self, bundle: Bundle) -> None:
        """Start what is due by ``bundle`` and the clock, and what postings call for."""
        self._bundle = bundle
        folder = self._node.folder / "progress"
        self._sweep()
        self._let_go(bundle)
        if not self._has_looked:
            self._has_looked = True
            for job in broken_off(bundle, folder):
                self.start(job)
        for job in due(bundle, folder, at=clock.now()):
            self._start_unless_held(job)
        for job in self._called_for(bundle):
            self._start_unless_held(job)

    def start(self, job: str, *, since: Since | None = None) -> "Future[object]":
        """Run the job as soon as there is room."""
        held = self._held[job] = threading.Event()
        self._resting.pop(job, None)
        self._running[job] = future = self._runners.submit(
            self._told, lambda: run(self._node, self.bundle, job, since=since, held=held.is_set), job
        )
        return future

    def obey(self, order: Order) -> bool:
        """Whether the order could be followed now; one that must wait for a run to rest is to be tried again."""
        self._sweep()
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
                self._told, lambda: give_up(self._node, self.bundle, order.job), order.job
            )
        elif order.verb == "replay":
            self.start(order.job, since=order.since)
        elif order.verb == "backfill":
            self.start(order.job, since=Span(order.since, order.until))
        elif order.verb == "resend":
            self.start(order.job, since=Resent(order.file))
        elif order.verb == "stop":
            self._held.setdefault(order.job, threading.Event()).set()
        return True

    def close(self) -> None:
        """Have every run rest at its next chunk, and wait for it."""
        for held in self._held.values():
            held.set()
        self._runners.shutdown(wait=True, cancel_futures=True)

    def _let_go(self, bundle: Bundle) -> None:
        """A job that was stopped and paused may run again once it is active again, without being told so twice."""
        active = {job.id for job in bundle.jobs.values() if job.active}
        for job in self._paused & active:
            self._held.pop(job, None)
        held = {job for job, event in self._held.items() if event.is_set()}
        self._paused = held - active

    def _sweep(self) -> None:
        self._running = {job: future for job, future in self._running.items() if not future.done()}

    def _start_unless_held(self, job: str) -> None:
        held = self._held.get(job)
        if job not in self._running and not (held is not None and held.is_set()):
            self.start(job)

    def _called_for(self, bundle: Bundle) -> list[str]:
        """The jobs for which something has come that is to be applied here."""
        found = []
        for name in self._room.waiting():
            posting = self._room.get(name, with_chunk=False)
            job = bundle.jobs.get(str(posting.body["job"])) if posting else None
            if posting is None or job is None or not job.active or whither(bundle, posting.body) != "":
                continue
            if part_of(bundle, job) == "taking" and not self._is_resting(job.id, bundle):
                found.append(job.id)
        return found

    def _is_resting(self, job: str, bundle: Bundle) -> bool:
        rest = self._resting.get(job)
        return rest is not None and rest.sequence == bundle.sequence and time.monotonic() < rest.until

    def _told(self, work: Callable[[], object], job: str) -> object:
        """Do the work; what goes wrong is in the progress file, and in the log by its code alone."""
        try:
            done = work()
        except GuantongError as fault:
            logger.warning("job %s: %s", job, fault.code)
            self._rest(job, PAUSED_S if fault.status >= 500 else STOPPED_S)
            return None
        except Exception as fault:
            # One job's fault; it rests, and the others go on.
            logger.exception("job %s failed: %s", job, type(fault).__name__)
            self._rest(job, PAUSED_S)
            return None
        if isinstance(done, Outcome):
            logger.info("job %s: run %s, %d rows", job, done.run, done.rows)
        return done

    def _rest(self, job: str, for_s: float) -> None:
        self._resting[job] = _Rest(time.monotonic() + for_s, self.bundle().sequence)
