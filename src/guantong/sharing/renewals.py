"""续期: what a renewal asks for, and whether it may be asked for."""

from datetime import datetime

from django.conf import settings

from guantong.identity.models import Organisation
from guantong.identity.queries import holds
from guantong.journal.types import Actor
from guantong.sharing.errors import GrantNotInForce, NotYourGrant, RenewalWaits, RenewalWrong
from guantong.sharing.models import OPEN, Grant, Request
from guantong.sharing.types import Need


def renewal_need(
    grant: Grant, *, consumer: Organisation, days: int, purpose_text: str, by: Actor, at: datetime
) -> Need:
    """What a renewal asks for: what the grant gives now, for so many days more. NotYourGrant, GrantNotInForce."""
    is_here = grant.consumer_node == settings.NODE.node
    if not is_here or grant.consumer != consumer.code or by.organisation != consumer.code:
        raise NotYourGrant
    if by.kind == "person" and not holds(by, "request:file"):
        raise NotYourGrant
    demand_renewable(grant, consumer=grant.consumer, at=at)
    first = Request.objects.filter(uuid=str(grant.request)).first() if grant.request else None
    return Need(
        resource=grant.resource,
        fields=list(grant.terms["fields"]),
        modes=list(grant.terms["modes"]),
        purpose=grant.purpose,
        purpose_text=purpose_text.strip() or grant.terms["purpose_text"],
        legal_basis=first.legal_basis if first else "",
        applications=[each["code"] for each in grant.terms["applications"]],
        pledge_signed=True,
        per_day=grant.terms["per_day"],
        per_second=grant.terms["per_second"],
        days=days,
    )


def demand_renewable(grant: Grant, *, consumer: str, at: datetime) -> None:
    """GrantNotInForce, RenewalWaits, RenewalWrong: whether ``consumer`` may ask to prolong it now."""
    if grant.consumer != consumer:
        raise RenewalWrong(why_zh="不是申请方的授权", why_en="it is not the asker's grant")
    if grant.is_over or grant.not_after <= at:
        raise GrantNotInForce(grant=grant.code)
    waiting = Request.objects.filter(renews=grant.code, state__in=OPEN).first()
    if waiting:
        raise RenewalWaits(grant=grant.code, request=waiting.number)


def demand_fits(request: Request, *, at: datetime) -> None:
    """RenewalWrong unless a request that would prolong a grant asks for no more than it gives."""
    grant = Grant.objects.filter(code=request.renews).first()
    if grant is None:
        raise RenewalWrong(why_zh="没有该授权", why_en="there is no such grant")
    demand_renewable(grant, consumer=request.consumer, at=at)
    same = (grant.resource, grant.purpose) == (request.resource, request.purpose)
    # By their identifiers alone: whose key they have is for their node to say, and keys change.
    applications = {each["code"] for each in grant.terms["applications"]}
    asked = {each["code"] for each in request.applications}
    if not same or not asked <= applications:
        raise RenewalWrong(why_zh="资源、用途或应用不同", why_en="another resource, purpose or application")
    if set(request.fields) - set(grant.terms["fields"]) or set(request.modes) - set(grant.terms["modes"]):
        raise RenewalWrong(why_zh="信息项或方式超出原授权", why_en="items or modes beyond the grant")
