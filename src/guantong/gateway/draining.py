"""A server that stops without losing anybody: it takes no more in, tells those who are here, and waits for them.

uvicorn alone closes connections that are idle at that moment, whether or not a request is on its way to them.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from socket import socket

import uvicorn

from guantong.gateway.app import Gateway

IDLE_S = 4.0
"""How long an idle connection is waited for: longer than our own courier keeps one."""
LOOK_S = 0.02


class DrainingServer(uvicorn.Server):
    """Serves until :meth:`stop`; signals are its owner's to take."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, *, bound_s: float) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._bound_s = bound_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: uvicorn would raise them again after serving, and end the process before it has tidied up."""
        yield

    def stop(self) -> None:
        """Drain and end; may be called from a signal's handler."""
        self._gateway.is_draining = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Finish what is on its way, within ``bound_s`` seconds; what is not finished then is cut off.

        From now on every answer says ``connection: close``, so a client that keeps its connection sends its next
        request elsewhere. An idle connection gets the time to send one more.
        """
        loop = asyncio.get_running_loop()
        self._gateway.is_draining = True
        end = loop.time() + self._bound_s
        await asyncio.sleep(LOOK_S)  # who stands in the queue already is let in
        for server in self.servers:
            server.close()
        idle_until = min(end, loop.time() + min(IDLE_S, self._bound_s / 2))
        while self.server_state.connections and loop.time() < idle_until:  # noqa: ASYNC110 - uvicorn's set
            await asyncio.sleep(LOOK_S)
        self.config.timeout_graceful_shutdown = max(1, round(end - loop.time()))
        await super().shutdown(sockets)
