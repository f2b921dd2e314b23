"""Look-ups of a case: who may ask now, what exactly is asked, and what an answer changes.

A claim is taken in a transaction that holds the case's lock; the asking happens outside any transaction; the
answers are written in a second transaction that holds the lock again and reads the flow's state anew. So two
workers never ask the same question at the same moment, and never complete a step twice.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from guantong.counter.gateway_client import NO_GRANT, Answered, Failed, GatewayClient, Question
from guantong.counter.models import OPEN_STATES, Case, CaseState, Lookup, LookupState
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.sharing.queries import grant_for
from guantong.workflow.engine import Run
from guantong.workflow.queries import specification
from guantong.workflow.types import Step

LONGEST_PAUSE_S: Final = 30
MOST_AT_ONCE: Final = 32
_CLAIM_MARGIN_S: Final = 10
_NAMESPACE: Final = uuid.UUID("6f6e1c86-6f2c-5d0b-9d7e-5b6e5f0b3c11")

OPEN_LOOKUPS: Final = (LookupState.PENDING, LookupState.WAITING)


@dataclass(frozen=True)
class Claim:
    """One look-up that this worker, and no other, asks now."""

    lookup: int
    case: int
    question: Question
    has_grant: bool


@dataclass(frozen=True)
class Result:
    """What a claim's question brought, and when."""

    claim: Claim
    answer: Answered | Failed
    heard_at: datetime


def trace_of(case: Case, step: str) -> uuid.UUID:
    """Under what name a step's question travels: the same for every attempt."""
    return uuid.uuid5(_NAMESPACE, f"{case.uuid}/{step}")


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1, 2, 4 … at most 30 seconds."""
    return timedelta(seconds=min(LONGEST_PAUSE_S, 2 ** max(attempts - 1, 0)))


def due(at: datetime) -> QuerySet[Case]:
    """Open cases with something to do: a look-up whose time has come, or a step nobody has begun."""
    open_lookups = Lookup.objects.filter(case=OuterRef("pk"), state__in=OPEN_LOOKUPS)
    ready = open_lookups.filter(_unclaimed(at), next_attempt_at__lte=at)
    unbegun = Q(state=CaseState.RUNNING) & ~Q(Exists(open_lookups))
    return Case.objects.filter(unbegun | Q(Exists(ready)), state__in=OPEN_STATES)


def _unclaimed(at: datetime) -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lte=at)


def claim(case_id: int, *, at: datetime, patience_s: float) -> list[Claim]:
    """Take the look-ups of a case that may be asked now; other workers leave them until the claim runs out."""
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.state not in OPEN_STATES:
            return []
        run = Run.resume(specification(case.flow), case.flow_state)
        steps = {step.id: step for step in run.waiting()}
        _begin(case, list(steps.values()), at)
        lookups = list(
            case.lookups.filter(
                _unclaimed(at), step__in=steps, state__in=OPEN_LOOKUPS, next_attempt_at__lte=at
            )
        )
        for lookup in lookups:
            lookup.claimed_until = at + timedelta(seconds=patience_s + _CLAIM_MARGIN_S)
            lookup.attempts += 1
            lookup.asked_at = at
            lookup.save(update_fields=["claimed_until", "attempts", "asked_at"])
    return [_claimed(case, lookup, steps[lookup.step]) for lookup in lookups]


def _begin(case: Case, steps: Sequence[Step], at: datetime) -> None:
    begun = set(case.lookups.values_list("step", flat=True))
    Lookup.objects.bulk_create(
        Lookup(
            case=case,
            step=step.id,
            name=step.name,
            resource=step.lookup.resource,
            mode=step.lookup.mode,
            trace=trace_of(case, step.id),
            next_attempt_at=at,
        )
        for step in steps
        if step.id not in begun
    )


def _claimed(case: Case, lookup: Lookup, step: Step) -> Claim:
    asked = step.lookup
    grant = grant_for(
        consumer=case.item.department, resource=asked.resource, purpose=case.item.code, mode=asked.mode
    )
    question = Question(
        trace=lookup.trace.hex,
        case=case.number,
        resource=asked.resource,
        mode=asked.mode,
        # without a grant the call still goes out, so that the refusal leaves its receipt
        grant=grant or NO_GRANT,
        purpose=case.item.code,
        keys={item: case.form.get(name, "") for item, name in asked.keys.items()},
        claims={item: case.form.get(name, "") for item, name in asked.claims.items()},
        fields=asked.fields,
    )
    return Claim(lookup.pk, case.pk, question, has_grant=grant is not None)


def ask(claims: Sequence[Claim], client: GatewayClient) -> list[Result]:
    """Ask all questions at the same time. Touches no database: call it outside transactions."""

    def one(claim: Claim) -> Result:
        answer = client.ask(claim.question)
        return Result(claim, answer, clock.now())

    if len(claims) == 1:
        return [one(claims[0])]
    with ThreadPoolExecutor(max_workers=min(MOST_AT_ONCE, len(claims))) as pool:
        return list(pool.map(one, claims))


def note(lookup: Lookup, heard: Result, *, at: datetime) -> str | None:
    """Write what came back on a look-up; gives the act for the journal if its state has changed."""
    claim, result = heard.claim, heard.answer
    if lookup.state == LookupState.ANSWERED:
        return None
    before = lookup.state
    lookup.call = result.call or lookup.call
    lookup.claimed_until = None
    if isinstance(result, Answered):
        lookup.state, lookup.answered_at, lookup.error = LookupState.ANSWERED, heard.heard_at, {}
        lookup.answer, lookup.salt, lookup.receipt = result.answer, result.salt, result.receipt
        lookup.countersign, lookup.hops = result.countersign, result.hops
    else:
        lookup.error = _error(result, claim)
        lookup.receipt, lookup.hops = result.receipt or lookup.receipt, result.hops or lookup.hops
        lookup.next_attempt_at = at + pause(lookup.attempts)
        lookup.state = LookupState.WAITING if result.is_passing else LookupState.REFUSED
    lookup.save()
    acts = {"answered": "lookup.answered", "refused": "lookup.refused", "waiting": "lookup.postponed"}
    return acts[lookup.state] if lookup.state != before else None


def _error(result: Failed, claim: Claim) -> dict[str, Any]:
    error: GuantongError = result.error
    if not claim.has_grant and not result.is_passing:
        return {
            "code": "no_grant",
            "zh": f"没有可用于本事项的数据授权（资源 {claim.question.resource}），请先申请共享。",
            "en": f"There is no grant of {claim.question.resource} for this item; please request it first.",
            "status": result.status,
        }
    return {
        "code": str(error.details.get("code", error.code)),
        "zh": error.sentence("zh"),
        "en": error.sentence("en"),
        "status": result.status,
    }
