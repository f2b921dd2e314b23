"""Is a node's answer what it says? Signature, call, grant, request digest, answer digest: all must fit."""

from typing import Any, Literal

import msgspec

from guantong.bundle.directory import node_ring
from guantong.bundle.types import Bundle
from guantong.courier.errors import PeerAnswerNotProved
from guantong.gateway.call import Call
from guantong.gateway.receipts import KIND, Asked
from guantong.gateway.services.answers import is_given_by_a_service
from guantong.kit import canonical, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import INTERNATIONAL, NATIONAL

Body = dict[str, Any]


def salted(salt: str, written: bytes) -> bytes:
    """What an answer's digest covers: the salt's bytes (hexadecimal text), then the answer in canonical form."""
    return bytes.fromhex(salt) + written


def digest_like(known: str, raw: bytes) -> str:
    """The digest of ``raw`` in the suite that ``known`` was made in; the other node chose it."""
    return envelope.digest(raw, NATIONAL if known.startswith("sm3:") else INTERNATIONAL)


def prove_answer(bundle: Bundle, asked: Asked, *, answer: Any, salt: str, receipt: bytes) -> Body:
    """The provider's receipt for this very answer to this very call, or PeerAnswerNotProved."""
    provider = bundle.resources[asked.call.resource].node
    body = prove_receipt(bundle, asked, node=provider, receipt=receipt)
    fits = (
        body["role"] == "provider"
        and body["decision"] == "allow"
        and body["resource"] == asked.call.resource
        and body["fields"] == asked.call.wanted
        and _digest_fits(body["answer"], salt, answer)
        and _within(asked.call, answer)
    )
    if not fits:
        raise PeerAnswerNotProved(peer=provider)
    return body


def prove_receipt(
    bundle: Bundle, asked: Asked, *, node: str, receipt: bytes, decision: Literal["refuse"] | None = None
) -> Body:
    """A receipt of ``node`` about this very call, or PeerAnswerNotProved."""
    try:
        body = _signed(bundle, node, receipt)
        fits = _about(body, asked.call, node) and decision in {None, body["decision"]}
    except (GuantongError, KeyError, TypeError, AttributeError):
        fits, body = False, {}
    if not fits:
        raise PeerAnswerNotProved(peer=node)
    return body


def _signed(bundle: Bundle, node: str, receipt: bytes) -> Body:
    statement = envelope.read(receipt)
    statement.check(node_ring(bundle, node))
    if statement.kind != KIND:
        raise PeerAnswerNotProved(peer=node)
    return statement.body


def _about(body: Body, call: Call, node: str) -> bool:
    """Whether a receipt of ``node`` speaks of this call, and of the same request as its consumer signed."""
    said = (body["node"], body["call"], body["grant"], body["consumer"])
    request = canonical.dumps(call)
    meant = (node, call.call, call.grant, msgspec.to_builtins(call.consumer))
    return said == meant and body["request"] == digest_like(body["request"], request)


def _digest_fits(claimed: Any, salt: str, answer: Any) -> bool:
    try:
        return isinstance(claimed, str) and claimed == digest_like(
            claimed, salted(salt, canonical.dumps(answer))
        )
    except (GuantongError, ValueError):
        return False


def _within(call: Call, answer: Any) -> bool:
    """Nothing but what was asked for is in the answer."""
    if call.sent is not None:
        return is_given_by_a_service(answer)
    match answer:
        case {"rows": list(rows)} if call.mode == "query" and len(answer) == 1:
            return all(isinstance(row, dict) and set(row) == set(call.fields) for row in rows)
        case {"matched": dict(matched)} if call.mode == "verify" and len(answer) == 1:
            outcomes = {"match", "no_match", "unknown"}
            return set(matched) == set(call.claims) and all(one in outcomes for one in matched.values())
    return False
