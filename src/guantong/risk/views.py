"""预警: the list, one alert with its picture and calls, and what people do about it."""

from datetime import date

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.journal import actions as journal
from guantong.kit import clock
from guantong.pages.answers import language, telling
from guantong.pages.filters import between, chosen
from guantong.pages.lists import Column, answer_list, wanted_format
from guantong.risk import actions, picture, queries
from guantong.risk.errors import ExemptionWrong
from guantong.risk.keeping import may_keep
from guantong.risk.models import OPEN, Finding, FindingState
from guantong.risk.types import SEVERITIES
from guantong.sharing.models import Grant, GrantState
from guantong.sharing.queries import visible_grants

SHOWN_CALLS = 10


@require_GET
@login_required
def findings(request: HttpRequest) -> HttpResponse:
    """The alerts that the visitor may read; those that nobody has decided on unless the address says otherwise."""
    person = demand(request.user, "risk:read")
    picked = chosen(request, ("state", "severity", "rule", "words", "since", "until"))
    rows = _filtered(queries.visible_findings(person), picked)
    by_severity, by_rule = queries.tallies(rows)
    names = {
        row.code: row.terms["name"]["en" if language() == "en" else "zh"] for row in queries.rules_in_force()
    }
    context = {
        "chosen": picked,
        "rules": names,
        "severities": SEVERITIES,
        "states": ["open", *FindingState.values, "all"],
        "by_severity": [(each, by_severity.get(each, 0)) for each in SEVERITIES],
        "by_rule": sorted(
            ((names.get(code, code), code, n) for code, n in by_rule.items()), key=lambda x: -x[2]
        ),
        "is_filtered": any(value for value in picked.values()),
        "has_any": queries.visible_findings(person).exists(),
    }
    return answer_list(request, rows, template="risk/findings.html", columns=_columns(), context=context)


def _columns() -> dict[str, Column]:
    return {
        "number": lambda f: str(f.uuid),
        "rule": lambda f: f.rule,
        "name": lambda f: queries.name_of(f, language()),
        "severity": lambda f: f.severity,
        "state": lambda f: f.state,
        "scope": lambda f: f.scope,
        "key": lambda f: f.key,
        "since": lambda f: clock.rfc3339(f.since),
        "until": lambda f: clock.rfc3339(f.until),
        "seen": lambda f: f.seen,
        "usual": lambda f: f.usual,
        "limit": lambda f: f.limit,
        "words": lambda f: queries.words_of(f, language()),
        "raised_at": lambda f: clock.rfc3339(f.raised_at),
        "decided_by": lambda f: f.decided_by,
        "decided_at": lambda f: clock.rfc3339(f.decided_at) if f.decided_at else "",
        "reason": lambda f: f.reason,
    }


def _filtered(rows: QuerySet[Finding], picked: dict[str, str]) -> QuerySet[Finding]:
    state = picked["state"] or "open"
    if state == "open":
        rows = rows.filter(state__in=OPEN)
    elif state != "all":
        rows = rows.filter(state=state)
    for name in ("severity", "rule"):
        rows = rows.filter(**{name: picked[name]}) if picked[name] else rows
    if picked["words"]:
        rows = rows.filter(key__icontains=picked["words"]) | rows.filter(resource=picked["words"])
    return between(rows, "raised_at", since=picked["since"], until=picked["until"])


@require_GET
@login_required
def finding(request: HttpRequest, number: str) -> HttpResponse:
    """One alert: what was seen and what is usual, a picture, the calls, and what can be done."""
    person = demand(request.user, "risk:read")
    row = _visible(person, number)
    grant = Grant.objects.filter(code=row.grant).first() if row.grant else None
    behind = queries.calls_behind(row)
    journal.note_search(_sought(row), by=actor(person), at=clock.now())
    context = {
        "row": row,
        "name": queries.name_of(row, language()),
        "words": queries.words_of(row, language()),
        "grant": grant,
        "may_open_grant": grant is not None and visible_grants(person).filter(pk=grant.pk).exists(),
        "picture": picture.draw(row, at=clock.now()),
        "calls": behind[:SHOWN_CALLS],
        "count": behind.count(),
        "more": max(0, behind.count() - SHOWN_CALLS),
        "exemptions": row.exemptions.all(),
        "may_settle": _may_settle(person, row),
        "may_suspend": grant is not None and grant.state == GrantState.ACTIVE and _may_suspend(person, row),
        "others": _others(person, row),
        "own": queries.own_rule(row.rule, row.grant) if row.grant else None,
        "may_keep": row.grant and row.scope != "application" and may_keep(person),
        "last_exemption": queries.longest_exemption(at=clock.now()),
    }
    return render(request, "risk/finding.html", context)


@require_GET
@login_required
def calls(request: HttpRequest, number: str) -> HttpResponse:
    """The receipts of the calls behind an alert; pages, CSV and JSON."""
    person = demand(request.user, "risk:read")
    row = _visible(person, number)
    rows, sought, by, at = queries.calls_behind(row), _sought(row), actor(person), clock.now()
    form = wanted_format(request)
    if form != "html":
        journal.note_export(sought, form[:10], rows.count(), by=by, at=at)
    else:
        journal.note_search(sought, by=by, at=at)
    return answer_list(
        request,
        rows,
        template="risk/calls.html",
        columns={
            "at": lambda r: clock.rfc3339(r.at),
            "call": lambda r: r.call,
            "receipt": lambda r: r.digest,
            "application": lambda r: r.consumer_application,
            "organisation": lambda r: r.consumer_organisation,
            "grant": lambda r: r.grant,
            "resource": lambda r: r.resource,
            "purpose": lambda r: r.purpose,
            "case": lambda r: r.case,
            "person": lambda r: r.subject[:12],
            "decision": lambda r: r.decision,
            "reason": lambda r: r.reason,
        },
        context={"row": row, "name": queries.name_of(row, language())},
    )


@require_POST
@login_required
def act(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Take an alert up, or decide that it is true or a false alarm."""
    person = demand(request.user, "risk:settle")
    row = _visible(person, number)
    by, at, post = actor(person), clock.now(), request.POST
    with telling(request, gettext("The change has been saved.")):
        if verb == "look":
            actions.look_at(row, by=by, at=at)
        elif verb in {"false", "confirmed"}:
            until = _day(post.get("exempt_until", "")) if verb == "false" and post.get("exempt") else None
            actions.decide(row, verb, reason=post.get("reason", ""), exempt_until=until, by=by, at=at)  # type: ignore[arg-type] # one of both
        else:
            raise Http404
    return redirect("finding", number=row.uuid)


@require_http_methods(["GET", "POST"])
@login_required
def suspend(request: HttpRequest, number: str) -> HttpResponse:
    """Suspend the grant behind an alert: what will happen, with the reason filled in; then it happens."""
    person = demand(request.user, "risk:settle")
    row = _visible(person, number)
    grant = get_object_or_404(Grant, code=row.grant)
    if request.method == "POST":
        with telling(request, gettext("The grant is suspended.")):
            actions.suspend_grant(
                row, reason=request.POST.get("reason", ""), by=actor(person), at=clock.now()
            )
        return redirect("finding", number=row.uuid)
    context = {
        "row": row,
        "name": queries.name_of(row, language()),
        "words": queries.words_of(row, language()),
        "grant": grant,
        "reason": gettext("Alert “%(name)s”: %(words)s")
        % {"name": queries.name_of(row, language()), "words": queries.words_of(row, language())},
        "others": queries.beside(row).exists(),
        "may_suspend": grant.state == GrantState.ACTIVE and row.is_open and _may_suspend(person, row),
    }
    return render(request, "risk/suspend.html", context)


def _others(person: Person, row: Finding) -> QuerySet[Finding]:
    rows = queries.visible_findings(person).exclude(pk=row.pk)
    return (rows.filter(subject=row.subject) if row.subject else rows.filter(key=row.key))[:5]


def _visible(person: Person, number: str) -> Finding:
    return get_object_or_404(queries.visible_findings(person), uuid=number)


def _sought(row: Finding) -> dict[str, str]:
    """Reading the calls behind an alert is a reading of the record, and is noted like any other (decision 22)."""
    return {"alert": str(row.uuid), "rule": row.rule, "key": row.key}


def _is_own(person: Person, row: Finding) -> bool:
    own = person.organisation
    return own is not None and (own.is_bureau or own.code == row.provider)


def _may_settle(person: Person, row: Finding) -> bool:
    return row.is_open and may(person, "risk:settle") and _is_own(person, row)


def _may_suspend(person: Person, row: Finding) -> bool:
    return _may_settle(person, row) and (may(person, "grant:revoke") or may(person, "grant:suspend"))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ExemptionWrong(days=queries.LONGEST_DAYS) from error
