"""Answers, signed in the suite that the caller chooses (RFC 9421 §5.1, ``Accept-Signature``).

A node signs with its own key, in its own suite. For callers that can verify only the other suite it has an answer key,
which its own key vouches for at ``/v1/keys``. Receipts stay in the node's suite: they are for everybody.
"""

import re
from collections.abc import Mapping

from guantong.kit import clock, envelope
from guantong.kit.asgi import Outgoing
from guantong.kit.doorkeeper import bound
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request
from guantong.kit.suites import SigningKey

KIND = "guantong/answer-keys@v1"

_WANTED = re.compile(r';\s*alg="([a-z0-9-]{1,40})"')


class SignatureNotOffered(GuantongError):
    """The caller accepts signatures only by an algorithm that this node has no key for."""

    code = "signature_not_offered"
    status = 406
    zh = "本节点不提供 {algorithm} 签名，可用：{offered}。"
    en = "This node does not sign by {algorithm}; it offers {offered}."


class Signers:
    """The keys that answers are signed with. ``other`` is None on a node that has only its own."""

    def __init__(self, node: str, key: SigningKey, other: SigningKey | None) -> None:
        self._node = node
        self._key = key
        self._by_algorithm: dict[str, tuple[SigningKey, str]] = {key.algorithm: (key, node)}
        if other is not None and other.algorithm != key.algorithm:
            self._by_algorithm[other.algorithm] = (other, other.public.ref)

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse what could not be answered as asked, before anything is done. SignatureNotOffered."""
        wanted = _wanted(headers)
        if wanted and wanted not in self._by_algorithm:
            raise SignatureNotOffered(algorithm=wanted, offered=", ".join(self._by_algorithm))

    def signed(self, answer: Outgoing, request: Request) -> Outgoing:
        """The answer, bound to its request, if that was signed or asks for it."""
        wanted = _wanted(request.headers)
        if not wanted and "signature" not in request.headers:
            return answer  # it accepts signatures, and names none
        key, keyid = self._by_algorithm.get(wanted, (self._key, self._node))
        return bound(answer, request, key, keyid)

    def published(self) -> bytes:
        """The keys of this node's answers as a statement that its own key signs."""
        keys = {keyid: key.public.to_text() for key, keyid in self._by_algorithm.values()}
        body = {"node": self._node, "at": clock.rfc3339(clock.now()), "keys": keys}
        return envelope.seal(KIND, body, self._key)


def _wanted(headers: Mapping[str, str]) -> str:
    given = headers.get("accept-signature", "")
    found = _WANTED.search(given) if given else None
    return found[1] if found else ""
