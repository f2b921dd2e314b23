"""What both sides sign: the pledge when a request is filed, the agreement when it is granted."""

from datetime import datetime
from typing import Any

from django.conf import settings

from guantong.evidence.agreements import AGREEMENT_KIND, PLEDGE_KIND, digest_of
from guantong.kit import canonical, clock, envelope
from guantong.sharing.agreements.keys import node_key, organisation_key
from guantong.sharing.models import Request
from guantong.sharing.types import PLEDGE

ASKED = (
    "resource", "fields", "modes", "purpose", "purpose_text", "legal_basis", "per_day", "per_second", "days", "renews"
)  # fmt: skip


def pledge_of(request: Request, *, at: datetime) -> bytes:
    """The consumer's pledge for what ``request`` asks, signed by its organisation and by this node."""
    key = organisation_key(request.consumer)
    body = {
        "request": str(request.uuid),
        "number": request.number,
        "consumer": request.consumer,
        "consumer_name": request.consumer_name,
        "node": settings.NODE.node,
        "key": key.public.to_text(),
        "asked": {name: getattr(request, name) for name in ASKED},
        "applications": [each["code"] for each in request.applications],
        "text": PLEDGE,
        "pledged_by": request.pledged_by,
        "at": clock.rfc3339(at),
    }
    return envelope.seal(PLEDGE_KIND, body, key, node_key())


def said_terms(terms: dict[str, Any]) -> dict[str, Any]:
    """The terms as the agreement says them: the entry by its digest, and not the agreement's own."""
    said = {name: value for name, value in terms.items() if name not in {"agreement", "resource_content"}}
    return {**said, "resource_digest": digest_of(canonical.dumps(terms["resource_content"]))}


def agreement_of(
    terms: dict[str, Any], request: Request, approvals: list[dict[str, Any]], document: bytes, *, at: datetime
) -> bytes:
    """The provider's agreement to ``terms``, over its document and the consumer's pledge, signed with this node."""
    key = organisation_key(terms["provider"])
    body = {
        "grant": terms["code"],
        "node": settings.NODE.node,
        "provider": terms["provider"],
        "provider_name": terms["provider_name"],
        "key": key.public.to_text(),
        "terms": said_terms(terms),
        "approvals": approvals,
        "pledge": canonical.loads(request.pledge_statement.encode()) if request.pledge_statement else {},
        "document": {"media_type": "application/pdf", "digest": digest_of(document)},
        "at": clock.rfc3339(at),
    }
    return envelope.seal(AGREEMENT_KIND, body, key, node_key())
