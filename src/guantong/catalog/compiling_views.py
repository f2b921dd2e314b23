"""编目: what a department works on, alone and in bulk; each entry's steps and wordings."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.catalog import actions, queries
from guantong.catalog.comparing import Difference, differences
from guantong.catalog.models import Resource, State
from guantong.catalog.sheets.columns import COLUMNS
from guantong.catalog.types import ResourceContent
from guantong.catalog.views import PERMISSIONS
from guantong.identity.errors import NotPermitted
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.pages.answers import language
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

_ACTS: dict[str, tuple[str, Callable[..., Resource]]] = {
    "submit": ("resource:submit", actions.submit),
    "approve": ("resource:publish", actions.approve),
    "return": ("resource:publish", actions.send_back),
    "publish": ("resource:publish", actions.publish),
    "withdraw": ("resource:publish", actions.withdraw),
}


def compiler(request: HttpRequest) -> Person:
    """The visitor, who drafts or reviews entries."""
    return demand(
        request.user, "resource:submit" if may(request.user, "resource:submit") else "resource:publish"
    )


@require_GET
@login_required
def drafts(request: HttpRequest) -> HttpResponse:
    """What the visitor's department compiles, and what the bureau is to publish; late ones first."""
    person = compiler(request)
    picked = chosen(request, ("q", "state", "late"))
    rows = _picked(queries.compiled(person), picked)
    return answer_list(
        request,
        rows,
        template="catalog/drafts.html",
        columns={
            "code": lambda r: r.code,
            "name": lambda r: r.name,
            "provider": lambda r: r.provider.name,
            "state": lambda r: r.state,
            "version": lambda r: r.live_version,
            "due_on": lambda r: r.due_on.isoformat() if r.due_on else "",
        },
        context={
            "chosen": picked,
            "states": [*State.values, "pending"],
            "may_submit": may(person, "resource:submit"),
            "may_review": may(person, "resource:publish"),
        },
    )


def _picked(rows: QuerySet[Resource], picked: dict[str, str]) -> QuerySet[Resource]:
    if picked["q"]:
        rows = rows.filter(name__icontains=picked["q"]) | rows.filter(code__startswith=picked["q"])
    # Without a choice: what is under way.
    if picked["state"] in State.values:
        rows = rows.filter(state=picked["state"])
    elif picked["state"] != "all":
        rows = rows.filter(draft__isnull=False)
    if picked["late"]:
        rows = rows.filter(due_on__lt=timezone.localdate())
    return rows.order_by(F("due_on").asc(nulls_last=True), "code")


@require_POST
@login_required
def together(request: HttpRequest) -> HttpResponse:
    """One act on all the ticked entries; the page says what became of each."""
    verb = request.POST.get("verb", "")
    if verb not in _ACTS:
        raise Http404
    permission, act = _ACTS[verb]
    person = demand(request.user, permission)
    more = {"reason": request.POST.get("reason", "")} if verb in {"return", "withdraw"} else {}
    outcomes = actions.together(act, request.POST.getlist("code"), by=actor(person), at=clock.now(), **more)
    done = sum(outcome.error is None for outcome in outcomes)
    context = {"outcomes": outcomes, "done": done, "failed": len(outcomes) - done, "verb": verb}
    return render(request, "catalog/together.html", context)


@require_POST
@login_required
def act(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Submit, approve, return, publish or withdraw an entry."""
    permission, action = _ACTS[verb]
    person = demand(request.user, permission)
    if verb in {"return", "withdraw"}:
        action = partial(action, reason=request.POST.get("reason", ""))
    action(queries.by_code(code), by=actor(person), at=clock.now())
    messages.success(request, gettext("Done."))
    return redirect("resource", code=code)


@require_POST
@login_required
def undo(request: HttpRequest, code: str) -> HttpResponse:
    """Take the last step back."""
    resource = queries.by_code(code)
    last = resource.moves.filter(is_undone=False).last()
    person = demand(request.user, PERMISSIONS[last.act] if last else "resource:draft")
    undone = actions.undo(resource, by=actor(person), at=clock.now())
    messages.success(request, gettext("The last step has been taken back."))
    return redirect("resource", code=code) if undone.pk else redirect("drafts")


@require_GET
def changes(request: HttpRequest, code: str) -> HttpResponse:
    """Two wordings side by side: published versions for everyone, drafts for those inside."""
    resource = queries.by_code(code)
    wordings = _wordings(request.user, resource)
    names = list(wordings)
    if not names:
        raise Http404
    later = request.GET.get("to", names[0])
    earlier = request.GET.get("from", _before(names, later))
    if later not in wordings or earlier not in {*wordings, ""}:
        raise Http404
    found = [
        _readable(each) for each in differences(wordings.get(earlier, lambda: None)(), wordings[later]())
    ]
    labels = [(name, _label(name, resource)) for name in names]
    context = {"resource": resource, "names": labels, "to": later, "from": earlier, "differences": found}
    return render(request, "catalog/changes.html", context)


def _readable(found: Difference) -> Difference:
    """The same in the words of the guide's columns."""
    if found.field.startswith("operation"):
        return found  # no column of the guide's speaks of interfaces
    columns = {column.field: column for column in COLUMNS}

    def said(value: Any) -> Any:
        if found.kind != "changed":
            pairs = ((columns[f"items.{name}"], each) for name, each in (value or {}).items())
            return {
                c.zh if language() == "zh" else c.en: c.write(each)
                for c, each in pairs
                if each not in ("", 0)
            }
        column = columns.get(f"items.{found.field}" if found.item else found.field)
        return column.write(value) if column is not None and value else value

    return replace(found, before=said(found.before), after=said(found.after))


def _label(name: str, resource: Resource) -> str:
    if name == "draft":
        return gettext("the pending draft")
    if name.isdigit():
        return gettext("version %(number)s") % {"number": name}
    move = resource.moves.get(pk=int(name[1:]))
    at = timezone.localtime(move.at)
    return gettext("as drafted %(at)s by %(who)s") % {"at": f"{at:%Y-%m-%d %H:%M}", "who": move.by_name}


def _before(names: list[str], later: str) -> str:
    """The wording before one: the live one before a draft, else the next older."""
    if later not in names:
        return ""
    older = names[names.index(later) + 1 :]
    live = [name for name in older if name.isdigit()]
    return (live or older or [""])[0]


def _wordings(person: Any, resource: Resource) -> dict[str, Callable[[], ResourceContent | None]]:
    """The wordings that the visitor may read, newest first: ``draft``, ``m12`` (as drafted), ``3`` (a version)."""
    found: dict[str, Callable[[], ResourceContent | None]] = {}
    is_inside = isinstance(person, Person) and (
        person.organisation_id == resource.provider_id or queries.may_review(person, resource)
    )
    if is_inside and resource.draft:
        found["draft"] = partial(actions.read_content, resource.draft)
    for version in resource.versions.order_by("-version"):
        found[str(version.version)] = lambda version=version: version.typed  # type: ignore[misc]
    if is_inside:
        for move in resource.moves.filter(content__isnull=False).order_by("-pk")[:50]:
            found[f"m{move.pk}"] = partial(actions.read_content, move.content or {})
    return found


def demand_own(request: HttpRequest, permission: str, resource: Resource) -> Person:
    """The visitor, of the department that provides the entry."""
    person = demand(request.user, permission)
    if person.organisation_id != resource.provider_id:
        raise NotPermitted(permission=permission)
    return person
