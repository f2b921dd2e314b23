"""From node to node: a call travels signed by its consumer's node, each hop signs for having passed it on.

Every hop keeps a margin of the time that is left, so that when a node hangs its neighbour still has the time
to say so. Nothing is tried twice: the consumer may ask again under the same call id.
"""

import asyncio
import secrets
from time import time_ns

from guantong.bundle.directory import neighbour_key
from guantong.bundle.types import Bundle
from guantong.courier.client import Courier, Reply
from guantong.courier.errors import PeerAnswerNotProved, PeerTimedOut
from guantong.gateway.call import KIND, Call
from guantong.gateway.faults import NoRoute, PeerRefused, RouteLoop, RouteTooLong
from guantong.gateway.messages import NOTHING, PeerAnswer, PeerRefusal, read
from guantong.gateway.traces import HEADER, Trail
from guantong.kit import clock, envelope, http_signatures
from guantong.kit.doorkeeper import check_answer
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, Response, Verifier
from guantong.kit.suites import SigningKey

BUDGET = "guantong-budget-ms"
PATH = "guantong-path"
LONGEST_PATH = 6
"""Nodes that a call may pass on its way to its provider's, the consumer's own among them."""
COVERED = ("@method", "@path", "content-digest", BUDGET, PATH)
COVERED_WITHOUT_BODY = ("@method", "@path", BUDGET, PATH)


class PeerSaidNo(Exception):
    """The next node answered with a refusal or a fault, its own or one from beyond it."""

    def __init__(self, refusal: PeerRefusal, status: int) -> None:
        super().__init__(refusal.error.code)
        told = {
            "code": refusal.error.code,
            "message": refusal.error.message,
            "details": refusal.error.details,
        }
        self.error = PeerRefused(status, told)
        self.node = refusal.node
        self.receipt = None if refusal.receipt == NOTHING else bytes(refusal.receipt)
        self.hops = tuple(bytes(hop) for hop in refusal.hops)


def margin_ms(budget_ms: int) -> int:
    """The part of a budget that a hop keeps for itself: a twentieth, from 20 to 200 ms."""
    return max(20, min(200, budget_ms // 20))


class Relay:
    """Hands calls and questions to the next node on the way."""

    def __init__(self, node: str, key: SigningKey, courier: Courier) -> None:
        self._node = node
        self._key = key
        self._courier = courier

    async def hand_over(
        self, call: Call, sealed: bytes, bundle: Bundle, path: tuple[str, ...], deadline: float, *, to: str,
        trail: Trail | None = None,
    ) -> PeerAnswer:  # fmt: skip
        """Send ``call`` towards the node ``to`` and return what comes back.

        Raises PeerSaidNo, NoRoute, RouteLoop, RouteTooLong, PeerAnswerNotProved and the courier's errors.
        """
        body = sealed or envelope.seal(KIND, call.as_body(), self._key)
        began = time_ns() if trail else 0
        try:
            peer, reply = await self.send(
                "POST", "/v1/relay", body, bundle, path, deadline, to=to, trail=trail
            )
        except GuantongError as fault:
            if trail:
                trail.passed_on(began, bundle.routes.get(to, ""), fault.code)
            raise
        if trail:
            trail.passed_on(began, peer)
        try:
            if reply.status == 200:
                return read(reply.body, PeerAnswer)
            refusal = read(reply.body, PeerRefusal)
        except GuantongError:
            raise PeerAnswerNotProved(peer=peer) from None
        if not 400 <= reply.status <= 599 or not {"zh", "en"} <= set(refusal.error.message):
            raise PeerAnswerNotProved(peer=peer)
        raise PeerSaidNo(refusal, reply.status)

    async def send(
        self, method: str, path_: str, body: bytes, bundle: Bundle, path: tuple[str, ...], deadline: float,
        *, to: str, trail: Trail | None = None,
    ) -> tuple[str, Reply]:  # fmt: skip
        """One signed request to the next node towards ``to``; its name and its answer, signature checked."""
        peer = bundle.routes.get(to)
        key = neighbour_key(bundle, peer) if peer else None
        if peer is None or key is None:
            raise NoRoute(node=to)
        passed = (*path, self._node)
        if peer in passed:
            raise RouteLoop(path=",".join(passed))
        if len(passed) > LONGEST_PATH:
            raise RouteTooLong(path=",".join(passed), most=LONGEST_PATH)
        left_ms = int((deadline - asyncio.get_running_loop().time()) * 1000)
        budget_ms = left_ms - margin_ms(left_ms)
        if budget_ms <= 0:
            raise PeerTimedOut(peer=peer)
        url = bundle.nodes[peer].gateway_url.rstrip("/") + path_
        headers = {BUDGET: str(budget_ms), PATH: ",".join(passed)}
        if trail is not None:
            headers[HEADER] = trail.header()
        request = Request(method, url, headers)
        request = self._signed(request, body)
        reply = await self._courier.send(
            method, url, headers=request.headers, body=body, timeout_s=budget_ms / 1000, peer=peer
        )
        _check(reply, request, key, peer)
        return peer, reply

    def _signed(self, request: Request, body: bytes) -> Request:
        headers = dict(request.headers)
        if body:
            headers["content-type"] = "application/json"
            headers["content-digest"] = http_signatures.content_digest(body)
        message = Request(request.method, request.target_uri, headers)
        covered = COVERED if body else COVERED_WITHOUT_BODY
        signature = http_signatures.sign(
            message, covered, self._key, created=clock.millis() // 1000, keyid=self._node,
            nonce=secrets.token_urlsafe(16),
        )  # fmt: skip
        return Request(request.method, request.target_uri, {**headers, **signature})


def _check(reply: Reply, request: Request, key: Verifier, peer: str) -> None:
    try:
        http_signatures.check_content_digest(reply.body, reply.headers.get("content-digest"))
        check_answer(Response(reply.status, reply.headers, request), key, peer)
    except GuantongError:
        raise PeerAnswerNotProved(peer=peer) from None
