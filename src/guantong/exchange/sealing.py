"""Chunks at rest and on the way are encrypted: a fresh key a chunk, wrapped for the node that will open it.

International suite: AES-256-GCM, the key in a sealed box (X25519, from the node's Ed25519 key, as age does for SSH
keys), so nothing has to be agreed beforehand. National suite: SM4-GCM, the key under a staging key that both nodes
hold in ``keys/staging.key`` (mode 0600), until a certified module gives us SM2 encryption.
"""

import contextlib
import secrets
import stat
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from nacl.bindings import (
    crypto_box_seal,
    crypto_box_seal_open,
    crypto_sign_ed25519_pk_to_curve25519,
    crypto_sign_ed25519_sk_to_curve25519,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError

from guantong.bundle.addresses import SecretsExposed
from guantong.evidence.successions import old_key
from guantong.exchange.errors import ChunkDamaged, StagingKeyMissing
from guantong.kit.canonical import from_base64
from guantong.kit.suites import SigningKey, Suite, VerifyKey

MAGIC = b"guantong/chunk@v1\n"
_NONCE = bytes(12)  # each key seals one chunk only


class Wrap(Protocol):
    """How a chunk's key travels."""

    def wrap(self, key: bytes) -> bytes:
        """The key, for the receiving node's eyes only."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key again; InvalidTag if it is not for this node."""


class NodeKeyWrap:
    """For a node's Ed25519 key: the public half wraps, the private half (if it is ours) unwraps."""

    def __init__(self, receiver: VerifyKey, *own: SigningKey) -> None:
        self._public = crypto_sign_ed25519_pk_to_curve25519(receiver.public_bytes)
        self._own = own

    def wrap(self, key: bytes) -> bytes:
        """See :class:`Wrap`."""
        return crypto_box_seal(key, self._public)

    def unwrap(self, wrapped: bytes) -> bytes:
        """See :class:`Wrap`."""
        for own in self._own:
            seed = from_base64(own.to_text().split("+", 4)[4])[1:]
            public, secret = crypto_sign_seed_keypair(seed)
            with contextlib.suppress(
                CryptoError
            ):  # sealed for another of our keys; if for none, that is said below
                return crypto_box_seal_open(
                    wrapped,
                    crypto_sign_ed25519_pk_to_curve25519(public),
                    crypto_sign_ed25519_sk_to_curve25519(secret),
                )
        raise InvalidTag


class SharedKeyWrap:
    """Under a key that both nodes hold."""

    def __init__(self, suite: Suite, key: bytes) -> None:
        self._suite = suite
        self._key = key

    def wrap(self, key: bytes) -> bytes:
        """See :class:`Wrap`."""
        nonce = secrets.token_bytes(12)
        return nonce + self._suite.seal(self._key, nonce, key, MAGIC)

    def unwrap(self, wrapped: bytes) -> bytes:
        """See :class:`Wrap`."""
        return self._suite.open(self._key, wrapped[:12], wrapped[12:], MAGIC)


def wrap_for(suite: Suite, receiver: VerifyKey, *, own: SigningKey, keys: Path) -> Wrap:
    """How chunks for ``receiver`` are wrapped. StagingKeyMissing, SecretsExposed."""
    if receiver.algorithm == "ed25519":
        if own.public != receiver:
            return NodeKeyWrap(receiver)
        # What was sealed for the key that this one followed may still be on its way.
        former = old_key(keys)
        return NodeKeyWrap(receiver, own, *([former] if former and former.algorithm == "ed25519" else []))
    return SharedKeyWrap(suite, _shared_key(keys / "staging.key", suite))


def seal_chunk(stream: bytes, suite: Suite, wrap: Wrap, *, manifest: str) -> bytes:
    """The chunk as it is staged: bound to the manifest of that digest, whose place no other chunk can take."""
    key = secrets.token_bytes(suite.key_bytes)
    wrapped = wrap.wrap(key)
    head = MAGIC + len(wrapped).to_bytes(2) + wrapped
    return head + suite.seal(key, _NONCE, stream, manifest.encode())


def open_chunk(sealed: bytes, suite: Suite, wrap: Wrap, *, manifest: str, run: str, chunk: int) -> bytes:
    """What :func:`seal_chunk` hid, or ChunkDamaged."""
    start = len(MAGIC) + 2
    length = int.from_bytes(sealed[len(MAGIC) : start])
    if not sealed.startswith(MAGIC):
        raise ChunkDamaged(run=run, chunk=chunk)
    try:
        key = wrap.unwrap(sealed[start : start + length])
        return suite.open(key, _NONCE, sealed[start + length :], manifest.encode())
    except (InvalidTag, ValueError):
        raise ChunkDamaged(run=run, chunk=chunk) from None


def _shared_key(path: Path, suite: Suite) -> bytes:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise StagingKeyMissing from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretsExposed
    key = bytes.fromhex(path.read_text("ascii").strip())
    if len(key) != suite.key_bytes:
        raise StagingKeyMissing
    return key
