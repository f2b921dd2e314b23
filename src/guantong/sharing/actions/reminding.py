"""到期提醒与闲置: grants that end soon, and grants that nobody uses, told to their consumers; each once."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from guantong.journal.types import Actor, Subject
from guantong.notices.actions import tell
from guantong.notices.models import Notice
from guantong.sharing.models import Grant, GrantState
from guantong.sharing.queries import unused_grants, warning_days


def watch_grants(*, by: Actor, at: datetime) -> int:
    """Warn of grants that end soon, and offer unused ones for return. How many were told. The worker calls this."""
    return _warn(by=by, at=at) + _offer(by=by, at=at)


def _warn(*, by: Actor, at: datetime) -> int:
    days = warning_days()
    if not days:
        return 0
    ending = Grant.objects.filter(
        consumer_node=settings.NODE.node,
        state__in=(GrantState.ACTIVE, GrantState.SUSPENDED),
        not_after__gt=at,
        not_after__lte=at + timedelta(days=days[-1]),
    )
    told = 0
    for grant in ending.iterator():
        nearest = next(each for each in days if grant.not_after - at <= timedelta(days=each))
        until = grant.not_after.date().isoformat()
        told += _tell(grant, "grant_expiring", {"until": until}, once=f"{until}/{nearest}", by=by, at=at)
    return told


def _offer(*, by: Actor, at: datetime) -> int:
    days = settings.NODE.grant_unused_days
    rows = unused_grants(at=at).filter(consumer_node=settings.NODE.node) if days else []
    # Told again after as many days, if it is still unused.
    period = f"{at.date().toordinal() // days}" if days else ""
    return sum(_tell(grant, "grant_unused", {"days": days}, once=period, by=by, at=at) for grant in rows)


@transaction.atomic
def _tell(grant: Grant, code: str, more: dict[str, object], *, once: str, by: Actor, at: datetime) -> int:
    known = Notice.objects.filter(once=f"{grant.consumer}/{code}/{grant.code}/{once}"[:200]).exists()
    if known:
        return 0
    details = {"code": grant.code, "resource": grant.terms["resource_content"]["name"], **more}
    about = Subject("grant", grant.code)
    tell(grant.consumer, code, details, permission="request:file", subject=about, once=once, by=by, at=at)
    return 1
