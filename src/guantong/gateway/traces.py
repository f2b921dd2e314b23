"""链路: one call seen over all nodes (W3C Trace Context), told to a collector by OTLP/HTTP in JSON.

A request's spans are gathered in a :class:`Trail` and handed over whole when it is answered; a task of its own sends them
in batches. Nothing here can hold a call up or fail it: what the queue has no room for, or the collector does not take,
is dropped and counted. Whether a call is told of is decided once, at the head of its trace: by the caller's ``traceparent``, or
else by a share. Attributes are codes of ours: no key, case, person, grant or address of a caller.
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Mapping
from time import time_ns
from typing import Any, NamedTuple

import msgspec

from guantong.courier.client import Courier
from guantong.gateway.nonces import drawn
from guantong.kit.errors import GuantongError

HEADER = "traceparent"
MOST_WAITING = 8192
BATCH = 512
EVERY_S = 0.5
PATIENCE_S = 5.0
SERVER, INTERNAL, CLIENT = 2, 1, 3
FAILED = 2

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACE = re.compile(r"(?!0{32})[0-9a-f]{32}")

logger = logging.getLogger("guantong.gateway")


class Span(NamedTuple):
    """One step of a call at this node; moments in nanoseconds since 1970."""

    span: str
    name: str
    kind: int
    began: int
    ended: int
    attributes: Mapping[str, str]
    failure: str = ""


def traced(headers: Mapping[str, str]) -> str:
    """The trace id that a caller's ``traceparent`` names; empty if there is none, or none that can be read."""
    given = headers.get(HEADER)
    found = _PARENT.fullmatch(given) if given is not None else None
    return found[1] if found else ""


class Sampling:
    """Which traces are told: a share of them, by their ids alone, so that every node that is asked says the same.

    As OpenTelemetry's TraceIdRatioBased does: the lower 64 bits of the id, which are random, against the share of 2^64.
    """

    def __init__(self, ratio: float) -> None:
        self._bound = round(ratio * (1 << 64))

    def takes(self, trace: str) -> bool:
        """Whether the trace with this id (32 hexadecimal digits) is told."""
        return int(trace[16:], 16) < self._bound


class Trail:
    """The steps of one request at this node, and where they belong. Only codes go in."""

    __slots__ = ("began", "is_kept", "next", "parent", "parent_trace", "sampling", "span", "spans", "trace")

    def __init__(self, trace: str, parent: str, *, is_kept: bool, sampling: "Sampling | None" = None) -> None:
        """``sampling`` decides by the trace id where no caller did."""
        self.trace = self.parent_trace = trace
        self.parent = parent
        self.sampling = sampling
        self.is_kept = is_kept and (sampling is None or sampling.takes(trace))
        self.span = drawn(8).hex()
        self.next = drawn(8).hex()
        self.spans: list[Span] = []
        self.began = time_ns()

    def follows(self, trace: str) -> None:
        """The call itself names its trace, signed by its consumer's node: that is what counts."""
        if trace != self.trace and _TRACE.fullmatch(trace):
            self.trace = trace
            if self.sampling is not None:
                self.is_kept = self.sampling.takes(trace)

    def step(self, name: str, began: int, failure: str = "", **attributes: str) -> None:
        """A step that ends now."""
        if self.is_kept:
            self.spans.append(Span(drawn(8).hex(), name, INTERNAL, began, time_ns(), attributes, failure))

    def passed_on(self, began: int, peer: str, failure: str = "") -> None:
        """The call was handed over to ``peer`` and came back."""
        if self.is_kept:
            self.spans.append(
                Span(self.next, "relay", CLIENT, began, time_ns(), {"guantong.peer": peer}, failure)
            )

    def header(self) -> str:
        """``traceparent`` for the next node: its steps hang below ours, or below our caller's if ours are not kept."""
        if self.is_kept:
            return f"00-{self.trace}-{self.next}-01"
        return f"00-{self.trace}-{self.parent or self.next}-00"


class Traces:
    """Begins trails and sends the spans of ended ones to ``url``; with an empty one, trails are only passed on.

    ``ratio`` of the traces are told where the caller says nothing of it.
    """

    def __init__(self, url: str, node: str, process: str, *, ratio: float = 1.0) -> None:
        self._url = url
        self.sampling = Sampling(ratio)
        self._courier = Courier([url] if url else [], timeout_s=PATIENCE_S)
        self._resource = _attributes(
            {"service.name": "guantong-gateway", "service.instance.id": f"{node}/{process}"}
        )
        self._waiting: deque[tuple[Trail, Span]] = deque()
        self.sent = 0
        self.dropped = 0

    def begin(self, headers: Mapping[str, str], call: str) -> Trail | None:
        """The trail of a request that came with ``headers`` and got the id ``call``; None if nobody wants one."""
        given = headers.get(HEADER)
        if given is None and not self._url:
            return None
        found = _PARENT.fullmatch(given) if given is not None else None
        if found is None:
            return Trail(call, "", is_kept=bool(self._url), sampling=self.sampling if self._url else None)
        return Trail(found[1], found[2], is_kept=bool(self._url) and int(found[3], 16) & 1 == 1)

    def end(self, trail: Trail, call: str, mode: str, failure: str) -> None:
        """The request was answered: its spans wait to be sent."""
        if not trail.is_kept:
            return
        facts = {"guantong.call": call, "guantong.mode": mode}
        trail.spans.append(Span(trail.span, "door", SERVER, trail.began, time_ns(), facts, failure))
        if len(self._waiting) + len(trail.spans) > MOST_WAITING:
            self.dropped += len(trail.spans)
            return
        self._waiting.extend((trail, span) for span in trail.spans)

    async def run(self) -> None:
        """Send what waits, until cancelled; then try once more."""
        try:
            while self._url:
                await asyncio.sleep(EVERY_S)
                while self._waiting:
                    await self._send()
        except asyncio.CancelledError:
            if self._waiting:
                await self._send()
        finally:
            await self._courier.close()

    async def _send(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            reply = await self._courier.send(
                "POST", self._url, headers={"content-type": "application/json"}, body=self._document(batch)
            )
            is_taken = reply.status == 200
        except GuantongError:
            is_taken = False
        if is_taken:
            self.sent += len(batch)
        else:
            self.dropped += len(batch)

    def _document(self, batch: list[tuple[Trail, Span]]) -> bytes:
        """OTLP 1.x in JSON: ids in hexadecimal, moments as decimal text."""
        spans = [_spoken(trail, span) for trail, span in batch]
        scope = {"scope": {"name": "guantong.gateway"}, "spans": spans}
        return msgspec.json.encode({"resourceSpans": [{"resource": self._resource, "scopeSpans": [scope]}]})


def _spoken(trail: Trail, span: Span) -> dict[str, Any]:
    is_door = span.span == trail.span
    parent = trail.span
    if is_door:
        parent = trail.parent if trail.trace == trail.parent_trace else ""
    said = {
        "traceId": trail.trace, "spanId": span.span, "name": span.name, "kind": span.kind,
        "startTimeUnixNano": str(span.began), "endTimeUnixNano": str(span.ended), **_attributes(span.attributes),
    }  # fmt: skip
    if parent:
        said["parentSpanId"] = parent
    if span.failure:
        said["status"] = {"code": FAILED, "message": span.failure}
    return said


def _attributes(facts: Mapping[str, str]) -> dict[str, Any]:
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in facts.items()]}
