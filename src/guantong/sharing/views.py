"""要共享: asking for data, deciding, and the grants that result."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.catalog import queries as catalog
from guantong.catalog.models import Resource
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand, may
from guantong.journal.models import Receipt
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list
from guantong.sharing import actions, queries
from guantong.sharing.errors import DecisionMissing
from guantong.sharing.forms import NeedForm
from guantong.sharing.models import Grant, GrantState, RequestState
from guantong.sharing.types import PLEDGE

LONGEST_REASON = 4000
# Fields that are boxes to tick; the page draws these itself.
_BOXES = ("wanted", "modes", "applications", "pledge_signed")


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


@require_http_methods(["GET", "POST"])
@login_required
def file_request(request: HttpRequest) -> HttpResponse:
    """The form by which a department asks for items of the resource ``?resource=``."""
    person = demand(request.user, "request:file")
    resource = catalog.by_code(request.GET.get("resource", ""))
    content = resource.live
    if content is None or person.organisation is None:
        raise Http404
    asked = request.POST if request.method == "POST" else None
    form = NeedForm(asked, content=content, consumer=person.organisation, initial=_filled(request))
    if asked is not None and form.is_valid():
        try:
            filed = actions.file_request(
                form.need(), consumer=person.organisation, by=actor(person), at=clock.now()
            )
        except GuantongError as error:
            form.add_error(None, error.sentence("en" if get_language() == "en" else "zh"))
        else:
            messages.success(
                request, gettext("The request %(number)s has been filed.") % {"number": filed.number}
            )
            return redirect("request", uuid=filed.uuid)
    status = 422 if asked is not None else 200
    context = {
        "form": form,
        "resource": resource,
        "content": content,
        "chosen": {name: form[name].value() or [] for name in _BOXES[:3]},
        "plain": [form[name] for name in form.fields if name not in _BOXES],
        "pledge": PLEDGE,
    }
    return render(request, "sharing/request_form.html", context, status=status)


def _filled(request: HttpRequest) -> dict[str, Any]:
    """What the address fills in beforehand: a link can carry a need, a person still reads and signs it."""
    several = {name: request.GET.getlist(name) for name in _BOXES[:3]}
    single = {name: request.GET.get(name, "") for name in ("purpose", "purpose_text", "legal_basis")}
    return {name: value for name, value in {**several, **single}.items() if value}


@require_GET
@login_required
def request_detail(request: HttpRequest, uuid: str) -> HttpResponse:
    """One request: what is asked, by whom, how far it has come, and the decision that waits for the visitor."""
    person = demand(request.user, "request:read")
    asked = get_object_or_404(queries.visible_requests(person), uuid=uuid)
    step = queries.to_decide(_code(person)).filter(request=asked).first()
    grant = Grant.objects.filter(request=asked.uuid).first()
    resource = Resource.objects.filter(code=asked.resource).first()
    content = resource.live if resource else None
    context = {
        "asked": asked,
        "step": step if may(person, "request:decide") else None,
        "grant": grant,
        "items": [item for item in content.items if item.name in asked.fields] if content else [],
        "steps": asked.steps.all(),
    }
    return render(request, "sharing/request.html", context)


@require_POST
@login_required
def decide(request: HttpRequest, uuid: str) -> HttpResponse:
    """Approve or refuse the step that waits for the visitor's organisation."""
    person = demand(request.user, "request:decide")
    asked = get_object_or_404(queries.visible_requests(person), uuid=uuid)
    reason = request.POST.get("reason", "")[:LONGEST_REASON]
    match request.POST.get("decision"):
        case "approved":
            actions.decide(asked, "approved", reason=reason, by=actor(person), at=clock.now())
        case "refused":
            actions.decide(asked, "refused", reason=reason, by=actor(person), at=clock.now())
        case _:
            raise DecisionMissing
    messages.success(request, gettext("The decision has been recorded."))
    return redirect("request", uuid=uuid)


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
