"""One connection to a peer, one exchange at a time: HTTP/1.1, its answers parsed by llhttp, bounded in every way.

It lives on the caller's own event loop. A client with threads of its own has to wake that loop for every answer,
which took longer than all the rest of a call that is passed on (decision 27).
"""

import asyncio
import select
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import httptools

from guantong.kit.errors import GuantongError
from guantong.kit.parts import Parts

LARGEST_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes out, and what may come back: at most ``limit`` bytes, each part of which ``keep`` is given, if it is."""

    method: str
    head: bytes
    body: bytes | Parts
    limit: int
    keep: Callable[[bytes], None] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A peer's whole answer. Header names are lower case; of a repeated header the last one counts.

    ``body`` is empty if the parts were given away as they came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Broken(Exception):
    """The connection ended before a whole answer had come. ``began``: whether any of it had."""

    def __init__(self, *, began: bool) -> None:
        super().__init__()
        self.began = began


class TooLarge(Exception):
    """More came than may come."""


class Connection(asyncio.Protocol):
    """See above. :meth:`is_usable` tells whether it can take another exchange."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Reply] | None = None
        self._parser: httptools.HttpResponseParser
        self._limit = 0
        self._keep: Callable[[bytes], None] | None = None
        self._is_head = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._began = False
        self._is_sent = False
        self._ends_with_connection = False
        self._writable: asyncio.Future[None] | None = None
        self.is_idle = False
        self.idle_since = 0.0
        self._poll = select.poll()

    async def exchange(self, sending: Sending, deadline: float) -> Reply:
        """The answer. Raises TimeoutError at ``deadline`` (of the event loop's clock), Broken, TooLarge."""
        self.is_idle = False
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._answer, self._is_sent = answer, False
        self._parser = httptools.HttpResponseParser(self)
        self._limit, self._keep, self._is_head = sending.limit, sending.keep, sending.method == "HEAD"
        self._parts, self._size, self._began, self._ends_with_connection = [], 0, False, False
        timer = self._loop.call_at(deadline, self._fail, TimeoutError())
        try:
            if isinstance(sending.body, bytes):
                self._is_sent = True
                self._transport.write(sending.head + sending.body)
            else:
                await self._send(sending.head, sending.body)
            return await answer
        finally:
            timer.cancel()
            self._answer = None
            if not self.is_idle:
                self._transport.abort()

    def is_usable(self) -> bool:
        """Whether it can take another exchange, as far as the kernel knows: the end of it may be there, unread."""
        return self.is_idle and not self._poll.poll(0)

    def close(self) -> None:
        """End it."""
        self.is_idle = False
        self._transport.close()

    async def _send(self, head: bytes, body: Parts) -> None:
        self._transport.write(head)
        for part in body:
            while self._writable is not None:
                await self._writable
            # Whoever has answered already does not want the rest.
            if self._answer is None or self._answer.done():
                return
            self._transport.write(part)
            await asyncio.sleep(0)
        self._is_sent = True

    # ── the transport ──

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There it is."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Gone: an answer that lasts as long as the connection is whole now, any other is not."""
        self._over()
        self.is_idle = False

    def eof_received(self) -> None:
        """The peer says no more."""
        self._over()
        self.is_idle = False

    def _over(self) -> None:
        if self._ends_with_connection and self._answer is not None:
            self._complete(reusable=False)
        else:
            self._fail(Broken(began=self._began))

    def pause_writing(self) -> None:
        """The peer takes slower than we give."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._go_on()

    def _go_on(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer. What nobody asked for ends the connection."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._began = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            cause = fault.__context__
            self.is_idle = False
            # What was raised while a part was taken is told as it is.
            is_ours = isinstance(cause, TooLarge | GuantongError)
            self._fail(cause if is_ours and cause is not None else Broken(began=True))

    # ── the parser ──

    def on_message_begin(self) -> None:
        """An answer begins. After an interim one (1xx) the real one does."""
        if self._answer is None or self._answer.done():
            raise TooLarge  # one answer to one request
        self._status, self._headers, self._head_bytes = 0, {}, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. What comes behind the body is none."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > LARGEST_HEAD:
            raise TooLarge
        if self._status:
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._status = self._parser.get_status_code()
        if self._status < 200:
            return
        length = self._headers.get("content-length", "")
        if self._is_head:
            self._complete(reusable=False)
        elif length.isdecimal():
            self._check(int(length))
        elif "transfer-encoding" not in self._headers and self._status not in {204, 304}:
            self._ends_with_connection = True

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if self._is_head:
            return
        self._size += len(part)
        self._check(self._size)
        if self._keep is not None:
            self._keep(part)
        else:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._status >= 200 and not self._is_head:
            self._complete(reusable=self._parser.should_keep_alive())

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge

    # ── the end of an exchange ──

    def _complete(self, *, reusable: bool) -> None:
        if self._answer is None or self._answer.done():
            return
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._answer.set_result(Reply(self._status, self._headers, body))
        # What we still have to say of a request that was answered early would spoil the next exchange.
        self.is_idle = reusable and self._is_sent and not self._transport.is_closing()
        self._go_on()

    def _fail(self, fault: BaseException) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(fault)
        self._go_on()
