"""Agreements and pledges: who signed what, checked offline with the nodes' public keys alone.

A *pledge* is what the consumer asks for and promises; an *agreement* is what the provider grants on it, with the digest
of the document that people read, and the whole pledge inside. Each is signed by its organisation's key and by the node
that holds it: the node's signature vouches for the organisation's key, which stands in the statement.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from guantong.kit import canonical, envelope
from guantong.kit.envelope import Envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey

PLEDGE_KIND = "guantong/pledge@v1"
AGREEMENT_KIND = "guantong/agreement@v1"


class AgreementWrong(GuantongError):
    """A statement that is not a whole agreement or pledge: a signature is missing, or it gives more than was asked."""

    code = "agreement_wrong"
    status = 422
    zh = "协议或承诺不成立：{why_zh}。"
    en = "The agreement or pledge does not hold: {why_en}."


def check_pledge(raw: bytes, nodes: Mapping[str, VerifyKey]) -> dict[str, Any]:
    """The body of a pledge that its consumer and the consumer's node signed. AgreementWrong, or an envelope's faults."""
    return _signed_by_both(raw, PLEDGE_KIND, nodes).body


def check_agreement(
    raw: bytes, nodes: Mapping[str, VerifyKey], document: bytes | None = None
) -> dict[str, Any]:
    """The body of an agreement that both sides signed and that gives no more than was asked; ``document`` is its PDF.

    AgreementWrong, or an envelope's faults.
    """
    body = _signed_by_both(raw, AGREEMENT_KIND, nodes).body
    try:
        terms, pledge, digest = body["terms"], body["pledge"], body["document"]["digest"]
        asked = check_pledge(canonical.dumps(pledge), nodes)
        _within(terms, asked)
    except (KeyError, TypeError) as fault:
        raise AgreementWrong(why_zh="内容不全", why_en="it is not complete") from fault
    if document is not None and digest != digest_of(document):
        raise AgreementWrong(why_zh="文书与摘要不符", why_en="the document is not the one that was signed")
    return body


def digest_of(document: bytes) -> str:
    """The name of a document's bytes."""
    return "sha-256:" + sha256(document).hexdigest()


def _signed_by_both(raw: bytes, kind: str, nodes: Mapping[str, VerifyKey]) -> Envelope:
    statement = envelope.read(raw)
    if statement.kind != kind:
        raise AgreementWrong(why_zh="不是此类声明", why_en="it is not a statement of this kind")
    try:
        own, node = VerifyKey.from_text(statement.body["key"]), str(statement.body["node"])
    except (KeyError, TypeError, AttributeError) as fault:
        raise AgreementWrong(why_zh="没有机构公钥", why_en="it bears no organisation's key") from fault
    signers = statement.check({**nodes, own.ref: own})
    names = [ref.rsplit("+", 1)[0] for ref in signers - {own.ref} if ref in nodes]
    is_vouched = any(name == node or name.startswith((f"{node}.", f"{node}/")) for name in names)
    if own.ref not in signers or own.ref in nodes or not is_vouched:
        raise AgreementWrong(
            why_zh="须由机构及其所属节点共同签署",
            why_en="its organisation and that one's node must both sign",
        )
    return statement


def _within(terms: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    wanted = asked["asked"]
    same = [(terms["consumer"], asked["consumer"]), (terms["consumer_node"], asked["node"])]
    same += [(terms[name], wanted[name]) for name in ("resource", "purpose")]
    beyond = [set(terms[name]) - set(wanted[name]) for name in ("fields", "modes")]
    more = [terms[name] > wanted[name] for name in ("per_day", "per_second")]
    if any(one != other for one, other in same) or any(beyond) or any(more):
        raise AgreementWrong(
            why_zh="超出使用方的申请与承诺", why_en="it gives more than was asked and pledged"
        )
