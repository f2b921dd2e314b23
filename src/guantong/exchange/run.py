"""One run (批次) of a job, or this place's half of it, exactly once, from wherever it stands.

Straight, each chunk is applied while the next one is made. By the mail, chunks are sealed and posted by one half and
taken and applied by the other, at the same place or at another.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from guantong.bundle.deciding import Stopped
from guantong.bundle.types import Binding, Bundle
from guantong.exchange.ahead import ahead
from guantong.exchange.columns import Column
from guantong.exchange.decide import Permit, as_declared, permit
from guantong.exchange.ends import Part, opener, part_of
from guantong.exchange.errors import ChunkGone, JobBusy, JobElsewhere, JobMisdeclared, JobUnknown, RunHeld
from guantong.exchange.mail.postings import box_of
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.node import Node
from guantong.exchange.producing import Parcel, Producer
from guantong.exchange.progress import Progress, progress_path
from guantong.exchange.receiving import Receiver
from guantong.exchange.resending import Resent, place, standing_in
from guantong.exchange.sealing import wrap_for
from guantong.exchange.sending import Sending
from guantong.exchange.sources.opening import open_source
from guantong.exchange.starting import Since, start_from
from guantong.exchange.taking import Taking
from guantong.exchange.targets.applying import Standing
from guantong.kit import clock
from guantong.kit.errors import GuantongError

LINGER_S = 1.0
"""How long a half-taken run waits, with its target open, for the next chunk."""


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
    since: Since | None = None,
    held: Callable[[], bool] = lambda: False,
) -> Outcome | None:
    """Run the job to its end, or resume the run that stands open. ``bundle`` gives the one in force.

    Of a job that is read elsewhere, apply what has come; None if no run has come whole.

    ``since`` gives an open run up and begins one from that watermark (empty: the beginning), or over
    that range; ``held`` is asked before every chunk whether the run is to rest (RunHeld).

    Raises the errors of :mod:`exchange.errors` and the refusals of :mod:`bundle.refusals`.
    """
    with alone(node.folder / "jobs", job):
        part = _part(bundle(), job)
        progress = Progress(job, progress_path(node.folder / "progress", job, part), part=part)
        try:
            outcome = _Run(node, bundle, job, progress, held).to_its_end(since)
        except GuantongError as fault:
            progress.end("paused" if fault.status >= 500 else "stopped", fault)
            raise
        progress.end("waiting" if outcome is None else "done")
        if isinstance(since, Resent):
            (place(node.folder, job) / since.file).unlink(missing_ok=True)
        return outcome


def _part(bundle: Bundle, job: str) -> Part:
    declared = bundle.jobs.get(job)
    return (part_of(bundle, declared) if declared else None) or "whole"


class _Run:
    """What this place does of a run: the whole, the sending or the taking half."""

    def __init__(
        self,
        node: Node,
        bundle: Callable[[], Bundle],
        job: str,
        progress: Progress,
        held: Callable[[], bool],
        *,
        is_judged: bool = True,
    ) -> None:
        self._held = held
        self._node = node
        self._bundle = bundle
        self._job = job
        self._progress = progress
        self._permit = self._judge_first() if is_judged else self._declared()

    def to_its_end(self, since: Since | None) -> Outcome | None:
        part = part_of(self._bundle(), self._permit.job)
        match part:
            case "taking":
                return self._take_what_came()
            case "sending":
                with self._producing(since) as (producer, binding):
                    return self._send(producer, binding, since)
            case "whole":
                with (
                    self._producing(since) as (producer, binding),
                    self._receiving(producer) as receiver,
                ):
                    receiver.sign_for_the_last(producer.declaration)
                    if self._permit.job.staged:
                        return self._staged(producer, binding, since)
                    return self._straight(producer, binding, receiver, since)
        raise JobElsewhere(job=self._job)

    def give_up(self) -> None:
        part = part_of(self._bundle(), self._permit.job)
        box = box_of(self._permit.resource.node, self._job)
        room = self._room
        if part != "sending":
            self._give_up_here()
        for run in room.runs(box) if part == "taking" else []:
            room.forget(box, run)
        standing = room.standing(box, self._node.suite)
        if part != "taking" and standing.run and not standing.is_closed:
            room.forget(box, standing.run)

    def _give_up_here(self) -> None:
        """Undo the open run in the target, if anything has come to it yet."""
        part = part_of(self._bundle(), self._permit.job)
        if part == "whole":
            with self._producing() as (producer, _), self._receiving(producer) as receiver:
                receiver.give_up()
            return
        nothing: Mapping[str, Column] = {}
        with Receiver(self._node, self._permit, nothing, self._progress, is_ordered=False) as receiver:
            if not receiver.standing().is_closed:
                receiver.give_up()

    @contextmanager
    def _producing(self, since: Since | None = None) -> Iterator[tuple[Producer, Binding]]:
        binding, addresses = self._bound(), self._node.addresses()
        if isinstance(since, Resent):
            binding, addresses = standing_in(binding, place(self._node.folder, self._job))
            binding = msgspec.structs.replace(binding, table=since.file)
        digest = self._node.suite.digest_name
        with closing(open_source(binding, addresses, digest=digest)) as source:
            found = source.find(binding.table)
            if self._permit.job.reading == "full":
                self._progress.expected = found.rows
            yield Producer(self._node, self._permit, source, found, binding.columns), binding

    def _receiving(self, producer: Producer) -> Receiver:
        return Receiver(
            self._node, self._permit, producer.outgoing, self._progress, is_ordered=bool(producer.order)
        )

    @cached_property
    def _room(self) -> Mailroom:
        return self._node.room()

    def _judge(self) -> Permit:
        if self._held():
            raise RunHeld(job=self._job)
        return permit(self._bundle(), self._job, at=clock.now())

    def _judge_first(self) -> Permit:
        try:
            return self._judge()
        except Stopped as stop:
            raise stop.reason from None

    def _declared(self) -> Permit:
        bundle = self._bundle()
        job = bundle.jobs.get(self._job)
        if job is None or job.grant not in bundle.grants or job.target not in bundle.targets:
            raise JobUnknown(job=self._job)
        return as_declared(bundle, job)

    def _bound(self) -> Binding:
        binding = self._bundle().bindings.get(self._permit.resource.code)
        if binding is None:
            raise JobMisdeclared(
                job=self._job, why_zh="资源没有挂接数据源", why_en="its resource is linked to no source"
            )
        return binding

    # ── straight ──

    def _straight(
        self, producer: Producer, binding: Binding, receiver: Receiver, since: Since | None
    ) -> Outcome:
        standing = receiver.standing()
        start, is_fresh = start_from(standing, producer, is_aside=receiver.landing.aside, since=since)
        receiver.begin(start.run, fresh=is_fresh)
        self._progress.run = start.run
        self._progress.resumed_rows = 0 if is_fresh else standing.rows
        if receiver.takes(producer.offered()):
            producer.pass_on()
        with closing(producer.parcels(start, binding.table, self._judge)) as parcels:
            self._apply_all(parcels, receiver)
        now = receiver.standing()
        has_chunks = now.run == start.run
        last = now if has_chunks else Standing(previous=start.previous, high=start.high)
        end = producer.closing(start, last.previous, last.high, last.rows)
        rows, chunks = receiver.close_run(end)
        producer.settle(start.run)
        return self._outcome(start.run, chunks, rows)

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

    def _outcome(self, run: str, chunks: int, rows: int) -> Outcome:
        return Outcome(run, chunks, rows, self._progress.read, self._progress.refused)

    # ── by the mail ──

    def _sending(self, producer: Producer, binding: Binding) -> Sending:
        job = self._permit.job
        wrap = wrap_for(
            self._node.suite, opener(self._bundle(), job), own=self._node.key, keys=self._node.keys
        )
        return Sending(self._node, self._room, producer, binding.table, wrap, self._judge)

    def _send(self, producer: Producer, binding: Binding, since: Since | None) -> Outcome:
        *_, run = self._sending(producer, binding).chunks(since=since, progress=self._progress)
        return self._outcome(run, self._progress.chunk, self._progress.read - self._progress.refused)

    def _taking(self) -> Taking:
        box = box_of(self._permit.resource.node, self._job)
        return Taking(self._node, self._room, box, self._permit, self._progress, self._judge, self._bundle)

    def _take_what_came(self) -> Outcome | None:
        """Apply what lies in the mailroom; the outcome of the last run that became whole, None if none did."""
        room, taking = self._room, self._taking()
        outcome = None
        while (run := taking.next_run()) is not None:
            counts = taking.take(run, self._more_by_post(room))
            if counts is None:
                return None
            rows, chunks = counts
            outcome = self._outcome(run, chunks, rows)
        return outcome

    def _more_by_post(self, room: Mailroom) -> Callable[[], bool]:
        """Wait a little for the next chunk, so that a target need not be opened anew for each."""
        patience = iter((True, False))

        def more() -> bool:
            nonlocal patience
            if not next(patience, False):
                patience = iter((True, False))
                return False
            room.wait(LINGER_S)
            return True

        return more

    def _staged(self, producer: Producer, binding: Binding, since: Since | None) -> Outcome:
        """Both halves at this place: one thread seals and posts, this one takes and applies."""
        sending, taking = self._sending(producer, binding), self._taking()
        standing = sending.standing()
        is_behind = standing.is_closed and taking.next_run() is not None
        if is_behind and since is None:
            filling: Generator[str] | None = None
        else:
            filling = ahead(sending.chunks(since=since), depth=2)
            next(filling)
        try:
            return self._take_all(taking, filling)
        finally:
            if filling is not None:
                filling.close()

    def _take_all(self, taking: Taking, filling: "Generator[str] | None") -> Outcome:
        def more() -> bool:
            return filling is not None and next(filling, None) is not None

        counts: tuple[int, int] | None = None
        run = ""
        while counts is None or taking.next_run() is not None:
            following = taking.next_run()
            if following is None:
                if more():
                    continue
                raise ChunkGone(run=run, chunk=1)
            run, counts = following, taking.take(following, more)
            if counts is None:
                raise ChunkGone(run=run, chunk=self._progress.chunk + 1)
        rows, chunks = counts
        return self._outcome(run, chunks, rows)


def give_up(node: Node, bundle: Callable[[], Bundle], job: str) -> None:
    """Cancel the run that stands open: a replacement leaves no trace, what was appended or updated stays."""
    with alone(node.folder / "jobs", job):
        # To undo what was begun is allowed also when the job is paused or its grant revoked.
        _Run(node, bundle, job, Progress(job), lambda: False, is_judged=False).give_up()


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
