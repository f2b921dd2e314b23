"""HTTP/1.1 as the gateway speaks it: parsed by llhttp, with bounds on everything a stranger sends.

A request costs one task, and its answer one write; a general server takes several of each, which was as much as half
of what the gateway itself does for a call (decision 27).

A client that offers another protocol along with its request (the JDK's own client offers h2c) is served in HTTP/1.1,
as RFC 9110 §7.8 lets a server do.
"""

import asyncio
import logging
from collections import deque
from http import HTTPStatus
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.server import ServerState

from guantong.gateway.app import Gateway
from guantong.gateway.bodies import AHEAD, Body
from guantong.kit.asgi import LARGEST_BODY, Incoming, Outgoing, as_json
from guantong.kit.errors import GuantongError
from guantong.kit.parts import Parts

LARGEST_HEAD = 64 * 1024
HEAD_WITHIN_S = 10.0
KEEP_ALIVE_S = 30.0
LINGER_S = 2.0
"""How long the rest of a body may take that nobody reads any more."""
TAKEN_WITHIN_S = 30.0
"""How long a client may take nothing of a large answer."""
CONNECTIONS = 8_192
NEVER = float("inf")

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
MISSHAPEN = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
WITHOUT_BODY = frozenset({204, 304})

_STATUS = {
    code: f"HTTP/1.1 {code} {HTTPStatus(code).phrase if code in set(HTTPStatus) else ''}\r\n"
    for code in range(200, 600)
}

logger = logging.getLogger("guantong.gateway")


class HeadTooLarge(Exception):
    """The request's line and headers are larger than any client of ours sends."""


class TooManyConnections(GuantongError):
    """This process has as many connections as it takes."""

    code = "too_many_connections"
    status = 503
    zh = "网关的连接数已到上限，请稍后再试。"
    en = "The gateway has as many connections as it takes; try again in a moment."


class _Request:
    """One request on a connection: its head, its body, and whether the connection lives on after its answer."""

    __slots__ = ("body", "head", "keeps")

    def __init__(self, head: Incoming, body: Body, *, keeps: bool) -> None:
        self.head = head
        self.body = body
        self.keeps = keeps


class Http11(asyncio.Protocol):
    """One connection. Requests that come one behind the other are answered in their order."""

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any],  # noqa: ARG002 - uvicorn names it
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:  # fmt: skip
        self._gateway = cast("Gateway", config.app)
        self._state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        # What follows a request that ends its connection is not worth an error instead of its answer.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._transport: asyncio.Transport
        self._serving: _Request | None = None
        self._reading: Body | None = None
        self._queue: deque[_Request] = deque()
        self._is_paused = False
        self._is_ended = False
        self._is_deaf = False
        # The head that is being read.
        self._in_head = True
        self._is_new = True
        self._head_bytes = 0
        self._trailer_bytes = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._owed = 0
        """Bytes of a body still to come that the parser does not read, after an offer to upgrade."""
        # When this connection is given up; one timer that looks again, rather than one for each wait.
        self._due = NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = NEVER
        self._writable: asyncio.Future[None] | None = None

    # ── the connection ──

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection that never sends a whole head is closed."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)  # type: ignore[arg-type] # uvicorn names its own protocols only
        self._wait(HEAD_WITHIN_S)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Nobody waits any more; calls on their way are finished, for their receipts."""
        self._state.connections.discard(self)
        self._is_ended = self._is_deaf = True
        self._due = NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.clear()
        if self._reading is not None:
            self._reading.lose()
        self.resume_writing()

    def eof_received(self) -> bool:
        """A client that closes its sending side after a whole request still hears the answer."""
        serving = self._serving
        if serving is None or self._reading is not None:
            return False
        (self._queue[-1] if self._queue else serving).keeps = False
        return True

    def shutdown(self) -> None:
        """The server ends: an idle connection now, another after its answer."""
        if self._serving is None:
            self._transport.close()
        else:
            self._serving.keeps = False

    def pause_writing(self) -> None:
        """The client reads slower than we write."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up, or is gone."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, or of the next ones."""
        if self._is_deaf:
            return
        if self._owed:
            data = self._body(data)
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._pass_over(data[offer.args[0] :])
                continue
            except httptools.HttpParserError:
                self._misread()
                return
            break
        if self._in_head and self._head_bytes and self._due is NEVER:
            self._wait(HEAD_WITHIN_S)

    # ── the parser ──

    def on_message_begin(self) -> None:
        """A head begins."""
        if not self._is_new:
            self._due = NEVER
        self._in_head, self._head_bytes, self._trailer_bytes = True, 1, 0
        self._target, self._headers = b"", {}

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._weigh(len(url))
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. Of repeated ones the values are joined (RFC 9110 §5.2).

        What comes behind a body in pieces is passed over: nobody judged it when the request was admitted (§6.5.1).
        """
        if not self._in_head:
            self._trailer_bytes += len(name) + len(value)
            if self._trailer_bytes > LARGEST_HEAD:
                raise HeadTooLarge
            return
        self._weigh(len(name) + len(value))
        known, told = name.decode("latin-1").lower(), value.decode("latin-1")
        if known in self._headers:
            told = f"{self._headers[known]}, {told}"
        self._headers[known] = told

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._is_new, self._head_bytes, self._due = False, False, 0, NEVER
        parser, headers = self._parser, self._headers
        length = headers.get("content-length")
        is_chunked = "transfer-encoding" in headers
        body = Body(
            None if is_chunked else int(length or 0),
            wanted=self._go_on if headers.get("expect", "").lower() == "100-continue" else None,
            taken=self._flow,
        )
        head = Incoming(parser.get_method().decode(), _path(self._target), headers)
        keeps = parser.should_keep_alive() and parser.get_http_version() != "1.0"
        request = _Request(head, body, keeps=keeps)
        self._reading = body
        if self._serving is None:
            self._start(request)
        else:
            self._queue.append(request)
            self._flow()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        body = self._reading
        if body is not None:
            body.arrive(part)
            if body.waiting > AHEAD:
                self._flow()

    def on_message_complete(self) -> None:
        """The body is whole."""
        body, self._reading = self._reading, None
        self._in_head = True
        if body is not None:
            body.end()
            if body.is_forgotten:
                self._next()

    def _weigh(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > LARGEST_HEAD:
            raise HeadTooLarge

    # ── serving ──

    def _start(self, request: _Request) -> None:
        self._serving = request
        self._state.tasks.add(self._loop.create_task(self._serve(request)))

    async def _serve(self, request: _Request) -> None:
        try:
            if len(self._state.connections) > CONNECTIONS:
                fault = TooManyConnections()
                answer = as_json(fault.status, {"error": fault.as_json()}, {"connection": "close"})
            else:
                answer = await self._gateway.serve(request.head, request.body)
            try:
                await self._write(request, answer)
            finally:
                if answer.held is not None:
                    answer.held.close()
        except TimeoutError:
            self._is_ended = self._is_deaf = True
            self._transport.abort()  # it takes nothing any more
        except Exception as fault:
            # Nothing of ours should come here; the connection must not be left hanging all the same.
            logger.exception("an answer could not be written: %s", type(fault).__name__)
            self._end(b"")
        else:
            self._answered(request)
        finally:
            self._state.tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _write(self, request: _Request, answer: Outgoing) -> None:
        await self._drained()
        if self._is_ended:
            return
        body = request.body
        if answer.headers.get("connection") == "close":
            request.keeps = False
        elif not body.is_whole and (body.length is None or body.length > LARGEST_BODY):
            # The rest of a small body is passed over; that of a large one is not worth the wait.
            request.keeps = False
        has_body = request.head.method != "HEAD" and answer.status not in WITHOUT_BODY
        if answer.held is None:
            self._transport.write(self._head(request, answer) + (answer.body if has_body else b""))
            return
        self._transport.write(self._head(request, answer))
        if has_body:
            await self._write_parts(answer.held)

    async def _write_parts(self, parts: Parts) -> None:
        """A body that is not in memory, as fast as the client takes it."""
        for part in parts:
            await self._drained()
            if self._is_ended:
                return
            self._transport.write(part)

    async def _drained(self) -> None:
        """Return when the client has taken most of what was written. TimeoutError if it takes nothing."""
        while self._writable is not None and not self._is_ended:
            async with asyncio.timeout(TAKEN_WITHIN_S):
                await self._writable

    def _head(self, request: _Request, answer: Outgoing) -> bytes:
        lines = [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
        if not request.keeps and "connection" not in answer.headers:
            lines.append("connection: close\r\n")
        text = "".join(lines)
        if not len(lines) == text.count("\r") == text.count("\n"):
            raise ValueError("a header of more than one line")
        date = b"".join([b"%b: %b\r\n" % one for one in self._state.default_headers])
        size = len(answer.body) if answer.held is None else answer.held.size
        length = "" if answer.status in WITHOUT_BODY else f"content-length: {size}\r\n"
        # Never to be stored by anyone on the way.
        head = f"{_STATUS[answer.status]}{length}cache-control: no-store\r\n{text}"
        return b"%b%b\r\n" % (head.encode("latin-1"), date)

    def _answered(self, request: _Request) -> None:
        if self._is_ended:
            return
        if request.body.is_whole:
            self._next()
            return
        request.body.forget()
        self._flow()
        self._wait(LINGER_S)

    def _next(self) -> None:
        """The answer has left and nothing of its request is still to come."""
        done, self._serving = self._serving, None
        if done is not None and not done.keeps:
            self._end(b"")
        elif self._queue:
            self._start(self._queue.popleft())
            self._flow()
        elif not self._head_bytes:
            self._wait(KEEP_ALIVE_S)

    def _misread(self) -> None:
        """What came is no HTTP: nothing more is read. The answers to what was read before it leave first."""
        self._is_deaf = True
        reading, serving = self._reading, self._serving
        if serving is None or (reading is not None and reading.is_forgotten):
            self._end(b"" if serving else MISSHAPEN)
            return
        (self._queue[-1] if self._queue else serving).keeps = False
        if reading is not None:
            reading.lose()

    def _end(self, last: bytes) -> None:
        """Say ``last`` and close; what was written before leaves first."""
        self._is_ended = self._is_deaf = True
        if not self._transport.is_closing():
            if last:
                self._transport.write(last)
            self._transport.close()
            if self._transport.get_write_buffer_size():
                self._loop.call_later(TAKEN_WITHIN_S, self._transport.abort)

    def _flow(self) -> None:
        """Read on, or not: neither bodies nor requests pile up faster than they are taken."""
        pause = bool(self._queue) or (self._reading is not None and self._reading.waiting > AHEAD)
        if pause is not self._is_paused and not self._transport.is_closing():
            self._is_paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _go_on(self) -> None:
        """The client asked whether it may send the body (RFC 9110 §10.1.1)."""
        if not self._is_ended:
            self._transport.write(GO_ON)

    # ── patience ──

    def _wait(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        if self._timer is not None and self._armed_for > self._due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        self._armed_for = self._due
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is NEVER:
            return
        if self._loop.time() < self._due:
            self._arm()
            return
        serving = self._serving
        if serving is not None and not serving.body.is_forgotten:
            self._wait(HEAD_WITHIN_S)  # half a head behind a request: the answer to that comes first
            return
        is_late = serving is None and (self._is_new or self._head_bytes)
        self._end(TOO_SLOW if is_late else b"")

    # ── offers to upgrade ──

    def _pass_over(self, rest: bytes) -> bytes:
        """Serve the request as it stands: its body follows its head, and after it the next request."""
        self._parser = httptools.HttpRequestParser(self)
        request = self._queue[-1] if self._queue else self._serving
        headers = self._headers
        length = headers.get("content-length", "0")
        if request is None or "transfer-encoding" in headers or not (length.isdigit() and len(length) < 16):
            self._misread()
            return b""
        self._owed = int(length)
        if not self._owed:
            return rest
        # The parser took the message for complete; nothing of it was served yet, since that needs another turn of the loop.
        request.body.is_whole = False
        self._reading, self._in_head = request.body, False
        return self._body(rest)

    def _body(self, data: bytes) -> bytes:
        part, rest = data[: self._owed], data[self._owed :]
        self._owed -= len(part)
        if part:
            self.on_body(part)
        if not self._owed:
            self.on_message_complete()
        return rest


def _path(target: bytes) -> str:
    """The path with its query as it was sent; that of an absolute address too (RFC 9112 §3.2.2)."""
    text = target.decode("ascii")
    if text.startswith("/") and "?" not in text and "#" not in text:
        return text
    url = httptools.parse_url(target)
    if url.path is None:
        raise ValueError("no path")
    return url.path.decode() + (f"?{url.query.decode()}" if url.query else "")
