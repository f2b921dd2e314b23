"""Who calls? Applications by signature (RFC 9421) or token (OAuth 2.0), neighbouring nodes by signature.

What may open the door once is remembered by the counts that all gateway processes share.
"""

from collections.abc import Callable

from guantong.bundle.directory import application_key, neighbour_key
from guantong.bundle.types import Bundle
from guantong.gateway.limits.counts import Counts, Want
from guantong.gateway.relay import BUDGET, PATH
from guantong.gateway.tokens import Tokens
from guantong.kit import clock
from guantong.kit.asgi import Incoming
from guantong.kit.doorkeeper import LONGEST_NONCE, WINDOW_S, SignatureReplayed, identify
from guantong.kit.http_signatures import Request, Verified, Verifier


class Callers:
    """Admits callers of this node, whose address is ``url``."""

    def __init__(self, url: str, tokens: Tokens, counts: Counts) -> None:
        self._url = url
        self._tokens = tokens
        self._counts = counts

    async def application(self, head: Incoming, body: bytes, bundle: Bundle) -> str:
        """The application of this node that asks; the errors of kit.http_signatures, SignatureReplayed, TokenInvalid."""
        scheme, _, token = head.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._tokens.holder(token.strip(), bundle)
        return await self._signer(head, body, lambda found: _application(bundle, found))

    async def neighbour(self, head: Incoming, body: bytes, bundle: Bundle) -> str:
        """The neighbouring node that hands a call over."""
        return await self._signer(head, body, lambda found: neighbour_key(bundle, found), BUDGET, PATH)

    async def either(self, head: Incoming, body: bytes, bundle: Bundle) -> str:
        """An application of this node, or a neighbour."""
        if head.headers.get("authorization"):
            return await self.application(head, body, bundle)
        return await self._signer(
            head, body, lambda found: _application(bundle, found) or neighbour_key(bundle, found)
        )

    def request(self, head: Incoming) -> Request:
        """The request as signatures see it."""
        return Request(head.method, self._url + head.path, head.headers)

    async def _signer(
        self, head: Incoming, body: bytes, find_key: Callable[[str], Verifier | None], *covering: str
    ) -> str:
        verified = identify(self.request(head), body, find_key, covering=covering)
        await self._once(verified)
        return verified.keyid

    async def _once(self, verified: Verified) -> None:
        """A signature opens the door once; one from before the counts began might have been used then."""
        nonce = verified.nonce or ""
        if not 0 < len(nonce) <= LONGEST_NONCE or verified.created < await self._counts.since():
            raise SignatureReplayed
        name = f"nonce\0{verified.keyid}\0{nonce}".encode()
        once = Want(name, 1, verified.created + WINDOW_S + 1)
        if await self._counts.take([once], now=clock.millis() // 1000) is not None:
            raise SignatureReplayed


def _application(bundle: Bundle, keyid: str) -> Verifier | None:
    application = bundle.applications.get(keyid)
    if application is None or application.node != bundle.node:
        return None
    return application_key(application)
