"""HTTP Message Signatures (RFC 9421) and Content-Digest (RFC 9530): sign a message, verify one.

How the components of a message are written: :mod:`guantong.kit.http_components`.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.errors import GuantongError
from guantong.kit.http_components import (
    Covered,
    Message,
    Request,
    Response,
    SignatureIncomplete,
    SignatureMalformed,
    covered,
    listed,
)
from guantong.kit.structured_fields import (
    LONGEST_FIELD,
    Item,
    inner_list,
    members,
    parameters,
    quoted,
)

__all__ = [
    "ContentDigestWrong",
    "Message",
    "Request",
    "Response",
    "SignatureExpired",
    "SignatureIncomplete",
    "SignatureKeyUnknown",
    "SignatureMalformed",
    "SignatureMissing",
    "SignatureWrong",
    "Signer",
    "Verified",
    "Verifier",
    "check_content_digest",
    "content_digest",
    "sign",
    "signature_base",
    "verify",
]

_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


class SignatureMissing(GuantongError):
    """The message carries no signature of the kind asked for."""

    code = "signature_missing"
    status = 401
    zh = "请求没有签名。"
    en = "The message carries no signature."


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


class Signer(Protocol):
    """What signs: :class:`guantong.kit.suites.SigningKey` or one of :mod:`guantong.kit.http_keys`."""

    algorithm: str

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        """``sign(data) -> signature``."""


class Verifier(Protocol):
    """What verifies: :class:`guantong.kit.suites.VerifyKey` or one of :mod:`guantong.kit.http_keys`."""

    @property
    def algorithm(self) -> str:
        """Its name in RFC 9421's words; of several keys that overlap all names, apart by spaces."""

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
    covers = listed(tuple(components))
    params = f"{covers.text};created={created};keyid={quoted(keyid)}"
    if nonce is not None:
        params += f";nonce={quoted(nonce)}"
    if tag is not None:
        params += f";tag={quoted(tag)}"
    signature = key.sign(covers.base(message, params))
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
        if component not in said.covered.names:
            raise SignatureIncomplete(component=component)
    if abs(at - said.created) > window_s or (said.expires is not None and at > said.expires):
        raise SignatureExpired(window_s=window_s)
    key = find_key(said.keyid)
    if key is None or said.algorithm not in {None, *key.algorithm.split()}:
        raise SignatureKeyUnknown(keyid=said.keyid)
    signature = _signature(message.headers, said.label)
    if not key.verify(said.covered.base(message, said.params), signature):
        raise SignatureWrong(keyid=said.keyid)
    return Verified(
        said.label,
        said.keyid,
        said.covered.names,
        said.created,
        said.expires,
        said.nonce,
        said.tag,
        signature,
    )


def signature_base(message: Message, components: Collection[str], params: str) -> bytes:
    """The bytes that a signature covers (RFC 9421 §2.5); ``params`` is the ``@signature-params`` value."""
    return listed(tuple(components)).base(message, params)


def content_digest(body: bytes) -> str:
    """The Content-Digest field value of ``body``, with SHA-256."""
    return f"sha-256=:{to_base64(hashlib.sha256(body).digest())}:"


def check_content_digest(body: bytes | Mapping[str, bytes], field: str | None) -> None:
    """:class:`ContentDigestWrong` unless ``field`` names ``body`` (or has its digests) by SHA-256 or SHA-512."""
    known = 0
    for member in (field or "").split(","):
        name, _, value = member.strip().partition("=")
        if name not in _DIGESTS:
            continue
        digest = _DIGESTS[name](body).digest() if isinstance(body, bytes) else body.get(name, b"")
        expected = f":{to_base64(digest)}:"
        if not hmac.compare_digest(value.encode(), expected.encode()):
            raise ContentDigestWrong
        known += 1
    if not known:
        raise ContentDigestWrong


# ── what the fields say ──

_T = TypeVar("_T", int, str)


@dataclass(slots=True)
class _Said:
    label: str
    params: str
    covered: Covered
    created: int
    expires: int | None
    keyid: str
    algorithm: str | None
    nonce: str | None
    tag: str | None


# One signature with created, keyid and nonce, as :func:`sign` writes them: what nearly every request carries.
# Read in one step: 3 µs, where the general way needs 20. A property test holds both to the same answers.
_usual = re.compile(
    r'([a-z*][a-z0-9_.*-]*)=((\([^()]*\));created=([0-9]{1,15});keyid="([ !#-\[\]-~]*)";nonce="([ !#-\[\]-~]*)")'
)
_usual_signature = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")


def _choose(headers: Mapping[str, str], label: str | None, tag: str | None) -> _Said:
    field = headers.get("signature-input", "")
    usual = _usual.fullmatch(field) if len(field) <= LONGEST_FIELD else None
    if usual and label in {None, usual[1]} and tag is None:
        name, params, listed, created, keyid, nonce = usual.groups()
        return _Said(name, params, covered(listed), int(created), None, keyid, None, nonce, None)
    return _chosen(field, label, tag)


def _chosen(field: str, label: str | None, tag: str | None) -> _Said:
    wanted = [
        said
        for name, value in members(field)
        if label in {None, name} and (said := _said(name, value)) and tag in {None, said.tag}
    ]
    if not wanted:
        raise SignatureMissing
    if len(wanted) > 1:
        raise SignatureMalformed(why="more than one signature, and no label to choose by")
    return wanted[0]


def _said(label: str, value: str) -> _Said:
    _, end = inner_list(value)
    params = parameters(value[end:])
    created, keyid = _optional(params, "created", int), _optional(params, "keyid", str)
    if created is None or keyid is None:
        raise SignatureMalformed(why="created or keyid is missing")
    return _Said(
        label=label,
        params=value,
        covered=covered(value[:end]),
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
    field = headers.get("signature", "")
    usual = _usual_signature.fullmatch(field) if len(field) <= LONGEST_FIELD else None
    if usual and usual[1] == label:
        return _decoded(usual[2])
    return _listed_signature(field, label)


def _listed_signature(field: str, label: str) -> bytes:
    for name, value in members(field):
        if name == label and len(value) > 1 and value[0] == ":" == value[-1]:
            return _decoded(value[1:-1])
    raise SignatureMissing


def _decoded(text: str) -> bytes:
    try:
        return from_base64(text)
    except NotCanonical as fault:
        raise SignatureMalformed(why="the signature is not base64") from fault
