"""What becomes of a grant after it was issued: narrowed, suspended, resumed, ended; each change with its revision.

Only the provider's node changes a grant, and tells every node of the route how it stands then (``grant.changed``).
What the consumer does of its own accord (use less, give back) its node asks of the provider's (``grant.wished``);
what it gives back is refused by its own gateway at once, whether or not the provider's node can be reached.
"""

from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.identity.queries import holds
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.sharing.actions.granting import notify_parties, tell_route
from guantong.sharing.errors import GrantNotInForce, GrantStateWrong, NotYourGrant, ReasonMissing
from guantong.sharing.models import OVER, Grant, GrantChange, GrantState
from guantong.sharing.parties import demand_giver
from guantong.sharing.standing import CHANGING, demand_not_wider, less, standing_terms
from guantong.sharing.terms import checked_terms
from guantong.sharing.types import GrantAct, GrantTerms, Narrowing, Standing, Wish

NOTHING_LESS = Narrowing()


@transaction.atomic
def narrow(grant: Grant, by_less: Narrowing, *, reason: str, by: Actor, at: datetime) -> Grant:
    """缩减: the provider leaves less, with a reason; the consumer asks for less of its own accord. NarrowingWidens."""
    grant = _in_force(grant, at=at)
    if _is_consumer(grant, by):
        _wish(grant, "narrow", by_less, reason=reason, by=by, at=at)
    else:
        demand_giver(grant, by)
        then = less(msgspec.convert(grant.terms, GrantTerms), by_less, at=at)
        _change(grant, "narrowed", then=then, reason=_given(reason), by=by, at=at)
    grant.refresh_from_db()
    return grant


@transaction.atomic
def suspend(grant: Grant, *, reason: str, by: Actor, at: datetime) -> Grant:
    """暂停: calls are refused until it is resumed. By the provider, its node's bureau, or a security officer of either."""
    grant = _in_force(grant, at=at)
    demand_giver(grant, by, also="grant:suspend")
    _demand_state(grant, GrantState.ACTIVE, act_zh="暂停", act_en="suspended")
    return _change(grant, "suspended", GrantState.SUSPENDED, reason=_given(reason), by=by, at=at)


@transaction.atomic
def resume(grant: Grant, *, reason: str, by: Actor, at: datetime) -> Grant:
    """恢复: a suspended grant is in force again."""
    grant = _in_force(grant, at=at)
    demand_giver(grant, by)
    _demand_state(grant, GrantState.SUSPENDED, act_zh="恢复", act_en="resumed")
    return _change(grant, "resumed", GrantState.ACTIVE, reason=_given(reason), by=by, at=at)


@transaction.atomic
def give_back(grant: Grant, *, fulfilled: bool = False, reason: str = "", by: Actor, at: datetime) -> Grant:
    """归还: the consumer no longer needs it, or its purpose is fulfilled. Refused from now on; it never comes back."""
    grant = _in_force(grant, at=at)
    if not _is_consumer(grant, by):
        raise NotYourGrant
    _wish(grant, "fulfil" if fulfilled else "return", NOTHING_LESS, reason=reason, by=by, at=at)
    grant.refresh_from_db()
    return grant


@transaction.atomic
def receive_wish(wish: Wish, *, by: Actor, at: datetime) -> None:
    """Do, at the provider's node, what the consumer wants of its own grant; a repeat changes nothing.

    That the consumer's node said it, whoever carried the message must have seen to.
    """
    grant = Grant.objects.select_for_update().get(code=wish.code)
    if grant.is_over:
        return
    reason, said_by = wish.reason, wish.said_by
    if wish.act == "narrow":
        typed = msgspec.convert(grant.terms, GrantTerms)
        then = less(typed, wish.narrowing, at=at)
        now = standing_terms(grant.terms)
        if not wish.narrowing.condition and all(
            now[name] == then[name] for name in CHANGING if name != "condition"
        ):
            return
        _change(grant, "narrowed", then=then, reason=reason, said_by=said_by, by=by, at=at)
    else:
        _change(grant, "ended", GrantState.ENDED, reason=reason, said_by=said_by, by=by, at=at)


@transaction.atomic
def receive_standing(standing: Standing, *, by: Actor, at: datetime) -> None:
    """Take over how a grant stands at its provider's node; older revisions and repeats change nothing.

    No revision brings a grant back that is over, or gives more than was given before. NarrowingWidens, TermsWrong.
    """
    grant = Grant.objects.select_for_update().get(code=standing.code)
    if standing.revision <= grant.revision or grant.state == GrantState.REVOKED:
        return
    after = standing_terms(msgspec.to_builtins(standing))
    demand_not_wider(msgspec.convert(grant.terms, GrantTerms), after)
    _keep(grant, standing, after, by=by, at=at)


def change(
    grant: Grant,
    act: GrantAct,
    *,
    then: dict[str, Any],
    reason: str,
    by: Actor,
    at: datetime,
) -> Grant:
    """A change of terms that has been decided already, by the flows of a renewal or by time. At the provider's node."""
    return _change(grant, act, then=then, reason=reason, by=by, at=at)


def _change(
    grant: Grant,
    act: GrantAct,
    state: GrantState | None = None,
    *,
    then: dict[str, Any] | None = None,
    reason: str,
    said_by: str = "",
    by: Actor,
    at: datetime,
) -> Grant:
    """The next revision: kept here, told to the route."""
    typed = msgspec.convert(grant.terms, GrantTerms)
    after = {**less(typed, NOTHING_LESS, at=at), **(then or {})}
    told = {
        **after,
        "code": grant.code,
        "revision": grant.revision + 1,
        "act": act,
        "state": state or grant.state,
        "reason": reason[:4000],
        "said_by": said_by or by.name,
        "said_at": clock.rfc3339(at),
    }
    standing = msgspec.convert(told, Standing)
    _keep(grant, standing, after, by=by, at=at)
    if grant.consumer_node != grant.provider_node:
        tell_route(grant, "grant.changed", msgspec.to_builtins(standing), by=by, at=at)
    return grant


def _keep(grant: Grant, standing: Standing, after: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """A revision at either node, whoever decided it: the terms ``after`` it, kept beside what they were. TermsWrong."""
    before = {name: was for name, was in standing_terms(grant.terms).items() if was != after[name]}
    terms = {**grant.terms, **{name: after[name] for name in CHANGING}}
    checked_terms(terms)
    was_ended_here = grant.state == GrantState.ENDED
    grant.terms, grant.revision = terms, standing.revision
    grant.not_after = clock.parse(standing.not_after)
    if not was_ended_here or standing.state == "revoked":
        grant.state = GrantState(standing.state)
    if grant.state in OVER and grant.revoked_at is None:
        grant.revoked_at, grant.revoked_because = at, standing.reason
    grant.save()
    GrantChange.objects.create(
        grant=grant,
        revision=standing.revision,
        act=standing.act,
        state=grant.state,
        reason=standing.reason,
        said_by=standing.said_by,
        said_at=clock.parse(standing.said_at),
        before=before,
        after={name: terms[name] for name in before},
    )
    about = {"revision": standing.revision, "reason": standing.reason, "said_by": standing.said_by}
    subject = Subject("grant", grant.code)
    record(f"grant.{standing.act}", by=by, at=at, subject=subject, details=about)
    enqueue("bundle.stale", {"because": f"grant.{standing.act}"}, by=by, at=at)
    notify_parties(grant, standing.act, standing.reason, by=by, at=at)


def _wish(grant: Grant, act: str, by_less: Narrowing, *, reason: str, by: Actor, at: datetime) -> None:
    """What the consumer does itself: here if the grant is this node's, else asked of the provider's node."""
    typed = msgspec.convert(grant.terms, GrantTerms)
    less(typed, by_less, at=at)
    told = {
        "code": grant.code,
        "act": act,
        "narrowing": msgspec.to_builtins(by_less),
        "reason": reason.strip()[:4000],
        "said_by": by.name,
    }
    wish = msgspec.convert(told, Wish)
    if grant.provider_node == settings.NODE.node:
        receive_wish(wish, by=by, at=at)
        return
    if act != "narrow":
        grant.state, grant.revoked_at, grant.revoked_because = GrantState.ENDED, at, wish.reason
        grant.save()
        enqueue("bundle.stale", {"because": "grant.ended"}, by=by, at=at)
    about = {"act": act, "reason": wish.reason}
    record("grant.wished", by=by, at=at, subject=Subject("grant", grant.code), details=about)
    payload = msgspec.to_builtins(wish)
    enqueue(
        "node.message",
        {"to": grant.provider_node, "topic": "grant.wished", "payload": payload},
        by=by,
        at=at,
    )


def _in_force(grant: Grant, *, at: datetime) -> Grant:
    locked = Grant.objects.select_for_update().get(pk=grant.pk)
    if locked.is_over or locked.not_after <= at:
        raise GrantNotInForce(grant=locked.code)
    return locked


def _demand_state(grant: Grant, state: GrantState, *, act_zh: str, act_en: str) -> None:
    if grant.state != state:
        raise GrantStateWrong(grant=grant.code, act_zh=act_zh, act_en=act_en)


def _is_consumer(grant: Grant, by: Actor) -> bool:
    is_here = grant.consumer_node == settings.NODE.node
    return is_here and by.organisation == grant.consumer and holds(by, "request:file")


def _given(reason: str) -> str:
    if not reason.strip():
        raise ReasonMissing
    return reason.strip()
