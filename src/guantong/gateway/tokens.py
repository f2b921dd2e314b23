"""OAuth 2.0 client credentials (RFC 6749 §4.4): an application proves itself once, and then shows a token.

It proves itself by its secret (``client_secret_basic`` or ``_post``) or by an assertion that its key signed
(``private_key_jwt``, RFC 7523). The token is a JWT by the node's own key (in the manner of RFC 9068), good for ten
minutes at this node alone; every gateway process can read it, and none has to remember it.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from urllib.parse import parse_qsl, unquote_plus

from guantong.bundle.directory import verify_key
from guantong.bundle.overlaps import Overlaps
from guantong.bundle.types import Application, Bundle
from guantong.gateway.limits.counts import Counts, Want
from guantong.kit import clock, tokens
from guantong.kit.asgi import Incoming, Outgoing, as_json
from guantong.kit.errors import GuantongError
from guantong.kit.shared_secrets import digest_of
from guantong.kit.suites import SigningKey, VerifyKey
from guantong.kit.tokens import Claims, TokenInvalid

PATH = "/oauth2/token"
LASTS_S = 600
LONGEST_ASSERTION_S = 300
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REMEMBERED = 4096


class ClientNotProved(GuantongError):
    """Neither secret nor assertion fits an application of this node (RFC 6749: ``invalid_client``)."""

    code = "invalid_client"
    status = 401
    zh = "应用标识或密钥不正确，或断言已失效。"
    en = "The client is unknown, or its secret or assertion is not good."


class GrantTypeUnsupported(GuantongError):
    """Only ``client_credentials`` is offered."""

    code = "unsupported_grant_type"
    zh = "仅支持 client_credentials 方式。"
    en = "Only the grant type client_credentials is offered."


class TokenRequestWrong(GuantongError):
    """The form cannot be read, or says something twice (RFC 6749: ``invalid_request``)."""

    code = "invalid_request"
    zh = "令牌请求的表单不正确。"
    en = "The form of the token request is not right."


class Tokens:
    """Gives out this node's tokens and reads them again."""

    def __init__(
        self, node: str, url: str, key: SigningKey, counts: Counts, *, ring: Mapping[str, VerifyKey]
    ) -> None:
        """``key`` signs; any of ``ring`` may have signed what is read: tokens outlive a change of the key."""
        self._node = node
        self._audiences = (url, url + PATH)
        self._key = key
        self._ring = ring
        self._overlaps = Overlaps()
        self._counts = counts
        # Verifying costs an Ed25519 operation; what was verified is remembered, with the bundle that it was held against.
        self._read: dict[str, tuple[Claims, Bundle]] = {}

    async def answer(self, head: Incoming, body: bytes, bundle: Bundle) -> Outgoing:
        """Answer a token request in the words of RFC 6749 §5."""
        try:
            application, proved = await self._client(head, body, bundle)
        except (ClientNotProved, GrantTypeUnsupported, TokenRequestWrong) as no:
            challenge = {"www-authenticate": 'Basic realm="guantong"'} if no.status == 401 else {}
            return as_json(
                no.status,
                {
                    "error": no.code,
                    "error_description": no.sentence("en"),
                    "message": no.as_json()["message"],
                },
                challenge,
            )
        now = clock.millis() // 1000
        claims = Claims(
            iss=self._node, sub=application.id, aud=self._audiences[0], exp=now + LASTS_S, iat=now,
            jti=secrets.token_hex(8), gen=generation(proved),
        )  # fmt: skip
        token = tokens.sign(claims, self._key, typ="at+jwt")
        return as_json(200, {"access_token": token, "token_type": "Bearer", "expires_in": LASTS_S})

    def holder(self, token: str, bundle: Bundle) -> str:
        """The application whom ``token`` names; TokenInvalid if it is not ours, over, or its keys have changed."""
        now = clock.millis() // 1000
        claims, judged = self._read.get(token, (None, None))
        if claims is None or claims.exp <= now:
            claims, judged = self._verified(token, now), None
        if judged is not bundle:
            application = bundle.applications.get(claims.sub)
            if application is None or application.node != self._node:
                raise TokenInvalid
            good = [*self._overlaps.digests(application, bundle), *application.keys]
            if claims.gen not in map(generation, good):
                raise TokenInvalid
            if len(self._read) >= REMEMBERED:
                self._read.clear()
            self._read[token] = (claims, bundle)
        return claims.sub

    def _verified(self, token: str, now: int) -> Claims:
        claims, _ = _read_by(token, self._ring.values(), now)
        if claims.iss != self._node or not claims.is_for(self._audiences[0]):
            raise TokenInvalid
        return claims

    async def _client(self, head: Incoming, body: bytes, bundle: Bundle) -> tuple[Application, str]:
        """Who asks, and the digest or key by which they proved it."""
        form = _form(head, body)
        if form.get("grant_type") != "client_credentials":
            raise GrantTypeUnsupported
        if form.get("client_assertion_type") == ASSERTION:
            return await self._asserted(form, bundle)
        name, secret = _credentials(head, form)
        application = bundle.applications.get(name)
        digest = digest_of(secret)
        is_ours = application is not None and (application.id, application.node) == (name, self._node)
        held = self._overlaps.digests(application, bundle) if application and is_ours else []
        # Compared whatever was found, so that the time tells nothing of who exists.
        fits = [hmac.compare_digest(digest, one) for one in held or ["sha-256:"]]
        if not any(fits) or application is None or not application.active:
            raise ClientNotProved
        return application, digest

    async def _asserted(self, form: Mapping[str, str], bundle: Bundle) -> tuple[Application, str]:
        now = clock.millis() // 1000
        assertion = form.get("client_assertion", "")
        try:
            said = tokens.unproved(assertion)
            application = bundle.applications.get(said.sub)
            if application is None or application.node != self._node or not application.active:
                raise ClientNotProved
            claims, key = _read_by(assertion, map(verify_key, application.keys), now)
        except TokenInvalid:
            raise ClientNotProved from None
        is_meant = claims.iss == claims.sub and claims.is_for(*self._audiences)
        is_fresh = 0 < claims.exp - now <= LONGEST_ASSERTION_S and 0 < len(claims.jti) <= 128
        if not is_meant or not is_fresh or form.get("client_id", claims.sub) != claims.sub:
            raise ClientNotProved
        once = Want(f"assertion\0{claims.sub}\0{claims.jti}".encode(), 1, claims.exp + 1)
        if await self._counts.take([once], now=now) is not None:
            raise ClientNotProved
        return application, key.to_text()


def generation(proved: str) -> str:
    """Names the secret (by its digest) or key that a token was given for: the token is good as long as that is."""
    return blake2b(proved.encode(), digest_size=8).hexdigest()


def _read_by(token: str, keys: Iterable[VerifyKey], now: int) -> tuple[Claims, VerifyKey]:
    for each in keys:
        try:
            return tokens.read(token, each, at=now), each
        except TokenInvalid:
            continue  # keys overlap while they are renewed
    raise TokenInvalid


def _form(head: Incoming, body: bytes) -> Mapping[str, str]:
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise TokenRequestWrong
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=12
        )
    except ValueError:
        raise TokenRequestWrong from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRequestWrong
    return form


def _credentials(head: Incoming, form: Mapping[str, str]) -> tuple[str, str]:
    """Identifier and secret, from the header or the form; one of the two (RFC 6749 §2.3.1)."""
    scheme, _, given = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise TokenRequestWrong
    try:
        name, colon, secret = base64.b64decode(given, validate=True).decode("ascii").partition(":")
    except ValueError:
        raise TokenRequestWrong from None
    if not colon:
        raise TokenRequestWrong
    return unquote_plus(name), unquote_plus(secret)
