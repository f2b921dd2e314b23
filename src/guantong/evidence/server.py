"""The log's HTTP face, a plain ASGI application: tiles and checkpoint, proofs by digest, witnessing.

``GET /checkpoint``, ``/tile/…`` (https://c2sp.org/tlog-tiles), ``/proof/<sha256 hex>``
(https://c2sp.org/tlog-proof without extra data), ``/mirror/<name>/…`` (checkpoint and tiles of a log that is followed
here), ``/health``; ``POST /add-checkpoint``
(https://c2sp.org/tlog-witness).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from guantong.evidence.following import Following
from guantong.evidence.log import Log
from guantong.evidence.running import Running
from guantong.evidence.tiles import read_tile_path
from guantong.evidence.witness import LONGEST_REQUEST, TEXT_TYPE, Answer, Witness
from guantong.kit.canonical import dumps
from guantong.kit.errors import GuantongError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
SendEvent = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_BYTES = "application/octet-stream"
_JSON = "application/json"
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FOREVER = "public, max-age=31536000, immutable"


class NothingHere(GuantongError):
    """No such page, tile or checkpoint."""

    code = "nothing_here"
    status = 404
    zh = "此处没有内容。"
    en = "There is nothing here."


class MethodNotAllowed(GuantongError):
    """The address exists for another method."""

    code = "method_not_allowed"
    status = 405
    zh = "该地址不接受 {method} 方法。"
    en = "This address does not take the method {method}."


class RequestTooLong(GuantongError):
    """A body beyond what a checkpoint with its proof can need."""

    code = "request_too_long"
    status = 413
    zh = "请求体超过 {limit} 字节的上限。"
    en = "The request is longer than {limit} bytes."


class LogServer:
    """The application. ``witness`` is None on a node that cosigns for nobody."""

    def __init__(self, running: Running, witness: Witness | None, following: Following | None = None) -> None:
        self._running = running
        self._log: Log = running.log
        self._witness = witness
        self._following = following

    async def __call__(self, scope: Scope, receive: Receive, send: SendEvent) -> None:
        """One HTTP request."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope["method"], scope["path"], receive)
        except GuantongError as fault:
            answer = Answer(fault.status, dumps({"error": fault.as_json()}), _JSON)
        cache = _FOREVER if answer.content_type == _BYTES else "no-store"
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
            (b"cache-control", cache.encode()),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, method: str, path: str, receive: Receive) -> Answer:
        if path == "/add-checkpoint":
            _check_method(method, {"POST"})
            return await self._add_checkpoint(receive)
        _check_method(method, {"GET", "HEAD"})
        if path == "/checkpoint":
            return self._checkpoint()
        if path.startswith("/tile/"):
            return await asyncio.to_thread(self._tile, path.removeprefix("/tile/"))
        if path.startswith("/proof/"):
            return await asyncio.to_thread(self._proof, path.removeprefix("/proof/"))
        if path.startswith("/mirror/"):
            return await asyncio.to_thread(self._mirrored, path.removeprefix("/mirror/"))
        if path == "/health":
            return await asyncio.to_thread(self._health)
        raise NothingHere

    async def _add_checkpoint(self, receive: Receive) -> Answer:
        if self._witness is None:
            raise NothingHere
        body = await _body(receive)
        return await asyncio.to_thread(self._witness.add_checkpoint, body)

    def _checkpoint(self) -> Answer:
        if self._log.latest is None:
            raise NothingHere
        return Answer(200, self._log.latest.note.to_bytes(), TEXT_TYPE)

    def _tile(self, path: str) -> Answer:
        tile = read_tile_path(path)
        found = self._log.tile(tile) if tile else None
        if found is None:
            raise NothingHere
        return Answer(200, found, _BYTES)

    def _mirrored(self, path: str) -> Answer:
        """What this node has verified of a log that it follows: from here that log can be repaired."""
        name, _, rest = path.partition("/")
        mirror = self._following.mirror(name) if self._following else None
        tile = read_tile_path(rest.removeprefix("tile/")) if rest.startswith("tile/") else None
        if mirror and mirror.note and rest == "checkpoint":
            return Answer(200, mirror.note, TEXT_TYPE)
        found = mirror.tile(tile) if mirror and tile else None
        if found is None:
            raise NothingHere
        return Answer(200, found, _BYTES)

    def _proof(self, digest: str) -> Answer:
        if not _DIGEST.match(digest):
            raise NothingHere
        return Answer(200, self._log.proof(bytes.fromhex(digest)).to_bytes(), TEXT_TYPE)

    def _health(self) -> Answer:
        log, running = self._log, self._running
        troubles = {writer: str(fault) for writer, fault in log.troubles.items()}
        said = {
            "origin": log.origin,
            "size": log.latest.checkpoint.size if log.latest else 0,
            "witnessed": log.witnessed.checkpoint.size if log.witnessed else None,
            "behind": log.behind,
            "suspicions": self._witness.suspicion_count() if self._witness else 0,
            "troubles": {
                "log": running.trouble,
                "policy": str(log.policy_trouble) if log.policy_trouble else None,
                "writers": troubles,
                "witnesses": dict(running.cosigning.troubles),
                "followed": dict(self._following.troubles) if self._following else {},
            },
        }
        return Answer(503 if running.trouble or troubles else 200, dumps(said), _JSON)


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if len(body) > LONGEST_REQUEST:
            raise RequestTooLong(limit=LONGEST_REQUEST)
        if not event.get("more_body"):
            return bytes(body)


def _check_method(method: str, allowed: set[str]) -> None:
    if method not in allowed:
        raise MethodNotAllowed(method=method)
