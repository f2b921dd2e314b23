"""Finding alerts, rules and the calls behind an alert."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.journal.models import Receipt
from guantong.kit.errors import Language
from guantong.risk.days import EAST_S, Day, Detail, Sheet
from guantong.risk.defaults import shipped
from guantong.risk.merging import Family, family_of
from guantong.risk.models import OPEN, DayOfUse, Exemption, Finding, GrantRule, RuleVersion
from guantong.risk.persons import Peaks
from guantong.risk.rulebook import Rules
from guantong.risk.types import AnyRule, Repeated
from guantong.risk.usual import History, IsWorkday
from guantong.sharing.models import Grant

MOST_HOURS = 200


def moment_of(hour: int) -> datetime:
    """When a clock hour of China Standard Time begins; see :func:`guantong.risk.days.hour_of`."""
    return datetime.fromtimestamp(hour * 3600 - EAST_S, UTC)


def hour_at(moment: datetime) -> int:
    """The clock hour of a moment."""
    return (int(moment.timestamp()) + EAST_S) // 3600


def rules_in_force() -> list[RuleVersion]:
    """The newest version of every rule, in the order in which the platform ships them, others after."""
    newest = dict(RuleVersion.objects.order_by().values_list("code").annotate(Max("number")))
    wanted = Q()
    for code, number in newest.items():
        wanted |= Q(code=code, number=number)
    rows = list(RuleVersion.objects.filter(wanted)) if newest else []
    order = {rule.code: n for n, rule in enumerate(shipped())}
    return sorted(rows, key=lambda row: (order.get(row.code, len(order)), row.code))


def rules() -> Rules:
    """The rules in force, and where a grant has its own."""
    versions = {row.code: row for row in rules_in_force()}
    local: dict[str, dict[str, AnyRule]] = {}
    for own in GrantRule.objects.filter(ended_at=None, rule__in=versions):
        local.setdefault(own.grant, {})[own.rule] = rule_for(versions[own.rule], own)
    return Rules([rule_of(row) for row in versions.values()], local)


def rule_for(version: RuleVersion, own: GrantRule | None) -> AnyRule:
    """A rule as a grant has it: the general one with what differs."""
    rule: AnyRule = msgspec.convert({**version.terms, **(own.changes if own else {})}, AnyRule)
    return rule


def local_of(rule: AnyRule) -> dict[str, dict[str, AnyRule]]:
    """As which grants have ``rule`` otherwise: their own numbers stay theirs when it changes."""
    found: dict[str, dict[str, AnyRule]] = {}
    for own in GrantRule.objects.filter(ended_at=None, rule=rule.code):
        found[own.grant] = {rule.code: msgspec.structs.replace(rule, **own.changes)}
    return found


def grants_with_own() -> dict[str, int]:
    """How many grants have which rule otherwise."""
    return dict(GrantRule.objects.filter(ended_at=None).order_by().values_list("rule").annotate(Count("pk")))


def own_rule(code: str, grant: str) -> GrantRule | None:
    """What a grant has of its own in a rule."""
    return GrantRule.objects.filter(rule=code, grant=grant, ended_at=None).first()


def is_of_grants(rule: AnyRule) -> bool:
    """Whether a rule looks at single grants."""
    return rule.by == "grant" if isinstance(rule, Repeated) else rule.scope == "grant"


def lately(rows: QuerySet[Finding], *, at: datetime) -> dict[str, Counter[str]]:
    """What came of the alerts of the last thirty days, by rule: raised, waiting, confirmed, false, suspended."""
    found: dict[str, Counter[str]] = {}
    recent = rows.order_by().filter(raised_at__gte=at - timedelta(days=LATELY_DAYS))
    counted = recent.values_list("rule", "state").annotate(Count("pk"), Count("suspended_at"))
    for rule, state, count, suspended in counted:
        of = found.setdefault(rule, Counter())
        of["waiting" if state in OPEN else state] += count
        of["raised"] += count
        of["suspended"] += suspended
    return found


LATELY_DAYS = 30


def rule_of(version: RuleVersion) -> AnyRule:
    """The rule that a version says."""
    rule: AnyRule = msgspec.convert(version.terms, AnyRule)
    return rule


def visible_findings(person: Person) -> QuerySet[Finding]:
    """The alerts that someone may read: those about grants that their department gave; all of the node's for an
    auditor, a security officer, and whoever may settle them for the bureau.
    """
    if sees_all(person):
        return Finding.objects.select_related("version")
    if not may(person, "risk:read") or person.organisation is None:
        return Finding.objects.none()
    return Finding.objects.filter(provider=person.organisation.code).select_related("version")


def sees_all(person: Person) -> bool:
    """Whether someone may know of the use of every grant: an auditor, a security officer, the bureau's approvers."""
    if may(person, "risk:audit"):
        return True
    own = person.organisation
    is_here = own is not None and own.is_bureau and own.node == settings.NODE.node
    return is_here and may(person, "risk:settle")


def grants_watched(person: Person) -> QuerySet[Grant]:
    """The grants of whose alerts someone may know: all, or those that their department gave."""
    if sees_all(person):
        return Grant.objects.all()
    if not may(person, "risk:read") or person.organisation is None:
        return Grant.objects.none()
    return Grant.objects.filter(provider=person.organisation.code)


def to_settle(person: Person) -> QuerySet[Finding]:
    """The alerts that wait for someone, those of low severity apart."""
    return visible_findings(person).filter(state__in=OPEN).exclude(severity="low")


def tallies(rows: QuerySet[Finding]) -> tuple[dict[str, int], dict[str, int]]:
    """How many of ``rows`` there are by severity and by rule."""
    plain = rows.order_by()
    by_severity = dict(plain.values_list("severity").annotate(Count("pk")))
    return by_severity, dict(plain.values_list("rule").annotate(Count("pk")))


def calls_behind(finding: Finding) -> QuerySet[Receipt]:
    """The receipts of the calls that an alert is about, the newest first."""
    rows = Receipt.objects.filter(at__gte=finding.since, at__lt=finding.until)
    if finding.scope == "subject":
        return (
            looks_behind(finding).filter(at__gte=finding.since, at__lt=finding.until).order_by("-at", "-pk")
        )
    if finding.scope == "grant":
        rows = rows.filter(grant=finding.key)
    elif finding.scope == "organisation":
        rows = rows.filter(consumer_organisation=finding.key)
    elif finding.key == "-":
        rows = rows.filter(reason__in=NAMELESS)
    else:
        organisation, _, application = finding.key.partition("/")
        rows = rows.filter(consumer_organisation=organisation, consumer_application=application)
    if (
        finding.version.terms["kind"] in {"refused", "targets"}
        or finding.version.terms.get("part") == "refused"
    ):
        rows = rows.filter(decision="refuse")
    spans = Q()
    for hour in finding.hours[-MOST_HOURS:]:
        spans |= Q(at__gte=moment_of(hour), at__lt=moment_of(hour + 1))
    return rows.filter(spans).order_by("-at", "-pk")


def looks_behind(finding: Finding) -> QuerySet[Receipt]:
    """The look-ups of the person that an alert is about, by whom it is about, of all times."""
    rows = looks().filter(subject=finding.subject)
    name = finding.key.partition("/")[2]
    by = finding.version.terms.get("by")
    if by == "grant":
        rows = rows.filter(grant=name)
    elif by == "case":
        rows = rows.filter(case__startswith=name)
    elif by == "application":
        organisation, _, application = name.partition("/")
        rows = rows.filter(consumer_organisation=organisation, consumer_application=application)
    return rows


def looks() -> QuerySet[Receipt]:
    """The look-ups of persons that were answered, each once: where this node provides, by its provider's receipt."""
    own = Q(provider_node=settings.NODE.node) & ~Q(role="provider")
    return Receipt.objects.filter(decision="allow", mode__in=LOOKUPS).exclude(subject="").exclude(own)


LOOKUPS = ("query", "verify")


def beside(finding: Finding) -> QuerySet[Finding]:
    """The other alerts about the same grant and time that wait."""
    rows = Finding.objects.filter(grant=finding.grant, state__in=OPEN).exclude(pk=finding.pk)
    return rows.filter(since__lt=finding.until, until__gt=finding.since)


NAMELESS = ("application_unknown", "caller_node_unknown", "application_not_of_caller")
"""Refusals after which nobody can say whose call it was."""


def exemptions(*, at: datetime) -> set[tuple[Family, str, str]]:
    """The families of rules that are silent now, each with the scope and key that it is silent about."""
    rows = Exemption.objects.filter(until__gte=timezone.localdate(at)).select_related("finding__version")
    return {(family_of(row.finding.version.terms), row.scope, row.key) for row in rows}


def sheets_of(
    keys: Sequence[tuple[str, str]], *, since: int, whole_since: int = 0
) -> dict[tuple[str, str], dict[int, Sheet]]:
    """The days of use of some keys, from the day ``since`` on; with their particulars from ``whole_since`` on."""
    found: dict[tuple[str, str], dict[int, Sheet]] = {key: {} for key in keys}
    for scope in {scope for scope, _ in keys}:
        names = [key for each, key in keys if each == scope]
        for begin in range(0, len(names), 500):
            rows = DayOfUse.objects.filter(scope=scope, key__in=names[begin : begin + 500], day__gte=since)
            for key, day, sums in (
                rows.filter(day__lt=whole_since).values_list("key", "day", "sums").iterator()
            ):
                found[scope, key][day] = Sheet(msgspec.convert(sums, Day), is_whole=False)
            late = rows.filter(day__gte=whole_since).values_list("key", "day", "sums", "detail")
            for key, day, sums, detail in late.iterator():
                found[scope, key][day] = Sheet(msgspec.convert(sums, Day), msgspec.convert(detail, Detail))
    return found


def peaks_since(day: int) -> Peaks:
    """Who was looked up from most sides on the days since ``day``, by rule."""
    rows = DayOfUse.objects.filter(scope="subject", day__gte=day).values_list("key", "day", "sums")
    return Peaks({(rule, n): dict(sums) for rule, n, sums in rows})


def history_of(scope: str, key: str, is_workday: IsWorkday, *, since: int) -> History:
    """The history of one key."""
    return History(is_workday, sheets_of([(scope, key)], since=since)[scope, key])


def words_of(finding: Finding, language: Language) -> str:
    """What an alert says, in numbers: seen, usual, limit."""
    return said(
        rule_of(finding.version),
        language,
        seen=finding.seen,
        limit=finding.limit,
        usual=finding.usual,
        numbers=finding.numbers,
    )


def name_of(finding: Finding, language: Language) -> str:
    """What the rule of an alert is called."""
    name = finding.version.terms["name"]
    return str(name["zh" if language == "zh" else "en"])


def said(
    rule: AnyRule, language: Language, *, seen: int, limit: int, usual: int | None, numbers: dict[str, object]
) -> str:
    """A rule's words with the numbers filled in, and what was usual."""
    is_zh = language == "zh"
    details = {name: _plain(value, is_zh=is_zh) for name, value in numbers.items()}
    values = {**details, "seen": f"{seen:,}", "limit": f"{limit:,}", "usual": f"{usual or 0:,}"}
    sentence = (rule.says.zh if is_zh else rule.says.en).format_map(_Open(values))
    if rule.__struct_config__.tag in {"unused", "targets", "novel", "awake"}:
        return sentence
    if usual is None:
        more = (
            f"尚无使用惯例，按固定界限 {limit:,} 判定。"
            if is_zh
            else f" There is no history yet; the fixed limit is {limit:,}."
        )
    else:
        more = (
            f"惯常至多约 {usual:,}，界限 {limit:,}。"
            if is_zh
            else f" Usually {usual:,} at most; the limit is {limit:,}."
        )
    return sentence + more


def _plain(value: object, *, is_zh: bool) -> str:
    if isinstance(value, list):
        return ("、" if is_zh else ", ").join(str(each) for each in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


class _Open(dict[str, str]):
    """A number that is not there stays open."""

    def __missing__(self, name: str) -> str:
        return "?"


def longest_exemption(*, at: datetime) -> date:
    """The last day until which a rule can be silent about a key."""
    return timezone.localdate(at) + timedelta(days=LONGEST_DAYS)


LONGEST_DAYS = 180
