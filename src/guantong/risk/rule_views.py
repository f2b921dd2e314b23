"""规则页: the rules, and one rule with what a change of it would have done, for all or for one grant."""

from dataclasses import dataclass
from typing import Any

import msgspec
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.identity.models import Person
from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language, telling
from guantong.pages.lists import answer_list
from guantong.risk import actions, forms, queries
from guantong.risk.declaring import fault, read_rule
from guantong.risk.errors import RuleWrong
from guantong.risk.keeping import mark_of, may_keep
from guantong.risk.models import GrantRule, RuleVersion
from guantong.risk.preview import Comparison, compare
from guantong.risk.types import SEVERITIES, AnyRule
from guantong.sharing.models import Grant


@require_GET
@login_required
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule in force: what it looks for, its numbers, what it has raised lately and what came of that."""
    person = demand(request.user, "risk:read")
    lately = queries.lately(queries.visible_findings(person), at=clock.now())
    own = queries.grants_with_own()
    rows = [
        {
            "version": version,
            "name": version.terms["name"]["en" if language() == "en" else "zh"],
            "is_on": version.terms.get("is_on", True),
            "numbers": forms.numbers_of(queries.rule_of(version)),
            "lately": lately.get(version.code, {}),
            "own": own.get(version.code, 0),
        }
        for version in queries.rules_in_force()
    ]
    counts = ("raised", "waiting", "confirmed", "suspended", "false")
    return answer_list(
        request,
        rows,
        template="risk/rules.html",
        columns={
            "code": lambda r: r["version"].code,
            "version": lambda r: r["version"].number,
            "name": lambda r: r["name"],
            "kind": lambda r: r["version"].terms["kind"],
            "severity": lambda r: r["version"].terms["severity"],
            "is_on": lambda r: int(r["is_on"]),
            "numbers": lambda r: r["numbers"],
            "grants_otherwise": lambda r: r["own"],
            **{f"{what}_30_days": lambda r, what=what: r["lately"].get(what, 0) for what in counts},  # type: ignore[misc] # bound at once
        },
        context={"may_keep": may_keep(person), "days": queries.LATELY_DAYS},
    )


@dataclass
class _Desk:
    """A rule as somebody has it before them: of all, or of one grant."""

    person: Person
    version: RuleVersion
    grant: Grant | None
    own: GrantRule | None
    now: AnyRule
    shown: AnyRule
    tried: Comparison | None = None
    mark: str = ""
    wrong: str = ""


@require_http_methods(["GET", "POST"])
@login_required
def rule(request: HttpRequest, code: str) -> HttpResponse:
    """One rule: read it, try a change on the last thirty days, save what was tried; ``?grant=``: for one grant alone."""
    person = demand(request.user, "risk:read")
    desk = _desk(request, person, code)
    if request.method == "POST":
        demand(request.user, "risk:keep")
        try:
            if _work(request, desk):
                messages.success(request, gettext("The change has been saved."))
                return redirect(request.get_full_path())
        except RuleWrong as error:
            desk.wrong = RuleWrong(why=fault(error.details["why"])).sentence(language())
        except GuantongError as error:
            desk.wrong = error.sentence(language())
    elif "preview" in request.GET and queries.sees_all(person):
        _try(desk)
    return render(request, "risk/rule.html", _context(request, desk), status=422 if desk.wrong else 200)


def _desk(request: HttpRequest, person: Person, code: str) -> _Desk:
    version = {row.code: row for row in queries.rules_in_force()}.get(code)
    if version is None:
        raise Http404
    name = request.GET.get("grant", "").strip()
    grant = get_object_or_404(queries.grants_watched(person), code=name) if name else None
    own = queries.own_rule(code, grant.code) if grant else None
    now = queries.rule_for(version, own)
    if grant and not queries.is_of_grants(now):
        raise Http404
    return _Desk(person, version, grant, own, now, now)


def _work(request: HttpRequest, desk: _Desk) -> bool:
    """Try what the form says, or save it; whether it is saved. Only what was tried just like this is saved."""
    from_form = forms.numbers_from if desk.grant else forms.terms_from
    desk.shown = read_rule(from_form(request.POST, desk.now))
    mark = mark_of(desk.now, desk.shown, desk.grant.code if desk.grant else "")
    if "save" in request.POST and request.POST.get("tried") == mark:
        reason, by, at = request.POST.get("reason", ""), actor(desk.person), clock.now()
        try:
            if desk.grant:
                actions.change_for_grant(desk.shown, desk.grant, reason=reason, by=by, at=at)
            else:
                actions.change_rule(desk.shown, reason=reason, by=by, at=at)
        except GuantongError:
            _try(desk)
            raise
        return True
    _try(desk)
    return False


def _try(desk: _Desk) -> None:
    grant = desk.grant.code if desk.grant else ""
    desk.tried = compare(desk.now, desk.shown, language(), at=clock.now(), grant=grant)
    desk.mark = mark_of(desk.now, desk.shown, grant)


def _context(request: HttpRequest, desk: _Desk) -> dict[str, Any]:
    version, shown = desk.version, desk.shown
    findings = queries.visible_findings(desk.person).filter(rule=version.code)
    if desk.grant:
        findings = findings.filter(grant=desk.grant.code)
    seen = queries.grants_watched(desk.person).values("code")
    return {
        "current": version,
        "grant": desk.grant,
        "own": desk.own,
        "rule": shown,
        "kind": version.terms["kind"],
        "name": shown.name.en if language() == "en" else shown.name.zh,
        "fixed": [
            (name, version.terms[name])
            for name in ("window", "metric", "part", "what", "by", "reasons")
            if name in version.terms
        ],
        "fields": forms.fields_of(shown),
        "severities": SEVERITIES,
        "reason": request.POST.get("reason", ""),
        "versions": RuleVersion.objects.filter(code=version.code),
        "lately": queries.lately(findings, at=clock.now()).get(version.code, {}),
        "days": queries.LATELY_DAYS,
        "raised": findings.count(),
        "otherwise": [
            (each, queries.rule_for(version, each))
            for each in GrantRule.objects.filter(rule=version.code, grant__in=seen, ended_at=None)
        ],
        "is_of_grants": queries.is_of_grants(shown),
        "may_keep": may_keep(desk.person),
        "may_try": queries.sees_all(desk.person),
        "terms": msgspec.json.format(msgspec.json.encode(shown), indent=2).decode(),
        "tried": desk.tried,
        "is_changed": desk.shown != desk.now,
        "mark": desk.mark,
        "wrong": desk.wrong,
    }


@require_POST
@login_required
def restore(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """Undo: an earlier version holds again, as the next one."""
    person = demand(request.user, "risk:keep")
    with telling(request, gettext("The change has been saved.")):
        actions.restore_rule(
            code, number, reason=request.POST.get("reason", ""), by=actor(person), at=clock.now()
        )
    return redirect("risk-rule", code=code)


@require_POST
@login_required
def end_for_grant(request: HttpRequest, number: int) -> HttpResponse:
    """Undo: the general rule holds for a grant again."""
    person = demand(request.user, "risk:keep")
    own = get_object_or_404(GrantRule, pk=number)
    if not queries.grants_watched(person).filter(code=own.grant).exists():
        raise Http404
    with telling(request, gettext("The change has been saved.")):
        actions.end_for_grant(own, reason=request.POST.get("reason", ""), by=actor(person), at=clock.now())
    return redirect("risk-rule", code=own.rule)
