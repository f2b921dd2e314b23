"""DCAT for programs: the whole catalogue page by page, and each entry; by suffix, or by what the asker accepts."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from guantong.catalog.faces import rdf, reading
from guantong.catalog.faces.answering import conditional, demand_parameters, number, public, streamed
from guantong.catalog.faces.dcat import Describing, described, paged
from guantong.catalog.faces.errors import FormNotOffered
from guantong.catalog.faces.rdf import Node
from guantong.catalog.models import ResourceVersion

PAGE, MOST = 500, 2_000
KINDS: Final[Mapping[str, str]] = {"ttl": "text/turtle", "jsonld": "application/ld+json"}
_WRITERS: Final = {"ttl": rdf.turtle, "jsonld": rdf.json_ld}
# What an entry's page leads to for those who would rather have something else than a page.
_OTHERWISE: Final[Mapping[str, str]] = {
    "text/turtle": "ttl",
    "application/ld+json": "jsonld",
    "application/json": "json",
}


@public
def negotiated(request: HttpRequest) -> HttpResponseBase:
    """The catalogue in the form that the asker accepts, Turtle if all the same."""
    kind = request.get_preferred_type(list(KINDS.values()))
    form = next((form for form, each in KINDS.items() if each == kind), "")
    if not form:
        raise FormNotOffered(offered=", ".join(KINDS.values()))
    query = request.META.get("QUERY_STRING", "")
    where = reverse("dcat", kwargs={"form": form}) + (f"?{query}" if query else "")
    response = HttpResponseRedirect(where)
    response.status_code = 303
    return response


@public
def catalogue(request: HttpRequest, form: str) -> HttpResponseBase:
    """One page of the catalogue, streamed; the next one's address stands in it and in the Link header."""
    demand_parameters(request, ("after", "limit"))
    after = number(request, "after", default=0, most=2**62)
    limit = number(request, "limit", default=PAGE, least=1, most=MOST)
    total, newest, modified_at = reading.count_and_newest()
    last = reading.last_key(after, limit)
    base = f"{settings.NODE.web_url.rstrip('/')}{reverse('dcat', kwargs={'form': form})}"
    here, first = f"{base}?after={after}&limit={limit}", f"{base}?limit={limit}"
    following = f"{base}?after={last}&limit={limit}" if last else ""
    describing = Describing(settings.NODE)

    def nodes() -> Iterator[Node]:
        moment = modified_at if isinstance(modified_at, datetime) else None
        yield from describing.head(modified_at=moment)
        yield from paged(describing, total=total, here=here, first=first, following=following)
        for slab in reading.live_slabs(after, limit):
            yield from described(describing, slab, reading.linked_among(slab))

    tag = hashlib.sha256(
        f"{form} {here} {total} {newest} {modified_at} {reading.links_mark()}".encode()
    ).hexdigest()[:32]
    response = streamed(request, _WRITERS[form](nodes()), kind=f"{KINDS[form]}; charset=utf-8", tag=tag)
    response["Link"] = ", ".join(
        f'<{where}>; rel="{name}"' for name, where in (("first", first), ("next", following)) if where
    )
    return response


@public
def face(request: HttpRequest, code: str, form: str) -> HttpResponseBase:
    """One entry in force."""
    demand_parameters(request, ())
    version = reading.live_version(code)
    body = "".join(_WRITERS[form](_nodes([version]))).encode()
    tag = hashlib.sha256(body).hexdigest()[:32]
    return conditional(request, body, kind=f"{KINDS[form]}; charset=utf-8", tag=tag)


def _nodes(versions: "Iterable[ResourceVersion]") -> Iterator[Node]:
    describing = Describing(settings.NODE)
    rows = list(versions)
    yield from describing.head(modified_at=None)
    yield from described(describing, rows, reading.linked_among(rows))


def elsewhere(request: HttpRequest, code: str) -> HttpResponse | None:
    """Where an asker is sent who would rather have an entry as data than as a page; None for everybody else."""
    if request.method not in {"GET", "HEAD"} or request.GET:
        return None
    kind = request.get_preferred_type(["text/html", *_OTHERWISE])
    form = _OTHERWISE.get(kind or "")
    if form is None:
        return None
    where = (
        reverse("api-entry", kwargs={"code": code})
        if form == "json"
        else reverse("resource-face", kwargs={"code": code, "form": form})
    )
    response = HttpResponseRedirect(where)
    response.status_code = 303
    return response
