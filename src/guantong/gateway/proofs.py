"""Proofs and checkpoints of any node: from this node's own log, or asked for along the route.

They hold digests and signatures only, and prove themselves; whoever carries them need not be trusted.
"""

import asyncio
from collections.abc import Mapping

from guantong.bundle.types import Bundle
from guantong.courier.client import Courier, Reply
from guantong.gateway.relay import Relay
from guantong.kit.asgi import Outgoing, PathUnknown

_HEX = set("0123456789abcdef")
_PASSED = ("content-type", "retry-after")


class Proofs:
    """Asks the node's own log process, or the next node on the way."""

    def __init__(self, node: str, log_url: str, courier: Courier, relay: Relay) -> None:
        self._node = node
        self._log_url = log_url.rstrip("/")
        self._courier = courier
        self._relay = relay

    async def proof(
        self, node: str, digest: str, bundle: Bundle, path: tuple[str, ...], deadline: float
    ) -> Outgoing:
        """The tlog-proof of the record with this SHA-256 (64 hexadecimal digits) in the log of ``node``.

        404 with the code ``not_in_log_yet`` while the log has not taken it in.
        """
        if len(digest) != 64 or not set(digest) <= _HEX:
            raise PathUnknown
        if node == self._node:
            return await self._own(f"/proof/{digest}", deadline)
        _check_known(node, bundle)
        return await self._forwarded(f"/v1/proofs/{node}/{digest}", bundle, path, deadline, to=node)

    async def checkpoint(self, node: str, bundle: Bundle, path: tuple[str, ...], deadline: float) -> Outgoing:
        """The latest cosigned checkpoint of the log of ``node``."""
        if node == self._node:
            return await self._own("/checkpoint", deadline)
        _check_known(node, bundle)
        return await self._forwarded(f"/v1/nodes/{node}/checkpoint", bundle, path, deadline, to=node)

    async def _own(self, path: str, deadline: float) -> Outgoing:
        left_s = max(0.0, deadline - asyncio.get_running_loop().time())
        url = self._log_url + path
        reply = await self._courier.send("GET", url, timeout_s=left_s, peer=f"{self._node}/log")
        return _outgoing(reply)

    async def _forwarded(
        self, target: str, bundle: Bundle, path: tuple[str, ...], deadline: float, *, to: str
    ) -> Outgoing:
        _, reply = await self._relay.send("GET", target, b"", bundle, path, deadline, to=to)
        return _outgoing(reply)


def _check_known(node: str, bundle: Bundle) -> None:
    if node not in bundle.nodes:
        raise PathUnknown


def _outgoing(reply: Reply) -> Outgoing:
    headers: Mapping[str, str] = {name: reply.headers[name] for name in _PASSED if name in reply.headers}
    return Outgoing(reply.status, reply.body, headers)
