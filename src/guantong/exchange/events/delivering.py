"""投递: hands events over to who listens, target by target, in order, at least once; ids tell repeats.

How far a listener has come is a mark beside its events, put after they were taken: what a crash leaves in doubt is
told again under the same id. One who fails is tried again later and later; nobody waits for anybody else.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from guantong.bundle.jobs import Target
from guantong.bundle.types import Bundle
from guantong.exchange.events.outlets import Handed, Outlet, is_embedded, mark_of, open_outlet
from guantong.exchange.events.store import EventStore, Kept, path_of
from guantong.exchange.node import Node
from guantong.exchange.sources.opening import addressed
from guantong.kit import clock
from guantong.kit.errors import GuantongError

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 3600.0
EVERY_S = 0.5
SWEEP_EVERY_S = 3600
Say = Literal["yes", "wait", "never"]

logger = logging.getLogger("guantong.exchange.events")


@dataclass(frozen=True, slots=True)
class Listener:
    """How it stands with one who listens: for pages and the terminal."""

    target: str
    waiting: int
    attempts: int
    why: str
    next_at: str
    has_ended: bool


class Deliverer:
    """Looks after all listeners of this place. One a place: an order has one keeper.

    ``name`` is under which the place's key signs: an edge's own, else the node's code.
    """

    def __init__(self, node: Node, bundle: Callable[[], Bundle | None], *, name: str = "") -> None:
        self._node = node
        self._name = name or node.code
        self._bundle = bundle
        self._outlets: dict[str, tuple[str, Outlet]] = {}
        self._swept: dict[str, float] = {}

    def deliver_once(self) -> int:
        """Hand over what waits, a batch for each who listens and is due; how many events were taken."""
        taken = 0
        bundle = self._bundle()
        for target in events_targets(bundle, self._node.code) if bundle else ():
            try:
                taken += self._deliver(target)
            except GuantongError as fault:
                logger.warning("events of %s: %s", target.id, fault.code)
        return taken

    def watch(self, stopping: threading.Event) -> None:
        """Deliver until told to stop; in a thread of its own, since listeners may be slow."""
        while not stopping.is_set():
            try:
                if self.deliver_once():
                    continue
            except Exception as fault:
                # Nothing was marked as delivered: the next round sends it again.
                logger.exception("events could not be delivered: %s", type(fault).__name__)
            stopping.wait(EVERY_S)
        self.close()

    def listeners(self) -> list[Listener]:
        """How it stands with each of them."""
        bundle = self._bundle()
        return [
            told
            for target in (events_targets(bundle, self._node.code) if bundle else ())
            if (told := self._listener(target)) is not None
        ]

    def close(self) -> None:
        """Let go of all connections."""
        for _, outlet in self._outlets.values():
            outlet.close()
        self._outlets.clear()

    # ── one target ──

    def _deliver(self, target: Target) -> int:
        path = path_of(self._node.folder, target.id)
        if not path.exists():
            return 0
        address = addressed(target.source, "events", self._node.addresses())
        store = EventStore(path)
        try:
            if is_embedded(address):
                self._sweep(target.id, store, None)
                return 0
            return self._hand_over(target, address, store)
        finally:
            store.close()

    def _hand_over(self, target: Target, address: str, store: EventStore) -> int:
        trouble = _trouble(store, address)
        if store.mark("ended") == mark_of(address) or clock.rfc3339(clock.now()) < trouble.get("next_at", ""):
            return 0
        delivered = int(store.mark("delivered") or 0)
        try:
            outlet = self._outlet(target, address)
        except GuantongError as fault:
            self._note(store, address, (), Handed(0, why=fault.code), trouble)
            return 0
        kept, upto = store.after(delivered, outlet.at_once)
        kept = self._allowed(target, store, kept)
        if not kept:
            # Numbers whose events were dropped, or never given, need not be looked at again.
            if not store.after(delivered, 1)[0] and upto > delivered:
                store.put_mark("delivered", str(upto))
            self._sweep(target.id, store, int(store.mark("delivered") or 0))
            return 0
        handed = outlet.hand_over(kept)
        self._note(store, address, kept, handed, trouble)
        if handed.why:
            logger.warning("events of %s: %s", target.id, handed.why)
        return handed.taken

    def _note(
        self,
        store: EventStore,
        address: str,
        kept: Sequence[Kept],
        handed: Handed,
        trouble: Mapping[str, Any],
    ) -> None:
        if handed.taken:
            store.put_mark("delivered", str(kept[handed.taken - 1].n))
        if handed.has_ended:
            store.put_mark("ended", mark_of(address))
        if not handed.why:
            if trouble:
                store.put_mark("trouble", "")
            return
        attempts = 1 if handed.taken else int(trouble.get("attempts", 0)) + 1
        wait_s = handed.wait_s if handed.wait_s is not None else _back_off(attempts)
        next_at = clock.rfc3339(clock.now() + timedelta(seconds=wait_s))
        told = {"address": mark_of(address), "attempts": attempts, "why": handed.why, "next_at": next_at}
        store.put_mark("trouble", json.dumps(told))

    def _allowed(self, target: Target, store: EventStore, kept: Sequence[Kept]) -> list[Kept]:
        """What may be told at this moment, up to the first that must wait; what never may is dropped."""
        bundle, allowed = self._bundle(), list[Kept]()
        if bundle is None:
            return allowed
        says: dict[str, Say] = {}
        for one in kept:
            say = says.get(one.grant)
            if say is None:
                say = says[one.grant] = may_be_told(bundle, target, one.grant)
                if say == "never":
                    store.drop(one.grant, after=one.n - 1)
            if say == "wait":
                break
            if say == "yes":
                allowed.append(one)
        return allowed

    def _outlet(self, target: Target, address: str) -> Outlet:
        known = self._outlets.get(target.id)
        if known is not None and known[0] == address:
            return known[1]
        if known is not None:
            known[1].close()
        outlet = open_outlet(self._node.key, self._name, target.id, address)
        self._outlets[target.id] = (address, outlet)
        return outlet

    def _sweep(self, target: str, store: EventStore, upto: int | None) -> None:
        now = clock.now().timestamp()
        if now - self._swept.get(target, 0.0) >= SWEEP_EVERY_S:
            self._swept[target] = now
            store.expire(upto=upto)

    def _listener(self, target: Target) -> Listener | None:
        path = path_of(self._node.folder, target.id)
        address = self._node.addresses().get(target.source, "")
        if is_embedded(address) or not path.exists():
            return None
        store = EventStore(path)
        try:
            trouble = _trouble(store, address)
            waiting = store.waiting(int(store.mark("delivered") or 0))
            has_ended = store.mark("ended") == mark_of(address)
        finally:
            store.close()
        attempts, why = int(trouble.get("attempts", 0)), str(trouble.get("why", ""))
        return Listener(target.id, waiting, attempts, why, str(trouble.get("next_at", "")), has_ended)


def events_targets(bundle: Bundle, node: str) -> list[Target]:
    """The targets at this node whose rows are told as events."""
    return [one for one in bundle.targets.values() if one.dialect == "events" and one.node == node]


def may_be_told(bundle: Bundle, target: Target, name: str) -> Say:
    """Whether events under a grant may leave at this moment, later perhaps, or never more."""
    grant = bundle.grants.get(name)
    now = clock.now()
    if grant is None or grant.consumer != target.organisation or grant.state == "revoked":
        return "never"
    if now >= clock.parse(grant.not_after):
        return "never"
    return "yes" if grant.state == "active" and now >= clock.parse(grant.not_before) else "wait"


def _trouble(store: EventStore, address: str) -> dict[str, Any]:
    """What went wrong last at this address; nothing of another one counts."""
    told: dict[str, Any] = json.loads(store.mark("trouble") or "{}")
    return told if told.get("address") == mark_of(address) else {}


def _back_off(attempts: int) -> float:
    """Twice as long each time, a little apart from all others who were refused at the same moment."""
    longest: float = min(FIRST_WAIT_S * 2.0 ** min(attempts - 1, 20), LONGEST_WAIT_S)
    return longest * (0.75 + secrets.randbelow(250) / 1000)
