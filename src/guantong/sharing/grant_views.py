"""授权页上的事: what people do with a grant, its agreement to take along, and a trial on made-up rows."""

import json
import re
from datetime import date
from typing import Any

import msgspec
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.evidence.agreements import AgreementWrong
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.sharing import actions, papers, queries
from guantong.sharing.errors import LimitsWrong, NotYourGrant
from guantong.sharing.forms import row_condition
from guantong.sharing.models import Agreement, Grant
from guantong.sharing.sandbox import sandbox_answer
from guantong.sharing.types import OPEN_LIMITS, Narrowing

LONGEST_REASON = 4000


@require_POST
@login_required
def act(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Narrow, suspend, resume, give back, renew a grant, or register the paper copy of its agreement."""
    person = demand(request.user, "grant:read")
    grant = get_object_or_404(queries.visible_grants(person), code=code)
    try:
        said = (_named if verb == "sids" else _done)(request, grant, verb, person)
    except GuantongError as error:
        messages.error(request, error.sentence(language()))
        return redirect("grant", code=code)
    messages.success(request, said)
    return redirect("grant", code=code)


@require_GET
@login_required
def agreement(request: HttpRequest, code: str, kind: str) -> HttpResponse:
    """The agreement of a grant: the document that people read, or the statement that both sides signed."""
    person = demand(request.user, "grant:read")
    grant = get_object_or_404(queries.visible_grants(person), code=code)
    kept = get_object_or_404(Agreement, digest=grant.terms["agreement"])
    if kind == "pdf":
        answer = HttpResponse(bytes(kept.document), content_type="application/pdf")
    else:
        answer = HttpResponse(bytes(kept.statement), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{grant.code}.{kind}"'
    return answer


@require_GET
@login_required
def agreement_paper(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """A paper copy of the agreement, registered at this node."""
    person = demand(request.user, "grant:read")
    grant = get_object_or_404(queries.visible_grants(person), code=code)
    kept = get_object_or_404(Agreement, digest=grant.terms["agreement"])
    found = kept.papers.filter(pk=number).first()
    if found is None:
        raise Http404
    answer = HttpResponse(bytes(found.content), content_type=found.media_type)
    answer["Content-Disposition"] = "attachment"
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


@require_POST
@login_required
def sandbox(request: HttpRequest, code: str) -> HttpResponse:
    """What a call would answer, on rows that are made up: nothing is read and no receipt is written."""
    person = demand(request.user, "grant:read")
    grant = get_object_or_404(queries.visible_grants(person), code=code)
    modes = [mode for mode in grant.terms["modes"] if mode in {"query", "verify"}]
    wanted = request.POST.get("mode", "")
    if wanted not in modes:
        raise Http404
    answer = sandbox_answer(grant.terms, mode=wanted)  # type: ignore[arg-type] # one of the grant's modes
    told = json.dumps(answer, ensure_ascii=False, indent=2)
    return render(request, "sharing/sandbox.html", {"grant": grant, "mode": wanted, "answer": told})


def _done(request: HttpRequest, grant: Grant, verb: str, person: Person) -> str:
    """Do it; what is said afterwards."""
    by, at = actor(person), clock.now()
    reason = request.POST.get("reason", "")[:LONGEST_REASON]
    if verb == "narrow":
        actions.narrow(grant, _narrowing(request, grant), reason=reason, by=by, at=at)
        return gettext("The grant gives less now; a change at another node takes a moment.")
    if verb == "suspend":
        actions.suspend(grant, reason=reason, by=by, at=at)
        return gettext("The grant is suspended.")
    if verb == "resume":
        actions.resume(grant, reason=reason, by=by, at=at)
        return gettext("The grant is in force again.")
    if verb == "return":
        actions.give_back(
            grant, fulfilled=request.POST.get("why") == "fulfilled", reason=reason, by=by, at=at
        )
        return gettext("The grant was given back.")
    if verb == "renew":
        asked = actions.renew(
            grant, days=_days(request), purpose_text=reason, consumer=_own(person), by=by, at=at
        )
        return gettext("The renewal was asked for with request %(number)s.") % {"number": asked.number}
    _register_paper(request, grant, person)
    return gettext("The paper copy was registered.")


def _named(request: HttpRequest, grant: Grant, _verb: str, person: Person) -> str:
    """Other service identifiers, as typed: one a line, or with commas between."""
    typed = request.POST.get("sids", "")[:LONGEST_REASON]
    sids = [each for each in re.split(r"[\s,，、;；]+", typed) if each]
    actions.name_services(grant, sids, by=actor(person), at=clock.now())
    return gettext("The service identifiers were changed.")


def _narrowing(request: HttpRequest, grant: Grant) -> Narrowing:
    """What the form leaves; only what differs from the terms."""
    post, terms = request.POST, grant.terms
    kept = [name for name in terms["fields"] if name in post.getlist("kept")]
    less: dict[str, Any] = {"masks": {}}
    if kept != terms["fields"]:
        less["fields"] = kept
    for name in ("per_day", "per_second", "max_rows", *OPEN_LIMITS):
        typed = post.get(name, "").strip()
        if typed.isdecimal() and int(typed) != terms.get(name, 0):
            less[name] = int(typed)
    for name in kept:
        if mask := post.get(f"mask_{name}", ""):
            less["masks"][name] = mask
    item, value = post.get("condition_item", ""), post.get("condition_value", "")
    try:
        if item and value.strip():
            less["condition"] = [row_condition(item, post.get("condition_op", "eq"), value)]
        return msgspec.convert(less, Narrowing)
    except msgspec.ValidationError as error:
        raise LimitsWrong(why=str(error)) from error


def _days(request: HttpRequest) -> int:
    typed = request.POST.get("days", "").strip()
    if not (typed.isdecimal() and len(typed) <= 4):
        raise LimitsWrong(why="days")
    return int(typed)


def _own(person: Person) -> Organisation:
    if person.organisation is None:
        raise NotYourGrant
    return person.organisation


@transaction.atomic
def _register_paper(request: HttpRequest, grant: Grant, person: Person) -> None:
    file, by, at = request.FILES.get("paper"), actor(person), clock.now()
    if not Agreement.objects.filter(digest=grant.terms["agreement"]).exists():
        raise AgreementWrong(
            why_zh="本节点没有该授权的协议", why_en="this node has no agreement of the grant"
        )
    try:
        signed_on = date.fromisoformat(request.POST.get("signed_on", ""))
    except ValueError:
        signed_on = date.max
    paper = papers.register(
        file.read() if file and (file.size or 0) <= papers.LARGEST else b"",
        file_name=(file.name or "") if file else "",
        number=request.POST.get("paper_number", ""),
        signed_by=request.POST.get("signed_by", ""),
        signed_on=signed_on,
        by=by,
        at=at,
    )
    actions.attach_paper(grant, paper, by=by, at=at)
