"""``/v1/services/<grant>/…``: a department's interface as its programmers know it, with the grant before its path.

From an HTTP request to a call that every node on the way can judge, and from the answer back to what the interface
itself would have said. Purpose and case may be told in ``guantong-purpose`` and ``guantong-case``; without the first
the call is for the purpose of the grant.
"""

import base64
import re
from typing import Any, cast
from urllib.parse import unquote

from guantong.bundle import refusals
from guantong.bundle.services import Operation
from guantong.bundle.types import Application, Bundle, Grant, Resource
from guantong.gateway.call import Call, Consumer, Sent
from guantong.gateway.faults import RequestMisshapen
from guantong.gateway.holding import Held
from guantong.gateway.messages import checked
from guantong.gateway.nonces import drawn
from guantong.gateway.services.answers import PRIVATE
from guantong.gateway.services.calling import json_members
from guantong.gateway.services.paths import matched, query_of, segments_of
from guantong.gateway.switch import Answered
from guantong.gateway.traces import traced
from guantong.kit import clock, envelope
from guantong.kit.asgi import Incoming, Outgoing
from guantong.kit.canonical import to_base64
from guantong.kit.errors import GuantongError

PREFIX = "/v1/services/"
LONGEST_BODY = 128 * 1024

_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}(; ?[A-Za-z0-9=._ -]{1,60})?")


def call_of(head: Incoming, body: bytes | Held, bundle: Bundle, application: Application, call: str) -> Call:
    """The call that a request to a service is. PathRefused, QueryRefused, Refusal, RequestMisshapen and the like."""
    grant, resource, name, values = _meant(head, bundle)
    operation = resource.operations[name]
    _, _, query = head.path.partition("?")
    parameters = {**values, **_queried(operation, query), **_told(operation, head)}
    if isinstance(body, Held):
        sent = Sent(name, parameters, "", _type(head), body.digest)
    else:
        sent = Sent(name, parameters, _body(operation, body), _type(head) if body else "")
    return service_call(
        application,
        grant,
        resource,
        sent,
        call=call,
        purpose=text_of(head, "guantong-purpose") or grant.purpose,
        case=text_of(head, "guantong-case"),
        trace=text_of(head, "guantong-trace") or traced(head.headers),
    )


def body_limit(head: Incoming, bundle: Bundle) -> int:
    """How large the body of this request may be: more than a call holds only where it passes whole, on this node."""
    try:
        _, resource, name, _ = _meant(head, bundle)
    except GuantongError:
        return LONGEST_BODY  # it will be refused for that, when it is known who asks
    service = bundle.services.get(resource.code)
    if service is None or resource.node != bundle.node or resource.operations[name].body != "whole":
        return LONGEST_BODY
    return max(service.body_limit, LONGEST_BODY)


def _meant(head: Incoming, bundle: Bundle) -> tuple[Grant, Resource, str, dict[str, str]]:
    """The grant, the resource, the operation and the values of its path that a request names."""
    segments = segments_of(head.path.partition("?")[0][len(PREFIX) - 1 :])
    if not segments:
        raise refusals.GrantUnknown(grant="")
    grant = bundle.grants.get(segments[0])
    if grant is None:
        raise refusals.GrantUnknown(grant=segments[0][:64])
    resource = bundle.resources.get(grant.resource)
    if resource is None:
        raise refusals.ResourceUnknown(resource=grant.resource)
    name, values = matched(resource.operations, head.method, segments[1:], resource=resource.code)
    return grant, resource, name, values


def service_call(
    application: Application, grant: Grant, resource: Resource, sent: Sent,
    *, call: str, purpose: str, case: str, trace: str,
) -> Call:  # fmt: skip
    """The call that ``sent`` to an operation of ``resource`` is; RequestMisshapen if parameters are missing."""
    operation = resource.operations[sent.operation]
    members = json_members(sent.body) if operation.body == "json" else {}
    given: dict[str, Any] = {**members, **sent.parameters}
    missing = [name for name, one in operation.parameters.items() if one.required and name not in given]
    if missing:
        raise RequestMisshapen(where=f"missing: {', '.join(missing)[:100]}")
    keys = {
        one.item: str(given[name]) for name, one in operation.parameters.items() if one.item and name in given
    }
    return checked(
        Call(
            call=call,
            trace=trace or call,
            at=clock.rfc3339(clock.now()),
            nonce=drawn(16).hex(),
            consumer=Consumer(application.node, application.organisation, application.id),
            resource=resource.code,
            grant=grant.id,
            purpose=purpose,
            case=case,
            mode="query",
            keys=keys,
            fields=fields_of(operation, grant, resource),
            claims={},
            sent=sent,
        )
    )


def fields_of(operation: Operation, grant: Grant, resource: Resource) -> list[str]:
    """What the call is about: the granted items of the operation's answer; all there are where it passes whole."""
    if operation.answer == "whole":
        return sorted(resource.items)
    return [item for item in operation.items if item in grant.fields]


def told(call: Call, answered: Answered) -> Outgoing:
    """The answer as the service gave it, with the receipt beside it."""
    answer, held = answered.answer, answered.held
    if held is None:
        text = cast("str", answer["body"])
        body = base64.b64decode(text) if answer["is_base64"] else text.encode()
    else:
        body = b""
    # What a department sends is data: no browser is to guess anything else from it.
    safe = {"x-content-type-options": "nosniff"}
    headers = {**cast("dict[str, str]", answer["headers"]), **safe, **evidence(call, answered)}
    return Outgoing(cast("int", answer["status"]), body, headers, held)


def evidence(call: Call, answered: Answered) -> dict[str, str]:
    """What proves an answer whose body belongs to another: call, salt and receipt (a byte sequence of RFC 9651)."""
    return {
        "guantong-call": call.call,
        "guantong-salt": answered.salt,
        "guantong-receipt": f":{to_base64(answered.receipt)}:",
        "guantong-receipt-digest": envelope.digest(answered.receipt),
    }


def text_of(head: Incoming, name: str) -> str:
    """A header's text; percent-encoded where it is not ASCII (RFC 3986)."""
    return unquote(head.headers.get(name, ""))[:256]


def _queried(operation: Operation, query: str) -> dict[str, str]:
    given = query_of(query)
    beyond = [
        name
        for name in given
        if name not in operation.parameters or operation.parameters[name].where != "query"
    ]
    if beyond:
        raise RequestMisshapen(where=f"parameters that are not declared: {', '.join(beyond)[:100]}")
    return given


def _told(operation: Operation, head: Incoming) -> dict[str, str]:
    declared = [name for name, one in operation.parameters.items() if one.where == "header"]
    given = {name: head.headers[name.lower()] for name in declared if name.lower() in head.headers}
    return {
        name: value
        for name, value in given.items()
        if name.lower() not in PRIVATE and not name.lower().startswith(("guantong-", "gjgxjhpt_"))
    }


def _body(operation: Operation, body: bytes) -> str:
    if len(body) > LONGEST_BODY:
        raise RequestMisshapen(where=f"a body beyond {LONGEST_BODY} bytes")
    if operation.body == "whole":
        return to_base64(body)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise RequestMisshapen(where="a body that is not UTF-8") from None


def _type(head: Incoming) -> str:
    given = head.headers.get("content-type", "")
    if given and not _TYPE.fullmatch(given):
        raise RequestMisshapen(where="content-type")
    return given
