"""协议: drawn and signed when a request is granted, handed to the consumer's node, kept at both; paper copies beside it."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from guantong.evidence.agreements import AgreementWrong, check_agreement, check_pledge, digest_of
from guantong.identity.queries import holds
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import canonical, clock, envelope
from guantong.kit.envelope import NotAnEnvelope
from guantong.kit.suites import VerifyKey
from guantong.sharing.agreements.document import draw
from guantong.sharing.agreements.keys import own_ring
from guantong.sharing.agreements.statements import agreement_of
from guantong.sharing.errors import NotYourGrant
from guantong.sharing.models import Agreement, Grant, Paper, Request
from guantong.sharing.types import SignedAgreement


def agree(terms: dict[str, Any], request: Request, *, by: Actor, at: datetime) -> str:
    """Draw and sign the agreement to ``terms``, keep it, hand it to the consumer's node; its digest."""
    approvals = [
        {
            "role": step.kind,
            "decider": step.decider,
            "decider_name": step.decider_name,
            "decided_by": step.decided_by,
            "decided_at": clock.rfc3339(step.decided_at) if step.decided_at else None,
            "paper_number": step.paper_number,
        }
        for step in request.steps.filter(decision="approved")
    ]
    pledge = canonical.loads(request.pledge_statement.encode()) if request.pledge_statement else {"body": {}}
    document = draw(terms, legal_basis=request.legal_basis, pledge=pledge["body"], approvals=approvals)
    statement = agreement_of(terms, request, approvals, document, at=at)
    _keep(terms["code"], statement, document, by=by, at=at)
    if terms["consumer_node"] != terms["provider_node"]:
        payload = {
            "grant": terms["code"],
            "statement": statement.decode(),
            "document": b64encode(document).decode(),
        }
        message = {"to": terms["consumer_node"], "topic": "grant.agreement", "payload": payload}
        enqueue("node.message", message, by=by, at=at)
    return digest_of(statement)


@transaction.atomic
def receive_agreement(
    signed: SignedAgreement, *, sender: str, keys: Mapping[str, VerifyKey], by: Actor, at: datetime
) -> None:
    """Keep an agreement of which the provider's node tells; a repeat changes nothing. ``keys``: its node's.

    The pledge in it must be one that this node signed itself. AgreementWrong, or an envelope's faults.
    """
    try:
        document = b64decode(signed.document, validate=True)
    except binascii.Error as error:
        raise AgreementWrong(why_zh="文书无法读取", why_en="its document cannot be read") from error
    raw = signed.statement.encode()
    own = _keys_of_pledge(raw)
    body = check_agreement(raw, {**keys, **own}, document)
    check_pledge(canonical.dumps(body["pledge"]), own)
    if body["node"] != sender or body["grant"] != signed.grant or not signed.grant.startswith(f"GX{sender}"):
        raise AgreementWrong(why_zh="不是该节点的授权", why_en="it is not for a grant of that node")
    _keep(signed.grant, raw, document, by=by, at=at)


@transaction.atomic
def attach_paper(grant: Grant, paper: Paper, *, by: Actor, at: datetime) -> Agreement:
    """Keep the signed paper copy of a grant's agreement beside it: by either party at its own node. NotYourGrant."""
    parties = {grant.consumer, grant.terms["provider"]}
    if by.organisation not in parties or not (holds(by, "request:file") or holds(by, "grant:revoke")):
        raise NotYourGrant
    agreement = Agreement.objects.get(digest=grant.terms["agreement"])
    agreement.papers.add(paper)
    about = {"paper": paper.number, "digest": paper.digest, "agreement": agreement.digest}
    record("agreement.paper", by=by, at=at, subject=Subject("grant", grant.code), details=about)
    return agreement


def _keys_of_pledge(raw: bytes) -> Mapping[str, VerifyKey]:
    """The keys by which this node may have signed the pledge within an agreement, when it says that it was made."""
    try:
        return own_ring(envelope.read(raw).body["pledge"]["body"]["at"])
    except (NotAnEnvelope, LookupError, TypeError, ValueError):
        return {}  # no key fits what cannot be read, so its check refuses it


def _keep(grant: str, statement: bytes, document: bytes, *, by: Actor, at: datetime) -> None:
    digest = digest_of(statement)
    _, made = Agreement.objects.get_or_create(
        digest=digest, defaults={"grant": grant, "statement": statement, "document": document, "at": at}
    )
    if made:
        record("agreement.kept", by=by, at=at, subject=Subject("grant", grant), details={"digest": digest})
