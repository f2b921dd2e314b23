"""规则页: the rules, one rule with its versions and a preview, and the exceptions."""

from typing import Any

import msgspec
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.pages.lists import answer_list
from guantong.risk import actions, forms, queries
from guantong.risk.declaring import read_rule
from guantong.risk.errors import RuleWrong
from guantong.risk.models import Exemption, Finding, RuleVersion
from guantong.risk.preview import preview
from guantong.risk.types import SEVERITIES, AnyRule


@require_GET
@login_required
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule in force, with how many alerts it has raised and how many of them were false."""
    person = demand(request.user, "risk:read")
    rows = [_row(version, person) for version in queries.rules_in_force()]
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
            "raised": lambda r: r["raised"],
            "false": lambda r: r["false"],
        },
    )


def _row(version: RuleVersion, person: Person) -> dict[str, Any]:
    found = queries.visible_findings(person).filter(rule=version.code)
    return {
        "version": version,
        "name": version.terms["name"]["en" if language() == "en" else "zh"],
        "is_on": version.terms.get("is_on", True),
        "raised": found.count(),
        "false": found.filter(state="false").count(),
    }


@require_http_methods(["GET", "POST"])
@login_required
def rule(request: HttpRequest, code: str) -> HttpResponse:
    """One rule: read it, try a change on the last thirty days, save it as the next version."""
    person = demand(request.user, "risk:read")
    version = {row.code: row for row in queries.rules_in_force()}.get(code)
    if version is None:
        raise Http404
    now = queries.rule_of(version)
    shown, tried, wrong = now, None, ""
    if request.method == "POST":
        demand(request.user, "risk:keep")
        try:
            shown = read_rule(forms.terms_from(request.POST, now))
            if "save" in request.POST:
                actions.change_rule(
                    shown, reason=request.POST.get("reason", ""), by=actor(person), at=clock.now()
                )
                messages.success(request, gettext("The change has been saved."))
                return redirect("risk-rule", code=code)
            tried = preview(shown, language(), at=clock.now())
        except RuleWrong as error:
            wrong = RuleWrong(why=forms.fault(error.details["why"])).sentence(language())
        except GuantongError as error:
            wrong = error.sentence(language())
    elif "preview" in request.GET:
        tried = preview(now, language(), at=clock.now())
    context = _context(person, version, shown, request)
    return render(
        request, "risk/rule.html", {**context, "tried": tried, "wrong": wrong}, status=422 if wrong else 200
    )


def _context(person: Person, version: RuleVersion, shown: AnyRule, request: HttpRequest) -> dict[str, Any]:
    own = person.organisation
    return {
        "current": version,
        "rule": shown,
        "kind": version.terms["kind"],
        "name": shown.name.en if language() == "en" else shown.name.zh,
        "fixed": [
            (name, version.terms[name])
            for name in ("window", "metric", "part", "what", "reasons")
            if name in version.terms
        ],
        "fields": forms.fields_of(shown),
        "severities": SEVERITIES,
        "reason": request.POST.get("reason", ""),
        "versions": RuleVersion.objects.filter(code=version.code),
        "raised": queries.visible_findings(person).filter(rule=version.code).count(),
        "may_keep": may(person, "risk:keep") and own is not None and own.is_bureau,
        "terms": msgspec.json.format(msgspec.json.encode(shown), indent=2).decode(),
    }


@require_GET
@login_required
def exemptions(request: HttpRequest) -> HttpResponse:
    """The exceptions that last, about what the visitor may see."""
    person = demand(request.user, "risk:read")
    rows = Exemption.objects.filter(
        finding__in=queries.visible_findings(person).values("pk"), until__gte=timezone.localdate(clock.now())
    ).select_related("finding__version")
    return answer_list(
        request,
        rows,
        template="risk/exemptions.html",
        columns={
            "rule": lambda e: e.rule,
            "scope": lambda e: e.scope,
            "key": lambda e: e.key,
            "until": lambda e: e.until.isoformat(),
            "reason": lambda e: e.reason,
            "made_by": lambda e: e.made_by,
        },
        context={"may_settle": may(person, "risk:settle")},
    )


@require_POST
@login_required
def end_exemption(request: HttpRequest, number: int) -> HttpResponse:
    """Let a rule speak again."""
    person = demand(request.user, "risk:settle")
    seen = Finding.objects.filter(pk__in=queries.visible_findings(person).values("pk"))
    row = get_object_or_404(Exemption, pk=number, finding__in=seen)
    actions.end_exemption(row, by=actor(person), at=clock.now())
    messages.success(request, gettext("The change has been saved."))
    return redirect("risk-exemptions")
