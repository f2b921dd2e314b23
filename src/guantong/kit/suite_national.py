"""The national suite's arithmetic: SM2 with SM3 (GB/T 32918), SM3 (GB/T 32905), SM4-GCM (RFC 8998).

Signatures travel as r ‖ s, 32 bytes each; public keys as the uncompressed point 04 ‖ x ‖ y. The signer's
identity is the standard's default, ``1234567812345678``, because key names are bound by the key id instead.
SM2 is done by Tongsuo; a certified module takes its place behind the same two classes.
"""

import hashlib
import secrets
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tongsuopy.crypto import hashes, serialization
from tongsuopy.crypto.asymciphers import ec
from tongsuopy.crypto.exceptions import InternalError, InvalidSignature

DIGEST_NAME = "sm3"
SECRET_BYTES = 32
PUBLIC_BYTES = 65
SIGNATURE_BYTES = 64
TAG_BYTES = 16

# The order of the base point, GB/T 32918.5.
_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_SM2_SM3 = ec.ECDSA(hashes.SM3())


class SM2Secret:
    """A private key ready for use; ``secret`` is the 32-byte big-endian scalar d, 1 ≤ d ≤ n − 2."""

    def __init__(self, secret: bytes) -> None:
        scalar = int.from_bytes(secret)
        if not 1 <= scalar <= _ORDER - 2:
            raise ValueError("an SM2 private key lies outside 1..n-2")
        self._key = ec.derive_private_key(scalar, ec.SM2())

    @cached_property
    def public(self) -> bytes:
        """The public point, 65 bytes."""
        point: bytes = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return point

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature r ‖ s over ``data``."""
        r, s = decode_dss_signature(self._key.sign(data, _SM2_SM3))
        return r.to_bytes(32) + s.to_bytes(32)


class SM2Public:
    """A public key ready for use; a point off the curve is refused (ValueError)."""

    def __init__(self, public: bytes) -> None:
        if len(public) != PUBLIC_BYTES or public[0] != 4:
            raise ValueError("an SM2 public key is not an uncompressed point")
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SM2(), public)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``data``."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        if not (0 < r < _ORDER and 0 < s < _ORDER):
            return False
        try:
            self._key.verify(encode_dss_signature(r, s), data, _SM2_SM3)
        except (InvalidSignature, InternalError):
            return False
        return True


def new_secret() -> bytes:
    """A fresh scalar, uniform in 1..n − 2."""
    return (secrets.randbelow(_ORDER - 2) + 1).to_bytes(SECRET_BYTES)


def digest(data: bytes) -> bytes:
    """SM3."""
    return hashlib.new("sm3", data).digest()


def seal(key: bytes, nonce: bytes, data: bytes, aad: bytes) -> bytes:
    """SM4-GCM: ciphertext, then the 16-byte tag. ``key`` is 16 bytes, ``nonce`` 12 and never used twice."""
    encryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(data) + encryptor.finalize() + encryptor.tag


def unseal(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """What :func:`seal` hid; ``cryptography.exceptions.InvalidTag`` if anything was touched."""
    if len(sealed) < TAG_BYTES:
        raise InvalidTag
    decryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
    decryptor.authenticate_additional_data(aad)
    return decryptor.update(sealed[:-TAG_BYTES]) + decryptor.finalize()
