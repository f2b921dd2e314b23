"""Rules are changed by versions: the old ones stay, and alerts say which one raised them."""

from datetime import datetime

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.identity.queries import bureaus, holds
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.risk import queries
from guantong.risk.declaring import read_rule
from guantong.risk.errors import RiskNotPermitted, RuleReasonMissing, RuleWrong
from guantong.risk.models import RuleVersion
from guantong.risk.types import AnyRule


@transaction.atomic
def change_rule(rule: AnyRule, *, reason: str, by: Actor, at: datetime) -> RuleVersion:
    """The next version of a rule, in force from the next batch on. By the bureau's ``risk:keep``. RuleWrong."""
    if by.organisation not in bureaus(settings.NODE.node) or not holds(by, "risk:keep"):
        raise RiskNotPermitted
    if not reason.strip():
        raise RuleReasonMissing
    terms = msgspec.to_builtins(rule)
    read_rule(terms)
    now = {row.code: row for row in queries.rules_in_force()}.get(rule.code)
    if now is None or now.terms["kind"] != terms["kind"]:
        raise RuleWrong(why=rule.code)
    if now.terms == terms:
        return now
    made = RuleVersion.objects.create(
        code=rule.code,
        number=now.number + 1,
        terms=terms,
        made_at=at,
        made_by=by.name,
        reason=reason.strip()[:2000],
    )
    changed = {
        name: [now.terms.get(name), value] for name, value in terms.items() if now.terms.get(name) != value
    }
    record(
        "risk.rule_changed",
        by=by,
        at=at,
        subject=Subject("risk_rule", rule.code),
        details={"version": made.number, "changed": changed, "reason": made.reason},
    )
    return made
