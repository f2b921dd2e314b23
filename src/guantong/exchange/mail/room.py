"""邮室: what lies in a node's staging store, on its way out, passing through, or waiting to be applied here.

A posting leaves the room when the next one on its way has it on disk; of a run the latest manifest stays, so that
it is known how far the run has come. The store alone is the truth: the list in memory is made from it at the start.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from guantong.exchange.mail.postings import CLOSING, Name, Posting, posting_of
from guantong.exchange.manifests import name_of
from guantong.exchange.staging import Store
from guantong.exchange.targets.applying import Standing
from guantong.kit.suites import Suite

OVER = "closed"


@dataclass
class _Run:
    """One run's postings: ``waiting`` their numbers in order, the end of the run (0) last."""

    chunks: set[int] = field(default_factory=set)
    is_closed: bool = False
    taken: int = 0
    is_over: bool = False
    """Its end was handed on, or the run was given up."""

    def first(self) -> int | None:
        """The number of the posting to be handed on next; None while there is none."""
        if self.is_over:
            return None
        left = [chunk for chunk in self.chunks if chunk > self.taken]
        if left:
            return min(left)
        return CLOSING if self.is_closed else None


class Mailroom:
    """One process's view of its store. Safe for several threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Condition()
        self._boxes: dict[str, dict[str, _Run]] = {}
        self._listeners: list[Callable[[], None]] = []
        for name in store.names("mail"):
            self._recall(name)

    # ── in ──

    def put(self, posting: Posting) -> None:
        """Keep a posting; known ones, and those of runs that are over, change nothing. StagingFull."""
        name = posting.name
        if self.has(name):
            return
        if posting.sealed is not None:
            self.store.put(name.sealed, posting.sealed)
        self.store.put(name.manifest, posting.raw)
        with self._lock:
            self._note(name)
            self._lock.notify_all()
        for tell in self._listeners:
            tell()

    def has(self, name: Name) -> bool:
        """Whether the posting is here, or was and was handed on, or its run is over."""
        with self._lock:
            run = self._boxes.get(name.box, {}).get(name.run, _Run())
            if run.is_over:
                return True
            if name.chunk == CLOSING:
                return run.is_closed
            return name.chunk in run.chunks or name.chunk <= run.taken

    def listen(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called, from any thread, whenever something came in."""
        self._listeners.append(tell)

    def wait(self, timeout_s: float) -> None:
        """Until something comes in, or the time is over."""
        with self._lock:
            self._lock.wait(timeout_s)

    # ── out ──

    def waiting(self) -> list[Name]:
        """The next posting of every run that has one, boxes in turn, older runs first."""
        with self._lock:
            found = [
                Name(box, name, chunk)
                for box, runs in self._boxes.items()
                for name, run in sorted(runs.items())
                if (chunk := run.first()) is not None
            ]
        # A box's later runs wait until its earlier ones have gone.
        first: dict[str, Name] = {}
        for name in found:
            first.setdefault(name.box, name)
        return list(first.values())

    def runs(self, box: str) -> list[str]:
        """The runs of a box that are not over, oldest first."""
        with self._lock:
            return sorted(name for name, run in self._boxes.get(box, {}).items() if not run.is_over)

    def next(self, box: str, run: str) -> Name | None:
        """The posting of a run that is to be handed on next, if it has come."""
        with self._lock:
            held = self._boxes.get(box, {}).get(run)
            chunk = held.first() if held else None
        return None if chunk is None else Name(box, run, chunk)

    def is_whole(self, box: str, run: str) -> bool:
        """Whether the end of the run has come."""
        with self._lock:
            held = self._boxes.get(box, {}).get(run)
            return held is not None and held.is_closed

    def is_over(self, box: str, run: str) -> bool:
        """Whether the run's end was handed on, or the run given up."""
        with self._lock:
            held = self._boxes.get(box, {}).get(run)
            return held is not None and held.is_over

    def get(self, name: Name, *, with_chunk: bool = True) -> Posting | None:
        """A posting, or None if it is gone."""
        raw = self.store.get(name.manifest)
        if raw is None:
            return None
        is_whole = with_chunk and name.chunk != CLOSING
        return posting_of(raw, self.store.get(name.sealed) if is_whole else None)

    def taken(self, name: Name) -> None:
        """The posting is where it was to go: its bytes need not wait here any longer."""
        self.store.put(f"{name.folder}/taken", OVER.encode() if name.chunk == CLOSING else b"%d" % name.chunk)
        with self._lock:
            run = self._boxes.setdefault(name.box, {}).setdefault(name.run, _Run())
            before, run.taken = run.taken, max(run.taken, name.chunk)
            run.is_over = run.is_over or name.chunk == CLOSING
            chunks = sorted(run.chunks)
        if name.chunk != CLOSING:
            self.store.delete(name.sealed)
            if before:
                self.store.delete(Name(name.box, name.run, before).manifest)
            return
        for chunk in chunks:
            self.store.delete(Name(name.box, name.run, chunk).manifest)
        self._forget_older(name)

    def forget(self, box: str, run: str) -> None:
        """Give a run up: nothing of it is handed on any more, and what of it still comes is not kept."""
        folder = Name(box, run, 0).folder
        self.store.put(f"{folder}/taken", OVER.encode())
        with self._lock:
            self._boxes.setdefault(box, {}).setdefault(run, _Run()).is_over = True
        for name in self.store.names(folder):
            if not name.endswith("/taken"):
                self.store.delete(name)

    # ── how far ──

    def standing(self, box: str, suite: Suite) -> Standing:
        """How far the sending of a box has come, told like a target's ledger. Runs given up count for nothing."""
        for run in self._newest(box):
            last = self._last(box, run)
            if last is not None:
                body = last.body
                return Standing(
                    run=run,
                    chunk=int(body["chunk"]),
                    place=tuple(body["place"]),
                    previous=name_of(last.statement, suite),
                    high=body["watermark"]["high"],
                    manifest=last.raw,
                    is_closed=last.name.chunk == CLOSING,
                )
        return Standing()

    def _newest(self, box: str) -> Iterator[str]:
        with self._lock:
            names = sorted(self._boxes.get(box, {}), reverse=True)
        yield from names

    def _last(self, box: str, run: str) -> Posting | None:
        with self._lock:
            held = self._boxes[box][run]
            numbers = [CLOSING] if held.is_closed else sorted(held.chunks, reverse=True)[:1]
        for number in numbers:
            return self.get(Name(box, run, number), with_chunk=False)
        return None

    # ── in memory ──

    def _note(self, name: Name) -> None:
        run = self._boxes.setdefault(name.box, {}).setdefault(name.run, _Run())
        if name.chunk == CLOSING:
            run.is_closed = True
        else:
            run.chunks.add(name.chunk)

    def _recall(self, path: str) -> None:
        _, box, run_name, file = path.split("/")
        if file.endswith(".chunk"):
            return  # without its manifest, what a crash left of one that was never posted
        run = self._boxes.setdefault(box, {}).setdefault(run_name, _Run())
        stem, _, kind = file.partition(".")
        if file == "taken":
            told = (self.store.get(path) or b"0").decode()
            run.is_over = told == OVER
            run.taken = 0 if run.is_over else int(told)
        elif kind == "manifest":
            self._note(Name(box, run_name, CLOSING if stem == "closing" else int(stem)))

    def _forget_older(self, name: Name) -> None:
        with self._lock:
            runs = self._boxes[name.box]
            old = [run for run, held in runs.items() if run < name.run and held.is_over]
            for run in old:
                del runs[run]
        for run in old:
            for stored in self.store.names(Name(name.box, run, 0).folder):
                self.store.delete(stored)
