"""Events into a NATS JetStream stream. ``Nats-Msg-Id`` is the event's id, by which the stream drops repeats.

The stream is the operator's: it must exist, and take the subject. What it has acknowledged is on its disk.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit, urlunsplit

import nats
import nats.errors
import nats.js.errors

from guantong.exchange.events.cloud import MEDIA_TYPE
from guantong.exchange.events.outlets import Handed
from guantong.exchange.events.store import Kept

TIMEOUT_S = 10


class JetStream:
    """``nats://[user:password@]host:port/subject``; without a subject it is ``guantong.<target>``."""

    at_once = 500

    def __init__(self, target: str, address: str) -> None:
        parts = urlsplit(address)
        self._server = urlunsplit(parts._replace(path="", query=""))
        self._subject = unquote(parts.path.strip("/")) or f"guantong.{target}"

    def hand_over(self, events: Sequence[Kept]) -> Handed:
        """See :class:`guantong.exchange.events.outlets.Outlet`."""
        return asyncio.run(self._published(events))

    def close(self) -> None:
        """See :class:`guantong.exchange.events.outlets.Outlet`. A connection lasts for one hand-over."""

    async def _published(self, events: Sequence[Kept]) -> Handed:
        taken = 0
        try:
            connection = await nats.connect(
                self._server,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0.1,
                connect_timeout=TIMEOUT_S,
                error_cb=_quiet,
            )
            try:
                stream = connection.jetstream(timeout=TIMEOUT_S)
                for event in events:
                    headers = {"Nats-Msg-Id": event.id, "content-type": MEDIA_TYPE}
                    await stream.publish(self._subject, event.body, headers=headers, timeout=TIMEOUT_S)
                    taken += 1
            finally:
                await connection.close()
        except nats.js.errors.NoStreamResponseError:
            return Handed(taken, why="no stream takes the subject")
        except (nats.errors.Error, OSError, TimeoutError) as fault:
            return Handed(taken, why=type(fault).__name__)
        return Handed(taken)


async def _quiet(fault: Exception) -> None:
    """What went wrong is told by what is awaited."""
