"""The little of HTTP that the gateway needs: a request read whole, an answer sent whole, over raw ASGI."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

from guantong.gateway.faults import BodyTooLarge

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request. Header names are lower case, repeated headers joined; the path is as it was sent."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer before it is signed."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def incoming(scope: Scope) -> Incoming:
    """The request's head. A query string is part of the path, and so of no address that we answer."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    if query := scope.get("query_string"):
        path += "?" + query.decode("latin-1")
    return Incoming(scope["method"], path, headers)


async def read_body(receive: Receive, headers: Mapping[str, str]) -> bytes:
    """The whole body, or BodyTooLarge as soon as that is known."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > LARGEST_BODY:
        raise BodyTooLarge(limit=LARGEST_BODY)
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge(limit=LARGEST_BODY)
    return body


def as_json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Outgoing:
    """A JSON answer. Values of type msgspec.Raw go out byte for byte."""
    given = {"content-type": "application/json; charset=utf-8", **(headers or {})}
    return Outgoing(status, msgspec.json.encode(value), given)


async def deliver(send: Send, answer: Outgoing) -> None:
    """Send ``answer``, never to be stored by anyone on the way."""
    headers = [
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
