"""邮路: a place's way out to the one that it dials: a child to its parent, an edge to its node.

Postings that go that way are handed over, those that come this way fetched. Nothing leaves this side before the
other has it on disk, and the other way round; the same posting twice does no harm. When the peer does not answer,
it is tried again, later each time.
"""

import json
import logging
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guantong.bundle.types import Bundle
from guantong.courier.client import Reply, SyncCourier
from guantong.courier.errors import PeerAnswerNotProved
from guantong.exchange.errors import PeerRefusedPosting
from guantong.exchange.mail.admitting import admit
from guantong.exchange.mail.postings import LARGEST, unpacked
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.mail.server import CLOCK, Holding, next_for
from guantong.kit import clock, http_signatures
from guantong.kit.doorkeeper import check_answer
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, Response, Verifier
from guantong.kit.suites import SigningKey

TIMEOUT_S = 120.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
IDLE_S = 1.0

logger = logging.getLogger("guantong.exchange")


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a place dials: its code, its key, and the address of its exchange."""

    code: str
    key: Verifier
    url: str


class Line:
    """Signed requests to one peer, and answers that it has signed. Safe for several threads."""

    def __init__(self, name: str, key: SigningKey, peer: Peer, *, timeout_s: float = TIMEOUT_S) -> None:
        """``name`` is how the peer knows us: a node's code or an edge's."""
        self.peer = peer
        self.skew_ms = 0
        """The peer's clock less ours, as its last answer told."""
        self._name = name
        self._key = key
        self._courier = SyncCourier([peer.url], timeout_s=timeout_s, max_body=LARGEST)

    def ask(self, method: str, path: str, body: bytes = b"") -> Reply:
        """One request and its proven answer, whatever its status. The courier's errors, PeerAnswerNotProved."""
        url = self.peer.url.rstrip("/") + path
        headers = {"content-digest": http_signatures.content_digest(body)}
        request = Request(method, url, headers)
        created = (clock.millis() + self.skew_ms) // 1000
        components = ("@method", "@path", "content-digest")
        signature = http_signatures.sign(
            request, components, self._key, created=created, keyid=self._name, nonce=secrets.token_urlsafe(16)
        )
        request = Request(method, url, {**headers, **signature})
        reply = self._courier.send(method, url, headers=request.headers, body=body, peer=self.peer.code)
        self._check(reply, request)
        return reply

    def fetch(self, path: str) -> bytes:
        """What the peer shows everybody, unproven. The courier's errors."""
        return self._courier.send("GET", self.peer.url.rstrip("/") + path, peer=self.peer.code).body

    def close(self) -> None:
        """Close the connections that are kept for reuse."""
        self._courier.close()

    def _check(self, reply: Reply, request: Request) -> None:
        try:
            told = clock.parse(reply.headers.get(CLOCK, ""))
            http_signatures.check_content_digest(reply.body, reply.headers.get("content-digest"))
            at = int(told.timestamp())
            check_answer(Response(reply.status, reply.headers, request), self.peer.key, self.peer.code, at=at)
        except (GuantongError, ValueError):
            raise PeerAnswerNotProved(peer=self.peer.code) from None
        self.skew_ms = round((told - clock.now()).total_seconds() * 1000)


class Link:
    """Carries postings to and from one peer, in two threads, until it is closed."""

    def __init__(
        self, line: Line, room: Mailroom, bundle: Callable[[], Bundle | None],
    ) -> None:  # fmt: skip
        self._line = line
        self._room = room
        self._bundle = bundle
        self._ending = threading.Event()
        self._holding = Holding()
        self._threads = [
            threading.Thread(target=self._loop, args=(work,), name=name, daemon=True)
            for name, work in (("mail-out", self.hand_over_one), ("mail-in", self.fetch_one))
        ]
        self.trouble: GuantongError | None = None
        """What went wrong last, None while all is well."""
        self.troubled_since = ""

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        return self._line.peer

    def as_json(self) -> dict[str, Any]:
        """How it is, for people."""
        trouble = self.trouble
        said = {} if trouble is None else {"since": self.troubled_since, "error": trouble.as_json()}
        return {"peer": self.peer.code, "skew_ms": self._line.skew_ms, **said}

    def start(self) -> None:
        """Begin to carry."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End; what is under way is broken off, and is carried again another time."""
        self._ending.set()
        self._threads[0].join(timeout=5)
        self._line.close()

    def hand_over_one(self) -> bool:
        """Hand the next posting over, if there is one that goes this way; whether there was.

        Raises the courier's errors, and PeerRefusedPosting.
        """
        bundle = self._bundle()
        posting = bundle and next_for(self._room, bundle, self._line.peer.code, is_held=self._holding.has)
        if not posting:
            self._room.wait(IDLE_S)
            return False
        try:
            self._demand_ok(self._line.ask("POST", "/v1/postings", posting.packed()))
        except PeerRefusedPosting:
            self._holding.hold(posting.name.box)
            raise
        self._room.taken(posting.name)
        return True

    def fetch_one(self) -> bool:
        """Fetch the next posting, waiting for one if there is none; whether there was."""
        reply = self._line.ask("GET", "/v1/postings/next")
        if reply.status == 204:
            return False
        self._demand_ok(reply)
        posting = unpacked(reply.body)
        bundle = self._bundle()
        if bundle is None:
            self._ending.wait(IDLE_S)
            return False
        said = json.dumps({"posting": str(posting.name)}).encode()
        try:
            if not self._room.has(posting.name):
                admit(bundle, posting, sender=self._line.peer.code)
                self._room.put(posting)
        except GuantongError:
            self._line.ask("POST", "/v1/postings/refused", said)
            raise
        self._demand_ok(self._line.ask("POST", "/v1/postings/taken", said))
        return True

    def _demand_ok(self, reply: Reply) -> None:
        if reply.status == 200:
            return
        try:
            told = json.loads(reply.body)["error"]
            raise PeerRefusedPosting(
                peer=self._line.peer.code,
                said=str(told["code"])[:80],
                why_zh=str(told["message"]["zh"])[:300],
                why_en=str(told["message"]["en"])[:300],
            )
        except (ValueError, LookupError, TypeError):
            raise PeerAnswerNotProved(peer=self._line.peer.code) from None

    def _loop(self, work: Callable[[], bool]) -> None:
        pause = FIRST_PAUSE_S
        while not self._ending.is_set():
            try:
                # Having nothing to hand over says nothing of the peer; its answer that it has nothing does.
                if work() or work == self.fetch_one:
                    self.trouble = None
                pause = FIRST_PAUSE_S
            except GuantongError as fault:
                self._tell(fault)
                is_news = self._rest(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret
                pause = FIRST_PAUSE_S if is_news else min(2 * pause, LONGEST_PAUSE_S)
            except Exception as fault:
                # A link is the only way to its peer, and tries again, later each time.
                logger.exception("mail with %s: %s", self._line.peer.code, type(fault).__name__)
                self._ending.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _rest(self, for_s: float) -> bool:
        """Wait; whether a new bundle cut it short, by which the peer may know us, or we it."""
        ends, known = time.monotonic() + for_s, self._sequence()
        while time.monotonic() < ends and not self._ending.wait(0.2):
            if self._sequence() != known:
                return True
        return False

    def _sequence(self) -> int:
        bundle = self._bundle()
        return bundle.sequence if bundle else -1

    def _tell(self, fault: GuantongError) -> None:
        if self.trouble is None:
            self.troubled_since = clock.rfc3339(clock.now())
        if self.trouble is None or self.trouble.code != fault.code:
            logger.warning("mail with %s: %s", self._line.peer.code, fault)
        self.trouble = fault
