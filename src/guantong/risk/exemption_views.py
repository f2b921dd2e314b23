"""例外页: where a rule is silent for a while."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.pages.lists import answer_list
from guantong.risk import actions, queries
from guantong.risk.models import Exemption, Finding


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
