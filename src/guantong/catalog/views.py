"""查数据: finding entries, reading one, and its life from draft to publication."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.catalog import actions, queries
from guantong.catalog.errors import ResourceUnknown
from guantong.catalog.models import Resource
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.pages.lists import answer_list

_ACTS: dict[str, tuple[str, Callable[..., Resource]]] = {
    "submit": ("resource:submit", actions.submit),
    "publish": ("resource:publish", actions.publish),
    "withdraw": ("resource:publish", actions.withdraw),
}


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """The catalogue: everyone may know what data exists."""
    words, node, sharing = (request.GET.get(name, "") for name in ("q", "node", "sharing"))
    rows = queries.search(words, node=node, sharing_type=sharing)
    return answer_list(
        request,
        rows,
        template="catalog/search.html",
        columns={
            "code": lambda r: r.code,
            "name": lambda r: r.name,
            "provider": lambda r: r.provider.name,
            "node": lambda r: r.node,
            "sharing_type": lambda r: r.sharing_type,
            "update_cycle": lambda r: r.update_cycle,
            "version": lambda r: r.live_version,
        },
        context={
            "q": words,
            "chosen_node": node,
            "chosen_sharing": sharing,
            "nodes": list(queries.published().order_by("node").values_list("node", flat=True).distinct()),
        },
    )


@require_GET
def detail(request: HttpRequest, code: str) -> HttpResponse:
    """One entry: its live version for everyone, its draft for its own department."""
    resource = queries.by_code(code)
    person = request.user
    is_provider = isinstance(person, Person) and person.organisation_id == resource.provider_id
    if resource.live_version == 0 and not is_provider:
        raise ResourceUnknown(resource=code)
    content = actions.read_content(resource.draft) if is_provider and resource.draft else resource.latest
    return render(
        request,
        "catalog/detail.html",
        {
            "resource": resource,
            "content": content,
            "is_draft": is_provider and resource.draft is not None,
            "is_provider": is_provider,
            "versions": resource.versions.order_by("-version"),
            "link": getattr(resource, "link", None),
            "can_ask": _can_ask(person, resource, content),
            "can_submit": is_provider
            and resource.draft is not None
            and resource.state != "submitted"
            and may(person, "resource:submit"),
            "can_publish": is_provider and resource.state == "submitted" and may(person, "resource:publish"),
            "can_withdraw": is_provider and resource.is_live and may(person, "resource:publish"),
        },
    )


def _can_ask(person: Any, resource: Resource, content: ResourceContent | None) -> bool:
    """Whether the visitor's department could file a request: published, shared, somebody else's, with items."""
    if content is None or not resource.is_live or not may(person, "request:file"):
        return False
    is_own = person.organisation_id == resource.provider_id
    return bool(content.items) and content.sharing_type != "not_shared" and not is_own


@require_GET
@login_required
def drafts(request: HttpRequest) -> HttpResponse:
    """What the visitor's department has not published yet."""
    person = demand(
        request.user, "resource:submit" if may(request.user, "resource:submit") else "resource:publish"
    )
    rows = queries.drafts_of(person.organisation_id or 0)
    columns = {"code": lambda r: r.code, "name": lambda r: r.name, "state": lambda r: r.state}
    return answer_list(request, rows, template="catalog/drafts.html", columns=columns)


@require_POST
@login_required
def act(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Submit, publish or withdraw an entry."""
    permission, action = _ACTS[verb]
    person = demand(request.user, permission)
    action(queries.by_code(code), by=actor(person), at=clock.now())
    messages.success(request, gettext("Done."))
    return redirect("resource", code=code)
