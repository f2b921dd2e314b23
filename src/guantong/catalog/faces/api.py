"""The JSON API, ``/api/catalog/v1``: read-only, public, paged by cursor, described by its OpenAPI document."""

from dataclasses import replace
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from guantong.catalog.faces import openapi, reading, types
from guantong.catalog.faces.answering import as_json, demand_parameters, number, public
from guantong.catalog.faces.errors import ParameterWrong
from guantong.catalog.models import Resource, ResourceVersion
from guantong.catalog.search import addresses, finding
from guantong.catalog.search.relating import related_to
from guantong.catalog.search.types import FACETS
from guantong.kit import clock

PAGE, MOST = 50, 1_000
FILTERS = tuple(addresses.PARAMETERS[facet] for facet in FACETS if facet != "stage")


def address(name: str, **parts: object) -> str:
    """The full address of a view, on the node's own name."""
    return settings.NODE.web_url.rstrip("/") + reverse(name, kwargs=parts or None)


@public
def root(request: HttpRequest) -> HttpResponse:
    """Where everything is."""
    demand_parameters(request, ())
    told = {
        "title": f"{settings.NODE.title} · 政务信息资源目录",
        "node": settings.NODE.node,
        "openapi": address("api-openapi"),
        "entries": address("api-entries"),
        "changes": address("api-changes"),
        "dcat": {"turtle": address("dcat", form="ttl"), "json_ld": address("dcat", form="jsonld")},
    }
    return as_json(request, told)


@public
def described(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document of this API."""
    demand_parameters(request, ())
    return as_json(request, openapi.document(settings.NODE.web_url.rstrip("/")))


@public
def entries(request: HttpRequest) -> HttpResponse:
    """Entries in force, by the words, filters and orders of the search page."""
    demand_parameters(request, ("q", *FILTERS, "sort", "limit", "cursor", "facets"))
    limit = number(request, "limit", default=PAGE, least=1, most=MOST)
    asked = addresses.read_query(request.GET, AnonymousUser()).asked
    asked = replace(asked, sight=reading.public_sight(), limit=limit, facets=_facets(request))
    answer = finding.find(finding.own_index(), asked)
    found = answer.found
    kept = request.GET.copy()
    kept["cursor"] = found.cursor
    page = types.EntryPage(
        entries=[_summary(hit.resource) for hit in answer.hits if not hit.is_draft],
        total=found.total,
        facets={
            addresses.PARAMETERS[name]: dict(counts)
            for name, counts in found.counts.items()
            if name in asked.facets
        },
        cursor=found.cursor,
        next=f"{address('api-entries')}?{kept.urlencode()}" if found.cursor else "",
        is_plain=answer.is_plain,
    )
    return as_json(request, page)


def _facets(request: HttpRequest) -> tuple[str, ...]:
    """The facets that are to be counted: none unless they are named, for counting costs more than finding."""
    names = {addresses.PARAMETERS[facet]: facet for facet in FACETS if facet != "stage"}
    wanted = [name for name in request.GET.get("facets", "").split(",") if name]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        known = ", ".join(names)
        raise ParameterWrong(name="facets", wanted_zh=known, wanted_en=known)
    return tuple(names[name] for name in dict.fromkeys(wanted))


def _summary(resource: Resource) -> types.Summary:
    return types.Summary(
        code=resource.code,
        name=resource.name,
        summary=resource.summary,
        provider=_provider(resource),
        node=resource.node,
        sharing_type=resource.sharing_type,
        update_cycle=resource.update_cycle,
        version=resource.live_version,
        published_at=clock.rfc3339(resource.published_at) if resource.published_at else "",
        url=address("api-entry", code=resource.code),
    )


def _provider(resource: Resource) -> types.Provider:
    return types.Provider(resource.provider.code, resource.provider.name)


@public
def entry(request: HttpRequest, code: str) -> HttpResponse:
    """One entry in force, whole."""
    demand_parameters(request, ())
    version = reading.live_version(code)
    resource, content = version.resource, version.typed
    related = related_to(finding.own_index(), resource, content, sight=reading.public_sight())
    told = types.Entry(
        code=code,
        provider=_provider(resource),
        node=resource.node,
        version=version.version,
        published_at=clock.rfc3339(version.published_at),
        linked=reading.linked(resource),
        content=content,
        related=[
            types.RelatedEntry(
                each.resource.code,
                each.resource.name,
                each.reasons,
                address("api-entry", code=each.resource.code),
            )
            for each in related
        ],
        links=types.Links(
            page=address("resource", code=code),
            items=address("api-items", code=code),
            versions=address("api-versions", code=code),
            turtle=address("resource-face", code=code, form="ttl"),
            json_ld=address("resource-face", code=code, form="jsonld"),
        ),
    )
    return as_json(request, told)


@public
def items(request: HttpRequest, code: str) -> HttpResponse:
    """The items of an entry in force."""
    demand_parameters(request, ())
    version = reading.live_version(code)
    return as_json(request, types.Items(code, version.version, version.typed.items))


@public
def versions(request: HttpRequest, code: str) -> HttpResponse:
    """The versions of an entry, newest first; also of one that was withdrawn, so that this is seen."""
    demand_parameters(request, ())
    rows = reading.known(code).versions.order_by("-version")
    lines = [
        types.VersionLine(
            version=row.version,
            published_at=clock.rfc3339(row.published_at),
            is_withdrawal=row.is_withdrawal,
            url=address("api-version", code=code, number=row.version),
        )
        for row in rows
    ]
    return as_json(request, types.Versions(code, lines))


@public
def version(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """What an entry in force said in one version."""
    demand_parameters(request, ())
    row = reading.one_version(code, number)
    told = types.Version(code, row.version, clock.rfc3339(row.published_at), row.is_withdrawal, row.typed)
    return as_json(request, told)


@public
def changes(request: HttpRequest) -> HttpResponse:
    """What was published and withdrawn after a number: how a copy is kept up to date."""
    demand_parameters(request, ("after", "limit"))
    after = number(request, "after", default=0, most=2**62)
    limit = number(request, "limit", default=200, least=1, most=MOST)
    rows = reading.changes_after(after, limit)
    shown = [_change(row) for row in rows[:limit]]
    last = shown[-1].number if shown else after
    following = urlencode({"after": last, "limit": limit})
    told = types.Changes(shown, last, len(rows) > limit, f"{address('api-changes')}?{following}")
    return as_json(request, told)


def _change(row: ResourceVersion) -> types.Change:
    code = row.resource.code
    return types.Change(
        number=row.number or 0,
        code=code,
        version=row.version,
        at=clock.rfc3339(row.published_at),
        is_withdrawal=row.is_withdrawal,
        url=address("api-entry", code=code),
    )
