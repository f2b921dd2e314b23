"""HTTP Message Signatures (RFC 9421) and Content-Digest (RFC 9530): sign a message, verify one.

A component is written as in the standard, without the quotes on its name: ``@method``, ``content-digest``,
``@query-param;name="Pet"``, ``signature;key="a";req``. Supported parameters: ``req``, ``name``, ``key``.
Messages carry their header names in lower case, several lines of one name already joined with ``", "``.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.errors import GuantongError
from guantong.kit.structured_fields import FieldMalformed, Item, inner_list, members, parameters, quoted

_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


class SignatureMissing(GuantongError):
    """The message carries no signature of the kind asked for."""

    code = "signature_missing"
    status = 401
    zh = "请求没有签名。"
    en = "The message carries no signature."


class SignatureMalformed(FieldMalformed):
    """The signature fields can be read, but do not say what a signature must say."""

    code = "signature_malformed"


class SignatureIncomplete(GuantongError):
    """The signature leaves out what must be signed, or names what the message does not have."""

    code = "signature_incomplete"
    status = 401
    zh = "签名没有覆盖 {component}，或报文中没有它。"
    en = "The signature does not cover {component}, or the message does not have it."


class SignatureExpired(GuantongError):
    """The signature was made outside the allowed window."""

    code = "signature_expired"
    status = 401
    zh = "签名时间不在允许的 {window_s} 秒之内。"
    en = "The signature was not made within the allowed {window_s} seconds."


class SignatureKeyUnknown(GuantongError):
    """Nobody here knows the key that the signature names."""

    code = "signature_key_unknown"
    status = 401
    zh = "签名密钥 {keyid} 未登记。"
    en = "The signing key {keyid} is not known here."


class SignatureWrong(GuantongError):
    """The signature does not fit the message."""

    code = "signature_wrong"
    status = 401
    zh = "密钥 {keyid} 的签名与报文不符。"
    en = "The signature of key {keyid} does not fit the message."


class ContentDigestWrong(GuantongError):
    """The body is not the one that Content-Digest names, or no digest we know is there."""

    code = "content_digest_wrong"
    zh = "报文体与 Content-Digest 不符。"
    en = "The body does not match its Content-Digest."


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


class Signer(Protocol):
    """What signs: :class:`guantong.kit.suites.SigningKey` or one of :mod:`guantong.kit.http_keys`."""

    algorithm: str

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        """``sign(data) -> signature``."""


class Verifier(Protocol):
    """What verifies: :class:`guantong.kit.suites.VerifyKey` or one of :mod:`guantong.kit.http_keys`."""

    algorithm: str

    def verify(self, data: bytes, signature: bytes, /) -> bool:
        """Whether ``signature`` is this key's over ``data``."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good signature says of itself. Replay is the caller's matter: remember ``(keyid, nonce)``."""

    label: str
    keyid: str
    components: tuple[str, ...]
    created: int
    expires: int | None
    nonce: str | None
    tag: str | None
    signature: bytes


def sign(
    message: Message,
    components: Collection[str],
    key: Signer,
    *,
    created: int,
    keyid: str,
    label: str = "sig1",
    nonce: str | None = None,
    tag: str | None = None,
) -> dict[str, str]:
    """The two header fields, ``signature-input`` and ``signature``, that sign ``components`` of ``message``.

    ``created`` is in seconds since 1970. :class:`SignatureIncomplete` if the message lacks a component.
    """
    identifiers = [_identifier(component) for component in components]
    params = f"({' '.join(identifiers)});created={created};keyid={quoted(keyid)}"
    if nonce is not None:
        params += f";nonce={quoted(nonce)}"
    if tag is not None:
        params += f";tag={quoted(tag)}"
    signature = key.sign(_base(message, identifiers, params))
    return {"signature-input": f"{label}={params}", "signature": f"{label}=:{to_base64(signature)}:"}


def verify(
    message: Message,
    find_key: Callable[[str], Verifier | None],
    *,
    required: Collection[str],
    at: int,
    window_s: int = 60,
    label: str | None = None,
    tag: str | None = None,
) -> Verified:
    """Check the signature of ``message`` and say what it is.

    ``find_key(keyid)`` gives the key or None; ``required`` must all be covered; ``at`` is now, in seconds
    since 1970, and ``created`` may lie up to ``window_s`` before or after it. ``label`` and ``tag`` choose
    among several signatures; one must be left. Every refusal is one of this module's errors.
    """
    said = _choose(message.headers, label, tag)
    for component in required:
        if component not in said.components:
            raise SignatureIncomplete(component=component)
    if abs(at - said.created) > window_s or (said.expires is not None and at > said.expires):
        raise SignatureExpired(window_s=window_s)
    key = find_key(said.keyid)
    if key is None or said.algorithm not in {None, key.algorithm}:
        raise SignatureKeyUnknown(keyid=said.keyid)
    signature = _signature(message.headers, said.label)
    if not key.verify(_base(message, said.identifiers, said.params), signature):
        raise SignatureWrong(keyid=said.keyid)
    return Verified(
        said.label, said.keyid, said.components, said.created, said.expires, said.nonce, said.tag, signature
    )


def signature_base(message: Message, components: Collection[str], params: str) -> bytes:
    """The bytes that a signature covers (RFC 9421 §2.5); ``params`` is the ``@signature-params`` value."""
    return _base(message, [_identifier(component) for component in components], params)


def content_digest(body: bytes) -> str:
    """The Content-Digest field value of ``body``, with SHA-256."""
    return f"sha-256=:{to_base64(hashlib.sha256(body).digest())}:"


def check_content_digest(body: bytes, field: str | None) -> None:
    """:class:`ContentDigestWrong` unless ``field`` names ``body`` by SHA-256 or SHA-512."""
    known = 0
    for member in (field or "").split(","):
        name, _, value = member.strip().partition("=")
        if name not in _DIGESTS:
            continue
        expected = f":{to_base64(_DIGESTS[name](body).digest())}:"
        if not hmac.compare_digest(value.encode(), expected.encode()):
            raise ContentDigestWrong
        known += 1
    if not known:
        raise ContentDigestWrong


# ── the signature base (§2.5) ──


def _base(message: Message, identifiers: Collection[str], params: str) -> bytes:
    lines = [f"{identifier}: {_value(message, identifier)}" for identifier in identifiers]
    lines.append(f'"@signature-params": {params}')
    return "\n".join(lines).encode("utf-8")


def _value(message: Message, identifier: str) -> str:
    name, _, rest = identifier[1:].partition('"')
    if rest:
        return _value_with_params(message, identifier, name, rest)
    if name[0] == "@":
        return _derived(message, identifier, name)
    if name in message.headers:
        return " ".join(message.headers[name].split("\n")).strip()
    raise SignatureIncomplete(component=name)


def _value_with_params(message: Message, identifier: str, name: str, rest: str) -> str:
    params = parameters(rest)
    if "req" in params:
        if not isinstance(message, Response) or message.request is None:
            raise SignatureIncomplete(component=identifier)
        message = message.request
    wanted = params.get("name") if name == "@query-param" else params.get("key")
    if set(params) - {"req", "name" if name == "@query-param" else "key"}:
        raise SignatureIncomplete(component=identifier)
    if name == "@query-param":
        return _query_param(message, identifier, wanted)
    if wanted is not None:
        return _member(message.headers.get(name, ""), identifier, wanted)
    return _value(message, f'"{name}"')


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


def _member(field: str, identifier: str, wanted: Item) -> str:
    for label, value in members(field):
        if label == wanted:
            return value
    raise SignatureIncomplete(component=identifier)


def _percent(text: str) -> str:
    return quote(text, safe="*").replace("~", "%7E")


# ── what the fields say ──

_T = TypeVar("_T", int, str)


@dataclass(frozen=True, slots=True)
class _Said:
    label: str
    params: str
    identifiers: tuple[str, ...]
    components: tuple[str, ...]
    created: int
    expires: int | None
    keyid: str
    algorithm: str | None
    nonce: str | None
    tag: str | None


def _choose(headers: Mapping[str, str], label: str | None, tag: str | None) -> _Said:
    wanted = [
        said
        for name, value in members(headers.get("signature-input", ""))
        if label in {None, name} and (said := _said(name, value)) and tag in {None, said.tag}
    ]
    if not wanted:
        raise SignatureMissing
    if len(wanted) > 1:
        raise SignatureMalformed(why="more than one signature, and no label to choose by")
    return wanted[0]


def _said(label: str, value: str) -> _Said:
    identifiers, end = inner_list(value)
    params = parameters(value[end:])
    if len(set(identifiers)) != len(identifiers):
        raise SignatureMalformed(why="a component is listed twice")
    created, keyid = _optional(params, "created", int), _optional(params, "keyid", str)
    if created is None or keyid is None:
        raise SignatureMalformed(why="created or keyid is missing")
    return _Said(
        label=label,
        params=value,
        identifiers=identifiers,
        components=tuple(_component(identifier) for identifier in identifiers),
        created=created,
        expires=_optional(params, "expires", int),
        keyid=keyid,
        algorithm=_optional(params, "alg", str),
        nonce=_optional(params, "nonce", str),
        tag=_optional(params, "tag", str),
    )


def _optional(params: Mapping[str, Item], name: str, kind: type[_T]) -> _T | None:
    value = params.get(name)
    if value is not None and type(value) is not kind:
        raise SignatureMalformed(why=f"{name} is of the wrong type")
    return value


def _signature(headers: Mapping[str, str], label: str) -> bytes:
    for name, value in members(headers.get("signature", "")):
        if name == label and len(value) > 1 and value[0] == ":" == value[-1]:
            try:
                return from_base64(value[1:-1])
            except NotCanonical as fault:
                raise SignatureMalformed(why="the signature is not base64") from fault
    raise SignatureMissing


def _identifier(component: str) -> str:
    name, semicolon, params = component.partition(";")
    return f'"{name}"{semicolon}{params}'


def _component(identifier: str) -> str:
    name, _, params = identifier[1:].partition('"')
    return name + params
