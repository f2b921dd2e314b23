"""落地表: the list, one target with the jobs that fill it, its change, its retirement."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods

from guantong.dispatch import actions, queries
from guantong.dispatch.forms import TargetForm
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list


@require_GET
@login_required
def targets(request: HttpRequest) -> HttpResponse:
    """The targets that the visitor may read, with how many jobs fill each."""
    person = demand(request.user, "job:read")
    picked = chosen(request, ("q", "organisation", "dialect", "state"))
    rows = queries.matching_targets(queries.visible_targets(person), **picked)
    return answer_list(
        request,
        rows,
        template="dispatch/targets.html",
        columns={
            "code": lambda t: t.code,
            "name": lambda t: t.name,
            "organisation": lambda t: t.organisation,
            "source": lambda t: t.source,
            "dialect": lambda t: t.dialect,
            "table": lambda t: t.table,
            "columns": lambda t: " ".join(f"{item}={column}" for item, column in t.columns.items()),
            "jobs": lambda t: t.users,
            "state": lambda t: "retired" if t.is_retired else "active",
        },
        context={"chosen": picked, "dialects": queries.dialects(queries.visible_targets(person))},
    )


@require_http_methods(["GET", "POST"])
@login_required
def target(request: HttpRequest, code: str) -> HttpResponse:
    """One target: where it is, who fills it; its officer may change it here."""
    person = demand(request.user, "job:read")
    found = get_object_or_404(queries.visible_targets(person), code=code)
    items = queries.items_for(found)
    may_change = may(person, "job:declare") and _code(person) == found.organisation and not found.is_retired
    said = {name: getattr(found, name) for name in ("name", "source", "dialect", "table")}
    form = TargetForm(request.POST if request.method == "POST" else None, initial=said)
    if request.method == "POST" and form.is_valid():
        demand(request.user, "job:declare")
        try:
            told = form.declaration(list(items))
            actions.change_target(found, told, by=actor(person), at=clock.now())
        except GuantongError as error:
            form.add_error(None, error.sentence(language()))
        else:
            messages.success(request, gettext("The change has been saved."))
            return redirect("target", code=code)
    context: dict[str, Any] = {
        "target": found,
        "form": form,
        "may_change": may_change,
        "jobs": found.jobs.order_by("state", "-pk"),
        "items": [
            (name, label, request.POST.get(f"column-{name}", found.columns.get(name, "")))
            for name, label in items.items()
        ],
    }
    status = 422 if form.is_bound else 200
    return render(request, "dispatch/target.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def retire(request: HttpRequest, code: str) -> HttpResponse:
    """Ask once more, then let no job fill it any more."""
    person = demand(request.user, "job:declare")
    found = get_object_or_404(queries.visible_targets(person), code=code)
    if request.method == "POST":
        actions.retire_target(found, by=actor(person), at=clock.now())
        messages.success(request, gettext("The target has been retired."))
        return redirect("target", code=code)
    return render(request, "dispatch/target_retire.html", {"target": found})


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""
