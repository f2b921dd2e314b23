"""凭证: the signed trace of every call, durable before its answer leaves.

The receipts of one grant written by one process form a chain: they are numbered, and each names the digest of
what was signed in the one before, so that a missing one shows. A node that was restored begins new chains. Receipts of refusals
without a known grant share the chain ``-``.
"""

import asyncio
import contextlib
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from guantong.bundle.types import Bundle
from guantong.evidence import spool as spooling
from guantong.evidence.archive import read_mark
from guantong.evidence.generations import Generation
from guantong.evidence.marks import NAME as MARK
from guantong.evidence.spool import Spool, SpoolFailed
from guantong.gateway.call import Call, Consumer
from guantong.gateway.metrics import Tally
from guantong.gateway.steps import Steps
from guantong.gateway.usage import Day, Days
from guantong.kit import batches, canonical, clock, envelope
from guantong.kit.durable import replace_news
from guantong.kit.suites import SigningKey, Suite

KIND = "guantong/receipt@v1"
ALERT = "guantong/alert@v1"
TURNS = 8
"""Turns of the event loop whose receipts are signed together, as long as each brings some."""

Role = Literal["provider", "relay", "consumer"]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How a call ended at this node.

    ``reason`` is the code of the refusal or of the fault that kept an allowed call from being answered.
    """

    decision: Literal["allow", "refuse"]
    rule: str
    reason: str | None = None
    answer: str | None = None
    rows: int = 0
    provider_receipt: str | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A call as it arrived: the digest under which receipts know it, the pseudonym of whom it is about, and how long
    the run of keys is that it continues (:mod:`guantong.gateway.steps`)."""

    call: Call
    digest: str
    subject: str
    steps: int = 0


class _Leaving(msgspec.Struct):
    """A receipt on its way to disk: as written, as signed, and when it is there."""

    written: bytes
    durable: "asyncio.Future[None]"
    signed: bytes = b""


class _Provider(msgspec.Struct, frozen=True, gc=False):
    node: str
    organisation: str


_NOBODY = _Provider("", "")


class _Receipt(msgspec.Struct, kw_only=True, gc=False):
    """A receipt's body. Types alone keep it canonical, so it is written without being looked through."""

    call: str
    trace: str
    role: Role
    node: str
    at: str
    consumer: Consumer
    provider: _Provider
    resource: str
    version: int
    mode: str
    fields: list[str]
    grant: str
    purpose: str
    case: str
    subject: str
    request: str
    answer: str | None
    rows: int
    decision: str
    reason: str | None
    rule: str
    chain: str
    n: int = 0
    prev: str | None = None
    steps: int | msgspec.UnsetType = msgspec.UNSET
    provider_receipt: str | msgspec.UnsetType | None = msgspec.UNSET


def subject_digest(subject_key: bytes, keys: Mapping[str, str]) -> str:
    """The pseudonym of whom ``keys`` name, by which only this node can find a citizen's look-ups.

    HMAC-SHA-256 over the key values in the order of their items, joined by line feeds.
    """
    values = "\n".join([keys[item] for item in sorted(keys)])
    made = _keyed(subject_key).copy()
    made.update(values.encode())
    return made.hexdigest()


@lru_cache(maxsize=4)
def _keyed(subject_key: bytes) -> hmac.HMAC:
    """Copied for each pseudonym: the key is worked in once."""
    return hmac.new(subject_key, digestmod="sha256")


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
        self._generation = Generation(folder)
        self._subject_key = subject_key
        self._chains: dict[str, tuple[int, str | None]] = {}
        self._steps = Steps()
        self._mask_salts: dict[str, bytes] = {}
        self._gathered: list[_Leaving] = []
        self._in_flight = 0
        self._is_writing = False
        self._is_stale = False
        self.refusals = Tally()
        """Refusals by the rule that refused."""
        self.days: dict[str, Day] = self._recover()
        """The day's use of each grant as this process's receipts told it at the start."""

    def digest(self, raw: bytes) -> str:
        """The digest of ``raw`` in this node's suite."""
        return envelope.digest(raw, self._suite)

    def asked(self, call: Call) -> Asked:
        """The call with its request digest, over its canonical form."""
        steps = self._steps.note(call.consumer.application, call.grant, call.keys)
        return Asked(call, self.digest(canonical.dumps_typed(call)), self.subject(call.keys), steps)

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

    @property
    def spool(self) -> Spool:
        """Where the receipts go, for those who watch it."""
        return self._spool

    @property
    def waiting(self) -> int:
        """Receipts on their way to disk."""
        return self._in_flight

    async def write(self, role: Role, asked: Asked, bundle: Bundle, outcome: Outcome) -> bytes:
        """Sign a receipt and return it once it is on disk. Raises SpoolFailed."""
        if outcome.decision == "refuse":
            self.refusals.add((outcome.rule.partition(":")[0],))
        return await self._append(self._receipt(role, asked, bundle, outcome))

    async def alert(self, code: str, details: Mapping[str, Any]) -> None:
        """Put an alert on record."""
        body = {"alert": code, "node": self._node, "at": clock.rfc3339(clock.now()), "details": dict(details)}
        await self._spool.append(envelope.seal(ALERT, body, self._key))

    def close(self) -> None:
        """Write what waits, and mark where the chains stand so that the next start is quick."""
        self._spool.close()
        self._recover()

    async def _append(self, receipt: "_Receipt") -> bytes:
        self._refresh()
        number, receipt.prev = self._chains.get(receipt.chain, (0, None))
        receipt.n = number + 1
        written = canonical.dumps_typed(receipt)
        # The next one names what is signed here, so that both can be signed together.
        self._chains[receipt.chain] = (receipt.n, self.digest(envelope.pae(KIND, written)))
        loop = asyncio.get_running_loop()
        leaving = _Leaving(written, loop.create_future())
        # Nothing is awaited between taking the number and gathering: order on disk is chain order.
        self._gathered.append(leaving)
        if len(self._gathered) == 1 and not self._is_writing:
            loop.call_soon(self._gather, 0, 0)
        self._in_flight += 1
        try:
            await leaving.durable
        except SpoolFailed:
            self._is_stale = True
            raise
        finally:
            self._in_flight -= 1
        return leaving.signed

    def _gather(self, before: int, turns: int) -> None:
        """Sign as soon as a turn of the event loop has brought no more receipts, or after :data:`TURNS` of them."""
        count = len(self._gathered)
        if count > before and turns < TURNS:
            asyncio.get_running_loop().call_soon(self._gather, count, turns + 1)
        elif count:
            self._sign()

    def _sign(self) -> None:
        """Sign what was gathered, and hand it to the spool in the same order.

        While a batch is being written the next one gathers: it could not be written sooner, so nobody waits for it.
        """
        gathered, self._gathered = self._gathered, []
        for start in range(0, len(gathered), batches.LARGEST):
            part = gathered[start : start + batches.LARGEST]
            raws = envelope.seal_together(KIND, [one.written for one in part], self._key)
            for raw, one in zip(raws, part, strict=True):
                one.signed = raw
            self._spool.append_together(raws, [one.durable for one in part])
        self._is_writing = True
        gathered[-1].durable.add_done_callback(self._go_on)

    def _go_on(self, _: "asyncio.Future[None]") -> None:
        self._is_writing = False
        self._gather(0, 0)

    def _refresh(self) -> None:
        """After a failed write the chains are what the disk says, not what memory hoped."""
        if not self._is_stale:
            return
        if self._in_flight:
            raise SpoolFailed(why="an earlier write failed")
        self._chains.clear()
        self._recover()
        self._is_stale = False

    def _receipt(self, role: Role, asked: Asked, bundle: Bundle, outcome: Outcome) -> "_Receipt":
        call = asked.call
        resource = bundle.resources.get(call.resource)
        chain = call.grant if call.grant in bundle.grants else "-"
        receipt = _Receipt(
            call=call.call,
            trace=call.trace,
            role=role,
            node=self._node,
            at=clock.rfc3339(clock.now()),
            consumer=call.consumer,
            provider=_Provider(resource.node, resource.provider) if resource else _NOBODY,
            resource=call.resource,
            version=resource.version if resource else 0,
            mode=call.mode,
            fields=call.wanted,
            grant=call.grant,
            purpose=call.purpose,
            case=call.case,
            subject=asked.subject,
            request=asked.digest,
            answer=outcome.answer,
            rows=outcome.rows,
            decision=outcome.decision,
            reason=outcome.reason,
            rule=outcome.rule,
            chain=f"{chain}/{self._writer}{self._generation.mark()}",
        )
        if asked.steps:
            receipt.steps = asked.steps
        if role != "provider":
            receipt.provider_receipt = outcome.provider_receipt
        return receipt

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
        archived = read_mark(mark.parent)
        if offset < archived.before:  # what the mark would have told rests in the archive
            offset, self._chains = archived.before, archived.tails(self._suite)
        for spooled in spooling.read(self._folder, self._writer, offset):
            offset = spooled.next_offset
            statement = envelope.read(spooled.record)
            if statement.kind == KIND:
                self._remember(statement, days)
        # A full disk has no room for it either; who waits for an answer hears that from the spool.
        with contextlib.suppress(OSError):
            replace_news(mark, json.dumps({"offset": offset, "chains": self._chains, "days": days.as_dict()}))
        return days.as_dict()

    def _remember(self, statement: envelope.Envelope, days: Days) -> None:
        body = statement.body
        self._chains[body["chain"]] = (body["n"], self.digest(statement.signed))
        if body["decision"] == "allow":
            days.count(body["grant"], body["rows"], clock.parse(body["at"]))
