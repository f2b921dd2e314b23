"""规则交换: all rules as a file, and rules of a file taken in: read, tried on the last thirty days, then saved."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods
from msgspec.structs import replace

from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.risk import actions, forms, queries
from guantong.risk.declaring import LARGEST, read_rules, written
from guantong.risk.errors import RulesWrong
from guantong.risk.keeping import may_keep
from guantong.risk.preview import Comparison, compare
from guantong.risk.types import AnyRule


@require_GET
@login_required
def export(request: HttpRequest) -> HttpResponse:
    """The rules in force, in the form in which the platform ships its own."""
    demand(request.user, "risk:read")
    return HttpResponse(
        written(queries.rule_of(row) for row in queries.rules_in_force()),
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="risk-rules.json"'},
    )


@dataclass(frozen=True)
class Coming:
    """A rule of a file beside the one in force: ``what`` is new, changed or same; ``changes`` are its numbers."""

    rule: AnyRule
    name: str
    what: str
    before: str
    after: str
    tried: Comparison | None


@require_http_methods(["GET", "POST"])
@login_required
def take_in(request: HttpRequest) -> HttpResponse:
    """A file of rules: what is wrong with it, or what it would change; taken in with a reason."""
    person = demand(request.user, "risk:read")
    faults: list[str] = []
    coming: list[Coming] = []
    text = request.POST.get("rules", "")
    if request.method == "POST":
        demand(request.user, "risk:keep")
        file = request.FILES.get("file")
        raw = file.read(LARGEST + 1) if file else text.encode()
        text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
        try:
            rules = read_rules(raw)
            coming = _compared(rules)
            if "save" in request.POST:
                made = actions.import_rules(
                    rules, reason=request.POST.get("reason", ""), by=actor(person), at=clock.now()
                )
                messages.success(
                    request, gettext("%(count)s rules were taken in as new versions.") % {"count": len(made)}
                )
                return redirect("risk-rules")
        except RulesWrong as error:
            faults = error.faults
        except GuantongError as error:
            faults = [error.sentence(language())]
    context = {
        "faults": faults,
        "coming": coming,
        "same": [each for each in coming if each.what == "same"],
        "count": sum(each.what != "same" for each in coming),
        "text": text,
        "reason": request.POST.get("reason", ""),
        "may_keep": may_keep(person),
    }
    return render(request, "risk/take_in.html", context, status=422 if faults else 200)


def _compared(rules: list[AnyRule]) -> list[Coming]:
    """Each rule of a file beside the one of its code in force. RuleWrong if that is of another kind."""
    current = {row.code: queries.rule_of(row) for row in queries.rules_in_force()}
    found = []
    for rule in rules:
        now = current.get(rule.code)
        if now is not None and type(now) is not type(rule):
            raise RulesWrong(
                [
                    gettext("“%(code)s” is another kind of rule here; give the new rule another code.")
                    % {"code": rule.code}
                ]
            )
        what = "new" if now is None else "same" if now == rule else "changed"
        tried = (
            None
            if now == rule
            else compare(now or replace(rule, is_on=False), rule, language(), at=clock.now())
        )
        name = rule.name.en if language() == "en" else rule.name.zh
        before = forms.numbers_of(now) if now else ""
        found.append(Coming(rule, name, what, before, forms.numbers_of(rule), tried))
    return found
