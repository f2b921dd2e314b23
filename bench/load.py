"""A load generator that is cheaper than what it measures: raw sockets, requests built beforehand.

Each connection sends its next request when the answer to the last one is whole. Every answer is counted, and
one that is not a 200 ends the run: a fast refusal is not throughput.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import uvloop

LONGEST_ROUND_S = 60


@dataclass(frozen=True)
class Round:
    """One timed run."""

    calls_per_s: float
    p50_ms: float
    p99_ms: float


class _Connection(asyncio.Protocol):
    """One keep-alive connection that works its way through a shared list of requests."""

    def __init__(self, requests: "list[bytes]", latencies: list[float], done: "asyncio.Future[None]") -> None:
        self._requests = requests
        self._latencies = latencies
        self._done = done
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, mark, body = self._received.partition(b"\r\n\r\n")
        if not mark:
            return
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        length = int(lower[start : (lower + b"\r\n").index(b"\r\n", start)])
        if len(body) < length:
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(RuntimeError(body.decode("utf-8", "replace")))
            return
        self._received = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        if not self._requests:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests.pop())

    def _fail(self, fault: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(fault)


def run(port: int, requests: Sequence[bytes], connections: int) -> Round:
    """Send all ``requests`` over so many connections and say how that went."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, list(requests), connections))


async def _run(port: int, requests: list[bytes], connections: int) -> Round:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    count = len(requests)
    finished = [loop.create_future() for _ in range(connections)]
    gc.disable()
    began = time.perf_counter()
    for done in finished:
        await loop.create_connection(partial(_Connection, requests, latencies, done), "127.0.0.1", port)
    async with asyncio.timeout(LONGEST_ROUND_S):
        await asyncio.gather(*finished)
    took = time.perf_counter() - began
    gc.enable()
    assert len(latencies) == count, "every request was answered"
    latencies.sort()
    return Round(count / took, latencies[count // 2] * 1000, latencies[int(count * 0.99)] * 1000)
