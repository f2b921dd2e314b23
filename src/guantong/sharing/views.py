"""要共享: what was asked for and what was granted, in lists; and each grant."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.identity.models import Application, Organisation, Person
from guantong.identity.queries import actor, demand, may
from guantong.journal.models import Receipt
from guantong.kit import clock
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list
from guantong.sharing import actions, queries
from guantong.sharing.forms import NarrowingForm
from guantong.sharing.models import OPEN, Agreement, Grant, GrantChange, GrantState, Request, RequestState
from guantong.sharing.samples import national_samples, samples, service_sample
from guantong.sharing.types import BATCHES, OPEN_LIMITS
from guantong.sharing.usage import usage_of

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
    if picked["state"] == "unused":
        rows = rows.filter(pk__in=queries.unused_grants(at=clock.now()))
    elif picked["state"]:
        rows = rows.filter(state=picked["state"])
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
        context={"chosen": picked, "states": [*GrantState.values, "unused"]},
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
    own = settings.NODE.node
    is_giver = (
        grant.provider_node == own
        and _code(person) in {grant.terms["provider"], *bureaus}
        and may(person, "grant:revoke")
    )
    is_user = grant.consumer_node == own and _code(person) == grant.consumer and may(person, "request:file")
    is_open, is_current = not grant.is_over, not grant.is_over and grant.not_after > clock.now()
    gateway_url = settings.NODE.gateway_url if grant.consumer_node == own else ""
    agreement = Agreement.objects.filter(digest=grant.terms["agreement"]).first()
    callable_modes = [mode for mode in grant.terms["modes"] if mode in {"query", "verify"}]
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
            "all_items": grant.terms["resource_content"]["items"],
            "is_expired": is_open and not is_current,
            "open_limits": _open_limits(grant),
            "gateway_url": gateway_url,
            "is_batch": not BATCHES.isdisjoint(grant.terms["modes"]),
            "usage": usage_of(
                grant, at=clock.now(), role="provider" if grant.provider_node == own else "consumer"
            ),
            "changes": _changes(grant, labels),
            "agreement": agreement,
            "papers": agreement.papers.all() if agreement else [],
            "conditions": [
                (labels.get(each["item"], each["item"]), each["op"], each["value"])
                for each in grant.terms.get("condition", [])
            ],
            "calls": [
                (mode, samples(grant.terms, gateway_url=gateway_url or "https://gateway.example", mode=mode))
                for mode in callable_modes
            ],
            "others": _other_samples(grant, gateway_url),
            "can_name": is_current and is_user,
            "can_revoke": is_open and is_giver,
            "can_tend": is_current and is_giver,
            "can_return": is_current and is_user,
            "can_narrow": is_current and (is_giver or is_user),
            "can_attach": agreement is not None and (is_giver or is_user),
            "waiting_renewal": Request.objects.filter(renews=grant.code, state__in=OPEN).first(),
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


def _changes(grant: Grant, labels: dict[str, str]) -> list[tuple[GrantChange, list[tuple[str, str, str]]]]:
    """The history of a grant, newest first: each change with the terms before and after."""
    return [
        (
            change,
            [
                (name, _told(change.before[name], labels, name), _told(now, labels, name))
                for name, now in change.after.items()
                if name != "agreement"
            ],
        )
        for change in grant.changes.order_by("-revision")
    ]


def _other_samples(grant: Grant, gateway_url: str) -> list[tuple[str, dict[str, str]]]:
    """Programs for the department's own interface, and by the national convention: where the grant can be called."""
    if not gateway_url or "query" not in grant.terms["modes"]:
        return []
    interface = service_sample(grant.terms, gateway_url=gateway_url)
    found = [(gettext("the department's interface"), {"curl": interface})] if interface else []
    codes = [each["code"] for each in grant.terms["applications"]]
    application = Application.objects.filter(code__in=codes).exclude(rid="").first()
    if application and grant.sids:
        programs = national_samples(
            grant.terms, gateway_url=gateway_url, rid=application.rid, sid=grant.sids[0]
        )
        found.append((gettext("the national platform's convention"), programs))
    return found


def _open_limits(grant: Grant) -> list[tuple[str, Any, int, int | None]]:
    """The limits that there need not be: word, label, what it is now (0: none), the most it can be set to."""
    fields = NarrowingForm.base_fields
    return [
        (name, fields[name].label, grant.terms.get(name, 0), getattr(fields[name], "max_value", None))
        for name in OPEN_LIMITS
    ]


def _told(value: Any, labels: dict[str, str], name: str = "") -> str:
    """A term as a reader sees it: items by their labels, moments by their day, no limit by a dash."""
    if name in OPEN_LIMITS and not value:
        return "—"
    if isinstance(value, list):
        return "、".join(_told(each, labels) for each in value) or "—"
    if isinstance(value, dict) and "op" in value:
        return f"{labels.get(value['item'], value['item'])} {value['op']} {value['value']}"
    if isinstance(value, dict):
        return "、".join(f"{labels.get(name, name)} {mask}" for name, mask in value.items()) or "—"
    text = str(value)
    return text[:10] if len(text) > 18 and text[10:11] == "T" else labels.get(text, text)


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""
