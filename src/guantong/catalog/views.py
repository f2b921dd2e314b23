"""查数据: finding entries and reading one."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET

from guantong.catalog import actions, extensions, queries
from guantong.catalog.errors import ResourceUnknown
from guantong.catalog.faces import feeds
from guantong.catalog.faces.dcat import Describing, schema_org
from guantong.catalog.faces.rdf import in_script
from guantong.catalog.links.finding import may_see
from guantong.catalog.models import Resource, State
from guantong.catalog.search.finding import own_index
from guantong.catalog.search.relating import Related, related_to
from guantong.catalog.search.sight import sight_of
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.pages.lists import answer_list

MOVES_SHOWN = 100
# What undoing a move takes: the permission that the move took.
PERMISSIONS = {
    "drafted": "resource:draft",
    "submitted": "resource:submit",
    "approved": "resource:publish",
    "returned": "resource:publish",
    "published": "resource:publish",
    "withdrawn": "resource:publish",
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
    """One entry: its live version for everyone, its draft for its own department and for whoever reviews it."""
    resource = queries.by_code(code)
    if resource.is_live and (sent := feeds.elsewhere(request, code)):
        return sent
    person = request.user
    is_provider = isinstance(person, Person) and person.organisation_id == resource.provider_id
    is_reviewer = isinstance(person, Person) and queries.may_review(person, resource)
    is_inside = is_provider or is_reviewer
    if resource.live_version == 0 and not is_inside:
        raise ResourceUnknown(resource=code)
    content = actions.read_content(resource.draft) if is_inside and resource.draft else resource.latest
    moves = list(resource.moves.order_by("-pk")[:MOVES_SHOWN]) if is_inside else []
    return render(
        request,
        "catalog/detail.html",
        {
            "resource": resource,
            "content": content,
            "fields": extensions.labelled(content.extension) if content else [],
            "is_draft": is_inside and resource.draft is not None,
            "is_provider": is_provider,
            "versions": resource.versions.order_by("-version"),
            "moves": moves,
            "link": (link := getattr(resource, "link", None)),
            "link_kind": link.kind if link else "",
            "may_see_link": may_see(person, resource),
            "can_link": is_provider and may(person, "source:read") and may(person, "resource:draft"),
            "related": _related(resource, content, person),
            "json_ld": _json_ld(resource),
            "can_ask": _can_ask(person, resource, content),
            "can_withdraw": is_provider and resource.is_live and may(person, "resource:publish"),
            **_verbs(person, resource, is_provider=is_provider, is_reviewer=is_reviewer),
        },
    )


def _related(resource: Resource, content: ResourceContent | None, person: Any) -> list[Related]:
    """What is related to an entry in force."""
    if content is None or not resource.is_live:
        return []
    return related_to(own_index(), resource, content, sight=sight_of(person))


def _json_ld(resource: Resource) -> SafeString:
    """What is in force, for search engines: data in a script element, which it cannot break out of."""
    version = resource.versions.filter(version=resource.live_version).first() if resource.is_live else None
    if version is None:
        return mark_safe("")
    version.resource = resource
    return mark_safe(in_script(schema_org(Describing(settings.NODE), version)))  # noqa: S308 - in_script escapes


def _verbs(person: Any, resource: Resource, *, is_provider: bool, is_reviewer: bool) -> dict[str, bool]:
    """What the visitor may do with the entry now."""
    state, reviews = resource.state, may(person, "resource:publish")
    is_resting = state not in {State.SUBMITTED, State.REVIEWED}
    last = resource.moves.filter(is_undone=False).last() if is_provider or is_reviewer else None
    code = person.organisation.code if isinstance(person, Person) and person.organisation else ""
    return {
        "can_edit": is_provider and may(person, "resource:draft"),
        "can_submit": is_provider
        and resource.draft is not None
        and is_resting
        and may(person, "resource:submit"),
        "can_approve": is_provider and state == State.SUBMITTED and reviews,
        "can_publish": is_reviewer and state == State.REVIEWED and reviews,
        "can_undo": last is not None
        and last.organisation == code
        and may(person, PERMISSIONS[last.act])
        and not resource.versions.filter(version=last.version or 0, number__isnull=False).exists(),
    }


def _can_ask(person: Any, resource: Resource, content: ResourceContent | None) -> bool:
    """Whether the visitor's department could file a request: published, shared, somebody else's, with items."""
    if content is None or not resource.is_live or not may(person, "request:file"):
        return False
    is_own = person.organisation_id == resource.provider_id
    return bool(content.items) and content.sharing_type != "not_shared" and not is_own
