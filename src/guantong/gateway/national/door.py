"""``/sysapi/auth/refreshappsecret`` and ``/httpproxy``: what a client of the national platform calls."""

from typing import Any

import msgspec

from guantong.bundle.types import Application, Bundle, Grant, Resource
from guantong.gateway.call import Call, Consumer, Sent
from guantong.gateway.faults import RequestMisshapen
from guantong.gateway.messages import checked
from guantong.gateway.national.faults import FAILED, NOT_LISTED, NotOnTheList, ServiceAmbiguous
from guantong.gateway.national.signing import Callers, four_of
from guantong.gateway.national.wrapping import Wrap
from guantong.gateway.nonces import drawn
from guantong.gateway.services import door as services
from guantong.gateway.services.door import service_call, text_of
from guantong.gateway.services.paths import query_of
from guantong.gateway.switch import Answered
from guantong.gateway.traces import traced
from guantong.kit import clock
from guantong.kit.asgi import BodyNotJson, Incoming, Outgoing, as_json
from guantong.kit.errors import GuantongError

REFRESH = "/sysapi/auth/refreshappsecret"
PROXY = "/httpproxy"


class NationalDoor:
    """Speaks the convention; what is asked is a call like any other."""

    def __init__(self, callers: Callers, wrap: Wrap) -> None:
        self._callers = callers
        self._wrap = wrap

    async def refreshed(self, body: bytes, bundle: Bundle) -> Outgoing:
        """A second secret, wrapped under the application key."""
        try:
            said = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BodyNotJson from None
        _, key = await self._callers.by_key(four_of(said), bundle)
        secret, ends = self._callers.second(key)
        data = {"secret": self._wrap(key, secret.encode()), "secretEndTime": ends}
        return as_json(200, {"code": "0", "msg": "", "data": data})

    async def call_of(self, head: Incoming, body: bytes, bundle: Bundle, call: str) -> Call:
        """The call that a request to the proxy is."""
        four = four_of(head.headers)
        application = await self._callers.by_secret(four, bundle)
        grant = _grant(four.sid, application, bundle, text_of(head, "guantong-grant"))
        resource = bundle.resources.get(grant.resource)
        if resource is None:
            raise NotOnTheList
        if resource.operations:
            return _service(head, body, application, grant, resource, call)
        return _table(head, body, application, grant, resource, call)


def told(call: Call, answered: Answered) -> Outgoing:
    """What a service answers, as it is; the rows of a table as the convention's clients read them."""
    if call.sent is not None:
        return services.told(call, answered)
    said = {"code": "0", "msg": "", "data": answered.answer["rows"]}
    return as_json(200, said, services.evidence(call, answered))


def refused(error: GuantongError, call: str) -> Outgoing:
    """A refusal in the convention's words, with ours beside them and the status that is true."""
    code = NOT_LISTED if error.status == 403 else FAILED
    said = {"code": code, "msg": error.sentence("zh"), "error": error.as_json(), "call": call}
    return as_json(error.status, said)


def _grant(sid: str, application: Application, bundle: Bundle, named: str) -> Grant:
    fitting = [
        grant
        for grant in bundle.grants.values()
        if sid in grant.sids and application.id in grant.applications and named in {"", grant.id}
    ]
    if len(fitting) > 1:
        now = clock.now()
        fitting = [
            grant for grant in fitting if grant.state == "active" and clock.parse(grant.not_after) > now
        ] or fitting[:1]
    if not fitting:
        raise NotOnTheList
    if len(fitting) > 1:
        raise ServiceAmbiguous
    return fitting[0]


def _service(
    head: Incoming, body: bytes, application: Application, grant: Grant, resource: Resource, call: str
) -> Call:
    named = text_of(head, "guantong-operation")
    fitting = [
        name for name, one in resource.operations.items() if one.method == head.method and named in {"", name}
    ]
    if len(fitting) != 1:
        raise ServiceAmbiguous
    operation = resource.operations[fitting[0]]
    given = _parameters(head, body)
    if operation.body == "json":
        members = {name for name, one in operation.parameters.items() if one.where == "json"}
        text = (
            body.decode("utf-8", "replace")
            if _is_json(head)
            else _json({n: v for n, v in given.items() if n in members})
        )
        given = {name: value for name, value in given.items() if name not in members}
    else:
        text = ""
    beyond = sorted(set(given) - set(operation.parameters))
    if beyond:
        raise RequestMisshapen(where=f"parameters that are not declared: {', '.join(beyond)[:100]}")
    sent = Sent(fitting[0], given, text, "application/json" if text else "")
    return service_call(
        application, grant, resource, sent,
        call=call, purpose=grant.purpose, case=text_of(head, "guantong-case"),
        trace=text_of(head, "guantong-trace") or traced(head.headers),
    )  # fmt: skip


def _table(
    head: Incoming, body: bytes, application: Application, grant: Grant, resource: Resource, call: str
) -> Call:
    given = _parameters(head, body)
    return checked(
        Call(
            call=call,
            trace=text_of(head, "guantong-trace") or traced(head.headers) or call,
            at=clock.rfc3339(clock.now()),
            nonce=drawn(16).hex(),
            consumer=Consumer(application.node, application.organisation, application.id),
            resource=resource.code,
            grant=grant.id,
            purpose=grant.purpose,
            case=text_of(head, "guantong-case"),
            mode="query",
            keys=given,
            fields=[field for field in grant.fields if field in resource.items],
            claims={},
        )
    )


def _parameters(head: Incoming, body: bytes) -> dict[str, str]:
    """Parameters of query string, form or JSON object together, each named once."""
    found = query_of(head.path.partition("?")[2])
    more: dict[str, Any] = {}
    if body and _is_json(head):
        try:
            more = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BodyNotJson from None
    elif body:
        try:
            more = dict(query_of(body.decode("ascii")))
        except UnicodeDecodeError:
            raise RequestMisshapen(where="a form that is not ASCII") from None
    if set(found) & set(more):
        raise RequestMisshapen(where="a parameter in address and body")
    return found | {name: value if isinstance(value, str) else _json(value) for name, value in more.items()}


def _is_json(head: Incoming) -> bool:
    return head.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
