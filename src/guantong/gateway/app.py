"""The gateway's door: addresses, signatures, time limits, and truthful errors.

``POST /v1/query`` and ``/v1/verify`` for applications, ``/oauth2/token`` for their tokens, ``POST /v1/relay`` for nodes,
``GET /v1/proofs/{node}/{digest}`` and ``/v1/nodes/{node}/checkpoint`` for both, ``GET /health``, ``/ready``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

import msgspec

from guantong.bundle.depot import Depot
from guantong.bundle.directory import node_ring
from guantong.bundle.types import Bundle
from guantong.gateway.bodies import Body
from guantong.gateway.call import KIND, Call
from guantong.gateway.callers import Callers
from guantong.gateway.faults import CallNotProved, RelayNotOnRoute, RequestMisshapen, RouteLoop, RouteTooLong
from guantong.gateway.holding import Held, Holding
from guantong.gateway.messages import Query, Verify, call_of, checked, read
from guantong.gateway.metrics import ANSWERED, Meters, mode_of
from guantong.gateway.national import door as national
from guantong.gateway.national.door import PROXY, NationalDoor
from guantong.gateway.nonces import drawn
from guantong.gateway.proofs import Proofs
from guantong.gateway.readiness import Draining, Readiness
from guantong.gateway.receipts import Asked, Ledger
from guantong.gateway.relay import BUDGET, LONGEST_PATH, PATH
from guantong.gateway.services import door
from guantong.gateway.services.door import PREFIX
from guantong.gateway.signing import Signers
from guantong.gateway.switch import Answered, NotAnswered, Question, Switch
from guantong.gateway.tokens import PATH as TOKEN_PATH
from guantong.gateway.tokens import Tokens
from guantong.gateway.traces import Traces, Trail, traced
from guantong.kit import clock, envelope
from guantong.kit.asgi import (
    BodyTooLarge,
    Incoming,
    InternalFault,
    MethodNotAllowed,
    NotReady,
    Outgoing,
    PathUnknown,
    as_json,
)
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import check_content_digest
from guantong.kit.tokens import TokenInvalid

LONGEST_BUDGET_MS = 60_000
NATIONAL = frozenset({PROXY, national.REFRESH})
CUT_OFF = "cut_off"
SHORTEST_BUDGET_MS = 50

logger = logging.getLogger("guantong.gateway")


class Visit(msgspec.Struct, frozen=True, gc=False):
    """One request being served: its head, body and call id, and when it must be over."""

    head: Incoming
    body: bytes
    call: str
    deadline: float
    trail: Trail | None = None


class Gateway:
    """What is behind the port. Its parts are given; it starts and stops nothing."""

    def __init__(
        self, *, node: str, signers: Signers, depot: Depot, callers: Callers, tokens: Tokens,
        convention: NationalDoor, ledger: Ledger,
        switch: Switch, holding: Holding, proofs: Proofs, readiness: Readiness, meters: Meters, traces: Traces,
        budget_s: float = 5.0,
    ) -> None:  # fmt: skip
        self._node = node
        self._signers = signers
        self._callers = callers
        self._tokens = tokens
        self._convention = convention
        self._depot = depot
        self._ledger = ledger
        self._switch = switch
        self._holding = holding
        self._proofs = proofs
        self._readiness = readiness
        self._meters = meters
        self._traces = traces
        self._budget_ms = int(budget_s * 1000)
        self.is_draining = False
        """Whether this process only finishes what is on its way; then every answer ends its connection."""
        self._posts: dict[str, Callable[[Visit], Awaitable[Outgoing]]] = {
            "/v1/query": self._query,
            "/v1/verify": self._verify,
            "/v1/relay": self._relayed,
            TOKEN_PATH: self._token,
            national.REFRESH: self._refreshed,
        }

    async def serve(self, head: Incoming, body: Body) -> Outgoing:
        """The answer to one request. Raises nothing."""
        began = perf_counter()
        self._meters.in_flight += 1
        call = drawn(16).hex()
        trail = self._traces.begin(head.headers, call)
        said = ANSWERED
        try:
            self._signers.check(head.headers)
            answer = await self._served(head, body, call, trail)
            if answer.status >= 400:
                said = f"status_{answer.status}"
        except NotAnswered as no:
            answer, said = self._error(head, no.error, call, no), self._meters.code(no.error)
        except GuantongError as fault:
            answer, said = self._error(head, fault, call), self._meters.code(fault)
        except Exception as fault:  # noqa: BLE001 - the last line: a person gets a sentence, not a stack trace
            logger.error("call %s failed: %s", call, type(fault).__name__)  # noqa: TRY400 - traces hold data
            answer, said = self._error(head, InternalFault(), call), InternalFault.code
        except asyncio.CancelledError:  # the server ends before the call does
            answer, said = self._error(head, Draining(), call), CUT_OFF
        mode = mode_of(head.path)
        self._meters.done(mode, said, perf_counter() - began)
        if trail is not None:
            self._traces.end(trail, call, mode, "" if said is ANSWERED else said)
        if self.is_draining:
            answer = Outgoing(
                answer.status, answer.body, {**answer.headers, "connection": "close"}, answer.held
            )
        if "signature" in head.headers or "accept-signature" in head.headers:
            answer = self._signers.signed(answer, self._callers.request(head))
        return answer

    async def _served(self, head: Incoming, body: Body, call: str, trail: Trail | None) -> Outgoing:
        serve = self._posts.get(head.path)
        if serve is not None:
            if head.method != "POST":
                raise MethodNotAllowed
        elif head.path.partition("?")[0] == PROXY:
            serve = self._proxied
        elif head.path.startswith(PREFIX):
            deadline = asyncio.get_running_loop().time() + self._budget(head) / 1000
            return await self._service(head, body, call, deadline, trail)
        if serve is not None:
            deadline = asyncio.get_running_loop().time() + self._budget(head) / 1000
            return await serve(Visit(head, await body.whole(deadline), call, deadline, trail))
        if head.method in {"GET", "HEAD"}:
            return await self._got(head, call)
        raise PathUnknown

    async def _got(self, head: Incoming, call: str) -> Outgoing:
        match head.path.split("/"):
            case ["", "health"]:
                return as_json(200, {"status": "ok", "node": self._node})
            case ["", "v1", "keys"]:
                return Outgoing(200, self._signers.published(), {"content-type": "application/json"})
            case ["", "ready"]:
                return await self._readiness.answer(self._depot.bundle, is_draining=self.is_draining)
        deadline = asyncio.get_running_loop().time() + self._budget(head) / 1000
        visit = Visit(head, b"", call, deadline)
        match head.path.split("/"):
            case ["", "v1", "proofs", node, digest]:
                return await self._proofs.proof(node, digest, *await self._asker(visit))
            case ["", "v1", "nodes", node, "checkpoint"]:
                return await self._proofs.checkpoint(node, *await self._asker(visit))
        raise PathUnknown

    # ── the doors ──

    async def _query(self, visit: Visit) -> Outgoing:
        return await self._asked(visit, Query)

    async def _verify(self, visit: Visit) -> Outgoing:
        return await self._asked(visit, Verify)

    async def _asked(self, visit: Visit, shape: type[Query] | type[Verify]) -> Outgoing:
        """An application's question."""
        bundle = self._bundle()
        name = await self._callers.application(visit.head, visit.body, bundle)
        question = read(visit.body, shape)
        call = call_of(question, bundle.applications[name], visit.call, traced(visit.head.headers))
        asked = self._ledger.asked(call)
        return _told(call, await self._switch.answer(self._question(visit, asked, bundle)))

    async def _service(
        self, head: Incoming, body: Body, call: str, deadline: float, trail: Trail | None
    ) -> Outgoing:
        """A request to a department's own interface."""
        bundle = self._bundle()
        if body.length is None or body.length > door.LONGEST_BODY:
            limit = door.body_limit(head, bundle)
            # A secret shared with its nonce signs the body itself, and so waits for it.
            waits = body.length is None and "x-client-id" in head.headers
            if limit > door.LONGEST_BODY and not waits:
                return await self._large(head, body, limit, call, deadline, trail)
        visit = Visit(head, await body.whole(deadline), call, deadline, trail)
        name = await self._callers.application(head, visit.body, bundle)
        return await self._served_by_department(visit, visit.body, bundle, name)

    async def _large(
        self, head: Incoming, body: Body, limit: int, call: str, deadline: float, trail: Trail | None
    ) -> Outgoing:
        """The same with a body that memory is not for. Who sends it must be known before it is taken in."""
        bundle = self._bundle()
        if body.length is not None and body.length > limit:
            raise BodyTooLarge(limit=limit)
        name = await self._callers.application(head, None, bundle)
        field = head.headers.get("content-digest", "")
        held = self._holding.open(digests=tuple({"sha-512"} if "sha-512" in field else ()))
        try:
            async for part in body.parts(deadline, limit=limit):
                held.keep(part)
            if field:
                check_content_digest(held.digests, field)
            visit = Visit(head, b"", call, deadline, trail)
            taken = held.small() if held.size <= door.LONGEST_BODY else held
            return await self._served_by_department(visit, taken, bundle, name)
        finally:
            held.close()

    async def _served_by_department(
        self, visit: Visit, body: bytes | Held, bundle: Bundle, name: str
    ) -> Outgoing:
        call = door.call_of(visit.head, body, bundle, bundle.applications[name], visit.call)
        question = self._question(visit, self._ledger.asked(call), bundle)
        if isinstance(body, Held):
            question = msgspec.structs.replace(question, body=body)
        return door.told(call, await self._switch.answer(question))

    async def _refreshed(self, visit: Visit) -> Outgoing:
        """An application of the national platform's convention fetches its second secret."""
        return await self._convention.refreshed(visit.body, self._bundle())

    async def _proxied(self, visit: Visit) -> Outgoing:
        """A call by the national platform's convention."""
        bundle = self._bundle()
        call = await self._convention.call_of(visit.head, visit.body, bundle, visit.call)
        asked = self._ledger.asked(call)
        answered = await self._switch.answer(self._question(visit, asked, bundle))
        return national.told(call, answered)

    async def _relayed(self, visit: Visit) -> Outgoing:
        """A call that a neighbour hands over."""
        bundle = self._bundle()
        peer = await self._callers.neighbour(visit.head, visit.body, bundle)
        path = self._path(visit.head)
        call = _signed_call(visit.body, bundle)
        behind = call.consumer.node
        age_ms = abs(clock.millis() - int(clock.parse(call.at).timestamp() * 1000))
        if peer not in {behind, bundle.routes.get(behind)} or age_ms > LONGEST_BUDGET_MS:
            raise RelayNotOnRoute(peer=peer)
        question = Question(
            self._ledger.asked(call), bundle, "relay", visit.deadline, sealed=visit.body, path=path,
            trail=_followed(visit.trail, call),
        )  # fmt: skip
        return _told(call, await self._switch.answer(question))

    @staticmethod
    def _question(visit: Visit, asked: Asked, bundle: Bundle) -> Question:
        """A call of an application of this node."""
        return Question(asked, bundle, "consumer", visit.deadline, trail=_followed(visit.trail, asked.call))

    async def _token(self, visit: Visit) -> Outgoing:
        """An application proves itself and gets a token."""
        return await self._tokens.answer(visit.head, visit.body, self._bundle())

    async def _asker(self, visit: Visit) -> tuple[Bundle, tuple[str, ...], float]:
        """Whoever asks for a proof must be an application of this node or a neighbour."""
        bundle = self._bundle()
        path = self._path(visit.head) if PATH in visit.head.headers else ()
        await self._callers.either(visit.head, visit.body, bundle)
        return bundle, path, visit.deadline

    # ── what every door needs ──

    def _bundle(self) -> Bundle:
        if self._depot.bundle is None:
            raise NotReady
        return self._depot.bundle

    def _budget(self, head: Incoming) -> int:
        """The time that the call may take, in milliseconds; never more than a minute."""
        given = head.headers.get(BUDGET, "")
        wanted = int(given) if given.isascii() and given.isdecimal() and len(given) < 8 else self._budget_ms
        return max(SHORTEST_BUDGET_MS, min(wanted, LONGEST_BUDGET_MS))

    def _path(self, head: Incoming) -> tuple[str, ...]:
        path = tuple(head.headers.get(PATH, "").split(","))
        if self._node in path:
            raise RouteLoop(path=",".join(path)[:64])
        if len(path) > LONGEST_PATH:
            raise RouteTooLong(path=",".join(path)[:64], most=LONGEST_PATH)
        return path

    def _error(
        self, head: Incoming, error: GuantongError, call: str, no: NotAnswered | None = None
    ) -> Outgoing:
        if head.path.partition("?")[0] in NATIONAL:
            return national.refused(error, call)
        said = {
            "error": error.as_json(),
            "call": call,
            "node": no.node if no else self._node,
            "receipt": msgspec.Raw(no.receipt) if no and no.receipt else None,
            "hops": [msgspec.Raw(hop) for hop in no.hops] if no else [],
        }
        headers = {}
        if "retry_after_s" in error.details:
            headers["retry-after"] = str(error.details["retry_after_s"])
        elif error.code == TokenInvalid.code:
            headers["www-authenticate"] = 'Bearer error="invalid_token"'
        return as_json(error.status, said, headers)


def _followed(trail: Trail | None, call: Call) -> Trail | None:
    if trail is not None:
        trail.follows(call.trace)
    return trail


def _signed_call(sealed: bytes, bundle: Bundle) -> Call:
    """The call in a handed-over statement, if its consumer's node signed it."""
    try:
        statement = envelope.read(sealed)
        call = msgspec.convert(statement.body, Call)
        clock.parse(call.at)
        statement.check(node_ring(bundle, call.consumer.node))
    except (GuantongError, msgspec.ValidationError, ValueError):
        raise CallNotProved from None
    if statement.kind != KIND:
        raise CallNotProved
    if call.sent is not None and call.sent.digest is not msgspec.UNSET:
        raise RequestMisshapen(where="a body that did not come along")
    return checked(call)


def _told(call: Call, answered: Answered) -> Outgoing:
    countersign = msgspec.Raw(answered.countersign) if answered.countersign else None
    return as_json(
        200,
        {
            "call": call.call,
            "answer": answered.answer,
            "salt": answered.salt,
            "receipt": msgspec.Raw(answered.receipt),
            "countersign": countersign,
            "hops": [msgspec.Raw(hop) for hop in answered.hops],
        },
    )
