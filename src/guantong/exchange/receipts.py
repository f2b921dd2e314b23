"""凭证 of batches: the provider's receipt of a chunk is on disk before the chunk moves; the consumer's closes the run.

They have the shape of calls' receipts (mode ``batch``, the run in place of the call) with the chunk's manifest
digest as the answer, so that journal, log and verifier treat them alike.
"""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

from guantong.evidence import spool as spooling
from guantong.evidence.spool import Spool
from guantong.exchange.decide import Permit
from guantong.kit import clock, envelope
from guantong.kit.durable import replace_news
from guantong.kit.suites import SigningKey, Suite

KIND = "guantong/receipt@v1"
WRITER = "exchange"
MARK = "chains.json"

Role = Literal["provider", "consumer"]


class Book(Protocol):
    """Where a run's receipts are written; see :class:`Accounts`."""

    def has_closed(self, job: str, run: str) -> bool:
        """Whether the consumer's receipt of the job's latest closed run is that of ``run``."""

    def write(
        self,
        role: Role,
        permit: Permit,
        *,
        batch: Mapping[str, Any],
        rows: int,
        manifest: str | None,
        declaration: str,
        reason: str | None = None,
        rule: str = "",
    ) -> str:
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

    def write(
        self,
        role: Role,
        permit: Permit,
        *,
        batch: Mapping[str, Any],
        rows: int,
        manifest: str | None,
        declaration: str,
        reason: str | None = None,
        rule: str = "",
    ) -> str:
        """Sign a receipt; its digest, once it is on disk. ``reason`` makes it one of a refusal. SpoolFailed."""
        body = {
            "call": batch["run"],
            "trace": batch["run"],
            "role": role,
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
            "request": declaration,
            "answer": manifest,
            "rows": rows,
            "decision": "refuse" if reason else "allow",
            "reason": reason,
            "rule": rule or permit.rule,
            "batch": dict(batch),
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
