"""Requests and grants as programs read them: those of one organisation, page by page."""

from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from guantong.identity.models import Organisation
from guantong.identity.workdays import after
from guantong.kit import clock
from guantong.sharing.faces import types
from guantong.sharing.faces.errors import GrantOfNobody, RequestUnknown
from guantong.sharing.models import Grant, GrantState, Request, RequestState, Step
from guantong.sharing.types import GrantTerms, Narrowing, Particulars


def address(name: str, **parts: object) -> str:
    """The full address of a view, on the node's own name."""
    return settings.NODE.web_url.rstrip("/") + reverse(name, kwargs=parts or None)


def requests_of(organisation: Organisation) -> QuerySet[Request]:
    """What the organisation has asked for, oldest first."""
    return Request.objects.filter(consumer=organisation.code).order_by("pk")


def grants_of(organisation: Organisation) -> QuerySet[Grant]:
    """What was granted to the organisation, oldest first."""
    return Grant.objects.filter(consumer=organisation.code).order_by("pk")


def one_request(organisation: Organisation, uuid: UUID) -> Request:
    """RequestUnknown for one that is another organisation's, as for none."""
    found = requests_of(organisation).filter(uuid=uuid).first()
    if found is None:
        raise RequestUnknown
    return found


def one_grant(organisation: Organisation, code: str) -> Grant:
    """GrantOfNobody for one that is another organisation's, as for none."""
    found = grants_of(organisation).filter(code=code).first()
    if found is None:
        raise GrantOfNobody
    return found


def request_told(request: Request) -> types.RequestTold:
    """A request with its steps, clocks, and what is missing."""
    grant = Grant.objects.filter(request=request.uuid).order_by("pk").values_list("code", flat=True).first()
    is_returned = request.state == RequestState.RETURNED and request.returned_at is not None
    due = (
        after(request.returned_at, settings.NODE.request_supplement_days)
        if is_returned and request.returned_at
        else None
    )
    same = {
        name: getattr(request, name)
        for name in (
            "number", "state", "resource", "resource_name", "provider", "provider_name", "provider_node", "fields",
            "modes", "purpose", "purpose_text", "legal_basis", "per_day", "per_second", "days", "filed_by", "pledged_by",
        )
    }  # fmt: skip
    return types.RequestTold(
        **same,
        uuid=str(request.uuid),
        applications=[each["code"] for each in request.applications],
        particulars=msgspec.convert(request.particulars, Particulars),
        narrowing=msgspec.convert(request.narrowing, Narrowing),
        batch=str(request.batch) if request.batch else None,
        filed_at=clock.rfc3339(request.filed_at),
        decided_at=clock.rfc3339(request.decided_at) if request.decided_at else None,
        missing=request.missing if is_returned else "",
        supplement_by=due.isoformat() if due else None,
        steps=[_step(step) for step in request.steps.all()],
        grant=grant or "",
        url=address("sharing-request", uuid=request.uuid),
    )


def _step(step: Step) -> types.StepTold:
    same: dict[str, Any] = {
        name: getattr(step, name)
        for name in (
            "position", "kind", "decider", "decider_name", "decision", "ground", "reason", "decided_by",
            "extended_because", "paper_number", "is_late",
        )
    }  # fmt: skip
    return types.StepTold(
        **same,
        decided_at=clock.rfc3339(step.decided_at) if step.decided_at else None,
        due_on=step.due_on.isoformat() if step.due_on else None,
    )


def grant_told(grant: Grant) -> types.GrantTold:
    """A grant with all its terms."""
    now = timezone.now()
    return types.GrantTold(
        code=grant.code,
        request=str(grant.request) if grant.request else None,
        resource=grant.resource,
        state=grant.state,
        is_in_force=grant.state == GrantState.ACTIVE and grant.not_before <= now < grant.not_after,
        not_before=clock.rfc3339(grant.not_before),
        not_after=clock.rfc3339(grant.not_after),
        issued_at=clock.rfc3339(grant.issued_at),
        revoked_at=clock.rfc3339(grant.revoked_at) if grant.revoked_at else None,
        revoked_because=grant.revoked_because,
        terms=msgspec.convert(grant.terms, GrantTerms),
        url=address("sharing-grant", code=grant.code),
    )
