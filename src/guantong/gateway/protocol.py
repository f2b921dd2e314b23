"""HTTP/1.1 as the gateway speaks it: uvicorn's, with bounds on a request's head and without protocol upgrades.

A client that offers another protocol along with its request (the JDK's own client offers h2c) is served in HTTP/1.1,
as RFC 9110 §7.8 lets a server do; uvicorn alone would lose the body of such a request.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
HEAD_WITHIN_S = 10.0
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HeadTooLarge(Exception):
    """The request's line and headers are larger than any client of ours sends."""


class Http11(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owed = 0
        """Bytes of a body still to come that the parser does not read, after an offer to upgrade."""
        self._head_bytes = 0
        self._in_head = True
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that never sends a whole head is closed."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that closes its sending side after a whole request still hears the answer."""
        waits = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        if waits:
            self.cycle.keep_alive = False
        return waits

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, or of the next ones."""
        self._unset_keepalive_if_required()
        if self._owed:
            data = self._body(data)
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._pass_over(data[offer.args[0] :])
                continue
            except httptools.HttpParserError:
                self._stop_waiting()
                self.send_400_response("Invalid HTTP request received.")
                return
            break
        if self._in_head and self._patience is None and data:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._weigh(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._weigh(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _weigh(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > LARGEST_HEAD:
            raise HeadTooLarge

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_WITHIN_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(TOO_SLOW)
            self.transport.close()

    # ── offers to upgrade ──

    def _pass_over(self, rest: bytes) -> bytes:
        """Serve the request as it stands: its body follows its head, and after it the next request."""
        self.parser = httptools.HttpRequestParser(self)
        lengths = [value for name, value in self.headers if name == b"content-length"]
        is_chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
        if (
            is_chunked
            or len(lengths) > 1
            or not all(value.isdigit() and len(value) < 16 for value in lengths)
        ):
            self.cycle.disconnected = True
            self.send_400_response("Invalid HTTP request received.")
            return b""
        self._owed = int(lengths[0]) if lengths else 0
        # The parser took the message for complete; nothing of it was served yet, since that needs another turn of the loop.
        self.cycle.more_body = bool(self._owed)
        return self._body(rest) if self._owed else rest

    def _body(self, data: bytes) -> bytes:
        part, rest = data[: self._owed], data[self._owed :]
        self._owed -= len(part)
        self.on_body(part)
        if not self._owed:
            self.on_message_complete()
        return rest
