"""What a department's own interface gives to a call: its answer as far as it is granted, or rows as a table gives them."""

import base64
from decimal import Decimal
from typing import Any

import msgspec

from guantong.bundle.services import Operation, Service
from guantong.bundle.types import Resource
from guantong.courier.client import Reply
from guantong.gateway.answers import Answer
from guantong.gateway.call import Call, Sent
from guantong.gateway.decide import Allow
from guantong.gateway.holding import Held, Holding
from guantong.gateway.services.calling import SAFE, Services
from guantong.gateway.services.documents import AnswerMisshapen, rows_of, shown
from guantong.gateway.sources.lookup import Row, SourceUnavailable

# Fractions keep every digit: what the department wrote is what the consumer reads.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


async def answer_of(
    services: Services, service: Service, call: Call, sent: Sent, allow: Allow, salt: bytes, deadline: float,
    *, body: Held | None = None, room: Holding | None = None,
) -> tuple[Answer, int, Held | None]:  # fmt: skip
    """The answer to ``sent``, filtered and masked, of how many rows it is, and its body if that rests in ``room``.

    Status, media type and told headers are the service's own. Raises what :meth:`Services.ask` raises, TooManyRows.
    """
    operation = allow.resource.operations[sent.operation]
    passes = operation.answer == "whole"
    reply, headers, held = await services.ask(
        service, operation, sent, deadline, body=body, room=room if passes else None
    )
    if held is not None:
        told: Answer = {"status": reply.status, "headers": headers, "digest": held.digest, "size": held.size}
        return told, 1, held
    if reply.status >= 500:
        raise SourceUnavailable(resource=call.resource)
    if passes and reply.status < 300:
        text = base64.b64encode(reply.body).decode()
        return _answer(reply.status, headers, text, is_base64=True), 1, None
    if not reply.body or not _is_json(reply):
        if reply.status < 300 and reply.body:
            raise AnswerMisshapen(resource=call.resource)
        # A refusal in prose or HTML may hold anything; its status says enough.
        return _answer(reply.status, {}, "", is_base64=False), 0, None
    left, rows = shown(_document(reply, call.resource), operation, allow, salt)
    return _answer(reply.status, headers, _encode(left).decode(), is_base64=False), rows, None


async def looked_up(
    services: Services, service: Service, resource: Resource, call: Call, items: list[str], deadline: float
) -> list[Row]:
    """The rows that the keys of a query or a verification find, through the operation that takes these keys."""
    found = lookup_operation(resource, call)
    if found is None:
        raise SourceUnavailable(resource=call.resource)
    name, operation = found
    parameters = {
        parameter: call.keys[one.item] for parameter, one in operation.parameters.items() if one.item
    }
    reply, _, _ = await services.ask(service, operation, Sent(name, parameters), deadline)
    if reply.status == 404:
        return []
    if reply.status != 200:
        raise SourceUnavailable(resource=call.resource)
    return rows_of(_document(reply, call.resource), operation, items)


def lookup_operation(resource: Resource, call: Call) -> tuple[str, Operation] | None:
    """The operation that finds rows by just these keys, if there is one."""
    for name, operation in resource.operations.items():
        needs_more = any(one.required and not one.item for one in operation.parameters.values())
        is_lookup = operation.method in SAFE and operation.answer == "json" and not needs_more
        if is_lookup and operation.keys == set(call.keys):
            return name, operation
    return None


def _answer(status: int, headers: dict[str, str], body: str, *, is_base64: bool) -> Answer:
    return {"status": status, "headers": headers, "body": body, "is_base64": is_base64}


def _is_json(reply: Reply) -> bool:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def _document(reply: Reply, resource: str) -> Any:
    try:
        return _decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AnswerMisshapen(resource=resource) from None
