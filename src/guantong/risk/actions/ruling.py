"""Rules are changed by versions: the old ones stay, and alerts say which one raised them. A grant may have a rule otherwise."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.identity.queries import bureaus, holds
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.risk import queries
from guantong.risk.declaring import read_rule
from guantong.risk.defaults import shipped
from guantong.risk.errors import GrantRuleWrong, RiskNotPermitted, RuleReasonMissing, RuleWrong
from guantong.risk.models import GrantRule, RuleVersion
from guantong.risk.types import AnyRule
from guantong.sharing.models import Grant

LONGEST = 2000
OF_GRANT = ("is_on",)
"""What a grant may have otherwise besides the numbers."""


@transaction.atomic
def change_rule(rule: AnyRule, *, reason: str, by: Actor, at: datetime) -> RuleVersion:
    """The next version of a rule, in force from the next batch on. By the bureau's ``risk:keep``. RuleWrong."""
    reason = _allowed(reason, by)
    now = _version(rule.code)
    if now.terms["kind"] != rule.__struct_config__.tag:
        raise RuleWrong(why=rule.code)
    return _follow(now, rule, reason, by=by, at=at)


@transaction.atomic
def restore_rule(code: str, number: int, *, reason: str, by: Actor, at: datetime) -> RuleVersion:
    """Undo: an earlier version's wording becomes the newest. As the platform ships it, it follows the platform again."""
    reason = _allowed(reason, by)
    earlier = RuleVersion.objects.filter(code=code, number=number).first()
    if earlier is None:
        raise RuleWrong(why=f"{code}/{number}")
    return _follow(_version(code), queries.rule_of(earlier), reason, by=by, at=at)


@transaction.atomic
def import_rules(rules: Sequence[AnyRule], *, reason: str, by: Actor, at: datetime) -> list[RuleVersion]:
    """Take in rules of a file: new ones, and new versions of those that differ; all or none. The new versions."""
    reason = _allowed(reason, by)
    current = {row.code: row for row in queries.rules_in_force()}
    made = []
    for rule in rules:
        now = current.get(rule.code)
        if now is not None and now.terms["kind"] != rule.__struct_config__.tag:
            raise RuleWrong(why=rule.code)
        if now is None or now.terms != msgspec.to_builtins(rule):
            made.append(_follow(now, rule, reason, by=by, at=at))
    return made


@transaction.atomic
def change_for_grant(
    rule: AnyRule, grant: Grant, *, reason: str, by: Actor, at: datetime
) -> GrantRule | None:
    """授权特例: one grant has a rule with other numbers, or is not judged by it. As the general rule says: none."""
    reason = _allowed(reason, by)
    now = _version(rule.code)
    if not queries.is_of_grants(rule):
        raise GrantRuleWrong
    terms = msgspec.to_builtins(rule)
    read_rule(terms)
    changes = {
        name: value
        for name, value in terms.items()
        if value != now.terms.get(name, value) and (name in OF_GRANT or isinstance(value, int | float))
    }
    own = (
        GrantRule.objects.select_for_update().filter(rule=rule.code, grant=grant.code, ended_at=None).first()
    )
    if own is not None and own.changes == changes:
        return own
    if own is not None:
        own.ended_by, own.ended_at = by.name, at
        own.save(update_fields=["ended_by", "ended_at"])
    made = None
    if changes:
        made = GrantRule.objects.create(
            rule=rule.code, grant=grant.code, changes=changes, reason=reason, made_by=by.name, made_at=at
        )
    details = {
        "grant": grant.code,
        "changed": changes,
        "before": own.changes if own else {},
        "reason": reason,
    }
    record("risk.grant_rule_changed", by=by, at=at, subject=Subject("risk_rule", rule.code), details=details)
    return made


@transaction.atomic
def end_for_grant(own: GrantRule, *, reason: str, by: Actor, at: datetime) -> GrantRule:
    """Undo: the general rule holds for the grant again."""
    reason = _allowed(reason, by)
    own = GrantRule.objects.select_for_update().get(pk=own.pk)
    if own.ended_at is not None:
        return own
    own.ended_by, own.ended_at = by.name, at
    own.save(update_fields=["ended_by", "ended_at"])
    details = {"grant": own.grant, "changed": own.changes, "reason": reason}
    record("risk.grant_rule_ended", by=by, at=at, subject=Subject("risk_rule", own.rule), details=details)
    return own


def _allowed(reason: str, by: Actor) -> str:
    if by.organisation not in bureaus(settings.NODE.node) or not holds(by, "risk:keep"):
        raise RiskNotPermitted
    if not reason.strip():
        raise RuleReasonMissing
    return reason.strip()[:LONGEST]


def _version(code: str) -> RuleVersion:
    now = {row.code: row for row in queries.rules_in_force()}.get(code)
    if now is None:
        raise RuleWrong(why=code)
    return now


def _follow(now: RuleVersion | None, rule: AnyRule, reason: str, *, by: Actor, at: datetime) -> RuleVersion:
    terms: dict[str, Any] = msgspec.to_builtins(rule)
    read_rule(terms)
    if now is not None and now.terms == terms:
        return now
    made = RuleVersion.objects.create(
        code=rule.code,
        number=now.number + 1 if now else 1,
        terms=terms,
        made_at=at,
        made_by=by.name,
        is_shipped=rule in shipped(),
        reason=reason,
    )
    before: dict[str, Any] = now.terms if now else {}
    changed = {name: [before.get(name), value] for name, value in terms.items() if before.get(name) != value}
    record(
        "risk.rule_changed",
        by=by,
        at=at,
        subject=Subject("risk_rule", rule.code),
        details={"version": made.number, "changed": changed, "reason": reason},
    )
    return made
