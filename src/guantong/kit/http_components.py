"""The components of a message that a signature covers, and the text that it is made over (RFC 9421 §2).

A component is written as in the standard, without the quotes on its name: ``@method``, ``content-digest``,
``@query-param;name="Pet"``, ``signature;key="a";req``. Supported parameters: ``req``, ``name``, ``key``.
Messages carry their header names in lower case, several lines of one name already joined with ``", "``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from guantong.kit.errors import GuantongError
from guantong.kit.structured_fields import FieldMalformed, Item, inner_list, members, parameters


class SignatureMalformed(FieldMalformed):
    """The signature fields can be read, but do not say what a signature must say."""

    code = "signature_malformed"


class SignatureIncomplete(GuantongError):
    """The signature leaves out what must be signed, or names what the message does not have."""

    code = "signature_incomplete"
    status = 401
    zh = "签名没有覆盖 {component}，或报文中没有它。"
    en = "The signature does not cover {component}, or the message does not have it."


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is signed: ``target_uri`` is absolute, e.g. ``https://host/path?query``."""

    method: str
    target_uri: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it is signed, with the request that it answers (for ``;req``)."""

    status: int
    headers: Mapping[str, str]
    request: Request | None = None


Message = Request | Response


_Reader = Callable[[Message], str]


@dataclass(frozen=True, slots=True)
class Covered:
    """A list of components, ready to be read from messages. ``text`` is the list as signatures cover it."""

    text: str
    names: tuple[str, ...]
    lines: tuple[tuple[str, _Reader], ...]

    def base(self, message: Message, params: str) -> bytes:
        """The bytes that a signature covers; ``params`` is the ``@signature-params`` value."""
        lines = [f"{identifier}: {read(message)}" for identifier, read in self.lines]
        lines.append(f'"@signature-params": {params}')
        return "\n".join(lines).encode("utf-8")


# Clients cover the same few lists in every call: reading one anew is 12 µs, looking it up 0.1.
@lru_cache(maxsize=256)
def covered(text: str) -> Covered:
    """What a signed list of components, ``("@method" "@path")``, covers."""
    identifiers, end = inner_list(text)
    if end != len(text):
        raise SignatureMalformed(why="not a list of components")
    if len(set(identifiers)) != len(identifiers):
        raise SignatureMalformed(why="a component is listed twice")
    names = tuple(_component(identifier) for identifier in identifiers)
    return Covered(text, names, tuple((identifier, _reader(identifier)) for identifier in identifiers))


@lru_cache(maxsize=256)
def listed(components: tuple[str, ...]) -> Covered:
    """The same for components as programs write them."""
    return covered(f"({' '.join(_identifier(component) for component in components)})")


def _reader(identifier: str) -> _Reader:
    """What reads the value of one component from a message, or raises SignatureIncomplete."""
    name, _, rest = identifier[1:].partition('"')
    params = parameters(rest)
    kind = "name" if name == "@query-param" else "key"
    wanted = params.get(kind)
    if set(params) - {"req", kind} or (name[0] == "@" and kind == "key" and wanted is not None):
        return partial(_absent, identifier=identifier)
    read: _Reader
    if name == "@query-param":
        read = partial(_query_param, identifier=identifier, wanted=wanted)
    elif wanted is not None:
        read = partial(_member, identifier=identifier, name=name, wanted=wanted)
    elif name[0] == "@":
        read = partial(_derived, identifier=identifier, name=name)
    else:
        read = partial(_field, name=name)
    return partial(_of_request, identifier=identifier, read=read) if "req" in params else read


def _absent(_: Message, identifier: str) -> str:
    raise SignatureIncomplete(component=identifier)


def _of_request(message: Message, identifier: str, read: _Reader) -> str:
    if not isinstance(message, Response) or message.request is None:
        raise SignatureIncomplete(component=identifier)
    return read(message.request)


def _field(message: Message, name: str) -> str:
    value = message.headers.get(name)
    if value is None:
        raise SignatureIncomplete(component=name)
    return " ".join(value.split("\n")).strip() if "\n" in value else value.strip()


def _derived(message: Message, identifier: str, name: str) -> str:
    if isinstance(message, Response):
        if name == "@status":
            return str(message.status)
        raise SignatureIncomplete(component=identifier)
    if name == "@method":
        return message.method
    if name == "@target-uri":
        return message.target_uri
    if name in _PARTS:
        return _PARTS[name](urlsplit(message.target_uri))
    raise SignatureIncomplete(component=identifier)


def _authority(uri: SplitResult) -> str:
    host = uri.netloc.rpartition("@")[2].lower()
    return host.removesuffix(":443" if uri.scheme == "https" else ":80")


_PARTS: dict[str, Callable[[SplitResult], str]] = {
    "@path": lambda uri: uri.path or "/",
    "@query": lambda uri: f"?{uri.query}",
    "@authority": _authority,
    "@scheme": lambda uri: uri.scheme,
    "@request-target": lambda uri: f"{uri.path or '/'}?{uri.query}" if uri.query else uri.path or "/",
}


def _query_param(message: Message, identifier: str, wanted: Item | None) -> str:
    if isinstance(message, Response):
        raise SignatureIncomplete(component=identifier)
    pairs = parse_qsl(urlsplit(message.target_uri).query, keep_blank_values=True)
    values = [_percent(value) for name, value in pairs if _percent(name) == wanted]
    if len(values) != 1:
        raise SignatureIncomplete(component=identifier)
    return values[0]


def _member(message: Message, identifier: str, name: str, wanted: Item) -> str:
    for label, value in members(message.headers.get(name, "")):
        if label == wanted:
            return value
    raise SignatureIncomplete(component=identifier)


def _percent(text: str) -> str:
    return quote(text, safe="*").replace("~", "%7E")


def _identifier(component: str) -> str:
    name, semicolon, params = component.partition(";")
    return f'"{name}"{semicolon}{params}'


def _component(identifier: str) -> str:
    name, _, params = identifier[1:].partition('"')
    return name + params
