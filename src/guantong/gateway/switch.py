"""One call from the door to its answer: decide, then answer here or hand over to the next node.

Whatever the outcome, this node's receipt is on disk before the outcome leaves.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from time import time_ns

import msgspec

from guantong.bundle.deciding import Stopped
from guantong.bundle.types import Bundle
from guantong.courier.errors import PeerAnswerNotProved
from guantong.gateway.answers import Answer, answer, items_needed
from guantong.gateway.decide import Allow, Refuse, decide
from guantong.gateway.faults import TimeIsUp
from guantong.gateway.holding import Held, Holding
from guantong.gateway.limits.limits import Limits
from guantong.gateway.nonces import drawn
from guantong.gateway.proving import prove_answer, prove_receipt, salted
from guantong.gateway.receipts import Asked, Ledger, Outcome, Role
from guantong.gateway.relay import PeerSaidNo, Relay
from guantong.gateway.services.answering import answer_of, looked_up
from guantong.gateway.services.calling import Services
from guantong.gateway.sources.lookup import Row, SourceUnavailable
from guantong.gateway.sources.opening import Sources
from guantong.gateway.traces import Trail
from guantong.kit import canonical, clock
from guantong.kit.errors import GuantongError


class Question(msgspec.Struct, frozen=True, gc=False):
    """A call at this node's door.

    ``arrived_as`` is this node's part if it is not the provider; ``sealed`` the call as its consumer's node
    signed it (empty while that is this node); ``path`` the nodes passed so far; ``deadline`` a moment of the
    event loop's clock; ``body`` what is sent to a department's interface, if it is too large to be part of the call.
    """

    asked: Asked
    bundle: Bundle
    arrived_as: Role
    deadline: float
    sealed: bytes = b""
    path: tuple[str, ...] = ()
    trail: Trail | None = None
    body: Held | None = None


class Answered(msgspec.Struct, frozen=True, gc=False):
    """An answer with its proofs, all receipts as signed bytes; and the body that it names, if that rests on disk."""

    answer: Answer
    salt: str
    receipt: bytes
    hops: tuple[bytes, ...] = ()
    countersign: bytes | None = None
    held: Held | None = None


class NotAnswered(Exception):
    """The call was refused or failed. ``node`` said so; ``receipt`` is its, if it left one."""

    def __init__(
        self, error: GuantongError, node: str, receipt: bytes | None, hops: Sequence[bytes] = ()
    ) -> None:
        super().__init__(error.code)
        self.error = error
        self.node = node
        self.receipt = receipt
        self.hops = tuple(hops)


class Switch:
    """Answers calls by the bundle they came under."""

    def __init__(
        self, node: str, ledger: Ledger, limits: Limits, sources: Sources, services: Services, relay: Relay,
        holding: Holding,
    ) -> None:  # fmt: skip
        self._node = node
        self._ledger = ledger
        self._limits = limits
        self._sources = sources
        self._services = services
        self._relay = relay
        self._holding = holding

    async def answer(self, question: Question) -> Answered:
        """The answer to ``question``; NotAnswered with the reason and its receipt otherwise."""
        at = clock.now()
        asked, bundle, trail = question.asked, question.bundle, question.trail
        began = time_ns() if trail else 0
        verdict = decide(bundle, asked.call, at=at)
        resource = bundle.resources.get(asked.call.resource)
        is_mine = resource is not None and resource.node == self._node
        role: Role = "provider" if is_mine else question.arrived_as
        place = b""
        if isinstance(verdict, Allow):
            try:
                left = question.deadline - asyncio.get_running_loop().time()
                place = await self._limits.admit(verdict.grant, asked.subject, at, seconds=left)
            except Stopped as stop:
                verdict = Refuse(stop.reason, stop.rule)
            except GuantongError as fault:
                if trail:
                    trail.step("decide", began, fault.code)
                receipt = await self._left(question, role, _fault(verdict, fault))
                raise NotAnswered(fault, self._node, receipt) from None
        if trail:
            trail.step("decide", began, *([verdict.reason.code] if isinstance(verdict, Refuse) else []))
        if isinstance(verdict, Refuse):
            receipt = await self._left(question, role, _refusal(verdict))
            raise NotAnswered(verdict.reason, self._node, receipt)
        try:
            if is_mine:
                return await self._provided(question, verdict, at)
            return await self._handed_over(question, verdict, role)
        finally:
            await self._limits.over(place)

    # ── this node holds the data ──

    async def _provided(self, question: Question, allow: Allow, at: datetime) -> Answered:
        trail, began = question.trail, time_ns() if question.trail else 0
        name = "source" if question.asked.call.sent is None else "service"
        held: Held | None = None
        try:
            try:
                given, count, held = await self._found(question, allow)
                await self._limits.delivered(allow.grant, count, at)
            except GuantongError as fault:
                if trail:
                    trail.step(name, began, fault.code)
                receipt = await self._left(question, "provider", _fault(allow, fault))
                raise NotAnswered(fault, self._node, receipt) from None
            if trail:
                trail.step(name, began)
            salt = drawn(16).hex()
            digest = self._ledger.digest(salted(salt, canonical.dumps_typed(given)))
            outcome = Outcome("allow", allow.rule, answer=digest, rows=count)
            return Answered(given, salt, await self._left(question, "provider", outcome), held=held)
        except BaseException:
            if held is not None:
                held.close()  # nobody will be given it
            raise

    async def _found(self, question: Question, allow: Allow) -> tuple[Answer, int, Held | None]:
        """What the department's system gives to the call, as far as it is granted, and of how many rows it is."""
        call, salt = question.asked.call, self._ledger.mask_salt(allow.grant.id)
        if call.sent is not None:
            service = question.bundle.services.get(call.resource)
            if service is None:
                raise SourceUnavailable(resource=call.resource)
            # Between nodes an answer travels with its proofs, in one piece.
            room = self._holding if question.arrived_as == "consumer" else None
            return await answer_of(
                self._services, service, call, call.sent, allow, salt, question.deadline,
                body=question.body, room=room,
            )  # fmt: skip
        return *answer(call, allow, await self._rows(question, allow), salt), None

    async def _rows(self, question: Question, allow: Allow) -> list[Row]:
        call, bundle = question.asked.call, question.bundle
        if service := bundle.services.get(call.resource):
            items = items_needed(allow)
            return await looked_up(self._services, service, allow.resource, call, items, question.deadline)
        binding = bundle.bindings.get(call.resource)
        if binding is None:
            raise SourceUnavailable(resource=call.resource)
        try:
            return await self._sources.rows(binding, call.keys, items_needed(allow), question.deadline)
        except TimeoutError:
            raise TimeIsUp(resource=call.resource) from None

    # ── another node holds it ──

    async def _handed_over(self, question: Question, allow: Allow, role: Role) -> Answered:
        asked, bundle = question.asked, question.bundle
        try:
            said = await self._relay.hand_over(
                asked.call, question.sealed, bundle, question.path, question.deadline, to=allow.resource.node,
                trail=question.trail,
            )  # fmt: skip
            provider = bytes(said.receipt)
            body = prove_answer(bundle, asked, answer=said.answer, salt=said.salt, receipt=provider)
        except PeerSaidNo as no:
            raise await self._passed_on(question, allow, role, no) from None
        except GuantongError as fault:
            receipt = await self._left(question, role, _fault(allow, fault))
            raise NotAnswered(fault, self._node, receipt) from None
        digest = self._ledger.digest(provider)
        outcome = Outcome("allow", allow.rule, None, body["answer"], body["rows"], provider_receipt=digest)
        own = await self._left(question, role, outcome)
        hops = tuple(bytes(hop) for hop in said.hops)
        if role == "consumer":
            return Answered(said.answer, said.salt, provider, hops, countersign=own)
        return Answered(said.answer, said.salt, provider, (own, *hops))

    async def _passed_on(self, question: Question, allow: Allow, role: Role, no: PeerSaidNo) -> NotAnswered:
        """What another node said instead of an answer, with its receipt proved and this node's own added."""
        error: GuantongError = no.error
        node, theirs, hops = no.node, no.receipt, no.hops
        try:
            body = None
            if theirs is not None:
                body = prove_receipt(question.bundle, question.asked, node=node, receipt=theirs)
        except PeerAnswerNotProved as unproved:
            error, node, theirs, hops = unproved, self._node, None, ()
        refused = body is not None and body["decision"] == "refuse"
        outcome = Outcome(
            "refuse" if refused else "allow",
            f"node:{node}" if refused else allow.rule,
            reason=error.code,
            provider_receipt=self._ledger.digest(theirs) if theirs else None,
        )
        own = await self._left(question, role, outcome)
        return NotAnswered(error, node, theirs or own, (own, *hops) if theirs else hops)

    async def _left(self, question: Question, role: Role, outcome: Outcome) -> bytes:
        trail = question.trail
        if trail is None:
            return await self._ledger.write(role, question.asked, question.bundle, outcome)
        began = time_ns()
        try:
            receipt = await self._ledger.write(role, question.asked, question.bundle, outcome)
        except GuantongError as fault:
            trail.step("receipt", began, fault.code)
            raise
        trail.step("receipt", began)
        return receipt


def _refusal(refuse: Refuse) -> Outcome:
    return Outcome("refuse", refuse.rule, reason=refuse.reason.code)


def _fault(allow: Allow, fault: GuantongError) -> Outcome:
    """An allowed call that was not answered all the same."""
    return Outcome("allow", allow.rule, reason=fault.code)
