"""HTTP to known peers only: exact origins, no redirects, no proxies, bounded time, bounded answers.

The address is parsed once, by the parser that also dials, so that what was allowed is what is reached.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, TypeVar

from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.exceptions import RequestError, RequestTimeoutError
from pyreqwest.http import Url
from pyreqwest.response import BaseResponse

from guantong.courier.errors import DestinationNotAllowed, PeerAnswerTooLarge, PeerTimedOut, PeerUnreachable

# Shorter than the servers' keep-alive, so that a connection is never reused while its peer is closing it.
IDLE_CONNECTION_S = 3

Builder = TypeVar("Builder", ClientBuilder, SyncClientBuilder)


@dataclass(frozen=True, slots=True)
class Reply:
    """A peer's whole answer. Header names are lower case; of a repeated header the last one counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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

    def _time(self, timeout_s: float | None) -> timedelta:
        return timedelta(seconds=self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s))

    def _check_size(self, size: int, peer: str) -> None:
        if size > self._max_body:
            raise PeerAnswerTooLarge(peer=peer, limit=self._max_body)

    def _check_announced(self, response: BaseResponse, peer: str) -> None:
        announced = response.get_header("content-length") or ""
        if announced.isdecimal():
            self._check_size(int(announced), peer)


class Courier(_Guard):
    """The asynchronous way out, one per process."""

    def __init__(self, allowed: Iterable[str], *, timeout_s: float = 5.0, max_body: int = 1 << 20) -> None:
        super().__init__(allowed, timeout_s=timeout_s, max_body=max_body)
        self._client = _guarded(ClientBuilder()).build()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
        peer: str | None = None,
    ) -> Reply:
        """Send one request and return the whole answer, whatever its status.

        ``timeout_s`` is for everything from connecting to the last byte; ``peer`` is the name that errors
        give (a node code), by default the origin. Raises DestinationNotAllowed, PeerUnreachable,
        PeerTimedOut, PeerAnswerTooLarge.
        """
        target = self._admit(url)
        peer = peer or _origin(target)
        request = self._client.request(method, target).timeout(self._time(timeout_s)).headers(headers or {})
        with _truthful(peer):
            async with (request.body_bytes(body) if body else request).build_streamed() as response:
                self._check_announced(response, peer)
                received = bytearray()
                while (chunk := await response.body_reader.read_chunk()) is not None:
                    self._check_size(len(received) + len(chunk), peer)
                    received += memoryview(chunk)
                return Reply(response.status, _lowered(response), bytes(received))

    async def close(self) -> None:
        """Close the connections that are kept for reuse."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


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
        request = self._client.request(method, target).timeout(self._time(timeout_s)).headers(headers or {})
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


def _guarded(builder: Builder) -> Builder:
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
