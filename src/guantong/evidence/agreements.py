"""Agreements and pledges: who signed what, checked offline with the nodes' public keys alone.

A *pledge* is what the consumer asks for and promises; an *agreement* is what the provider grants on it, with the digest
of the document that people read, and the whole pledge inside. Each is signed by its organisation's key and by the node
that holds it: the node's signature vouches for the organisation's key, which stands in the statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from guantong.kit import canonical, envelope
from guantong.kit.canonical import NotCanonical
from guantong.kit.envelope import NotAnEnvelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import BadKey, VerifyKey

PLEDGE_KIND = "guantong/pledge@v1"
AGREEMENT_KIND = "guantong/agreement@v1"


class AgreementWrong(GuantongError):
    """A statement that is not a whole agreement or pledge: a signature is missing, or it gives more than was asked."""

    code = "agreement_wrong"
    status = 422
    zh = "协议或承诺不成立：{why_zh}。"
    en = "The agreement or pledge does not hold: {why_en}."


@dataclass(frozen=True, slots=True)
class Findings:
    """What an agreement or pledge says, as far as it can be read, and everything that is wrong with it."""

    body: dict[str, Any]
    faults: tuple[GuantongError, ...]

    def believed(self) -> dict[str, Any]:
        """The body, if nothing is wrong; the first fault otherwise."""
        if self.faults:
            raise self.faults[0]
        return self.body


def check_pledge(raw: bytes, nodes: Mapping[str, VerifyKey]) -> dict[str, Any]:
    """The body of a pledge that its consumer and the consumer's node signed. AgreementWrong, or an envelope's faults."""
    return examine_pledge(raw, nodes).believed()


def check_agreement(
    raw: bytes, nodes: Mapping[str, VerifyKey], document: bytes | None = None
) -> dict[str, Any]:
    """The body of an agreement that both sides signed and that gives no more than was asked; ``document`` is its PDF.

    AgreementWrong, or an envelope's faults.
    """
    return examine_agreement(raw, nodes, document).believed()


def examine_pledge(raw: bytes, nodes: Mapping[str, VerifyKey]) -> Findings:
    """Everything that is wrong with a pledge."""
    return _signed_by_both(raw, PLEDGE_KIND, nodes)


def examine_agreement(raw: bytes, nodes: Mapping[str, VerifyKey], document: bytes | None = None) -> Findings:
    """Everything that is wrong with an agreement: its signatures, the pledge's inside it, its terms, its PDF."""
    found = _signed_by_both(raw, AGREEMENT_KIND, nodes)
    if not found.body:
        return found
    told = [*found.faults]
    looks = (partial(_pledge_within, found.body, nodes), partial(_other_document, found.body, document))
    for look in looks:
        try:
            told += look()
        except (KeyError, TypeError, NotCanonical):
            told.append(AgreementWrong(why_zh="内容不全", why_en="it is not complete"))
    once = {str(fault): fault for fault in told}
    return Findings(found.body, tuple(once.values()))


def _pledge_within(body: Mapping[str, Any], nodes: Mapping[str, VerifyKey]) -> list[GuantongError]:
    asked = examine_pledge(canonical.dumps(body["pledge"]), nodes)
    return [*asked.faults, *(_beyond(body["terms"], asked.body) if asked.body else [])]


def _other_document(body: Mapping[str, Any], document: bytes | None) -> list[GuantongError]:
    if body["document"]["digest"] == (
        body["document"]["digest"] if document is None else digest_of(document)
    ):
        return []
    return [AgreementWrong(why_zh="文书与摘要不符", why_en="the document is not the one that was signed")]


def digest_of(document: bytes) -> str:
    """The name of a document's bytes."""
    return "sha-256:" + sha256(document).hexdigest()


def _signed_by_both(raw: bytes, kind: str, nodes: Mapping[str, VerifyKey]) -> Findings:
    try:
        statement = envelope.read(raw)
    except NotAnEnvelope as fault:
        return Findings({}, (fault,))
    faults: list[GuantongError] = []
    if statement.kind != kind:
        faults.append(AgreementWrong(why_zh="不是此类声明", why_en="it is not a statement of this kind"))
    try:
        own, node = VerifyKey.from_text(statement.body["key"]), str(statement.body["node"])
    except (KeyError, TypeError, AttributeError, BadKey):
        faults += [
            AgreementWrong(why_zh="没有机构公钥", why_en="it bears no organisation's key"),
            *statement.faults(nodes),
        ]
        return Findings(statement.body, tuple(faults))
    wrong = statement.faults({**nodes, own.ref: own})
    refs = {signature.key for signature in statement.signatures}
    names = [ref.rsplit("+", 1)[0] for ref in refs - {own.ref} if ref in nodes]
    is_vouched = any(name == node or name.startswith((f"{node}.", f"{node}/")) for name in names)
    if own.ref not in refs or own.ref in nodes or not is_vouched:
        wrong.append(
            AgreementWrong(
                why_zh="须由机构及其所属节点共同签署",
                why_en="its organisation and that one's node must both sign",
            )
        )
    return Findings(statement.body, (*faults, *wrong))


def _beyond(terms: Mapping[str, Any], asked: Mapping[str, Any]) -> list[GuantongError]:
    """Each term that goes beyond what was asked and pledged."""
    wanted = asked["asked"]
    same = {
        "consumer": (terms["consumer"], asked["consumer"]),
        "node": (terms["consumer_node"], asked["node"]),
    }
    same |= {name: (terms[name], wanted[name]) for name in ("resource", "purpose")}
    wrong = [name for name, (one, other) in same.items() if one != other]
    wrong += [name for name in ("fields", "modes") if set(terms[name]) - set(wanted[name])]
    wrong += [name for name in ("per_day", "per_second") if terms[name] > wanted[name]]
    return [
        AgreementWrong(
            why_zh=f"超出使用方的申请与承诺（{name}）",
            why_en=f"it gives more than was asked and pledged ({name})",
        )
        for name in wrong
    ]
