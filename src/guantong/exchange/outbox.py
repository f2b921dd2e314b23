"""寄件箱: a job's sealed chunks in the staging store, and from their manifests how far its sending has come.

A chunk is written before its manifest: what has a manifest can be fetched. ``closing.manifest`` ends a run.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guantong.exchange.producing import Parcel
from guantong.exchange.sealing import Wrap, seal_chunk
from guantong.exchange.staging import Store
from guantong.exchange.targets.applying import Standing
from guantong.kit import envelope
from guantong.kit.suites import Suite

CLOSING = "closing.manifest"


@dataclass(frozen=True, slots=True)
class Posted:
    """A manifest in the outbox. ``sealed_name`` names its chunk, empty for the closing one."""

    raw: bytes
    body: Mapping[str, Any]
    sealed_name: str


class Outbox:
    """One job's part of the store."""

    def __init__(self, store: Store, job: str) -> None:
        self._store = store
        self._folder = hashlib.sha256(job.encode()).hexdigest()[:24]

    def standing(self, suite: Suite) -> Standing:
        """How far the sending has come, told like a target's ledger."""
        run = self.latest()
        if not run:
            return Standing()
        chunks = self._manifests(run)
        closing = self._read(f"{self._folder}/{run}/{CLOSING}")
        last = closing or (self._read(chunks[-1]) if chunks else None)
        if last is None:
            return Standing()
        place = tuple(last.body["place"])
        return Standing(
            run=run,
            chunk=len(chunks),
            place=place,
            previous=envelope.digest(last.raw, suite),
            high=last.body["watermark"]["high"],
            manifest=last.raw,
            is_closed=closing is not None,
        )

    def post(self, parcel: Parcel, suite: Suite, wrap: Wrap) -> None:
        """Stage a chunk for whoever holds the key. StagingFull."""
        name = f"{self._folder}/{parcel.manifest.body['run']}/{parcel.manifest.body['chunk']:06d}"
        self._store.put(
            f"{name}.chunk", seal_chunk(parcel.stream, suite, wrap, manifest=parcel.manifest.digest)
        )
        self._store.put(f"{name}.manifest", parcel.manifest.raw)

    def close_run(self, parcel: Parcel) -> None:
        """Nothing more comes in this run."""
        self._store.put(f"{self._folder}/{parcel.manifest.body['run']}/{CLOSING}", parcel.manifest.raw)

    def latest(self) -> str:
        """The newest run, empty if there is none."""
        runs = {name.split("/")[1] for name in self._store.names(self._folder)}
        return max(runs, default="")

    def after(self, run: str, chunk: int) -> Posted | None:
        """The manifest after ``chunk`` of ``run``, or the closing one, or None while there is neither."""
        name = f"{self._folder}/{run}/{chunk + 1:06d}"
        posted = self._read(f"{name}.manifest", f"{name}.chunk")
        return posted or self._read(f"{self._folder}/{run}/{CLOSING}")

    def sealed(self, posted: Posted) -> bytes | None:
        """The sealed chunk of a manifest, or None if it is no longer kept."""
        return self._store.get(posted.sealed_name)

    def fetched(self, run: str, chunk: int) -> None:
        """The chunk is in the target: its bytes need not wait any longer. The manifest stays."""
        self._store.delete(f"{self._folder}/{run}/{chunk:06d}.chunk")

    def forget(self, run: str) -> None:
        """Give a run up."""
        for name in self._store.names(f"{self._folder}/{run}"):
            self._store.delete(name)

    def _manifests(self, run: str) -> list[str]:
        names = self._store.names(f"{self._folder}/{run}")
        return [name for name in names if name.endswith(".manifest") and not name.endswith(CLOSING)]

    def _read(self, name: str, sealed_name: str = "") -> Posted | None:
        raw = self._store.get(name)
        return Posted(raw, envelope.read(raw).body, sealed_name) if raw is not None else None
