"""The little of HTTP that the data plane needs: a request read whole, an answer sent whole, over raw ASGI."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

import msgspec

from guantong.kit.errors import GuantongError
from guantong.kit.parts import Parts

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 256 * 1024


class PathUnknown(GuantongError):
    """No such address here."""

    code = "path_unknown"
    status = 404
    zh = "没有这个地址。"
    en = "There is no such address here."


class MethodNotAllowed(GuantongError):
    """The address exists, but not for this method."""

    code = "method_not_allowed"
    status = 405
    zh = "该地址不支持此方法。"
    en = "This address does not answer that method."


class BodyTooSlow(GuantongError):
    """The body did not arrive whole within the call's time limit."""

    code = "body_too_slow"
    status = 408
    zh = "请求体未在时限内全部到达。"
    en = "The body did not arrive within the time limit."


class BodyNotJson(GuantongError):
    """The body cannot be read."""

    code = "body_not_json"
    status = 400
    zh = "请求体不是有效的 JSON。"
    en = "The body is not valid JSON."


class NotReady(GuantongError):
    """No bundle is in force yet."""

    code = "not_ready"
    status = 503
    zh = "网关尚未收到有效的配置快照。"
    en = "The gateway has no bundle in force yet."


class InternalFault(GuantongError):
    """Something that we did not foresee. Only the call id goes into the log."""

    code = "internal_fault"
    status = 500
    zh = "网关内部故障，请凭调用编号联系管理员。"
    en = "The gateway failed; please report the call id to its operator."


class BodyTooLarge(GuantongError):
    """The request's body is larger than any sensible call."""

    code = "body_too_large"
    status = 413
    zh = "请求体超过 {limit} 字节的上限。"
    en = "The body exceeds the limit of {limit} bytes."


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A request. Header names are lower case, repeated headers joined; the path is as it was sent."""

    method: str
    path: str
    headers: Mapping[str, str]


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """An answer before it is signed. ``held`` is its body instead of ``body``, where that is too large for memory."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    held: Parts | None = None


def incoming(scope: Scope) -> Incoming:
    """The request's head. A query string is part of the path, and so of no address that we answer."""
    raw = scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) < len(raw):
        headers = _joined(raw)
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    if query := scope.get("query_string"):
        path += "?" + query.decode("latin-1")
    return Incoming(scope["method"], path, headers)


def _joined(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers of which some are repeated (RFC 9110 §5.2)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def read_body(receive: Receive, headers: Mapping[str, str], *, limit: int = LARGEST_BODY) -> bytes:
    """The whole body, or BodyTooLarge as soon as that is known."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise BodyTooLarge(limit=limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    gathered = bytearray(body)
    while message.get("more_body"):
        message = await receive()
        gathered += message.get("body", b"")
        if len(gathered) > limit:
            raise BodyTooLarge(limit=limit)
    return bytes(gathered)


def as_json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Outgoing:
    """A JSON answer. Values of type msgspec.Raw go out byte for byte."""
    given = {"content-type": "application/json; charset=utf-8", **(headers or {})}
    return Outgoing(status, msgspec.json.encode(value), given)


async def answered(serving: Awaitable[Outgoing], *, node: str, logger: logging.Logger) -> Outgoing:
    """What ``serving`` answers, or the sentence for what went wrong; no stack trace leaves."""
    try:
        return await serving
    except GuantongError as fault:
        return as_json(fault.status, {"error": fault.as_json(), "node": node})
    except Exception as fault:
        # The last line: a program gets a sentence and a code, the log what happened; the server lives on.
        logger.exception("a request failed: %s", type(fault).__name__)
        return as_json(500, {"error": InternalFault().as_json(), "node": node})


async def deliver(send: Send, answer: Outgoing) -> None:
    """Send ``answer``, never to be stored by anyone on the way."""
    headers = [
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
