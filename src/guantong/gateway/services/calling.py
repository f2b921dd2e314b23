"""Asks departments' own interfaces: bounded time and size, several addresses, answers that may be given again.

What goes out is built from the declared operation and the call's parameters alone; nothing of the caller's own
request (its signature, token, cookies, addresses) travels on.
"""

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import msgspec

from guantong.bundle.services import Operation, Service
from guantong.courier.client import Courier, Reply
from guantong.courier.errors import DestinationNotAllowed, PeerAnswerTooLarge, PeerTimedOut, PeerUnreachable
from guantong.gateway.call import Sent
from guantong.gateway.faults import RequestMisshapen, TimeIsUp
from guantong.gateway.holding import Held, Holding
from guantong.gateway.services.answers import NEVER, is_tellable
from guantong.gateway.services.documents import AnswerMisshapen
from guantong.gateway.services.endpoints import Endpoint, Endpoints
from guantong.gateway.services.paths import filled
from guantong.gateway.sources.lookup import SourceUnavailable

SAFE = frozenset({"GET", "HEAD"})
UNWELL = frozenset({502, 503, 504})
CACHED_BYTES = 32 << 20
IN_ONE = 32 << 20
"""The largest answer that is held in memory, as one that is looked into must be."""
HEALTH_EVERY_S = 5.0
HEALTH_WITHIN_S = 2.0

# Path with query, headers, body.
_Request = tuple[str, dict[str, str], "bytes | Held"]

# Of the answer's own headers these are told; a service may have more told by its binding, but never these.
ALWAYS = ("content-type",)


@dataclass(slots=True)
class _Open:
    """A service that was asked before: its addresses, the way to them, and what it wants to see of us."""

    service: Service
    endpoints: Endpoints
    courier: Courier
    headers: Mapping[str, str]
    looked_at: float = 0.0


class Services:
    """All services of one gateway process, opened when first asked and kept while their binding stays the same.

    ``secrets`` gives, by the source's name, its addresses (apart by spaces), and by ``<name>.headers`` what it wants to
    be shown (one ``Name: value`` a line).
    """

    def __init__(self, secrets: Callable[[], Mapping[str, str]]) -> None:
        self._secrets = secrets
        self._open: dict[str, _Open] = {}
        self._kept: OrderedDict[tuple[str, str, bytes], tuple[float, Reply]] = OrderedDict()
        self._kept_bytes = 0

    async def ask(
        self, service: Service, operation: Operation, sent: Sent, deadline: float,
        *, body: Held | None = None, room: Holding | None = None,
    ) -> tuple[Reply, dict[str, str], Held | None]:  # fmt: skip
        """The service's own answer, those of its headers that may be told, and its body if that rests in ``room``.

        ``body`` is what is sent if it is too large to be part of the call. Without ``room``, an answer is held in memory.
        Raises SourceUnavailable, TimeIsUp, AnswerMisshapen, RequestMisshapen, NoRoomForBody.
        """
        lasts_s = service.cache_s.get(sent.operation, 0) if operation.method in SAFE else 0
        reply: Reply | None = None
        held: Held | None = None
        if lasts_s:
            key = (service.resource, sent.operation, msgspec.json.encode(sent, order="sorted"))
            reply = self._given_before(key)
        if reply is None:
            request = _request(operation, sent, body)
            reply, held = await self._asked(service, operation, request, deadline, room)
            if lasts_s and reply.status == 200 and held is None:
                self._keep(key, reply, lasts_s)
        told = {*ALWAYS, *(name.lower() for name in service.response_headers)}
        given = {name: value for name, value in reply.headers.items() if name in told}
        return reply, {name: value for name, value in given.items() if is_tellable(name, value)}, held

    @property
    def opened(self) -> dict[str, Endpoints]:
        """The services in use, by resource."""
        return {resource: one.endpoints for resource, one in self._open.items()}

    async def look(self) -> None:
        """Ask the health paths of the services in use that were not asked for a while."""
        now = asyncio.get_running_loop().time()
        due = [
            one for one in self._open.values() if one.service.health and now - one.looked_at > HEALTH_EVERY_S
        ]
        for one in due:
            one.looked_at = now
        await asyncio.gather(*(self._look(one, endpoint) for one in due for endpoint in one.endpoints.all))

    async def close(self) -> None:
        """Close all connections."""
        for one in self._open.values():
            await one.courier.close()
        self._open.clear()

    async def _asked(
        self, service: Service, operation: Operation, request: _Request, deadline: float, room: Holding | None
    ) -> tuple[Reply, Held | None]:
        opened = self._open.get(service.resource)
        if opened is None or opened.service != service:
            opened = await self._opened(service)
        path, headers, body = request
        fault: Exception | None = None
        attempts = service.attempts if operation.method in SAFE else 1
        for endpoint in islice(opened.endpoints.ready(), attempts):
            left = min(deadline - asyncio.get_running_loop().time(), service.timeout_ms / 1000)
            if left <= 0:
                raise TimeIsUp(resource=service.resource)
            held = room.open() if room is not None else None
            is_given = False
            try:
                reply = await opened.courier.send(
                    operation.method,
                    endpoint.base + path,
                    headers={**headers, **opened.headers},
                    body=body,
                    timeout_s=left,
                    keep=held.keep if held is not None else None,
                    max_body=service.answer_limit if held is not None else min(service.answer_limit, IN_ONE),
                )
                if reply.status not in UNWELL:
                    opened.endpoints.went_well(endpoint)
                    is_given = held is not None and not held.is_small and reply.status < 300
                    if held is not None and not is_given:
                        reply = Reply(reply.status, reply.headers, held.small())
                    return reply, held if is_given else None
                fault = None
            except (PeerUnreachable, PeerTimedOut) as failed:
                fault = failed
            except PeerAnswerTooLarge:
                raise AnswerMisshapen(resource=service.resource) from None
            finally:
                if held is not None and not is_given:
                    held.close()
            opened.endpoints.failed(endpoint)
        if isinstance(fault, PeerTimedOut):
            raise TimeIsUp(resource=service.resource)
        raise SourceUnavailable(resource=service.resource)

    async def _opened(self, service: Service) -> _Open:
        before = self._open.pop(service.resource, None)
        if before is not None:
            await before.courier.close()
        secrets = self._secrets()
        bases = [base.rstrip("/") for base in secrets.get(service.source, "").split()]
        if not bases:
            raise SourceUnavailable(resource=service.resource)
        try:
            courier = Courier(bases, timeout_s=service.timeout_ms / 1000, max_body=service.answer_limit)
        except DestinationNotAllowed:
            raise SourceUnavailable(resource=service.resource) from None
        endpoints = Endpoints(bases, failures=service.breaker_failures, rest_s=service.breaker_rest_s)
        lines = [line.partition(":") for line in secrets.get(f"{service.source}.headers", "").splitlines()]
        headers = {name.strip().lower(): value.strip() for name, colon, value in lines if colon}
        opened = self._open[service.resource] = _Open(service, endpoints, courier, headers)
        return opened

    async def _look(self, one: _Open, endpoint: Endpoint) -> None:
        try:
            url = endpoint.base + one.service.health
            reply = await one.courier.send("GET", url, headers=one.headers, timeout_s=HEALTH_WITHIN_S)
            endpoint.is_well = reply.status == 200
        except (PeerUnreachable, PeerTimedOut, PeerAnswerTooLarge):
            endpoint.is_well = False
        if endpoint.is_well:
            one.endpoints.went_well(endpoint)

    # ── what may be given again ──

    def _given_before(self, key: tuple[str, str, bytes]) -> Reply | None:
        until, reply = self._kept.get(key, (0.0, None))
        if reply is not None and until <= asyncio.get_running_loop().time():
            self._drop(key)
            return None
        return reply

    def _keep(self, key: tuple[str, str, bytes], reply: Reply, lasts_s: int) -> None:
        self._drop(key)
        self._kept[key] = (asyncio.get_running_loop().time() + lasts_s, reply)
        self._kept_bytes += len(reply.body)
        while self._kept_bytes > CACHED_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str, bytes]) -> None:
        _, reply = self._kept.pop(key, (0.0, None))
        self._kept_bytes -= len(reply.body) if reply else 0


def body_of(operation: Operation, sent: Sent) -> bytes:
    """The body that goes out: JSON with its members renamed, or the very bytes. RequestMisshapen."""
    if operation.body == "none":
        if sent.body:
            raise RequestMisshapen(where="this operation takes no body")
        return b""
    if operation.body == "whole":
        try:
            return base64.b64decode(sent.body, validate=True)
        except binascii.Error:
            raise RequestMisshapen(where="a body that is not base64") from None
    members = json_members(sent.body)
    names = {name: one.sent_as or name for name, one in operation.parameters.items() if one.where == "json"}
    beyond = sorted(set(members) - set(names))
    if beyond:
        raise RequestMisshapen(where=f"members that are not declared: {', '.join(beyond)[:100]}")
    return msgspec.json.encode({names[name]: value for name, value in members.items()})


def json_members(text: str) -> dict[str, Any]:
    """The members of a JSON object; none for an empty text. RequestMisshapen."""
    try:
        value = msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestMisshapen(where="a body that is not JSON") from None
    if not isinstance(value, dict):
        raise RequestMisshapen(where="a body that is not a JSON object")
    return value


def _request(operation: Operation, sent: Sent, held: Held | None) -> _Request:
    """Path with query, headers and body, in the service's own names."""
    declared = operation.parameters
    given = {name: (declared[name], value) for name, value in sent.parameters.items() if name in declared}
    path = filled(
        operation.path, {name: value for name, (one, value) in given.items() if one.where == "path"}
    )
    query = [(one.sent_as or name, value) for name, (one, value) in given.items() if one.where == "query"]
    headers = {
        (one.sent_as or name).lower(): value for name, (one, value) in given.items() if one.where == "header"
    }
    headers = {name: value for name, value in headers.items() if name not in NEVER}
    body = body_of(operation, sent) if held is None else held
    if held is not None or body:
        headers["content-type"] = sent.type if operation.body == "whole" else "application/json"
    return path + (f"?{urlencode(query)}" if query else ""), headers, body
