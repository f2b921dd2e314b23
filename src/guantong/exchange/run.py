"""One run (批次) of a job from a local source into a local target, exactly once, from wherever it stands.

The target's ledger alone says how far a run has come; nothing else has to survive. A run whose source has no
order to resume by starts over, and leaves no trace of its first attempt.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from guantong.bundle.deciding import Stopped
from guantong.bundle.types import Binding, Bundle
from guantong.exchange.decide import Permit, permit
from guantong.exchange.errors import ColumnsMissing, JobBusy, JobChangedMidway, JobMisdeclared
from guantong.exchange.fitting import Fit
from guantong.exchange.manifests import Contents, Scribe
from guantong.exchange.node import Node
from guantong.exchange.producing import Parcel, Producer, Start
from guantong.exchange.progress import Progress, progress_path
from guantong.exchange.quarantine import put_aside
from guantong.exchange.sources.opening import open_source
from guantong.exchange.targets.applying import Entry, Landing, Load, Standing, Target
from guantong.exchange.targets.opening import open_target
from guantong.exchange.watermarks import floor_of
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that came to its end: its name, and how many rows the target got of how many read."""

    run: str
    chunks: int
    rows: int
    read: int
    refused: int


def run(node: Node, bundle: Callable[[], Bundle], job: str) -> Outcome:
    """Run the job to its end, or resume the run that stands open. ``bundle`` gives the one in force.

    Raises the errors of :mod:`exchange.errors` and the refusals of :mod:`bundle.refusals`.
    """
    with alone(node.folder / "jobs", job):
        progress = Progress(job, progress_path(node.folder / "progress", job))
        try:
            outcome = _Run(node, bundle, job, progress).to_its_end()
        except GuantongError as fault:
            progress.end("paused" if fault.status >= 500 else "stopped", fault)
            raise
        progress.end("done")
        return outcome


class _Run:
    def __init__(self, node: Node, bundle: Callable[[], Bundle], job: str, progress: Progress) -> None:
        self._node = node
        self._bundle = bundle
        self._job = job
        self._progress = progress
        self._permit = self._judge_first()
        self._binding = self._bound()

    def to_its_end(self) -> Outcome:
        addresses = self._node.addresses()
        with closing(open_source(self._binding, addresses)) as source:
            found = source.find(self._binding.table)
            producer = Producer(self._node, self._permit, source, found, self._binding.columns)
            landing = self._landing(producer)
            with closing(open_target(self._permit.target, landing, addresses)) as target:
                fit = self._fit(producer, target)
                start = self._start(producer, target, landing)
                self._progress.run = start.run
                parcels = producer.parcels(start, self._binding.table, self._judge)
                with closing(parcels):
                    high = self._apply_all(parcels, fit, target, start)
                return self._close(producer, target, high, start)

    # ── before the first row ──

    def _judge(self) -> Permit:
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

    def _landing(self, producer: Producer) -> Landing:
        job, target = self._permit.job, self._permit.target
        aside = job.writing == "replace" or (job.writing == "append" and not producer.order)
        return Landing(
            job=job.id,
            table=target.table,
            columns={target.columns[item]: column for item, column in producer.outgoing.items()},
            writing=job.writing,
            key=tuple(target.columns[item] for item in job.key if item in job.fields),
            aside=aside and job.reading == "full",
        )

    def _fit(self, producer: Producer, target: Target) -> Fit:
        found, columns = target.find(), self._permit.target.columns
        missing = [columns[item] for item in producer.outgoing if columns[item] not in found.columns]
        if missing:
            raise ColumnsMissing(
                name=self._permit.target.source, table=self._permit.target.table, columns=", ".join(missing)
            )
        return Fit(
            producer.outgoing,
            found.columns,
            columns,
            stores_nul=target.stores_nul,
            stores_nan=target.stores_nan,
        )

    def _start(self, producer: Producer, target: Target, landing: Landing) -> Start:
        standing = target.standing()
        if standing.is_closed:
            if standing.run and not self._node.accounts.has_closed(self._job, standing.run):
                # A crash came between the closing line and its receipt.
                self._sign_for(producer, standing.run, standing.chunk, standing.rows, standing.previous)
            return self._anew(target, self._floor(producer, standing))
        said = envelope.read(standing.manifest).body
        is_same = said.get("declaration") == producer.declaration
        if not is_same and landing.writing == "append" and not landing.aside:
            raise JobChangedMidway(job=self._job, run=standing.run)
        if not (is_same and producer.order and standing.is_whole):
            return self._anew(target, said["watermark"]["floor"])
        target.begin(standing.run, fresh=False)
        self._progress.resumed_rows = standing.rows
        return Start(
            standing.run,
            standing.chunk,
            standing.place,
            standing.previous,
            said["watermark"]["floor"],
            standing.high,
        )

    def _anew(self, target: Target, floor: str) -> Start:
        started = f"{clock.millis():013d}-{secrets.token_hex(4)}"
        target.begin(started, fresh=True)
        job = self._permit.job
        return Start(started, floor=floor, high=floor, is_floor_had=job.writing == "append" and not job.key)

    def _floor(self, producer: Producer, standing: Standing) -> str:
        job = self._permit.job
        if job.reading != "watermark":
            return ""
        return floor_of(standing.high, job.overlap_s, producer.kinds[job.watermark])

    # ── chunk by chunk ──

    def _apply_all(self, parcels: Generator[Parcel], fit: Fit, target: Target, start: Start) -> str:
        """Apply each parcel while the next one is being made; the highest watermark of all."""
        high = start.high
        under_way: Future[None] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="applying") as applying:
            for parcel in parcels:
                load, refused = self._encoded(parcel, fit, target, start.run)
                if under_way is not None:
                    under_way.result()
                under_way = applying.submit(self._apply, parcel, load, refused, target, start.run)
                high = parcel.high
                del parcel, load
            if under_way is not None:
                under_way.result()
        return high

    def _encoded(self, parcel: Parcel, fit: Fit, target: Target, run: str) -> tuple[Load, int]:
        fitted = fit.fit(parcel.rows)
        if fitted.refused.height:
            chunk = parcel.manifest.body["chunk"]
            put_aside(
                self._node.quarantine, job=self._job, run=run, chunk=chunk, side="target", rows=fitted.refused
            )
        return target.encode(fitted.rows), fitted.refused.height

    def _apply(self, parcel: Parcel, load: Load, refused: int, target: Target, run: str) -> None:
        chunk = parcel.manifest.body["chunk"]
        target.apply(
            load,
            Entry(
                run, chunk, load.rows, parcel.manifest.raw, parcel.place, parcel.high, parcel.manifest.digest
            ),
        )
        self._progress.add(chunk=chunk, read=parcel.read, applied=load.rows, refused=parcel.refused + refused)

    # ── after the last row ──

    def _close(self, producer: Producer, target: Target, high: str, start: Start) -> Outcome:
        """Sign for the whole run (chunk 0), put it in place, and leave the consumer's receipt."""
        before = target.standing()
        has_chunks = before.run == start.run
        previous = before.previous if has_chunks else start.previous
        rows = before.rows if has_chunks else 0
        chunks = before.chunk if has_chunks else 0
        scribe = Scribe(
            self._permit,
            start.run,
            previous,
            key=self._node.key,
            suite=self._node.suite,
            node=self._node.code,
        )
        closing_words = Contents(0, rows, 0, 0, "", 0, (), start.floor, high)
        manifest = scribe.sign(closing_words, producer.outgoing)
        target.close_run(Entry(start.run, 0, rows, manifest.raw, (), high, manifest.digest))
        self._sign_for(producer, start.run, chunks, rows, manifest.digest)
        return Outcome(start.run, chunks, rows, self._progress.read, self._progress.refused)

    def _sign_for(self, producer: Producer, run: str, chunks: int, rows: int, manifest: str) -> None:
        """The consumer's receipt of a whole run."""
        self._node.accounts.write(
            "consumer",
            self._permit,
            batch={"job": self._job, "run": run, "chunks": chunks},
            rows=rows,
            manifest=manifest,
            declaration=producer.declaration,
        )


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
