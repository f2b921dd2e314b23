"""One run (批次) of a job from a local source into a local target, exactly once, from wherever it stands.

Straight, each chunk is applied while the next one is made. Staged, chunks are sealed into the store by one thread
and taken from it by another, as they are when the target is another node's.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from guantong.bundle.deciding import Stopped
from guantong.bundle.types import Binding, Bundle
from guantong.exchange.ahead import ahead
from guantong.exchange.decide import Permit, permit
from guantong.exchange.errors import ChunkDamaged, JobBusy, JobMisdeclared, RunHeld
from guantong.exchange.node import Node
from guantong.exchange.outbox import Outbox
from guantong.exchange.producing import Parcel, Producer
from guantong.exchange.progress import Progress, progress_path
from guantong.exchange.receiving import Receiver
from guantong.exchange.sealing import wrap_for
from guantong.exchange.sources.opening import open_source
from guantong.exchange.starting import start_from
from guantong.exchange.targets.applying import Standing
from guantong.exchange.unpacking import Unpacker
from guantong.kit import clock
from guantong.kit.errors import GuantongError


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that came to its end: its name, and how many rows the target got of how many read."""

    run: str
    chunks: int
    rows: int
    read: int
    refused: int


def run(
    node: Node,
    bundle: Callable[[], Bundle],
    job: str,
    *,
    since: str | None = None,
    held: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run the job to its end, or resume the run that stands open. ``bundle`` gives the one in force.

    ``since`` gives an open run up and begins one from that watermark (empty: the beginning); ``held`` is asked
    before every chunk whether the run is to rest (RunHeld).

    Raises the errors of :mod:`exchange.errors` and the refusals of :mod:`bundle.refusals`.
    """
    with alone(node.folder / "jobs", job):
        progress = Progress(job, progress_path(node.folder / "progress", job))
        try:
            outcome = _Run(node, bundle, job, progress, since, held).to_its_end()
        except GuantongError as fault:
            progress.end("paused" if fault.status >= 500 else "stopped", fault)
            raise
        progress.end("done")
        return outcome


class _Run:
    def __init__(
        self,
        node: Node,
        bundle: Callable[[], Bundle],
        job: str,
        progress: Progress,
        since: str | None,
        held: Callable[[], bool],
    ) -> None:
        self._since = since
        self._held = held
        self._node = node
        self._bundle = bundle
        self._job = job
        self._progress = progress
        self._permit = self._judge_first()
        self._binding = self._bound()

    def to_its_end(self) -> Outcome:
        with closing(open_source(self._binding, self._node.addresses())) as source:
            found = source.find(self._binding.table)
            producer = Producer(self._node, self._permit, source, found, self._binding.columns)
            with Receiver(
                self._node, self._permit, producer.outgoing, self._progress, is_ordered=bool(producer.order)
            ) as receiver:
                receiver.sign_for_the_last(producer.declaration)
                if self._permit.job.reading == "full":
                    self._progress.expected = found.rows
                if self._permit.job.staged:
                    return self._staged(producer, receiver)
                return self._straight(producer, receiver)

    def give_up(self) -> None:
        with closing(open_source(self._binding, self._node.addresses())) as source:
            found = source.find(self._binding.table)
            producer = Producer(self._node, self._permit, source, found, self._binding.columns)
            with Receiver(
                self._node, self._permit, producer.outgoing, self._progress, is_ordered=bool(producer.order)
            ) as receiver:
                receiver.give_up()
        outbox = Outbox(self._node.store(), self._job)
        standing = outbox.standing(self._node.suite)
        if not standing.is_closed:
            outbox.forget(standing.run)

    def _judge(self) -> Permit:
        if self._held():
            raise RunHeld(job=self._job)
        return permit(self._bundle(), self._job, at=clock.now())

    def _judge_first(self) -> Permit:
        try:
            return self._judge()
        except Stopped as stop:
            raise stop.reason from None

    def _bound(self) -> Binding:
        binding = self._bundle().bindings.get(self._permit.resource.code)
        if binding is None:
            raise JobMisdeclared(
                job=self._job, why_zh="资源没有挂接数据源", why_en="its resource is linked to no source"
            )
        return binding

    # ── straight ──

    def _straight(self, producer: Producer, receiver: Receiver) -> Outcome:
        standing = receiver.standing()
        start, is_fresh = start_from(standing, producer, is_aside=receiver.landing.aside, since=self._since)
        receiver.begin(start.run, fresh=is_fresh)
        self._progress.run = start.run
        self._progress.resumed_rows = 0 if is_fresh else standing.rows
        with closing(producer.parcels(start, self._binding.table, self._judge)) as parcels:
            self._apply_all(parcels, receiver)
        now = receiver.standing()
        has_chunks = now.run == start.run
        last = now if has_chunks else Standing(previous=start.previous, high=start.high)
        return self._closed(receiver, producer.closing(start, last.previous, last.high, last.rows))

    def _apply_all(self, parcels: Generator[Parcel], receiver: Receiver) -> None:
        """Apply each parcel while the next one is being made."""
        under_way: Future[None] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="applying") as applying:
            for parcel in parcels:
                load, refused = receiver.encoded(parcel)
                if under_way is not None:
                    under_way.result()
                under_way = applying.submit(receiver.apply, parcel, load, refused)
                del parcel, load
            if under_way is not None:
                under_way.result()

    def _closed(self, receiver: Receiver, last: Parcel) -> Outcome:
        rows, chunks = receiver.close_run(last)
        run = str(last.manifest.body["run"])
        return Outcome(run, chunks, rows, self._progress.read, self._progress.refused)

    # ── through the staging store ──

    def _staged(self, producer: Producer, receiver: Receiver) -> Outcome:
        outbox = Outbox(self._node.store(), self._job)
        standing = outbox.standing(self._node.suite)
        applied = receiver.standing()
        is_behind = (
            standing.is_closed
            and bool(standing.run)
            and not (applied.run == standing.run and applied.is_closed)
        )
        sending = ahead(self._send(producer, outbox, standing, receiver), depth=2) if not is_behind else None
        run = standing.run if sending is None else next(sending)
        self._progress.run = run
        try:
            return self._take(run, outbox, receiver, sending)
        finally:
            if sending is not None:
                sending.close()

    def _send(
        self, producer: Producer, outbox: Outbox, standing: Standing, receiver: Receiver
    ) -> Iterator[str]:
        """Fill the outbox; yields the run's name once it is known, and again for every chunk."""
        start, is_fresh = start_from(standing, producer, is_aside=receiver.landing.aside, since=self._since)
        if is_fresh and not standing.is_closed:
            outbox.forget(standing.run)
        yield start.run
        suite = self._node.suite
        wrap = wrap_for(suite, self._node.key.public, own=self._node.key, keys=self._node.keys)
        with closing(producer.parcels(start, self._binding.table, self._judge)) as parcels:
            for parcel in parcels:
                outbox.post(parcel, suite, wrap)
                yield start.run
        now = outbox.standing(suite)
        last = now if now.run == start.run else Standing(previous=start.previous, high=start.high)
        outbox.close_run(producer.closing(start, last.previous, last.high, 0))

    def _take(
        self, run: str, outbox: Outbox, receiver: Receiver, sending: "Generator[str] | None"
    ) -> Outcome:
        """Apply what the outbox holds of the run, up to its closing."""
        unpacker = Unpacker(self._node, self._judge, self._bundle)
        standing = receiver.standing()
        is_fresh = standing.run != run
        receiver.begin(run, fresh=is_fresh)
        chunk, previous = (0, "") if is_fresh else (standing.chunk, standing.previous)
        while True:
            posted = outbox.after(run, chunk)
            while posted is None:
                if sending is None:
                    raise ChunkDamaged(run=run, chunk=chunk + 1)
                if next(sending, None) is None:
                    sending = None
                posted = outbox.after(run, chunk)
            parcel = unpacker.unpacked(posted, outbox.sealed, previous=previous)
            if not posted.sealed_name:
                return self._closed(receiver, parcel)
            load, refused = receiver.encoded(parcel)
            receiver.apply(parcel, load, refused)
            chunk, previous = chunk + 1, parcel.manifest.digest
            outbox.fetched(run, chunk)


def give_up(node: Node, bundle: Callable[[], Bundle], job: str) -> None:
    """Cancel the run that stands open: a replacement leaves no trace, what was appended or updated stays."""
    with alone(node.folder / "jobs", job):
        _Run(node, bundle, job, Progress(job), None, lambda: False).give_up()


@contextmanager
def alone(folder: Path, job: str) -> Iterator[None]:
    """Hold the job's lock; JobBusy if another process does."""
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(job.encode()).hexdigest()[:16]
    file = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise JobBusy(job=job) from None
    finally:
        os.close(file)
