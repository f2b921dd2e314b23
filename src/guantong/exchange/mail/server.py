"""邮政窗口: where children and edges hand over postings and fetch theirs. A parent never dials a child.

``POST /v1/postings`` hands one over, ``GET /v1/postings/next`` waits for one, ``POST /v1/postings/taken`` says that it
is on disk, ``POST /v1/postings/refused`` that it will not be taken for now. For edges there are also ``POST
/v1/edge`` (how it is; answered with orders and news), ``GET /v1/bundle`` and ``POST /v1/statements``. Requests are
signed by the caller's key, answers by this node's. ``GET /v1/node-key`` tells everybody how the node's key was changed.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from guantong.bundle.directory import door_key, verify_key
from guantong.bundle.types import Bundle
from guantong.evidence.successions import telling
from guantong.exchange.desk import Desk
from guantong.exchange.ends import whither
from guantong.exchange.errors import PostingMisshapen, PostingRefused
from guantong.exchange.mail.admitting import admit
from guantong.exchange.mail.passing_through import countersigned
from guantong.exchange.mail.postings import LARGEST, Name, Posting, unpacked
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.node import Node
from guantong.kit import clock
from guantong.kit.asgi import (
    BodyTooSlow,
    Incoming,
    MethodNotAllowed,
    NotReady,
    Outgoing,
    PathUnknown,
    Receive,
    Scope,
    Send,
    answered,
    as_json,
    deliver,
    incoming,
    read_body,
)
from guantong.kit.doorkeeper import Doorkeeper, bound
from guantong.kit.http_signatures import Request, Verifier

CLOCK = "guantong-clock"
KEYS = "/v1/node-key"
LONGEST_WAIT_S = 20
BODY_S = 120
LARGEST_TELLING = 4 << 20
AT_ONCE = 4
"""Postings that are being received at the same time."""
REFUSED_PAUSE_S = 30.0
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("guantong.exchange")


class Office:
    """The ASGI application of a node's exchange. ``mounts`` maps a path's beginning to another application."""

    def __init__(
        self, node: Node, bundle: Callable[[], Bundle | None], room: Mailroom, *, url: str,
        mounts: Mapping[str, ASGI] | None = None,
    ) -> None:  # fmt: skip
        self._node = node
        self._bundle = bundle
        self._room = room
        self._url = url.rstrip("/")
        self._mounts = dict(mounts or {})
        self._desk = Desk(node)
        self._door = Doorkeeper()
        self._arrived: asyncio.Event | None = None
        self._holding = Holding()
        self._reading = asyncio.Semaphore(AT_ONCE)
        self._is_closing = False
        self._wake: Callable[[], None] | None = None
        self._doors: dict[tuple[str, str], Callable[[str, Bundle, bytes], Awaitable[Outgoing]]] = {
            ("POST", "/v1/postings"): self._hand_over,
            ("GET", "/v1/postings/next"): self._next,
            ("POST", "/v1/postings/taken"): self._taken,
            ("POST", "/v1/postings/refused"): self._refused,
            ("POST", "/v1/edge"): self._report,
            ("GET", "/v1/bundle"): self._bundle_for,
            ("POST", "/v1/statements"): self._state,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        head = incoming(scope)
        for start, application in self._mounts.items():
            if head.path.startswith(start):
                await application(scope, receive, send)
                return
        answer = await answered(self._served(head, receive), node=self._node.code, logger=logger)
        await deliver(send, self._signed(head, answer))

    def close(self) -> None:
        """Send those who wait for postings home; from any thread."""
        self._is_closing = True
        if self._wake is not None:
            self._wake()

    async def _served(self, head: Incoming, receive: Receive) -> Outgoing:
        if head.path == "/health":
            return as_json(200, {"status": "ok", "node": self._node.code})
        if (head.method, head.path) == ("GET", KEYS):
            return as_json(200, msgspec.to_builtins(await asyncio.to_thread(telling, self._node.keys)))
        door = self._doors.get((head.method, head.path))
        if door is None:
            known = any(path == head.path for _, path in self._doors)
            raise MethodNotAllowed if known else PathUnknown
        bundle = self._bundle()
        if bundle is None:
            raise NotReady
        body = await self._body(head, receive)
        request = Request(head.method, self._url + head.path, head.headers)
        caller = self._door.admit(request, body, lambda name: caller_key(bundle, name))
        return await door(caller, bundle, body)

    async def _body(self, head: Incoming, receive: Receive) -> bytes:
        """The body; only a few large ones at a time, since who sends it is known no sooner than it is whole."""
        is_large = head.path == "/v1/postings"
        try:
            async with asyncio.timeout(BODY_S):
                if not is_large:
                    return await read_body(receive, head.headers, limit=LARGEST_TELLING)
                async with self._reading:
                    return await read_body(receive, head.headers, limit=LARGEST)
        except TimeoutError:
            raise BodyTooSlow from None

    # ── postings ──

    async def _hand_over(self, caller: str, bundle: Bundle, body: bytes) -> Outgoing:
        posting = unpacked(body)
        if not self._room.has(posting.name):
            admitted = admit(bundle, posting, sender=caller)
            if admitted.permit is not None:
                posting = await asyncio.to_thread(countersigned, self._node, posting, admitted.permit)
            await asyncio.to_thread(self._room.put, posting)
        return as_json(200, {"posting": str(posting.name)})

    async def _next(self, caller: str, bundle: Bundle, body: bytes) -> Outgoing:
        del bundle, body
        deadline = asyncio.get_running_loop().time() + LONGEST_WAIT_S
        arrived = self._listening()
        while not self._is_closing:
            arrived.clear()
            posting = await asyncio.to_thread(self._for, caller)
            if posting is not None:
                headers = {"content-type": "application/octet-stream"}
                return Outgoing(200, posting.packed(), headers)
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            try:
                await asyncio.wait_for(arrived.wait(), min(left, 1.0))
            except TimeoutError:
                continue
        return Outgoing(204, b"", {})

    async def _taken(self, caller: str, bundle: Bundle, body: bytes) -> Outgoing:
        name = _name(body)
        posting = await asyncio.to_thread(self._room.get, name, with_chunk=False)
        if posting is not None:
            if whither(bundle, posting.body) != caller:
                raise PostingRefused(why_zh="不是送往该处的邮件", why_en="the posting is not for that place")
            await asyncio.to_thread(self._room.taken, name)
        return as_json(200, {"posting": str(name)})

    async def _refused(self, caller: str, bundle: Bundle, body: bytes) -> Outgoing:
        del bundle
        name = _name(body)
        self._holding.hold(f"{caller}/{name.box}")
        logger.warning("%s will not have %s", caller, name)
        return as_json(200, {"posting": str(name)})

    def _for(self, place: str) -> Posting | None:
        """The next whole posting on its way to ``place``."""
        bundle = self._bundle()
        if bundle is None:
            return None
        return next_for(self._room, bundle, place, is_held=lambda box: self._holding.has(f"{place}/{box}"))

    def _listening(self) -> asyncio.Event:
        """Set whenever something comes in; made in the server's own loop."""
        if self._arrived is None:
            self._arrived = arrived = asyncio.Event()
            loop = asyncio.get_running_loop()

            def tell() -> None:
                loop.call_soon_threadsafe(arrived.set)

            self._wake = tell
            self._room.listen(tell)
        return self._arrived

    # ── edges ──

    async def _report(self, caller: str, bundle: Bundle, body: bytes) -> Outgoing:
        told = await asyncio.to_thread(self._desk.report, bundle, caller, body)
        return as_json(200, told)

    async def _bundle_for(self, caller: str, bundle: Bundle, body: bytes) -> Outgoing:
        del body
        raw = await asyncio.to_thread(self._desk.bundle_for, bundle, caller)
        return Outgoing(200, raw, {"content-type": "application/json"})

    async def _state(self, caller: str, bundle: Bundle, body: bytes) -> Outgoing:
        await asyncio.to_thread(self._desk.take_statement, bundle, caller, body)
        return as_json(200, {})

    def _signed(self, head: Incoming, answer: Outgoing) -> Outgoing:
        timed = Outgoing(answer.status, answer.body, {**answer.headers, CLOCK: clock.rfc3339(clock.now())})
        return bound(
            timed, Request(head.method, self._url + head.path, head.headers), self._node.key, self._node.code
        )


def caller_key(bundle: Bundle, name: str) -> Verifier | None:
    """The key of an edge of ours, or of a node that stands next to us."""
    edge = bundle.edges.get(name)
    if edge is not None:
        return verify_key(edge.key) if edge.key else None
    node = bundle.nodes.get(name)
    return door_key(node) if node and bundle.routes.get(name) == name else None


class Holding:
    """Boxes that the other side refused: they rest for a while, so that they hold up no other."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def hold(self, box: str) -> None:
        """Let it rest."""
        self._until[box] = time.monotonic() + REFUSED_PAUSE_S

    def has(self, box: str) -> bool:
        """Whether it still rests."""
        if self._until.get(box, 0.0) > time.monotonic():
            return True
        self._until.pop(box, None)
        return False


def next_for(room: Mailroom, bundle: Bundle, place: str, *, is_held: Callable[[str], bool]) -> Posting | None:
    """The next posting on its way to ``place``. A run of which a chunk is gone is given up."""
    for name in room.waiting():
        if is_held(name.box):
            continue
        posting = room.get(name, with_chunk=False)
        if posting is None or whither(bundle, posting.body) != place:
            continue
        whole = room.get(name)
        if whole is None or (name.chunk and whole.sealed is None):
            logger.warning("chunk %s is no longer kept; its run is given up", name)
            room.forget(name.box, name.run)
            continue
        return whole
    return None


def _name(body: bytes) -> Name:
    try:
        told: Any = json.loads(body)
        box, run, chunk = str(told["posting"]).split("/")
    except (ValueError, LookupError, TypeError) as fault:
        raise PostingMisshapen(why_zh="名称无法读取", why_en="its name cannot be read") from fault
    return Name.read(box, run, chunk)
