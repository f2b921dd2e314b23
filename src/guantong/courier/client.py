"""HTTP to known peers only: exact origins, no redirects, no proxies, bounded time, bounded answers.

The address is parsed once, by the parser that also dials, so that what was allowed is what is reached.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Self

from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import RequestError, RequestTimeoutError
from pyreqwest.http import Url
from pyreqwest.response import BaseResponse

from guantong.courier.connection import Broken, Connection, Reply, Sending, TooLarge
from guantong.courier.errors import DestinationNotAllowed, PeerAnswerTooLarge, PeerTimedOut, PeerUnreachable
from guantong.kit.parts import Parts

# Shorter than the servers' keep-alive, so that a connection is never reused while its peer is closing it.
IDLE_CONNECTION_S = 3
SAFE = frozenset({"GET", "HEAD"})
BODIED = frozenset({"POST", "PUT", "PATCH"})

__all__ = ["Courier", "Reply", "SyncCourier", "origin_of"]


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` of an HTTP address, in the one spelling that is compared.

    Raises DestinationNotAllowed for anything that is not plain http(s) to a host without credentials.
    """
    return _origin(_parse(url))


def _parse(url: str) -> Url:
    try:
        parsed = Url(url)
    except ValueError:
        raise DestinationNotAllowed(origin="?") from None
    if parsed.scheme not in ("http", "https") or parsed.username or parsed.password or not parsed.host_str:
        raise DestinationNotAllowed(origin=parsed.origin_ascii)
    return parsed


def _origin(parsed: Url) -> str:
    return parsed.origin_ascii


class _Guard:
    """Which origins may be dialled, for how long, and how much may come back."""

    def __init__(self, allowed: Iterable[str], *, timeout_s: float, max_body: int) -> None:
        self._allowed: frozenset[str] = frozenset()
        self._timeout_s = timeout_s
        self._max_body = max_body
        self.allow(allowed)

    def allow(self, origins: Iterable[str]) -> None:
        """Replace the list of origins (full addresses are cut to their origin)."""
        self._allowed = frozenset(origin_of(origin) for origin in origins)

    def _admit(self, url: str) -> Url:
        parsed = _parse(url)
        if _origin(parsed) not in self._allowed:
            raise DestinationNotAllowed(origin=_origin(parsed))
        return parsed

    def _time(self, timeout_s: float | None) -> float:
        return self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)

    def _check_size(self, size: int, peer: str) -> None:
        if size > self._max_body:
            raise PeerAnswerTooLarge(peer=peer, limit=self._max_body)

    def _check_announced(self, response: BaseResponse, peer: str) -> None:
        announced = response.get_header("content-length") or ""
        if announced.isdecimal():
            self._check_size(int(announced), peer)


class Courier(_Guard):
    """The asynchronous way out, one per process. Connections are kept for the next request to the same origin."""

    def __init__(self, allowed: Iterable[str], *, timeout_s: float = 5.0, max_body: int = 1 << 20) -> None:
        super().__init__(allowed, timeout_s=timeout_s, max_body=max_body)
        self._idle: dict[str, deque[Connection]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Parts = b"",
        timeout_s: float | None = None,
        peer: str | None = None,
        keep: Callable[[bytes], None] | None = None,
        max_body: int | None = None,
    ) -> Reply:
        """Send one request and return the whole answer, whatever its status.

        ``timeout_s`` is for everything from connecting to the last byte; ``peer`` is the name that errors
        give (a node code), by default the origin. ``keep`` is given the parts of the answer's body, of at most
        ``max_body`` bytes, instead of the answer having them. Raises DestinationNotAllowed, PeerUnreachable,
        PeerTimedOut, PeerAnswerTooLarge.
        """
        target = self._admit(url)
        origin = _origin(target)
        limit = self._max_body if max_body is None else max_body
        sending = Sending(method, _head(method, target, headers or {}, body), body, limit, keep)
        deadline = asyncio.get_running_loop().time() + self._time(timeout_s)
        try:
            return await self._exchanged(origin, target, sending, deadline)
        except TimeoutError:
            raise PeerTimedOut(peer=peer or origin) from None
        except TooLarge:
            raise PeerAnswerTooLarge(peer=peer or origin, limit=limit) from None
        except (Broken, OSError):
            raise PeerUnreachable(peer=peer or origin) from None

    async def close(self) -> None:
        """Close the connections that are kept for reuse."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for kept in self._idle.values():
            for connection in kept:
                connection.close()
        self._idle.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _exchanged(self, origin: str, target: Url, sending: Sending, deadline: float) -> Reply:
        connection = self._kept(origin)
        if connection is not None:
            try:
                return await self._over(connection, origin, sending, deadline)
            except Broken as broken:
                # A peer may close a connection at the very moment in which we use it again (RFC 9112 §9.3.1).
                if broken.began or sending.method not in SAFE:
                    raise
        return await self._over(await _dialled(target, deadline), origin, sending, deadline)

    async def _over(self, connection: Connection, origin: str, sending: Sending, deadline: float) -> Reply:
        reply = await connection.exchange(sending, deadline)
        if connection.is_idle:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(origin, deque()).append(connection)
            if self._sweeping is None:
                self._sweep()
        return reply

    def _kept(self, origin: str) -> Connection | None:
        """The connection that was used last, if it is not too old."""
        kept = self._idle.get(origin)
        fresh = asyncio.get_running_loop().time() - IDLE_CONNECTION_S
        while kept:
            connection = kept.pop()
            if connection.idle_since > fresh and connection.is_usable():
                return connection
            connection.close()
        return None

    def _sweep(self) -> None:
        """Close what was not used for a while, and look again as long as there is anything."""
        loop = asyncio.get_running_loop()
        old = loop.time() - IDLE_CONNECTION_S
        for origin, kept in list(self._idle.items()):
            while kept and (kept[0].idle_since <= old or not kept[0].is_idle):
                kept.popleft().close()
            if not kept:
                del self._idle[origin]
        self._sweeping = loop.call_later(IDLE_CONNECTION_S, self._sweep) if self._idle else None


async def _dialled(target: Url, deadline: float) -> Connection:
    """A new connection to the host and port that were admitted, and to no other."""
    secure = _tls() if target.scheme == "https" else None
    host = (target.host_str or "").strip("[]")
    async with asyncio.timeout_at(deadline):
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, host, target.port_or_known_default or 80, ssl=secure
        )
    return connection


@cache
def _tls() -> ssl.SSLContext:
    """Peers are known by the authorities that this machine trusts."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _head(method: str, target: Url, headers: Mapping[str, str], body: bytes | Parts) -> bytes:
    query = target.query_string
    size = len(body) if isinstance(body, bytes) else body.size
    given = {
        "user-agent": "guantong",
        "accept": "*/*",
        **{name.lower(): value for name, value in headers.items()},
    }
    if size or method in BODIED:
        given["content-length"] = str(size)
    host = target.host_str or ""
    given["host"] = host if target.port is None else f"{host}:{target.port}"
    lines = [f"{method} {target.path}{'' if query is None else '?' + query} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in given.items()]
    text = "\r\n".join(lines)
    if not text.count("\r") == text.count("\n") == len(lines) - 1 or "\0" in text:
        raise ValueError("a header of more than one line")
    return f"{text}\r\n\r\n".encode()


class SyncCourier(_Guard):
    """The same way out for synchronous code (the control plane)."""

    def __init__(self, allowed: Iterable[str], *, timeout_s: float = 5.0, max_body: int = 1 << 20) -> None:
        super().__init__(allowed, timeout_s=timeout_s, max_body=max_body)
        self._client = _guarded(SyncClientBuilder()).build()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
        peer: str | None = None,
    ) -> Reply:
        """As :meth:`Courier.send`, waiting in this thread."""
        target = self._admit(url)
        peer = peer or _origin(target)
        patience = timedelta(seconds=self._time(timeout_s))
        request = self._client.request(method, target).timeout(patience).headers(headers or {})
        with _truthful(peer), (request.body_bytes(body) if body else request).build_streamed() as response:
            self._check_announced(response, peer)
            received = bytearray()
            while (chunk := response.body_reader.read_chunk()) is not None:
                self._check_size(len(received) + len(chunk), peer)
                received += memoryview(chunk)
            return Reply(response.status, _lowered(response), bytes(received))

    def close(self) -> None:
        """Close the connections that are kept for reuse."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _guarded(builder: SyncClientBuilder) -> SyncClientBuilder:
    # No transparent decompression: the size limit is then the limit of what arrives and of what is held.
    return (
        builder.follow_redirects(False)
        .no_proxy()
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .referer(False)
        .user_agent("guantong")
        .pool_idle_timeout(timedelta(seconds=IDLE_CONNECTION_S))
    )


@contextmanager
def _truthful(peer: str) -> Iterator[None]:
    try:
        yield
    except RequestTimeoutError:
        raise PeerTimedOut(peer=peer) from None
    except RequestError:
        raise PeerUnreachable(peer=peer) from None


def _lowered(response: BaseResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
