"""The shapes of what comes over the wire. Decoded strictly; nothing is guessed."""

from typing import Annotated, Any, TypeVar

import msgspec

from guantong.bundle.types import Application
from guantong.gateway.call import Call, Consumer, Sent
from guantong.gateway.faults import RequestMisshapen
from guantong.gateway.nonces import drawn
from guantong.kit import clock
from guantong.kit.asgi import BodyNotJson

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=128)]
Value = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Keys = Annotated[dict[Code, Value], msgspec.Meta(min_length=1, max_length=8)]
Fields = Annotated[list[Code], msgspec.Meta(min_length=1, max_length=40)]
Claims = Annotated[dict[Code, Value], msgspec.Meta(min_length=1, max_length=40)]


LONGEST_SENT = 192 * 1024
LONGEST_VALUES = 8192


class _Question(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    resource: Code
    grant: Code
    purpose: Text
    keys: Keys
    case: Text = ""
    trace: Text = ""


class Query(_Question, forbid_unknown_fields=True):
    """查询: give me these fields of the rows that the keys find."""

    fields: Fields


class Verify(_Question, forbid_unknown_fields=True):
    """核验: does what is claimed agree with the row that the keys find?"""

    claims: Claims


NOTHING = msgspec.Raw(b"null")


class PeerAnswer(msgspec.Struct):
    """A node's answer to a relayed call. The receipts are kept byte for byte, as their signatures need."""

    call: str
    answer: dict[str, Any]
    salt: str
    receipt: msgspec.Raw
    hops: list[msgspec.Raw]


class PeerError(msgspec.Struct):
    """What a node says when it does not answer."""

    code: Code
    message: dict[str, str]
    details: dict[str, Any] = {}


class PeerRefusal(msgspec.Struct):
    """A node's refusal or fault, with the receipt of a refusal."""

    error: PeerError
    node: str
    receipt: msgspec.Raw = NOTHING
    hops: list[msgspec.Raw] = []


Shape = TypeVar("Shape")


def read(body: bytes, shape: type[Shape]) -> Shape:
    """``body`` as a ``shape``. Raises BodyNotJson, RequestMisshapen (which never repeats values)."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as fault:
        raise RequestMisshapen(where=str(fault)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BodyNotJson from None


def call_of(question: Query | Verify, application: Application, call: str, trace: str = "") -> Call:
    """The call that a local application's question becomes, or RequestMisshapen."""
    is_query = isinstance(question, Query)
    asked = Call(
        call=call,
        trace=question.trace or trace or call,
        at=clock.rfc3339(clock.now()),
        nonce=drawn(16).hex(),
        consumer=Consumer(application.node, application.organisation, application.id),
        resource=question.resource,
        grant=question.grant,
        purpose=question.purpose,
        case=question.case,
        mode="query" if is_query else "verify",
        keys=question.keys,
        fields=question.fields if isinstance(question, Query) else [],
        claims=question.claims if isinstance(question, Verify) else {},
    )
    return checked(asked)


def _check_sent(sent: Sent) -> None:
    values = "".join(sent.parameters.values())
    if len(sent.parameters) > 64 or len(values) > LONGEST_VALUES or len(sent.body) > LONGEST_SENT:
        raise RequestMisshapen(where="too many parameters, or values or a body that are too long")
    if not values.isprintable():
        raise RequestMisshapen(where="control characters in a parameter")


def checked(call: Call) -> Call:
    """The call, if it is within bounds wherever it came from; or RequestMisshapen."""
    texts = (call.call, call.trace, call.resource, call.grant, call.purpose, call.case, *call.fields)
    values = (*call.keys, *call.keys.values(), *call.claims, *call.claims.values())
    said = (*texts, *values)
    if call.sent is not None:
        said += (call.sent.operation, call.sent.type, *call.sent.parameters)
    if max(map(len, said)) > 256 or not "".join(said).isprintable():
        raise RequestMisshapen(where="control characters, or a text longer than 256 characters")
    if any(not name.isascii() and max(name) >= "\ud800" for name in (*call.keys, *call.claims, *call.fields)):
        raise RequestMisshapen(where="a name of an item beyond U+D7FF")
    if len(set(call.fields)) != len(call.fields):
        raise RequestMisshapen(where="a field is listed twice")
    if call.sent is not None:
        _check_sent(call.sent)
    if len(call.keys) > 8 or len(call.fields) > 40 or len(call.claims) > 40:
        raise RequestMisshapen(where="too many keys, fields or claims")
    return call
