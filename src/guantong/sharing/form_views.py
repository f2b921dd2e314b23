"""The form by which a department asks for data: of one entry or of several at once, filled in from its declared needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from guantong.catalog import queries as catalog
from guantong.catalog.errors import TermsNotMet
from guantong.catalog.models import Need, Resource
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.sharing import actions, costs
from guantong.sharing.errors import BasketFull, FieldNotInResource, ItemsAboveClearance, NotShared
from guantong.sharing.forms import PARTICULARS, EntryForm, NeedForm
from guantong.sharing.models import Request, RequestState
from guantong.sharing.request_views import given_paper
from guantong.sharing.types import PLEDGE, Mode

MOST_ENTRIES: Final = 10
BASKET: Final = "basket"
# Where a refusal is shown that names no field itself.
_BESIDE: Final[dict[type[GuantongError], str]] = {TermsNotMet: "purpose"}
_ON_ITEMS: Final = (FieldNotInResource, ItemsAboveClearance)


@dataclass(frozen=True)
class Part:
    """One entry on the form: what it offers, what asking for it costs, what is proposed and for which service item."""

    resource: Resource
    content: ResourceContent
    form: EntryForm
    ways: dict[int, costs.Way]
    way: costs.Way
    need: Need | None
    other_needs: list[Need]
    clearance: int
    without: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Each item with what it costs, whether the flow of the service item reads it, and whether it can be had."""
        wanted = self.form.ticked["wanted"]
        needed = set(self.need.items) if self.need else set()
        return [
            {
                "item": item,
                "is_wanted": item.name in wanted,
                "is_needed": item.name in needed,
                "is_above": item.level > self.clearance,
                "way": self.ways[item.level],
            }
            for item in self.content.items
        ]


@require_http_methods(["GET", "POST"])
@login_required
def file_request(request: HttpRequest) -> HttpResponse:
    """The form for the entries ``?resource=``, which may be repeated; without any, for those in the basket."""
    person = demand(request.user, "request:file")
    codes = list(dict.fromkeys(request.GET.getlist("resource") or request.session.get(BASKET, [])))
    consumer = person.organisation
    if not codes or consumer is None:
        raise Http404
    if len(codes) > MOST_ENTRIES:
        raise BasketFull(most=MOST_ENTRIES)
    found = [_in_force(code) for code in codes]
    for resource, content in found:
        if content.sharing_type == "not_shared":
            return _not_shared(request, resource, content, _without(request, codes, resource.code))
    need = _first_need(request, consumer, found)
    asked = request.POST if request.method == "POST" else None
    form = NeedForm(asked, consumer=consumer, initial=_common(request, need))
    parts = [
        _part(request, form, n, *each, consumer=consumer, need=need, codes=codes, at=clock.now())
        for n, each in enumerate(found)
    ]
    if asked is not None and _is_sound(form, parts):
        try:
            filed = _filed(request, person, form, parts)
        except GuantongError as error:
            _say(error, form, parts)
        else:
            return _after(request, filed)
    return _page(request, form, parts, need)


def _in_force(code: str) -> tuple[Resource, ResourceContent]:
    resource = catalog.by_code(code)
    content = resource.live
    if content is None:
        raise Http404
    return resource, content


def _is_sound(form: NeedForm, parts: list[Part]) -> bool:
    """Everything that is wrong is told at once, each beside its field."""
    is_sound = all([form.is_valid(), *(part.form.is_valid() for part in parts)])
    for part in parts:
        if above := form.above_clearance(part.form):
            part.form.add_error("wanted", above)
            is_sound = False
    return is_sound


def _filed(request: HttpRequest, person: Person, form: NeedForm, parts: list[Part]) -> list[Request]:
    by, at = actor(person), clock.now()
    assert person.organisation is not None  # noqa: S101 - file_request has looked
    with transaction.atomic():
        paper = given_paper(request, person)
        needs = [form.need(part.form) for part in parts]
        return actions.file_together(needs, consumer=person.organisation, paper=paper, by=by, at=at)


def _say(error: GuantongError, form: NeedForm, parts: list[Part]) -> None:
    if isinstance(error, _ON_ITEMS) and len(parts) == 1:
        parts[0].form.add_error("wanted", error.sentence(language()))
    else:
        form.add_error(_BESIDE.get(type(error)), error.sentence(language()))


def _after(request: HttpRequest, filed: list[Request]) -> HttpResponse:
    asked_for = {each.resource for each in filed}
    request.session[BASKET] = [code for code in request.session.get(BASKET, []) if code not in asked_for]
    for each in filed:
        told = {"number": each.number, "name": each.resource_name}
        words = (
            gettext("The request %(number)s for “%(name)s” has been filed and is granted.")
            if each.state == RequestState.GRANTED
            else gettext("The request %(number)s for “%(name)s” has been filed.")
        )
        messages.success(request, words % told)
    return redirect("request", uuid=filed[0].uuid)


def _first_need(
    request: HttpRequest, consumer: Organisation, found: list[tuple[Resource, ResourceContent]]
) -> Need | None:
    """The declared need that the form begins with: the one that the address names, else the first there is."""
    named = request.GET.get("need", "")
    for resource, _ in found:
        needs = catalog.needs_for(consumer.pk, resource)
        if chosen := next((need for need in needs if not named or str(need.pk) == named), None):
            return chosen
    return None


def _part(
    request: HttpRequest,
    form: NeedForm,
    number: int,
    resource: Resource,
    content: ResourceContent,
    *,
    consumer: Organisation,
    need: Need | None,
    codes: list[str],
    at: datetime,
) -> Part:
    needs = catalog.needs_for(consumer.pk, resource)
    # Of this entry, what the same service item needs.
    own = next((each for each in needs if need and each.item_code == need.item_code), None)
    prefix = f"e{number}" if number else None
    entry = EntryForm(
        request.POST if request.method == "POST" else None,
        content=content,
        prefix=prefix,
        initial=_proposed(request, content, own, prefix),
    )
    items = [item.name for item in content.items]
    wanted = [name for name in entry.ticked["wanted"] if name in items]
    modes = [mode for mode in get_args(Mode) if mode in entry.ticked["modes"]]
    return Part(
        resource=resource,
        content=content,
        form=entry,
        ways=costs.ways_by_level(resource, content, consumer=consumer, at=at),
        way=costs.way(resource, content, consumer=consumer, fields=wanted or items, modes=modes, at=at),
        need=own,
        other_needs=[each for each in needs if own and each.item_code != own.item_code][:10],
        clearance=form.clearance,
        without=_without(request, codes, resource.code) if len(codes) > 1 else "",
    )


def _proposed(
    request: HttpRequest, content: ResourceContent, need: Need | None, prefix: str | None
) -> dict[str, list[str]]:
    """The least: the items that the service item's flow reads, in the way it asks; else nothing, and to verify.

    The address comes first: a link can carry a need, a person still reads and signs it.
    """
    names = {name: f"{prefix}-{name}" if prefix else name for name in ("wanted", "modes")}
    items = {item.name for item in content.items}
    usual = ["verify"] if content.lookups else []
    proposed = {
        "wanted": [name for name in need.items if name in items] if need else [],
        "modes": [need.mode] if need and need.mode else usual,
    }
    return {name: request.GET.getlist(names[name]) or proposed[name] for name in names}


def _common(request: HttpRequest, need: Need | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if need:
        told = {
            "purpose": need.item_code,
            "purpose_text": f"办理“{need.service_item}”需要{need.wanted}"[:400] if need.service_item else "",
            "legal_basis": need.law,
            "item_name": need.service_item[:120],
        }
    names = ("purpose", "purpose_text", "legal_basis")
    told |= {name: request.GET[name] for name in names if request.GET.get(name)}
    if request.GET.getlist("applications"):
        told["applications"] = request.GET.getlist("applications")
    return {name: value for name, value in told.items() if value}


def _page(request: HttpRequest, form: NeedForm, parts: list[Part], need: Need | None) -> HttpResponse:
    particulars = [form[name] for name in PARTICULARS]
    codes = [part.resource.code for part in parts]
    boxes = {"applications", "pledge_signed", *PARTICULARS}
    context = {
        "form": form,
        "parts": parts,
        "is_several": len(parts) > 1,
        "resource": parts[0].resource,
        "faults": [
            (field, error)
            for each in (form, *(p.form for p in parts))
            for field in each
            for error in field.errors
        ],
        "applications": form["applications"].value() or [],
        "plain": [form[name] for name in form.fields if name not in boxes],
        "particulars": particulars,
        "is_detailed": any(field.value() for field in particulars),
        "pledge": PLEDGE,
        "need": need,
        "beside": _beside(need, codes),
        "basket": [code for code in request.session.get(BASKET, []) if code not in codes],
        "basket_url": _with(request, [*codes, *request.session.get(BASKET, [])]),
    }
    return render(request, "sharing/request_form.html", context, status=422 if form.is_bound else 200)


def _beside(need: Need | None, codes: list[str]) -> list[tuple[Need, str]]:
    """What else the same service item needs and an entry meets, with the form that asks for it together with this."""
    if need is None or not need.item_code:
        return []
    needs, _ = catalog.chain_of(need.item_code)
    return [
        (each, _form_of([*codes, each.resource.code], need))
        for each in needs
        if each.resource
        and each.state == Need.State.MET
        and each.organisation_id == need.organisation_id
        and each.resource.code not in codes
        and each.resource.provider_id != need.organisation_id
    ]


def _form_of(codes: list[str], need: Need | None) -> str:
    told = [*(("resource", code) for code in codes), *([("need", str(need.pk))] if need else [])]
    return f"{reverse('request-form')}?{urlencode(told)}"


def _with(request: HttpRequest, codes: list[str]) -> str:
    named = [("need", request.GET["need"])] if request.GET.get("need") else []
    pairs = [*(("resource", code) for code in dict.fromkeys(codes)), *named]
    return f"{reverse('request-form')}?{urlencode(pairs)}"


def _without(request: HttpRequest, codes: list[str], code: str) -> str:
    left = [each for each in codes if each != code]
    return _with(request, left) if left else ""


def _not_shared(
    request: HttpRequest, resource: Resource, content: ResourceContent, others: str
) -> HttpResponse:
    """Not an error only: the law that it rests on, and what can be done about it."""
    refusal = NotShared(basis=content.sharing_basis)
    context = {
        "resource": resource,
        "content": content,
        "sentence": refusal.sentence(language()),
        "others": others,
        "code": refusal.code,
    }
    return render(request, "sharing/not_shared.html", context, status=refusal.status)


@require_POST
@login_required
def basket(request: HttpRequest) -> HttpResponse:
    """Put an entry (``add``) into the basket of what is to be asked for together, or empty it (``empty``)."""
    demand(request.user, "request:file")
    kept = list(request.session.get(BASKET, []))
    if "empty" in request.POST:
        request.session[BASKET] = []
        messages.success(request, gettext("The basket is empty."))
        return redirect("find")
    resource, _ = _in_force(request.POST.get("add", ""))
    if resource.code not in kept:
        if len(kept) >= MOST_ENTRIES:
            raise BasketFull(most=MOST_ENTRIES)
        request.session[BASKET] = kept = [*kept, resource.code]
    told = {"name": resource.name, "count": len(kept)}
    messages.success(request, gettext("“%(name)s” is in the basket (%(count)d in all).") % told)
    return redirect("resource", resource.code)
