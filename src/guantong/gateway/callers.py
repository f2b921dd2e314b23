"""Who calls? Applications by signature (RFC 9421), token (OAuth 2.0) or a shared secret with a nonce; nodes by signature.

What may open the door once is remembered by the counts that all gateway processes share.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256

from guantong.bundle.directory import application_named, key_named, neighbour_key
from guantong.bundle.types import Bundle
from guantong.gateway.faults import RequestMisshapen
from guantong.gateway.limits.counts import Counts, Want
from guantong.gateway.relay import BUDGET, PATH
from guantong.gateway.secrets import SharedSecrets
from guantong.gateway.tokens import Tokens
from guantong.kit import clock
from guantong.kit.asgi import Incoming
from guantong.kit.doorkeeper import LONGEST_NONCE, WINDOW_S, SignatureReplayed, identify
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, SignatureExpired, Verifier

NONCE_WINDOW_S = 600


class SecretNotProved(GuantongError):
    """The signature with a shared secret does not fit, or the application has no secret."""

    code = "secret_not_proved"
    status = 401
    zh = "应用标识、时间、随机数或签名不正确。"
    en = "The client id, time, nonce or signature is not right."


class Callers:
    """Admits callers of this node, whose address is ``url``."""

    def __init__(self, url: str, tokens: Tokens, secrets: SharedSecrets, counts: Counts) -> None:
        self._url = url
        self._tokens = tokens
        self._secrets = secrets
        self._counts = counts

    async def application(self, head: Incoming, body: bytes | None, bundle: Bundle) -> str:
        """The application of this node that asks; the errors of kit.http_signatures, SignatureReplayed, TokenInvalid.

        ``body`` is None if it is too large to be there already; what is signed of it is then its ``Content-Digest``.
        """
        scheme, _, token = head.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._tokens.holder(token.strip(), bundle)
        if "x-client-id" in head.headers:
            return await self._sharer(head, body, bundle)
        keyid = await self._signer(head, body, lambda found: _key(bundle, found))
        return _holder(bundle, keyid)

    async def neighbour(self, head: Incoming, body: bytes, bundle: Bundle) -> str:
        """The neighbouring node that hands a call over."""
        return await self._signer(head, body, lambda found: neighbour_key(bundle, found), BUDGET, PATH)

    async def either(self, head: Incoming, body: bytes, bundle: Bundle) -> str:
        """An application of this node, or a neighbour."""
        if head.headers.get("authorization"):
            return await self.application(head, body, bundle)
        keyid = await self._signer(
            head, body, lambda found: _key(bundle, found) or neighbour_key(bundle, found)
        )
        return _holder(bundle, keyid)

    def request(self, head: Incoming) -> Request:
        """The request as signatures see it."""
        return Request(head.method, self._url + head.path, head.headers)

    async def _sharer(self, head: Incoming, body: bytes | None, bundle: Bundle) -> str:
        """Whose secret made ``x-signature``: the hexadecimal HMAC-SHA-256 over six lines, LF between.

        They are client id, timestamp (milliseconds), nonce, method, path with query, SHA-256 of the body (hexadecimal).
        The headers are those that Shandong's platform uses; that method, path and body are signed too is ours.
        """
        if body is None:
            raise RequestMisshapen(where="a body this large takes a token or a signature by RFC 9421")
        names = ("x-client-id", "x-timestamp", "x-nonce", "x-signature")
        name, timestamp, nonce, signature = (head.headers.get(one, "") for one in names)
        application = bundle.applications.get(name)
        is_ours = application is not None and (application.id, application.node) == (name, bundle.node)
        secrets = self._secrets.of(application, bundle) if application and is_ours else []
        covered = "\n".join([name, timestamp, nonce, head.method, head.path, sha256(body).hexdigest()])
        made = [hmac.digest(secret, covered.encode(), "sha256").hex() for secret in secrets or [b"?"]]
        fits = [hmac.compare_digest(one.encode(), signature.lower().encode()) for one in made]
        if not any(fits) or not secrets:
            raise SecretNotProved
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
            raise SecretNotProved
        await self._once(name, nonce, int(timestamp) // 1000, NONCE_WINDOW_S)
        return name

    async def _signer(
        self, head: Incoming, body: bytes | None, find_key: Callable[[str], Verifier | None], *covering: str
    ) -> str:
        verified = identify(self.request(head), body, find_key, covering=covering)
        await self._once(verified.keyid, verified.nonce or "", verified.created, WINDOW_S)
        return verified.keyid

    async def _once(self, name: str, nonce: str, created: int, window_s: int) -> None:
        """A signature opens the door once; one from before the counts began might have been used then."""
        now = clock.millis() // 1000
        if abs(now - created) > window_s:
            raise SignatureExpired(window_s=window_s)
        if not 0 < len(nonce) <= LONGEST_NONCE or created < await self._counts.since():
            raise SignatureReplayed
        once = Want(f"nonce\0{name}\0{nonce}".encode(), 1, created + window_s + 1)
        if await self._counts.take([once], now=now) is not None:
            raise SignatureReplayed


def _key(bundle: Bundle, keyid: str) -> Verifier | None:
    application = application_named(bundle, keyid)
    if application is None or application.node != bundle.node:
        return None
    return key_named(application.keys, application.id, keyid)


def _holder(bundle: Bundle, keyid: str) -> str:
    """The application, or else the node, whose signature named this key."""
    application = application_named(bundle, keyid)
    return application.id if application else keyid
