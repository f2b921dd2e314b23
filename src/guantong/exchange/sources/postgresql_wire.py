"""Rows that pass from one PostgreSQL to another as the server encodes them: COPY (binary), by the megabyte.

libpq hands out a COPY row by row, which costs more than all the rest together. So libpq signs in, and for the time
of one COPY this module speaks on its socket: the few messages of the frontend/backend protocol 3.0 that COPY
needs (PostgreSQL documentation, "Message Formats"). An encrypted connection cannot be spoken on this way.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence

import psycopg

from guantong.exchange.chunks import Frames, Place
from guantong.exchange.columns import Kind

PATIENCE_S = 900
"""A server that is silent for longer is lost."""
_PIECE = 1 << 20
_HEAD = struct.Struct(">BI")
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_OPENING = _SIGNATURE + bytes(8)
_TRAILER = b"\xff\xff"
_DATA, _DONE, _COMPLETE, _READY, _ERROR = b"dcCZE"
_IN, _OUT = b"GH"
_ASIDE = frozenset(b"NSA")  # notices, parameters, notifications
_DECODERS: dict[Kind, Callable[[bytes], int | str]] = {
    "integer": lambda raw: int.from_bytes(raw, "big", signed=True),
    "text": lambda raw: raw.decode(),
}
NAMED = frozenset(_DECODERS)
"""The kinds of values that a place can be told in."""

Connection = psycopg.Connection[tuple[object, ...]]


def is_open(connection: Connection) -> bool:
    """Whether the connection can be spoken on: not encrypted, both sides UTF-8."""
    if connection.pgconn.ssl_in_use or connection.info.server_version < 120_000:
        return False
    connection.execute("SET client_encoding = 'UTF8'")
    row = connection.execute(
        "SELECT current_setting('server_encoding') = 'UTF8' AND NOT EXISTS"
        " (SELECT FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_catalog.pg_backend_pid() AND encrypted)"
    ).fetchone()
    return bool(row and row[0])


class Wire:
    """The socket of a connection that libpq does not use at the moment."""

    def __init__(self, connection: Connection) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.pgconn.socket))
        # A time-out leaves the socket as libpq has set it (not blocking).
        self._socket.settimeout(PATIENCE_S)
        self._buffer = bytearray()
        self._piece = memoryview(bytearray(_PIECE))

    def frames(
        self, statement: bytes, *, rows: int, size: int, named: Sequence[tuple[int, Kind]]
    ) -> Iterator[Frames]:
        """What ``COPY … TO STDOUT (FORMAT binary)`` gives, in chunks of at most ``rows`` rows, about ``size`` bytes.

        ``named`` are the positions and kinds of the columns whose last values are the chunk's place.
        Raises psycopg's errors.
        """
        self._send(_message(b"Q", statement + b"\0"))
        self._await(_OUT)
        self._drop_opening()
        buffer, at, count, last = self._buffer, 0, 0, 0
        head = _HEAD.unpack_from
        while True:
            # Once a row: nothing here that need not be.
            while at + 5 <= len(buffer):
                kind, length = head(buffer, at)
                after = at + 1 + length
                if kind != _DATA or after > len(buffer) or length == 6:
                    break
                last, at, count = at, after, count + 1
                if count == rows or at >= size:
                    yield Frames(count, bytes(buffer[:at]), _place(buffer, last, named))
                    del buffer[:at]
                    at = count = 0
            if not self._is_whole(at):
                self._read()
                continue
            if buffer[at] in _ASIDE:
                del buffer[at : at + 1 + head(buffer, at)[1]]
                continue
            break
        if count:
            yield Frames(count, bytes(buffer[:at]), _place(buffer, last, named))
        del buffer[:at]
        self._await(_READY)

    def take(self, statement: bytes, frames: Frames) -> None:
        """Write rows by ``COPY … FROM STDIN (FORMAT binary)``. Raises psycopg's errors."""
        self._send(_message(b"Q", statement + b"\0"))
        self._await(_IN)
        self._send(_message(b"d", _OPENING))
        self._send(frames.data)
        self._send(_message(b"d", _TRAILER) + _message(b"c", b""))
        self._await(_READY)

    def close(self) -> None:
        """Leave the socket to libpq."""
        self._socket.close()

    def _is_whole(self, at: int) -> bool:
        """Whether a whole message stands at ``at``."""
        buffer = self._buffer
        return len(buffer) >= at + 5 and len(buffer) > at + _HEAD.unpack_from(buffer, at)[1]

    def _drop_opening(self) -> None:
        """The first row comes behind the head of the stream, in one message."""
        while not self._is_whole(0):
            self._read()
        buffer = self._buffer
        kind, length = _HEAD.unpack_from(buffer, 0)
        if kind != _DATA or not buffer.startswith(_SIGNATURE, 5):
            return
        skipped = len(_OPENING) + int.from_bytes(buffer[20:24], "big")
        rest = length - 4 - skipped
        del buffer[: 5 + skipped]
        if rest:
            buffer[:0] = _HEAD.pack(_DATA, rest + 4)

    def _await(self, wanted: int) -> None:
        """Pass over messages up to ``wanted``; an error is raised once the server is ready again."""
        fault: psycopg.Error | None = None
        while True:
            while not self._is_whole(0):
                self._read()
            kind, length = _HEAD.unpack_from(self._buffer, 0)
            body = bytes(self._buffer[5 : 1 + length])
            del self._buffer[: 1 + length]
            if kind == _ERROR:
                fault = _fault(body)
            elif kind == _READY and fault is not None:
                raise fault
            elif kind == wanted:
                return

    def _read(self) -> None:
        try:
            count = self._socket.recv_into(self._piece)
        except OSError as gone:
            raise self._lost() from gone
        if not count:
            raise self._lost()
        self._buffer += self._piece[:count]

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as gone:
            raise self._lost() from gone

    def _lost(self) -> psycopg.OperationalError:
        """libpq must not go on with half a conversation."""
        with contextlib.suppress(OSError):  # the other end may have closed it before
            self._socket.shutdown(socket.SHUT_RDWR)
        return psycopg.OperationalError("the connection was lost during COPY")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def _place(buffer: bytearray, at: int, named: Sequence[tuple[int, Kind]]) -> Place:
    """The values at the ``named`` positions of the row at ``at``."""
    if not named:
        return ()
    values: list[bytes] = []
    at += 7
    for _ in range(1 + max(position for position, _ in named)):
        length = max(0, int.from_bytes(buffer[at : at + 4], "big", signed=True))
        values.append(bytes(buffer[at + 4 : at + 4 + length]))
        at += 4 + length
    return tuple(_DECODERS[kind](values[position]) for position, kind in named)


def _fault(body: bytes) -> psycopg.Error:
    """The server's error as psycopg would raise it; only the primary message, as details may hold data."""
    fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
    try:
        kind = psycopg.errors.lookup(fields.get(b"C", ""))
    except KeyError:
        kind = psycopg.DatabaseError
    return kind(fields.get(b"M", ""))
