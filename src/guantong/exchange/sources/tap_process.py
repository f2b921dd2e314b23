"""The tap's own process: passes connections on to a server, and lets no more than ``AHEAD`` bytes run ahead.

Run by its path as ``python -I tap_process.py HOST PORT``: it says on which loopback port it listens, and is told on
standard input, a line each: ``a`` the next batch is waited for, ``r N`` a batch of N bytes was taken. It ends with
its standard input. Of the standard library alone, so that it starts at once.
"""

import os
import socket
import sys
import threading
import time
from contextlib import suppress

AHEAD = 4 << 20
"""Bytes that may wait in the driver."""
BLOCK = 256 << 10
CONNECT_S = 5.0
PATIENCE_S = 0.02
NEVER = float("inf")


class Meter:
    """How far the server may run ahead of whoever reads."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._passed = self._taken = 0
        self._awaited_since = time.monotonic()

    def wait(self, size: int) -> None:
        """Until ``size`` more bytes may pass."""
        with self._turn:
            while self._passed - self._taken >= AHEAD:
                if time.monotonic() - self._awaited_since > PATIENCE_S:
                    # Whoever has waited for that long has nothing left to take.
                    self._taken = self._passed
                self._turn.wait(PATIENCE_S)
            self._passed += size

    def told(self, line: str) -> None:
        """Take in a line."""
        word, _, size = line.partition(" ")
        with self._turn:
            self._awaited_since = time.monotonic() if word == "a" else NEVER
            # A batch in memory takes about as many bytes as on the wire, and surely not half of them.
            self._taken = min(self._passed, self._taken + int(size or 0) // 2)
            self._turn.notify_all()


def main(host: str, port: int) -> None:
    """Serve until standard input ends."""
    meter = Meter()
    listening = socket.create_server(("127.0.0.1", 0), backlog=8)
    threading.Thread(target=_accept, args=(listening, (host, port), meter), daemon=True).start()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        meter.told(line.strip())
    os._exit(0)


def _accept(listening: socket.socket, server: tuple[str, int], meter: Meter) -> None:
    # A driver may open several connections: to look at the columns first, say.
    while True:
        near, _ = listening.accept()
        threading.Thread(target=_join, args=(near, server, meter), daemon=True).start()


def _join(near: socket.socket, server: tuple[str, int], meter: Meter) -> None:
    try:
        far = socket.create_connection(server, timeout=CONNECT_S)
    except OSError:
        near.close()
        return
    far.settimeout(None)
    for end in (near, far):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=_ask, args=(near, far), daemon=True).start()
    block = memoryview(bytearray(BLOCK))
    # Either end may go at any moment: the driver finds its connection broken, and says so.
    with suppress(OSError):
        while size := far.recv_into(block):
            meter.wait(size)
            near.sendall(block[:size])
    near.close()


def _ask(near: socket.socket, far: socket.socket) -> None:
    # As above; the thread ends with its connection.
    with suppress(OSError):
        while data := near.recv(BLOCK):
            far.sendall(data)
    with suppress(OSError):
        far.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
