"""Two crypto suites behind one interface, and the one notation for keys: the signed-note key text of C2SP.

``suite("international")``: Ed25519, SHA-256, AES-256-GCM; ``suite("national")``: SM2 with SM3, SM3, SM4-GCM.
A public key is written ``<name>+<8 hex>+<base64(type ‖ key)>`` everywhere, a private one
``PRIVATE+KEY+<name>+<8 hex>+<base64(type ‖ secret)>``. https://c2sp.org/signed-note
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from guantong.kit import suite_international, suite_national
from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.errors import GuantongError

SuiteName = Literal["international", "national"]


class BadKey(GuantongError):
    """A key text that names no key: wrong form, wrong key id, unknown algorithm, or not a point."""

    code = "bad_key"
    zh = "密钥文本无效：{why}。"
    en = "The key text is not valid: {why}."


class _Secret(Protocol):
    @property
    def public(self) -> bytes: ...
    def sign(self, data: bytes) -> bytes: ...


class _Public(Protocol):
    def verify(self, data: bytes, signature: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Algorithm:
    name: str
    type_bytes: bytes
    is_cosigner: bool
    secret_bytes: int
    public_bytes: int
    secret: Callable[[bytes], _Secret]
    public: Callable[[bytes], _Public]


def _ed25519(name: str, type_bytes: bytes, *, is_cosigner: bool) -> _Algorithm:
    half = suite_international
    return _Algorithm(name, type_bytes, is_cosigner, half.SECRET_BYTES, half.PUBLIC_BYTES,
                      half.Ed25519Secret, half.Ed25519Public)  # fmt: skip


def _sm2(name: str, type_bytes: bytes, *, is_cosigner: bool) -> _Algorithm:
    half = suite_national
    return _Algorithm(name, type_bytes, is_cosigner, half.SECRET_BYTES, half.PUBLIC_BYTES,
                      half.SM2Secret, half.SM2Public)  # fmt: skip


# Types 01 and 04 are C2SP's; ff opens a name of our own, as C2SP asks.
_ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        _ed25519("ed25519", b"\x01", is_cosigner=False),
        _ed25519("ed25519-cosignature", b"\x04", is_cosigner=True),
        _sm2("sm2-sm3", b"\xffguantong/sm2", is_cosigner=False),
        _sm2("sm2-sm3-cosignature", b"\xffguantong/sm2-cosignature", is_cosigner=True),
    )
}


class VerifyKey:
    """A public key with its name. Equal texts are equal keys."""

    def __init__(self, name: str, public: bytes, algorithm: str = "ed25519") -> None:
        self._algorithm = _known(algorithm)
        if len(public) != self._algorithm.public_bytes:
            raise BadKey(why="wrong length")
        self.name = _checked_name(name)
        self.public_bytes = public
        self.algorithm = algorithm
        self.key_id = _key_id(name, self._algorithm.type_bytes + public)
        self.ref = f"{name}+{self.key_id}"
        self.is_cosigner = self._algorithm.is_cosigner
        try:
            self._public = self._algorithm.public(public)
        except Exception as fault:  # the provider has a dozen ways to say "not a point"
            raise BadKey(why="not a point on the curve") from fault

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``data``."""
        return self._public.verify(data, signature)

    def to_text(self) -> str:
        """The signed-note verifier key (vkey)."""
        return f"{self.ref}+{to_base64(self._algorithm.type_bytes + self.public_bytes)}"

    @classmethod
    def from_text(cls, text: str) -> "VerifyKey":
        """The key that a vkey names; :class:`BadKey` otherwise."""
        name, key_id, blob = _split(text, 0)
        for algorithm in _ALGORITHMS.values():
            prefix = algorithm.type_bytes
            if blob.startswith(prefix) and len(blob) == len(prefix) + algorithm.public_bytes:
                key = cls(name, blob[len(prefix) :], algorithm.name)
                if key.key_id != key_id:
                    raise BadKey(why="the key id does not match")
                return key
        raise BadKey(why="unknown algorithm")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyKey) and self.to_text() == other.to_text()

    def __hash__(self) -> int:
        return hash((self.ref, self.public_bytes))

    def __repr__(self) -> str:
        return f"VerifyKey({self.to_text()!r})"


class SigningKey:
    """A private key with its name. Its text form is a secret: it is kept in files of mode 0600 only."""

    def __init__(self, name: str, secret: bytes, algorithm: str = "ed25519") -> None:
        self._algorithm = _known(algorithm)
        if len(secret) != self._algorithm.secret_bytes:
            raise BadKey(why="wrong length")
        self.name = _checked_name(name)
        self.algorithm = algorithm
        self._secret_bytes = secret
        self._secret = self._algorithm.secret(secret)
        self.sign = self._secret.sign
        """``sign(data) -> signature``: 64 bytes in both suites."""

    @property
    def steady(self) -> "SigningKey":
        """This key; of a key that may change under way, the one of this moment."""
        return self

    @cached_property
    def public(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self.name, self._secret.public, self.algorithm)

    def to_text(self) -> str:
        """The signed-note signer key (skey)."""
        blob = self._algorithm.type_bytes + self._secret_bytes
        return f"PRIVATE+KEY+{self.public.ref}+{to_base64(blob)}"

    @classmethod
    def from_text(cls, text: str) -> "SigningKey":
        """The key that an skey names; :class:`BadKey` otherwise."""
        if not text.startswith("PRIVATE+KEY+"):
            raise BadKey(why="not a private key")
        name, key_id, blob = _split(text, len("PRIVATE+KEY+"))
        for algorithm in _ALGORITHMS.values():
            prefix = algorithm.type_bytes
            if blob.startswith(prefix) and len(blob) == len(prefix) + algorithm.secret_bytes:
                key = cls(name, blob[len(prefix) :], algorithm.name)
                if key.public.key_id != key_id:
                    raise BadKey(why="the key id does not match")
                return key
        raise BadKey(why="unknown algorithm")

    def __repr__(self) -> str:
        return f"SigningKey({self.public.ref!r})"


@dataclass(frozen=True, slots=True)
class Suite:
    """One family: ``algorithm`` signs statements and checkpoints, ``cosigner_algorithm`` cosigns."""

    name: SuiteName
    algorithm: str
    cosigner_algorithm: str
    digest_name: str
    key_bytes: int
    digest: Callable[[bytes], bytes]
    seal: Callable[[bytes, bytes, bytes, bytes], bytes]
    """``seal(key, nonce, data, aad) -> ciphertext ‖ tag``; 12 bytes of nonce, never twice with one key."""
    open: Callable[[bytes, bytes, bytes, bytes], bytes]
    """``open(key, nonce, sealed, aad) -> data``; ``cryptography.exceptions.InvalidTag`` if it was touched."""
    _new_secret: Callable[[], bytes]

    def generate(self, name: str) -> SigningKey:
        """A fresh key that signs statements and checkpoints."""
        return SigningKey(name, self._new_secret(), self.algorithm)

    def generate_witness(self, name: str) -> SigningKey:
        """A fresh key that cosigns other logs' checkpoints (https://c2sp.org/tlog-cosignature)."""
        return SigningKey(name, self._new_secret(), self.cosigner_algorithm)


INTERNATIONAL = Suite(
    name="international",
    algorithm="ed25519",
    cosigner_algorithm="ed25519-cosignature",
    digest_name=suite_international.DIGEST_NAME,
    key_bytes=32,
    digest=suite_international.digest,
    seal=suite_international.seal,
    open=suite_international.unseal,
    _new_secret=suite_international.new_secret,
)
NATIONAL = Suite(
    name="national",
    algorithm="sm2-sm3",
    cosigner_algorithm="sm2-sm3-cosignature",
    digest_name=suite_national.DIGEST_NAME,
    key_bytes=16,
    digest=suite_national.digest,
    seal=suite_national.seal,
    open=suite_national.unseal,
    _new_secret=suite_national.new_secret,
)


def suite(name: str) -> Suite:
    """The suite of that name, ``international`` or ``national``; ValueError otherwise."""
    for known in (INTERNATIONAL, NATIONAL):
        if known.name == name:
            return known
    raise ValueError(f"no crypto suite is called {name!r}")


def _known(algorithm: str) -> _Algorithm:
    if algorithm not in _ALGORITHMS:
        raise BadKey(why="unknown algorithm")
    return _ALGORITHMS[algorithm]


def _checked_name(name: str) -> str:
    # The signed-note rule: not empty, no Unicode space, no plus; control characters would break its lines.
    if not name or "+" in name or any(character.isspace() or character < " " for character in name):
        raise BadKey(why="a name with spaces, plus signs or nothing in it")
    return name


def _key_id(name: str, typed_key: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\n" + typed_key).hexdigest()[:8]


def _split(text: str, start: int) -> tuple[str, str, bytes]:
    parts = text[start:].split("+", 2)
    if len(parts) != 3:
        raise BadKey(why="not three parts")
    try:
        return parts[0], parts[1], from_base64(parts[2])
    except NotCanonical as fault:
        raise BadKey(why="not base64") from fault
