"""要共享: what was asked for and what was granted, in lists; and each grant."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand, may
from guantong.journal.models import Receipt
from guantong.kit import clock
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list
from guantong.sharing import actions, queries
from guantong.sharing.models import Grant, GrantState, RequestState
from guantong.sharing.types import BATCHES

LONGEST_REASON = 4000


@require_GET
@login_required
def requests(request: HttpRequest) -> HttpResponse:
    """Requests that concern the visitor's organisation, or all of them for an auditor."""
    person = demand(request.user, "request:read")
    picked = chosen(request, ("state", "q", "organisation", "since", "until"))
    rows = queries.visible_requests(person)
    rows = queries.matching_requests(rows, words=picked["q"], organisation=picked["organisation"])
    rows = rows.filter(state=picked["state"]) if picked["state"] else rows
    return answer_list(
        request,
        between(rows, "filed_at", since=picked["since"], until=picked["until"]),
        template="sharing/requests.html",
        columns={
            "number": lambda r: r.number,
            "resource": lambda r: r.resource_name,
            "consumer": lambda r: r.consumer_name,
            "provider": lambda r: r.provider_name,
            "purpose": lambda r: r.purpose,
            "state": lambda r: r.state,
        },
        context={"chosen": picked, "chosen_state": picked["state"], "states": RequestState.values},
    )


@require_GET
@login_required
def grants(request: HttpRequest) -> HttpResponse:
    """Grants that the visitor's organisation uses or gave."""
    person = demand(request.user, "grant:read")
    picked = chosen(request, ("state", "q", "organisation", "since", "until"))
    rows = queries.visible_grants(person)
    rows = queries.matching_grants(rows, words=picked["q"], organisation=picked["organisation"])
    rows = rows.filter(state=picked["state"]) if picked["state"] else rows
    return answer_list(
        request,
        between(rows, "issued_at", since=picked["since"], until=picked["until"]),
        template="sharing/grants.html",
        columns={
            "code": lambda g: g.code,
            "resource": lambda g: g.terms["resource_content"]["name"],
            "consumer": lambda g: g.terms["consumer_name"],
            "provider": lambda g: g.terms["provider_name"],
            "fields": lambda g: "、".join(g.terms["fields"]),
            "purpose": lambda g: g.purpose,
            "state": lambda g: g.state,
            "not_after": lambda g: clock.rfc3339(g.not_after),
        },
        context={"chosen": picked, "states": GrantState.values},
    )


@require_GET
@login_required
def grant_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One grant: its terms, its latest use, and how a programmer calls under it."""
    person = demand(request.user, "grant:read")
    grant = get_object_or_404(queries.visible_grants(person), code=code)
    labels = {item["name"]: item["label"] for item in grant.terms["resource_content"]["items"]}
    bureaus = Organisation.objects.filter(node=grant.provider_node, is_bureau=True).values_list(
        "code", flat=True
    )
    is_giver = _code(person) in {grant.terms["provider"], *bureaus}
    return render(
        request,
        "sharing/grant.html",
        {
            "grant": grant,
            "fields": [
                (name, labels.get(name, name), grant.terms["masks"].get(name, ""))
                for name in grant.terms["fields"]
            ],
            "receipts": Receipt.objects.filter(grant=grant.code)[:20],
            "is_expired": grant.state == "active" and grant.not_after <= clock.now(),
            "keys": _keys(grant),
            "is_batch": not BATCHES.isdisjoint(grant.terms["modes"]),
            "gateway_url": settings.NODE.gateway_url if grant.consumer_node == settings.NODE.node else "",
            "can_revoke": grant.state == "active" and may(person, "grant:revoke") and is_giver,
        },
    )


@require_POST
@login_required
def revoke(request: HttpRequest, code: str) -> HttpResponse:
    """End a grant at once."""
    person = demand(request.user, "grant:revoke")
    grant = get_object_or_404(queries.visible_grants(person), code=code)
    actions.revoke(
        grant, reason=request.POST.get("reason", "")[:LONGEST_REASON], by=actor(person), at=clock.now()
    )
    messages.success(request, gettext("The grant has been revoked."))
    return redirect("grant", code=code)


def _keys(grant: Grant) -> list[str]:
    """The first declared combination of items by which rows may be asked for."""
    lookups: list[list[str]] = grant.terms["resource_content"].get("lookups") or [[]]
    return lookups[0]


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""
