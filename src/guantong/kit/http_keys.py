"""Keys of other kinds than a node's own, for peers that sign HTTP messages with them (RFC 9421 §3.3)."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A shared secret; ``hmac-sha256``."""

    secret: bytes
    algorithm: str = "hmac-sha256"

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        """HMAC-SHA-256, 32 bytes."""
        return lambda data: hmac.digest(self.secret, data, "sha256")

    def verify(self, data: bytes, signature: bytes, /) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(hmac.digest(self.secret, data, "sha256"), signature)


_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)


@dataclass(frozen=True, slots=True)
class RsaPssKey:
    """An RSA key, ``rsa-pss-sha512`` (MGF1 of SHA-512, 64 bytes of salt). Signs if ``private`` is there."""

    public: rsa.RSAPublicKey
    private: rsa.RSAPrivateKey | None = None
    algorithm: str = "rsa-pss-sha512"

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        """RSASSA-PSS; ValueError without the private half."""
        if self.private is None:
            raise ValueError("the private half is missing")
        private = self.private
        return lambda data: private.sign(data, _PSS, hashes.SHA512())

    def verify(self, data: bytes, signature: bytes, /) -> bool:
        """Whether the signature fits."""
        try:
            self.public.verify(signature, data, _PSS, hashes.SHA512())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class EcdsaP256Key:
    """A P-256 key; ``ecdsa-p256-sha256``, signatures as r ‖ s. Signs if ``private`` is there."""

    public: ec.EllipticCurvePublicKey
    private: ec.EllipticCurvePrivateKey | None = None
    algorithm: str = "ecdsa-p256-sha256"

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        """ECDSA with SHA-256; ValueError without the private half."""
        if self.private is None:
            raise ValueError("the private half is missing")
        private = self.private

        def signature(data: bytes) -> bytes:
            r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)

        return signature

    def verify(self, data: bytes, signature: bytes, /) -> bool:
        """Whether the signature fits."""
        if len(signature) != 64:
            return False
        der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        try:
            self.public.verify(der, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
