"""凭证: the signed trace of every call, durable before its answer leaves.

The receipts of one grant written by one process form a chain: they are numbered, and each names the digest of
the one before, so that a missing one shows. Receipts of refusals without a known grant share the chain ``-``.
"""

import contextlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from guantong.bundle.types import Bundle
from guantong.evidence import spool as spooling
from guantong.evidence.spool import Spool, SpoolFailed
from guantong.gateway.call import Call
from guantong.gateway.usage import Day, Days
from guantong.kit import canonical, clock, envelope
from guantong.kit.durable import replace_news
from guantong.kit.suites import SigningKey, Suite

KIND = "guantong/receipt@v1"
ALERT = "guantong/alert@v1"
MARK = "chains.json"

Role = Literal["provider", "relay", "consumer"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended at this node.

    ``reason`` is the code of the refusal or of the fault that kept an allowed call from being answered.
    """

    decision: Literal["allow", "refuse"]
    rule: str
    reason: str | None = None
    answer: str | None = None
    rows: int = 0
    provider_receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it arrived, with the digest under which receipts know it and the pseudonym of whom it is about."""

    call: Call
    digest: str
    subject: str


def subject_digest(subject_key: bytes, keys: Mapping[str, str]) -> str:
    """The pseudonym of whom ``keys`` name, by which only this node can find a citizen's look-ups.

    HMAC-SHA-256 over the key values in the order of their items, joined by line feeds.
    """
    values = "\n".join(keys[item] for item in sorted(keys))
    return hmac.digest(subject_key, values.encode(), "sha256").hex()


class Ledger:
    """Writes one process's receipts. Chains and the day's counts are recovered from the spool at start."""

    def __init__(
        self, folder: Path, writer: str, *, node: str, key: SigningKey, suite: Suite, subject_key: bytes
    ) -> None:
        """Open the spool ``folder/writer``; SpoolBusy if another process has it."""
        self._spool = Spool(folder, writer)
        self._folder = folder
        self._writer = writer
        self._node = node
        self._key = key
        self._suite = suite
        self._subject_key = subject_key
        self._chains: dict[str, tuple[int, str | None]] = {}
        self._mask_salts: dict[str, bytes] = {}
        self._in_flight = 0
        self._is_stale = False
        self.days: dict[str, Day] = self._recover()
        """The day's use of each grant as this process's receipts told it at the start."""

    def digest(self, raw: bytes) -> str:
        """The digest of ``raw`` in this node's suite."""
        return envelope.digest(raw, self._suite)

    def asked(self, call: Call) -> Asked:
        """The call with its request digest, over its canonical form."""
        return Asked(call, self.digest(canonical.dumps(call)), self.subject(call.keys))

    def mask_salt(self, grant: str) -> bytes:
        """The salt of a grant's hashes: the same as long as the node keeps its subject key."""
        salt = self._mask_salts.get(grant)
        if salt is None:
            salt = hmac.digest(self._subject_key, b"mask\n" + grant.encode(), "sha256")
            self._mask_salts[grant] = salt
        return salt

    def subject(self, keys: Mapping[str, str]) -> str:
        """The pseudonym of whom the keys name; see :func:`subject_digest`."""
        return subject_digest(self._subject_key, keys)

    async def write(self, role: Role, asked: Asked, bundle: Bundle, outcome: Outcome) -> bytes:
        """Sign a receipt and return it once it is on disk. Raises SpoolFailed."""
        return await self._append(self._body(role, asked, bundle, outcome))

    async def alert(self, code: str, details: Mapping[str, Any]) -> None:
        """Put an alert on record."""
        body = {"alert": code, "node": self._node, "at": clock.rfc3339(clock.now()), "details": dict(details)}
        await self._spool.append(envelope.seal(ALERT, body, self._key))

    def close(self) -> None:
        """Write what waits, and mark where the chains stand so that the next start is quick."""
        self._spool.close()
        self._recover()

    async def _append(self, body: dict[str, Any]) -> bytes:
        self._refresh()
        chain = body["chain"]
        number, previous = self._chains.get(chain, (0, None))
        raw = envelope.seal(KIND, {**body, "n": number + 1, "prev": previous}, self._key)
        self._chains[chain] = (number + 1, self.digest(raw))
        self._in_flight += 1
        try:
            # Nothing is awaited between taking the number and queueing: order on disk is chain order.
            await self._spool.append(raw)
        except SpoolFailed:
            self._is_stale = True
            raise
        finally:
            self._in_flight -= 1
        return raw

    def _refresh(self) -> None:
        """After a failed write the chains are what the disk says, not what memory hoped."""
        if not self._is_stale:
            return
        if self._in_flight:
            raise SpoolFailed(why="an earlier write failed")
        self._chains.clear()
        self._recover()
        self._is_stale = False

    def _body(self, role: Role, asked: Asked, bundle: Bundle, outcome: Outcome) -> dict[str, Any]:
        call = asked.call
        resource = bundle.resources.get(call.resource)
        chain = call.grant if call.grant in bundle.grants else "-"
        body: dict[str, Any] = {
            "call": call.call,
            "trace": call.trace,
            "role": role,
            "node": self._node,
            "at": clock.rfc3339(clock.now()),
            "consumer": {
                "node": call.consumer.node,
                "organisation": call.consumer.organisation,
                "application": call.consumer.application,
            },
            "provider": {
                "node": resource.node if resource else "",
                "organisation": resource.provider if resource else "",
            },
            "resource": call.resource,
            "version": resource.version if resource else 0,
            "mode": call.mode,
            "fields": call.wanted,
            "grant": call.grant,
            "purpose": call.purpose,
            "case": call.case,
            "subject": asked.subject,
            "request": asked.digest,
            "answer": outcome.answer,
            "rows": outcome.rows,
            "decision": outcome.decision,
            "reason": outcome.reason,
            "rule": outcome.rule,
            "chain": f"{chain}/{self._writer}",
        }
        if role != "provider":
            body["provider_receipt"] = outcome.provider_receipt
        return body

    def _recover(self) -> dict[str, Day]:
        """Read the receipts since the last mark, then set a new mark; the days that they tell of."""
        mark = self._folder / self._writer / MARK
        offset, days = 0, Days({})
        self._chains = {}
        # The mark only shortens the way: without it the spool is read from its beginning.
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            kept = json.loads(mark.read_text("utf-8"))
            chains = {chain: (number, digest) for chain, (number, digest) in kept["chains"].items()}
            offset, days, self._chains = kept["offset"], Days(kept["days"]), chains
        for spooled in spooling.read(self._folder, self._writer, offset):
            offset = spooled.next_offset
            statement = envelope.read(spooled.record)
            if statement.kind == KIND:
                self._remember(statement.body, spooled.record, days)
        replace_news(mark, json.dumps({"offset": offset, "chains": self._chains, "days": days.as_dict()}))
        return days.as_dict()

    def _remember(self, body: Mapping[str, Any], raw: bytes, days: Days) -> None:
        self._chains[body["chain"]] = (body["n"], self.digest(raw))
        if body["decision"] == "allow":
            days.count(body["grant"], body["rows"], clock.parse(body["at"]))
