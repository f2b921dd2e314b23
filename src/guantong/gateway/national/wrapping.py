"""How the second secret is wrapped on its way to the application: not published, so several ways are offered.

The usual Java clients derive an AES-128 key by ``SHA1PRNG`` seeded with the application key; that stream's first
bytes are SHA-1 of the seed's SHA-1. ECB and SHA-1 stand here for those clients' sake alone.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha1

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

Wrap = Callable[[bytes, bytes], str]
"""``wrap(application key, secret) -> text``."""


def sha1prng_aes(key: bytes, secret: bytes) -> str:
    """AES-128/ECB/PKCS5 under the key that Java's SHA1PRNG makes of the application key, in base64."""
    seed = sha1(key, usedforsecurity=False).digest()
    return _aes_ecb(sha1(seed, usedforsecurity=False).digest()[:16], secret)


def direct_aes(key: bytes, secret: bytes) -> str:
    """AES-128/ECB/PKCS5 under the first sixteen bytes of the application key, in base64."""
    return _aes_ecb(key[:16].ljust(16, b"\0"), secret)


def _aes_ecb(key: bytes, secret: bytes) -> str:
    padder = PKCS7(128).padder()
    padded = padder.update(secret) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - the convention's own way
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


WRAPPINGS: Mapping[str, Wrap] = {"sha1prng-aes": sha1prng_aes, "direct-aes": direct_aes}
