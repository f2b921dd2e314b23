"""续期: a short request before the end of a grant, by the same flows; the same grant goes on under the same code.

While it waits, a grant that would end goes on for the days of grace that its terms name, once.
"""

from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.journal.types import Actor
from guantong.kit import clock
from guantong.sharing.actions.agreeing import agree
from guantong.sharing.actions.tending import change
from guantong.sharing.models import OPEN, Grant, GrantState, Request
from guantong.sharing.narrowing import scope
from guantong.sharing.standing import less
from guantong.sharing.terms import LONGEST
from guantong.sharing.types import OPEN_LIMITS, GrantTerms, Narrowing

GRACE_BEFORE = timedelta(days=1)
"""How long before its end a grant is looked at for grace."""


def prolong(request: Request, *, by: Actor, at: datetime) -> Grant | None:
    """What a granted renewal does: the same grant goes on. None if that has ended meanwhile: then a new one is due."""
    grant = Grant.objects.select_for_update().get(code=request.renews)
    asked = scope(request)
    ends = max(grant.graced_from or grant.not_after, at) + timedelta(days=asked.days)
    if grant.is_over or grant.not_after <= at or ends > grant.not_before + LONGEST:
        return None
    left = asked.narrowing
    typed = msgspec.convert(grant.terms, GrantTerms)
    narrower = Narrowing(
        fields=[name for name in typed.fields if name in asked.fields],
        modes=[mode for mode in typed.modes if mode in asked.modes],
        per_day=min(typed.per_day, asked.per_day),
        per_second=min(typed.per_second, asked.per_second),
        max_rows=min(typed.max_rows, left.max_rows or typed.max_rows),
        **{name: _tighter(getattr(typed, name), getattr(left, name)) for name in OPEN_LIMITS},
        masks={name: mask for name, mask in left.masks.items() if name in typed.fields},
        condition=[each for each in left.condition if each not in typed.condition],
    )
    then = {
        **less(typed, narrower, at=at),
        "not_after": clock.rfc3339(ends),
    }
    then["agreement"] = agree({**grant.terms, **then}, request, by=by, at=at)
    grant.graced_from = None
    return change(grant, "prolonged", then=then, reason=request.number, by=by, at=at)


def _tighter(now: int, left: int | None) -> int | None:
    """The tighter of a grant's limit (0: none) and an approver's (None: none)."""
    return min((limit for limit in (now, left) if limit), default=None)


def keep_in_grace(*, by: Actor, at: datetime) -> int:
    """Let grants whose renewal was asked for in time and still waits go on for their days of grace; each once."""
    waiting = Request.objects.filter(state__in=OPEN).exclude(renews="").values_list("renews", flat=True)
    due = Grant.objects.filter(
        code__in=list(waiting),
        provider_node=settings.NODE.node,
        state__in=(GrantState.ACTIVE, GrantState.SUSPENDED),
        graced_from__isnull=True,
        not_after__gt=at,
        not_after__lte=at + GRACE_BEFORE,
    )
    return sum(_keep_in_grace(grant.pk, by=by, at=at) for grant in due)


def end_grace(request: Request, *, by: Actor, at: datetime) -> None:
    """The renewal was refused or withdrawn: what goes on by grace alone ends now, what does not on its own day."""
    grant = Grant.objects.select_for_update().filter(code=request.renews).first()
    if grant is None or grant.graced_from is None or grant.is_over or grant.not_after <= at:
        return
    if grant.provider_node != settings.NODE.node:
        return
    ends, grant.graced_from = max(grant.graced_from, at), None
    then = {"not_after": clock.rfc3339(ends)}
    change(grant, "graced", then=then, reason=request.number, by=by, at=at)


@transaction.atomic
def _keep_in_grace(pk: int, *, by: Actor, at: datetime) -> int:
    grant = Grant.objects.select_for_update().get(pk=pk)
    days = grant.terms.get("grace_days", 0)
    if grant.graced_from is not None or not days:
        return 0
    grant.graced_from = grant.not_after
    then = {"not_after": clock.rfc3339(grant.not_after + timedelta(days=days))}
    change(grant, "graced", then=then, reason="", by=by, at=at)
    return 1
