"""The gateway's door: addresses, signatures, time limits, and truthful errors.

``POST /v1/query`` and ``/v1/verify`` for applications, ``POST /v1/relay`` for neighbouring nodes,
``GET /v1/proofs/{node}/{digest}`` and ``/v1/nodes/{node}/checkpoint`` for both, ``GET /health``, ``/ready``.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from guantong.bundle import refusals
from guantong.bundle.depot import Depot
from guantong.bundle.directory import application_key, neighbour_key, node_key
from guantong.bundle.types import Bundle
from guantong.gateway.call import KIND, Call
from guantong.gateway.faults import CallNotProved, RelayNotOnRoute, RouteLoop
from guantong.gateway.messages import Query, Verify, call_of, checked, read
from guantong.gateway.proofs import Proofs
from guantong.gateway.receipts import Ledger
from guantong.gateway.relay import BUDGET, LONGEST_PATH, PATH
from guantong.gateway.switch import Answered, NotAnswered, Question, Switch
from guantong.gateway.usage import seconds_to_midnight
from guantong.kit import clock, envelope
from guantong.kit.asgi import (
    BodyTooSlow,
    Incoming,
    InternalFault,
    MethodNotAllowed,
    NotReady,
    Outgoing,
    PathUnknown,
    Receive,
    Scope,
    Send,
    as_json,
    deliver,
    incoming,
    read_body,
)
from guantong.kit.doorkeeper import Doorkeeper, bound
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, Verifier
from guantong.kit.suites import SigningKey

LONGEST_BUDGET_MS = 60_000
SHORTEST_BUDGET_MS = 50

logger = logging.getLogger("guantong.gateway")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request being served: its head, body and call id, and when it must be over."""

    head: Incoming
    body: bytes
    call: str
    deadline: float


class Gateway:
    """The ASGI application. Its parts are given; it starts and stops nothing."""

    def __init__(
        self, *, node: str, key: SigningKey, url: str, depot: Depot, ledger: Ledger, switch: Switch,
        proofs: Proofs, budget_s: float = 5.0,
    ) -> None:  # fmt: skip
        self._node = node
        self._key = key
        self._url = url.rstrip("/")
        self._depot = depot
        self._ledger = ledger
        self._switch = switch
        self._proofs = proofs
        self._budget_ms = int(budget_s * 1000)
        self._door = Doorkeeper()
        self._posts: dict[str, Callable[[Visit], Awaitable[Outgoing]]] = {
            "/v1/query": self._query,
            "/v1/verify": self._verify,
            "/v1/relay": self._relayed,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        head = incoming(scope)
        call = secrets.token_hex(16)
        try:
            answer = await self._served(head, receive, call)
        except NotAnswered as no:
            answer = self._error(no.error, call, no)
        except GuantongError as fault:
            answer = self._error(fault, call)
        except Exception as fault:  # noqa: BLE001 - the last line: a person gets a sentence, not a stack trace
            logger.error("call %s failed: %s", call, type(fault).__name__)  # noqa: TRY400 - traces hold data
            answer = self._error(InternalFault(), call)
        await deliver(send, self._signed(head, answer))

    async def _served(self, head: Incoming, receive: Receive, call: str) -> Outgoing:
        if head.path in self._posts:
            if head.method != "POST":
                raise MethodNotAllowed
            deadline = asyncio.get_running_loop().time() + self._budget(head) / 1000
            try:
                async with asyncio.timeout_at(deadline):
                    body = await read_body(receive, head.headers)
            except TimeoutError:
                raise BodyTooSlow from None
            return await self._posts[head.path](Visit(head, body, call, deadline))
        if head.method == "GET":
            return await self._got(head, call)
        raise PathUnknown

    async def _got(self, head: Incoming, call: str) -> Outgoing:
        match head.path.split("/"):
            case ["", "health"]:
                return as_json(200, {"status": "ok", "node": self._node})
            case ["", "ready"]:
                return as_json(
                    200, {"status": "ready", "node": self._node, "bundle": self._bundle().sequence}
                )
        deadline = asyncio.get_running_loop().time() + self._budget(head) / 1000
        visit = Visit(head, b"", call, deadline)
        match head.path.split("/"):
            case ["", "v1", "proofs", node, digest]:
                return await self._proofs.proof(node, digest, *self._asker(visit))
            case ["", "v1", "nodes", node, "checkpoint"]:
                return await self._proofs.checkpoint(node, *self._asker(visit))
        raise PathUnknown

    # ── the doors ──

    async def _query(self, visit: Visit) -> Outgoing:
        return await self._asked(visit, Query)

    async def _verify(self, visit: Visit) -> Outgoing:
        return await self._asked(visit, Verify)

    async def _asked(self, visit: Visit, shape: type[Query] | type[Verify]) -> Outgoing:
        """An application's question."""
        bundle = self._bundle()
        keyid = self._admitted(visit, lambda found: _application_key(bundle, found))
        question = read(visit.body, shape)
        call = call_of(question, bundle.applications[keyid], visit.call)
        asked = self._ledger.asked(call)
        return _told(call, await self._switch.answer(Question(asked, bundle, "consumer", visit.deadline)))

    async def _relayed(self, visit: Visit) -> Outgoing:
        """A call that a neighbour hands over."""
        bundle = self._bundle()
        peer = self._admitted(visit, lambda found: neighbour_key(bundle, found), covering=(BUDGET, PATH))
        path = self._path(visit.head)
        call = _signed_call(visit.body, bundle)
        behind = call.consumer.node
        age_ms = abs(clock.millis() - int(clock.parse(call.at).timestamp() * 1000))
        if peer not in {behind, bundle.routes.get(behind)} or age_ms > LONGEST_BUDGET_MS:
            raise RelayNotOnRoute(peer=peer)
        question = Question(
            self._ledger.asked(call), bundle, "relay", visit.deadline, sealed=visit.body, path=path
        )
        return _told(call, await self._switch.answer(question))

    def _asker(self, visit: Visit) -> tuple[Bundle, tuple[str, ...], float]:
        """Whoever asks for a proof must be an application of this node or a neighbour."""
        bundle = self._bundle()
        path = self._path(visit.head) if PATH in visit.head.headers else ()
        self._admitted(visit, lambda found: _application_key(bundle, found) or neighbour_key(bundle, found))
        return bundle, path, visit.deadline

    # ── what every door needs ──

    def _bundle(self) -> Bundle:
        if self._depot.bundle is None:
            raise NotReady
        return self._depot.bundle

    def _admitted(
        self, visit: Visit, find_key: Callable[[str], Verifier | None], covering: tuple[str, ...] = ()
    ) -> str:
        return self._door.admit(self._request(visit.head), visit.body, find_key, covering=covering)

    def _request(self, head: Incoming) -> Request:
        return Request(head.method, self._url + head.path, head.headers)

    def _budget(self, head: Incoming) -> int:
        """The time that the call may take, in milliseconds; never more than a minute."""
        given = head.headers.get(BUDGET, "")
        wanted = int(given) if given.isascii() and given.isdecimal() and len(given) < 8 else self._budget_ms
        return max(SHORTEST_BUDGET_MS, min(wanted, LONGEST_BUDGET_MS))

    def _path(self, head: Incoming) -> tuple[str, ...]:
        path = tuple(head.headers.get(PATH, "").split(","))
        if self._node in path or len(path) > LONGEST_PATH:
            raise RouteLoop(path=",".join(path)[:64])
        return path

    def _error(self, error: GuantongError, call: str, no: NotAnswered | None = None) -> Outgoing:
        said = {
            "error": error.as_json(),
            "call": call,
            "node": no.node if no else self._node,
            "receipt": msgspec.Raw(no.receipt) if no and no.receipt else None,
            "hops": [msgspec.Raw(hop) for hop in no.hops] if no else [],
        }
        headers = {}
        if error.code == refusals.RateExceeded.code:
            headers["retry-after"] = "1"
        elif error.code == refusals.QuotaExceeded.code:
            headers["retry-after"] = str(seconds_to_midnight(clock.now()))
        return as_json(error.status, said, headers)

    def _signed(self, head: Incoming, answer: Outgoing) -> Outgoing:
        """The answer, bound to its request by this node's signature if the request was signed too."""
        if "signature" not in head.headers:
            return answer
        return bound(answer, self._request(head), self._key, self._node)


def _application_key(bundle: Bundle, keyid: str) -> Verifier | None:
    application = bundle.applications.get(keyid)
    if application is None or application.node != bundle.node:
        return None
    return application_key(application)


def _signed_call(sealed: bytes, bundle: Bundle) -> Call:
    """The call in a handed-over statement, if its consumer's node signed it."""
    try:
        statement = envelope.read(sealed)
        call = msgspec.convert(statement.body, Call)
        clock.parse(call.at)
        key = node_key(bundle, call.consumer.node)
        statement.check({key.ref: key} if key else {})
    except (GuantongError, msgspec.ValidationError, ValueError):
        raise CallNotProved from None
    if statement.kind != KIND:
        raise CallNotProved
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
