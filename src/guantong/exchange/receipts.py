"""凭证 of batches: the provider's receipt of a chunk is on disk before the chunk moves; the consumer's closes the run.

They have the shape of calls' receipts (mode ``batch``, the run in place of the call) with the chunk's manifest
digest as the answer, so that journal, log and verifier treat them alike.
"""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec

from guantong.evidence import spool as spooling
from guantong.evidence.marks import NAME as MARK
from guantong.evidence.spool import Spool
from guantong.exchange.decide import Permit
from guantong.kit import clock, envelope
from guantong.kit.durable import replace_news
from guantong.kit.suites import SigningKey, Suite

KIND = "guantong/receipt@v1"
WRITER = "exchange"

Short = Annotated[str, msgspec.Meta(max_length=80)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Deed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a receipt tells of a job: a chunk that left its provider, or was refused; a run that its consumer closed."""

    role: Literal["provider", "consumer"]
    batch: dict[str, Any]
    """The job, the run, and which chunk of it or how many."""
    rows: Count
    manifest: Short | None
    """Digest of the chunk's manifest, or of the run's last; None where nothing moved."""
    declaration: Short
    """Digest of what the job was declared to do."""
    reason: Short | None = None
    """The code of a refusal."""
    rule: Short = ""
    """What decided; empty: the grant."""


class Book(Protocol):
    """Where a run's receipts are written; see :class:`Accounts`."""

    def has_closed(self, job: str, run: str) -> bool:
        """Whether the consumer's receipt of the job's latest closed run is that of ``run``."""

    def write(self, permit: Permit, deed: Deed) -> str:
        """The receipt's digest, once it is on disk."""

    def close(self) -> None:
        """Write what waits."""


class Accounts:
    """Writes this node's batch receipts: numbered and linked per grant, as those of calls are."""

    def __init__(
        self, folder: Path, *, node: str, key: SigningKey, suite: Suite, writer: str = WRITER
    ) -> None:
        """Open the spool ``folder/writer``; SpoolBusy if another process has it."""
        self._spool = Spool(folder, writer)
        self._mark = folder / writer / MARK
        self._folder = folder
        self._writer = writer
        self._node = node
        self._key = key
        self._suite = suite
        self._chains: dict[str, tuple[int, str]] = {}
        self._closed: dict[str, str] = {}
        # The two halves of a staged run write from two threads; a chain has one order.
        self._lock = threading.Lock()
        self._recover()

    def has_closed(self, job: str, run: str) -> bool:
        """Whether the consumer's receipt of the job's latest closed run is that of ``run``."""
        return self._closed.get(job) == run

    def write(self, permit: Permit, deed: Deed) -> str:
        """Sign a receipt; its digest, once it is on disk. SpoolFailed."""
        body = {
            "call": deed.batch["run"],
            "trace": deed.batch["run"],
            "role": deed.role,
            "node": self._node,
            "at": clock.rfc3339(clock.now()),
            "consumer": {
                "node": permit.application.node,
                "organisation": permit.application.organisation,
                "application": permit.application.id,
            },
            "provider": {"node": permit.resource.node, "organisation": permit.resource.provider},
            "resource": permit.resource.code,
            "version": permit.resource.version,
            "mode": "batch",
            "fields": list(permit.job.fields),
            "grant": permit.grant.id,
            "purpose": permit.job.purpose,
            "case": "",
            "subject": "",
            "request": deed.declaration,
            "answer": deed.manifest,
            "rows": deed.rows,
            "decision": "refuse" if deed.reason else "allow",
            "reason": deed.reason,
            "rule": deed.rule or permit.rule,
            "batch": deed.batch,
        }
        return self._append(body, f"{permit.grant.id}/{self._writer}")

    def _append(self, body: Mapping[str, Any], chain: str) -> str:
        with self._lock:
            number, previous = self._chains.get(chain, (0, None))
            whole = {**body, "chain": chain, "n": number + 1, "prev": previous}
            raw = envelope.seal(KIND, whole, self._key)
            self._spool.append_now(raw)
            digest = envelope.digest(raw, self._suite)
            self._remember(whole, digest)
        return digest

    def close(self) -> None:
        """Write what waits, and mark where the chains stand so that the next start is quick."""
        self._spool.close()
        self._recover()

    def _recover(self) -> None:
        state: dict[str, Any] = {"offset": 0, "chains": {}, "closed": {}}
        # The mark only shortens the way: without it the spool is read from its beginning.
        with suppress(FileNotFoundError, ValueError):
            state = json.loads(self._mark.read_text("utf-8"))
        self._chains = {chain: (number, digest) for chain, (number, digest) in state["chains"].items()}
        self._closed = dict(state["closed"])
        for spooled in spooling.read(self._folder, self._writer, state["offset"]):
            state["offset"] = spooled.next_offset
            body = envelope.read(spooled.record).body
            self._remember(body, envelope.digest(spooled.record, self._suite))
        state["chains"], state["closed"] = self._chains, self._closed
        replace_news(self._mark, json.dumps(state))

    def _remember(self, body: Mapping[str, Any], digest: str) -> None:
        self._chains[body["chain"]] = (body["n"], digest)
        if body["role"] == "consumer" and body["decision"] == "allow":
            self._closed[body["batch"]["job"]] = body["batch"]["run"]
