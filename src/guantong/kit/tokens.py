"""Signed tokens: compact JWS (RFC 7515) over JWT claims (RFC 7519), by a key whose algorithm is known beforehand.

The header never chooses the algorithm: a token is read with one key, and must say what that key is. Ed25519 tokens
are ``EdDSA`` (RFC 8037); SM2 tokens keep the shape under the private name ``SM2-SM3``.
"""

import base64
import binascii

import msgspec

from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

LONGEST = 4096
_ALGORITHMS = {"ed25519": "EdDSA", "sm2-sm3": "SM2-SM3"}


class TokenInvalid(GuantongError):
    """Not a token that the reader's key signed for the reader, now."""

    code = "token_invalid"
    status = 401
    zh = "令牌无效或已过期，请重新获取。"
    en = "The token is not valid, or no longer; ask for a new one."


class Header(msgspec.Struct):
    """What a token says of its signature."""

    alg: str
    typ: str = "JWT"


class Claims(msgspec.Struct, omit_defaults=True):
    """The claims that we read; times in seconds since 1970. Others are allowed and mean nothing here."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    iat: int = 0
    jti: str = ""
    gen: str = ""
    """Which key or secret of the holder the token rests on; ours alone."""

    def is_for(self, *audiences: str) -> bool:
        """Whether it was made for one of ``audiences``."""
        named = [self.aud] if isinstance(self.aud, str) else self.aud
        return not set(named).isdisjoint(audiences)


def sign(claims: Claims, key: SigningKey, *, typ: str = "JWT") -> str:
    """The token that says ``claims``, signed by ``key``."""
    covered = _written(msgspec.json.encode(Header(_ALGORITHMS[key.algorithm], typ)))
    covered += b"." + _written(msgspec.json.encode(claims))
    return (covered + b"." + _written(key.sign(covered))).decode()


def read(token: str, key: VerifyKey, *, at: int) -> Claims:
    """The claims of ``token`` if ``key`` signed it and it holds at ``at`` (seconds); TokenInvalid otherwise."""
    claims = unproved(token)
    covered, _, signature = token.rpartition(".")
    try:
        header = msgspec.json.decode(_bytes(token.partition(".")[0]), type=Header)
        is_signed = header.alg == _ALGORITHMS.get(key.algorithm) and key.verify(
            covered.encode(), _bytes(signature)
        )
    except (msgspec.DecodeError, ValueError):
        raise TokenInvalid from None
    if not is_signed or not claims.iat - 60 <= at < claims.exp:
        raise TokenInvalid
    return claims


def unproved(token: str) -> Claims:
    """What ``token`` claims, proved by nothing: only to find the key to read it with. TokenInvalid."""
    parts = token.split(".")
    try:
        if len(parts) != 3 or len(token) > LONGEST:
            raise TokenInvalid
        return msgspec.json.decode(_bytes(parts[1]), type=Claims)
    except (msgspec.DecodeError, ValueError):
        raise TokenInvalid from None


def _written(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _bytes(text: str) -> bytes:
    """base64url without padding (RFC 7515 §2), in its one form; ValueError otherwise."""
    data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _written(data).decode() != text:
        raise binascii.Error("stray bits")
    return data
