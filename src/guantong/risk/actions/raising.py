"""What the worker keeps: days of use, and alerts. Everything of a batch in one transaction with the cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from guantong.identity.queries import bureaus
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.notices.actions import tell
from guantong.risk import queries
from guantong.risk.book import Key
from guantong.risk.days import Sheet
from guantong.risk.defaults import shipped
from guantong.risk.errors import CursorMoved
from guantong.risk.merging import continues, family_of, is_old_news, kin_of
from guantong.risk.models import DayOfUse, Finding, Reading, RuleVersion
from guantong.risk.persons import Peaks
from guantong.risk.types import SEVERITIES, Signal
from guantong.risk.usual import MEMORY_DAYS
from guantong.sharing.models import OVER, Grant, GrantState
from guantong.sharing.queries import unused_grants

READER = "receipts"
DETAIL_DAYS = 40
"""So long different persons and cases can be counted on; older days keep their sums."""
NEWS = timedelta(days=7)


@transaction.atomic
def keep(
    sheets: Sequence[tuple[Key, int, Sheet]],
    signals: Sequence[Signal],
    peaks: Peaks,
    *,
    before: int,
    after: int,
    by: Actor,
    at: datetime,
) -> int:
    """Keep what a batch came to, and move the cursor; how many alerts are new. CursorMoved if somebody else did."""
    Reading.objects.get_or_create(name=READER)
    if not Reading.objects.filter(name=READER, position=before).update(position=after):
        raise CursorMoved
    rows = [
        DayOfUse(
            scope=scope,
            key=key,
            day=day,
            sums=msgspec.to_builtins(sheet.day),
            detail=msgspec.to_builtins(sheet.detail),
        )
        for (scope, key), day, sheet in sheets
    ]
    rows += [
        DayOfUse(scope="subject", key=rule, day=day, sums=peaks.days[rule, day], detail={})
        for rule, day in sorted(peaks.changed)
    ]
    DayOfUse.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["scope", "key", "day"],
        update_fields=["sums", "detail"],
    )
    return raise_findings(signals, by=by, at=at)


@transaction.atomic
def raise_findings(signals: Sequence[Signal], *, by: Actor, at: datetime) -> int:
    """Raise alerts, or let those that run already go on; how many are new."""
    if not signals:
        return 0
    silent = queries.exemptions(at=at)
    versions = {row.code: row for row in queries.rules_in_force()}
    count = 0
    for signal in signals:
        version = versions.get(signal.rule)
        if version and (family_of(version.terms), signal.scope, signal.key) not in silent:
            count += _raise(signal, version, by=by, at=at)
    return count


def _raise(signal: Signal, version: RuleVersion, *, by: Actor, at: datetime) -> bool:
    known = Finding.objects.filter(rule=signal.rule, scope=signal.scope, key=signal.key).select_for_update()
    for finding in known.order_by("-until")[:3]:
        until = queries.hour_at(finding.until)
        if not finding.is_open:
            if is_old_news(signal, until):
                return False
        elif continues(signal, queries.hour_at(finding.since), until):
            _go_on(finding, signal, at=at)
            return False
    if _is_said_already(signal, version):
        return False
    about = _about(signal)
    finding, is_new = Finding.objects.get_or_create(
        rule=signal.rule,
        scope=signal.scope,
        key=signal.key,
        since=queries.moment_of(signal.since),
        defaults={
            "version": version,
            "severity": version.terms["severity"],
            "grant": about.grant,
            "subject": signal.subject,
            "resource": about.resource,
            "consumer": about.consumer,
            "provider": about.provider,
            "until": queries.moment_of(signal.until),
            "hours": list(signal.hours),
            "seen": signal.seen,
            "limit": signal.limit,
            "usual": signal.usual,
            "numbers": signal.numbers,
            "raised_at": at,
            "heard_at": at,
        },
    )
    if is_new:
        _tell(finding, by=by, at=at)
    return is_new


def _is_said_already(signal: Signal, version: RuleVersion) -> bool:
    """Whether an alert says the same by another window: a pull in an hour is one of the day and week, too.

    One that waits, and is as severe, whether it counts calls or rows; or one that counts the same, and that a person has
    decided on, about hours that are all over.
    """
    kin, said = kin_of(version.terms), family_of(version.terms)
    since, until = queries.moment_of(signal.since), queries.moment_of(signal.until)
    rows = Finding.objects.filter(scope=signal.scope, key=signal.key, since__lt=until, until__gt=since)
    rank = SEVERITIES.index(version.terms["severity"])
    return any(
        SEVERITIES.index(row.severity) <= rank
        if row.is_open
        else family_of(row.version.terms) == said and is_old_news(signal, queries.hour_at(row.until))
        for row in rows.exclude(rule=signal.rule).select_related("version")
        if kin_of(row.version.terms) == kin
    )


def _go_on(finding: Finding, signal: Signal, *, at: datetime) -> None:
    """The same alert goes on: its time grows, and the worst that was seen stands in its words."""
    since, until = queries.moment_of(signal.since), queries.moment_of(signal.until)
    is_worse = signal.seen * finding.limit > finding.seen * signal.limit
    hours = sorted({*finding.hours, *signal.hours})[-queries.MOST_HOURS :] if signal.hours else finding.hours
    if not is_worse and until <= finding.until and hours == finding.hours:
        return
    finding.until = max(finding.until, until)
    # Where it begins names it: only an alert that covers the same time grows towards the past.
    if since < finding.since and not _is_taken(finding, since):
        finding.since = since
    finding.hours = hours
    if is_worse:
        finding.seen, finding.limit, finding.usual = signal.seen, signal.limit, signal.usual
        finding.numbers = signal.numbers
    finding.heard_at = at
    finding.save()


def _is_taken(finding: Finding, since: datetime) -> bool:
    same = Finding.objects.filter(rule=finding.rule, scope=finding.scope, key=finding.key, since=since)
    return same.exists()


@dataclass(frozen=True)
class _About:
    grant: str = ""
    resource: str = ""
    consumer: str = ""
    provider: str = ""


def _about(signal: Signal) -> _About:
    if signal.scope == "grant" or signal.grant:
        code = signal.grant or signal.key
        grant = Grant.objects.filter(code=code).first()
        if grant is None:
            return _About(grant=code)
        return _About(grant.code, grant.resource, grant.consumer, grant.provider or grant.terms["provider"])
    if signal.scope == "subject":
        # Of a person whom several looked up, nobody is the user.
        return _About()
    return _About(consumer=signal.key.partition("/")[0] if signal.key != "-" else "")


def _tell(finding: Finding, *, by: Actor, at: datetime) -> None:
    """The journal; and, unless it is of low severity, the provider's people and the bureau."""
    subject = Subject("finding", str(finding.uuid))
    rule = queries.rule_of(finding.version)
    details = {
        "rule": finding.rule,
        "version": finding.version.number,
        "key": finding.key,
        "seen": finding.seen,
    }
    record("risk.raised", by=by, at=at, subject=subject, details=details)
    # What is found while an old record is judged for the first time stands in the list; it is no news.
    if finding.severity == SEVERITIES[-1] or finding.until < at - NEWS:
        return
    words = {
        "name_zh": rule.name.zh,
        "name_en": rule.name.en,
        "about": finding.key,
        "words_zh": queries.words_of(finding, "zh"),
        "words_en": queries.words_of(finding, "en"),
    }
    offices = bureaus(settings.NODE.node)
    for organisation in sorted({finding.provider, *offices} - {""}):
        permission = "risk:settle" if organisation in offices else "risk:read"
        tell(
            organisation,
            "risk_raised",
            words,
            permission=permission,
            subject=subject,
            once="raised",
            by=by,
            at=at,
        )


@transaction.atomic
def tend(*, by: Actor, at: datetime) -> int:
    """Once a day: take in shipped rules, raise grants that nobody uses, put old particulars away. How many are new."""
    ship_rules(by=by, at=at)
    today = timezone.localdate(at)
    reading, _ = Reading.objects.select_for_update().get_or_create(name=READER)
    if reading.tended_on == today:
        return 0
    reading.tended_on = today
    reading.save(update_fields=["tended_on"])
    day = queries.hour_at(at) // 24
    DayOfUse.objects.filter(day__lt=day - MEMORY_DAYS - 1).delete()
    DayOfUse.objects.filter(day__lt=day - DETAIL_DAYS).exclude(detail={}).update(detail={})
    return watch_unused(by=by, at=at)


@transaction.atomic
def watch_unused(*, by: Actor, at: datetime) -> int:
    """Raise the grants that nobody has used for the setting's days, and close those alerts whose grant is in use or over."""
    rule = next((row for row in queries.rules_in_force() if row.terms["kind"] == "unused"), None)
    if rule is None or not rule.terms.get("is_on", True):
        return 0
    own = {
        code
        for code, said in queries.rules().local.items()
        if rule.code in said and not said[rule.code].is_on
    }
    unused = {grant.code for grant in unused_grants(at=at)} - own
    stale = Finding.objects.filter(rule=rule.code, state__in=["new", "seen"]).exclude(key__in=unused)
    for finding in stale:
        grant = Grant.objects.filter(code=finding.key).first()
        over = grant is None or grant.state in OVER or grant.state == GrantState.SUSPENDED
        finding.state = "confirmed" if over else "false"
        finding.decided_by, finding.decided_at = by.name, at
        finding.reason = "授权已停用或终止 / no longer in force" if over else "已恢复使用 / in use again"
        finding.save()
    days, day = settings.NODE.grant_unused_days, queries.hour_at(at) // 24
    signals = [
        Signal(rule.code, "grant", code, (day - days) * 24, day * 24, days, days, numbers={})
        for code in sorted(unused)
        if not Finding.objects.filter(rule=rule.code, key=code, state__in=["new", "seen"]).exists()
        and not Finding.objects.filter(
            rule=rule.code, key=code, decided_at__gt=at - timedelta(days=days)
        ).exists()
    ]
    return raise_findings(signals, by=by, at=at)


@transaction.atomic
def ship_rules(*, by: Actor, at: datetime) -> int:
    """Take in the rules that came with the platform; those that a person has changed stay as they are."""
    current = {row.code: row for row in queries.rules_in_force()}
    count = 0
    for rule in shipped():
        terms, known = msgspec.to_builtins(rule), current.get(rule.code)
        if known is not None and (not known.is_shipped or known.terms == terms):
            continue
        number = known.number + 1 if known else 1
        RuleVersion.objects.create(
            code=rule.code, number=number, terms=terms, made_at=at, made_by=by.name, is_shipped=True
        )
        count += 1
    if count:
        record(
            "risk.rules_shipped", by=by, at=at, subject=Subject("risk_rule", "all"), details={"count": count}
        )
    return count
