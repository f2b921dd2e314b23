"""Signed statements: what was said, of which kind, and who signs it.

The bytes are canonical JSON: ``{"body":…,"kind":"guantong/receipt@v1","signatures":[{"key":…,"value":…}]}``.
A signature covers the DSSE pre-authentication encoding of the kind and the canonical body, so a statement
of one kind can never pass for another. https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from guantong.kit.canonical import NotCanonical, dumps, from_base64, loads, to_base64
from guantong.kit.errors import GuantongError
from guantong.kit.suites import INTERNATIONAL, SigningKey, Suite, VerifyKey

_HEAD = b'{"body":'


class NotAnEnvelope(GuantongError):
    """Bytes that are not a signed statement in its one canonical form."""

    code = "not_an_envelope"
    zh = "不是规范的签名声明：{why}。"
    en = "These bytes are not a signed statement in canonical form: {why}."


class UnknownKey(GuantongError):
    """A statement signed by a key that the reader does not know."""

    code = "unknown_key"
    status = 403
    zh = "签名密钥 {key} 未登记。"
    en = "The signing key {key} is not known here."


class BadSignature(GuantongError):
    """A signature that does not fit the statement."""

    code = "bad_signature"
    status = 403
    zh = "密钥 {key} 的签名与内容不符。"
    en = "The signature of key {key} does not fit the content."


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: ``key`` is ``<name>+<key id>``."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A statement as read. Nothing in it is to be believed before :meth:`check`."""

    kind: str
    body: dict[str, Any]
    signatures: tuple[Signature, ...]
    raw: bytes
    signed: bytes
    """The bytes that the signatures cover."""

    def check(self, keyring: Mapping[str, VerifyKey]) -> set[str]:
        """The references of the keys that signed; every signature must be known and fit.

        ``keyring`` maps ``<name>+<key id>`` to keys. :class:`UnknownKey`, :class:`BadSignature`.
        """
        for signature in self.signatures:
            key = keyring.get(signature.key)
            if key is None or key.ref != signature.key or key.is_cosigner:
                raise UnknownKey(key=signature.key)
            if not key.verify(self.signed, signature.value):
                raise BadSignature(key=signature.key)
        return {signature.key for signature in self.signatures}

    def faults(self, keyring: Mapping[str, VerifyKey]) -> list[GuantongError]:
        """Everything that :meth:`check` would refuse, signature by signature, for who must tell all of it."""
        found: list[GuantongError] = []
        for signature in self.signatures:
            key = keyring.get(signature.key)
            if key is None or key.ref != signature.key or key.is_cosigner:
                found.append(UnknownKey(key=signature.key))
            elif not key.verify(self.signed, signature.value):
                found.append(BadSignature(key=signature.key))
        return found


def seal(kind: str, body: dict[str, Any], *keys: SigningKey) -> bytes:
    """The statement ``body`` of that kind, signed by each of ``keys`` (at least one)."""
    if not keys:
        raise ValueError("a statement needs a signature")
    return seal_written(kind, dumps(body), *keys)


def seal_written(kind: str, written: bytes, *keys: SigningKey) -> bytes:
    """The statement whose body is ``written`` in canonical form already."""
    covered = pae(kind, written)
    # Base64 needs no escapes, so a signature is canonical as it stands.
    signatures = [
        b'{"key":%b,"value":"%b"}' % (_quoted(key.public.ref), to_base64(key.sign(covered)).encode())
        for key in [each.steady for each in keys]
    ]
    return b'%b%b,"kind":%b,"signatures":[%b]}' % (_HEAD, written, _quoted(kind), b",".join(signatures))


def read(data: bytes) -> Envelope:
    """The envelope that ``data`` holds; :class:`NotAnEnvelope` unless it is canonical and complete."""
    try:
        value = loads(data)
    except NotCanonical as fault:
        raise NotAnEnvelope(why=fault.details["why"]) from fault
    match value:
        case {"body": dict() as body, "kind": str() as kind, "signatures": list() as listed} if (
            len(value) == 3
        ):
            tail = b',"kind":%b,"signatures":%b}' % (dumps(kind), dumps(listed))
            covered = pae(kind, data[len(_HEAD) : -len(tail)])
            return Envelope(kind, body, _signatures(listed), data, covered)
    raise NotAnEnvelope(why="not body, kind and signatures")


def digest(raw: bytes, suite: Suite = INTERNATIONAL) -> str:
    """The name of a record: ``sha-256:<hex>`` or ``sm3:<hex>`` of its bytes."""
    return f"{suite.digest_name}:{suite.digest(raw).hex()}"


# The few names of kinds and keys are written over and over.
_quoted = lru_cache(maxsize=256)(dumps)


def pae(kind: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding: each part with its length, so neither can grow into the other."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


def _signatures(listed: list[Any]) -> tuple[Signature, ...]:
    found: dict[str, Signature] = {}
    for entry in listed:
        match entry:
            case {"key": str() as key, "value": str() as value} if len(entry) == 2 and key not in found:
                try:
                    found[key] = Signature(key, from_base64(value))
                except NotCanonical as fault:
                    raise NotAnEnvelope(why="a signature that is not base64") from fault
            case _:
                raise NotAnEnvelope(why="a malformed or repeated signature")
    if not found:
        raise NotAnEnvelope(why="no signature")
    return tuple(found.values())
