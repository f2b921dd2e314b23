"""Signed statements: what was said, of which kind, and who signs it.

The bytes are canonical JSON: ``{"body":…,"kind":"guantong/receipt@v1","signatures":[{"key":…,"value":…}]}``.
A signature covers the DSSE pre-authentication encoding of the kind and the canonical body, so a statement
of one kind can never pass for another. https://github.com/secure-systems-lab/dsse/blob/master/protocol.md

Statements that are made at the same time may share one signature: it then covers the root of a tree over all of them
(:mod:`guantong.kit.batches`), and each carries its way up: ``"batch":{"index":…,"path":[…],"size":…}``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from guantong.kit import batches
from guantong.kit.canonical import NotCanonical, dumps, from_base64, loads, to_base64
from guantong.kit.errors import GuantongError
from guantong.kit.suites import INTERNATIONAL, NATIONAL, SigningKey, Suite, VerifyKey

BATCH = "guantong/batch@v1"
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
class Batch:
    """Where a statement stands among those that were signed together, and the hashes on its way up."""

    index: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: ``key`` is ``<name>+<key id>``; ``batch`` if it was made for several statements at once."""

    key: str
    value: bytes
    batch: Batch | None = None

    def fits(self, signed: bytes, key: VerifyKey) -> bool:
        """Whether this is the signature of ``key`` over a statement whose signed bytes are ``signed``."""
        if self.batch is None:
            return key.verify(signed, self.value)
        digest = digest_of(key.algorithm)
        leaf = batches.leaf_of(signed, digest)
        try:
            root = batches.root_of(self.batch.index, self.batch.size, leaf, self.batch.path, digest)
        except batches.WayWrong:
            return False
        return key.verify(_rooted(self.batch.size, root), self.value)


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
            if not signature.fits(self.signed, key):
                raise BadSignature(key=signature.key)
        return {signature.key for signature in self.signatures}

    def faults(self, keyring: Mapping[str, VerifyKey]) -> list[GuantongError]:
        """Everything that :meth:`check` would refuse, signature by signature, for who must tell all of it."""
        found: list[GuantongError] = []
        for signature in self.signatures:
            key = keyring.get(signature.key)
            if key is None or key.ref != signature.key or key.is_cosigner:
                found.append(UnknownKey(key=signature.key))
            elif not signature.fits(self.signed, key):
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


def seal_together(kind: str, written: Sequence[bytes], key: SigningKey) -> list[bytes]:
    """Statements whose bodies are ``written`` in canonical form already, all under one signature."""
    if len(written) == 1:
        return [seal_written(kind, written[0], key)]
    digest = digest_of(key.algorithm)
    root, ways = batches.tree([batches.leaf_of(pae(kind, body), digest) for body in written], digest)
    value = to_base64(key.sign(_rooted(len(written), root))).encode()
    ref, name = _quoted(key.public.ref), _quoted(kind)
    return [
        b'%b%b,"kind":%b,"signatures":[{"batch":{"index":%d,"path":[%b],"size":%d},"key":%b,"value":"%b"}]}'
        % (_HEAD, body, name, index, _listed(way), len(written), ref, value)
        for index, (body, way) in enumerate(zip(written, ways, strict=True))
    ]


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


def digest_of(algorithm: str) -> Callable[[bytes], bytes]:
    """The digest of the suite that a key's algorithm belongs to."""
    return (NATIONAL if algorithm.startswith("sm2") else INTERNATIONAL).digest


def _rooted(size: int, root: bytes) -> bytes:
    """What the one signature of a batch covers."""
    return pae(BATCH, b"%d\n%b" % (size, root))


def _listed(way: Sequence[bytes]) -> bytes:
    return b",".join(b'"%b"' % to_base64(sibling).encode() for sibling in way)


def _signatures(listed: list[Any]) -> tuple[Signature, ...]:
    found: dict[str, Signature] = {}
    for entry in listed:
        match entry:
            case {"key": str() as key, "value": str() as value, **more} if key not in found:
                try:
                    found[key] = Signature(key, from_base64(value), _batch(more))
                except NotCanonical as fault:
                    raise NotAnEnvelope(why="a signature that is not base64") from fault
            case _:
                raise NotAnEnvelope(why="a malformed or repeated signature")
    if not found:
        raise NotAnEnvelope(why="no signature")
    return tuple(found.values())


def _batch(more: Mapping[Any, Any]) -> Batch | None:
    """The place in a batch that a signature tells, None if it tells none. NotCanonical, NotAnEnvelope."""
    match more:
        case {"batch": {"index": int() as index, "size": int() as size, "path": list() as path} as told} if (
            len(more) == 1 and len(told) == 3 and 2 <= size <= batches.LARGEST and 0 <= index < size
        ):
            if all(isinstance(sibling, str) for sibling in path) and len(path) < batches.LARGEST.bit_length():
                return Batch(index, size, tuple(from_base64(sibling) for sibling in path))
    if more:
        raise NotAnEnvelope(why="a signature with more than key, value and batch")
    return None
