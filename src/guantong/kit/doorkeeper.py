"""Who is at the door? RFC 9421 signatures of applications and neighbouring nodes, each used once.

A signature covers the method, the path (or the whole address) and the digest of the body, was made within
the last minute, and carries a nonce that has not been seen. One made before this process started is refused,
since what was seen before is forgotten.
"""

from collections import defaultdict
from collections.abc import Callable, Collection

from guantong.kit import clock, http_signatures
from guantong.kit.asgi import Outgoing
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, Response, Verified, Verifier, content_digest
from guantong.kit.suites import SigningKey

WINDOW_S = 60
LONGEST_NONCE = 64
_ANSWER = ("@status", "content-digest", "@method;req", "@path;req")


class SignatureReplayed(GuantongError):
    """The nonce was seen before, is missing, or the signature is older than this process."""

    code = "signature_replayed"
    status = 401
    zh = "签名缺少一次性随机数，或已被使用过，请重新签名。"
    en = "The signature has no nonce, or was used before; sign afresh."


def identify(
    request: Request,
    body: bytes | None,
    find_key: Callable[[str], Verifier | None],
    *,
    covering: Collection[str] = (),
) -> Verified:
    """Whose signature ``request`` bears, and that it is good. That its nonce is new is the caller's to see to.

    ``body`` is None if it is still on its way; then the caller sees to its digest too, which is signed all the same.
    """
    required = ["@method", *covering]
    if body or request.method != "GET":
        if body is not None:
            http_signatures.check_content_digest(body, request.headers.get("content-digest"))
        required.append("content-digest")
    now = clock.millis() // 1000
    verified = http_signatures.verify(request, find_key, required=required, at=now, window_s=WINDOW_S)
    if not {"@path", "@target-uri"} & set(verified.components):
        raise http_signatures.SignatureIncomplete(component="@path")
    return verified


class Doorkeeper:
    """Verifies requests, remembers nonces for as long as their signatures are fresh."""

    def __init__(self) -> None:
        self._started = clock.millis() // 1000
        self._seen: dict[int, set[tuple[str, str]]] = defaultdict(set)

    def admit(
        self,
        request: Request,
        body: bytes,
        find_key: Callable[[str], Verifier | None],
        *,
        covering: Collection[str] = (),
    ) -> str:
        """The key id of whoever signed ``request``; ``covering`` must be signed besides the usual.

        Raises the errors of kit.http_signatures (400, 401) and SignatureReplayed.
        """
        verified = identify(request, body, find_key, covering=covering)
        self._once(verified, clock.millis() // 1000)
        return verified.keyid

    def _once(self, verified: Verified, now: int) -> None:
        nonce = verified.nonce or ""
        seen = self._seen[verified.created]
        if not 0 < len(nonce) <= LONGEST_NONCE or verified.created < self._started:
            raise SignatureReplayed
        if (verified.keyid, nonce) in seen:
            raise SignatureReplayed
        seen.add((verified.keyid, nonce))
        if len(self._seen) > 2 * WINDOW_S + 2:
            self._forget(now - WINDOW_S)

    def _forget(self, before: int) -> None:
        # Older signatures are refused by their date alone.
        for second in [second for second in self._seen if second < before]:
            del self._seen[second]


def sign_answer(response: Response, key: SigningKey, keyid: str) -> dict[str, str]:
    """The fields that bind an answer to its request (``;req``), the request's own signature included."""
    components = list(_ANSWER)
    if response.request is not None and "signature" in response.request.headers:
        components.append("signature;req")
    return http_signatures.sign(response, components, key, created=clock.millis() // 1000, keyid=keyid)


def bound(answer: Outgoing, request: Request, key: SigningKey, keyid: str) -> Outgoing:
    """``answer`` with the digest of its body, and the signature that binds it to ``request``."""
    digest = answer.held.content_digest if answer.held is not None else content_digest(answer.body)
    headers = {**answer.headers, "content-digest": digest}
    signature = sign_answer(Response(answer.status, headers, request), key, keyid)
    return Outgoing(answer.status, answer.body, {**headers, **signature}, answer.held)


def check_answer(response: Response, key: Verifier, keyid: str, *, at: int | None = None) -> None:
    """Raise unless the node ``keyid`` signed this answer to this request, about ``at`` (seconds; now by default)."""
    http_signatures.verify(
        response,
        lambda found: key if found == keyid else None,
        required=(*_ANSWER, "signature;req"),
        at=clock.millis() // 1000 if at is None else at,
        window_s=WINDOW_S,
    )
