"""What people do about alerts: look, decide, suspend the grant, teach an exception."""

from datetime import date, datetime
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from guantong.identity.queries import bureaus, holds
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.risk import queries
from guantong.risk.errors import (
    ExemptionWrong,
    FindingDecided,
    FindingWithoutGrant,
    RiskNotPermitted,
    RuleReasonMissing,
)
from guantong.risk.models import Exemption, Finding, FindingState
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant

LONGEST = 2000


@transaction.atomic
def look_at(finding: Finding, *, by: Actor, at: datetime) -> Finding:
    """核查: somebody takes it up; the others see who."""
    finding = _open(finding, by)
    finding.state, finding.looked_by, finding.looked_at = FindingState.SEEN, by.name, at
    finding.save()
    record("risk.looked_at", by=by, at=at, subject=_subject(finding), details={"rule": finding.rule})
    return finding


@transaction.atomic
def decide(
    finding: Finding,
    verdict: Literal["false", "confirmed"],
    *,
    reason: str,
    exempt_until: date | None = None,
    by: Actor,
    at: datetime,
) -> Finding:
    """误报 or 属实, with a reason. A false alarm may keep the rule silent about the same key until a day. ExemptionWrong."""
    finding = _open(finding, by)
    reason = _given(reason)
    today = timezone.localdate(at)
    if exempt_until is not None:
        last = queries.longest_exemption(at=at)
        if verdict != "false" or not today < exempt_until <= last:
            raise ExemptionWrong(days=queries.LONGEST_DAYS)
        Exemption.objects.create(
            rule=finding.rule,
            scope=finding.scope,
            key=finding.key,
            until=exempt_until,
            reason=reason,
            finding=finding,
            made_by=by.name,
            made_at=at,
        )
    _close(finding, verdict, reason, by=by, at=at)
    details = {
        "rule": finding.rule,
        "key": finding.key,
        "reason": reason,
        "exempt_until": exempt_until.isoformat() if exempt_until else "",
    }
    record(f"risk.{verdict}", by=by, at=at, subject=_subject(finding), details=details)
    return finding


@transaction.atomic
def suspend_grant(finding: Finding, *, reason: str, by: Actor, at: datetime) -> Finding:
    """暂停授权: stop the grant's calls by sharing's own act, which tells both sides; the alert counts as true,
    and so do the others about the same grant and time.

    Resumed the usual way, on the grant's page. FindingWithoutGrant, and whatever sharing refuses.
    """
    finding = _open(finding, by)
    reason = _given(reason)
    grant = Grant.objects.filter(code=finding.grant).first() if finding.grant else None
    if grant is None:
        raise FindingWithoutGrant
    sharing.suspend(grant, reason=reason, by=by, at=at)
    others = list(queries.beside(finding).select_for_update())
    for each in [finding, *others]:
        each.suspended_at = at
        _close(each, "confirmed", reason, by=by, at=at)
    details = {"rule": finding.rule, "grant": grant.code, "reason": reason, "others": len(others)}
    record("risk.grant_suspended", by=by, at=at, subject=_subject(finding), details=details)
    return finding


@transaction.atomic
def end_exemption(exemption: Exemption, *, by: Actor, at: datetime) -> None:
    """The rule speaks again from now on."""
    _demand(exemption.finding, by)
    record(
        "risk.exemption_ended",
        by=by,
        at=at,
        subject=_subject(exemption.finding),
        details={"rule": exemption.rule, "key": exemption.key, "until": exemption.until.isoformat()},
    )
    exemption.delete()


def _close(finding: Finding, verdict: str, reason: str, *, by: Actor, at: datetime) -> None:
    finding.state, finding.reason = FindingState(verdict), reason
    finding.decided_by, finding.decided_at = by.name, at
    finding.save()


def _open(finding: Finding, by: Actor) -> Finding:
    finding = Finding.objects.select_for_update().select_related(None).get(pk=finding.pk)
    _demand(finding, by)
    if not finding.is_open:
        raise FindingDecided(who=finding.decided_by)
    return finding


def _demand(finding: Finding, by: Actor) -> None:
    """Of the grant's provider or of a bureau of this node, and allowed to settle alerts."""
    own = {finding.provider, *bureaus(settings.NODE.node)} - {""}
    if by.organisation not in own or not holds(by, "risk:settle"):
        raise RiskNotPermitted


def _given(reason: str) -> str:
    if not reason.strip():
        raise RuleReasonMissing
    return reason.strip()[:LONGEST]


def _subject(finding: Finding) -> Subject:
    return Subject("finding", str(finding.uuid))
