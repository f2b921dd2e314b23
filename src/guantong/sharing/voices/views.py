"""Corrections and disputes page by page: lists, one of each, and what the visitor may do about it."""

import hmac
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.catalog import queries as catalog
from guantong.identity.models import Person
from guantong.identity.queries import actor, bureaus, demand, may, subjects_of
from guantong.journal.models import Receipt
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list
from guantong.sharing import actions
from guantong.sharing.models import (
    Correction,
    CorrectionState,
    Dispute,
    DisputeStage,
    DisputeState,
    Paper,
    Request,
)
from guantong.sharing.request_views import given_paper
from guantong.sharing.voices import queries
from guantong.sharing.voices.naming import key_digest
from guantong.sharing.voices.types import KINDS

LONGEST = 4000


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""


def _said(request: HttpRequest, name: str = "words") -> str:
    return request.POST.get(name, "")[:LONGEST]


def _sentence(fault: GuantongError) -> str:
    return fault.sentence("en" if get_language() == "en" else "zh")


@require_GET
@login_required
def corrections(request: HttpRequest) -> HttpResponse:
    """The corrections that concern the visitor; a citizen's own."""
    person = _reader(request)
    picked = chosen(request, ("state", "q", "kind", "since", "until"))
    rows = queries.matching_corrections(queries.visible_corrections(person), words=picked["q"])
    for name in ("state", "kind"):
        rows = rows.filter(**{name: picked[name]}) if picked[name] else rows
    return answer_list(
        request,
        between(rows, "filed_at", since=picked["since"], until=picked["until"]),
        template="sharing/corrections.html",
        columns={
            "number": lambda r: r.number,
            "kind": lambda r: r.kind,
            "resource": lambda r: r.resource_name,
            "item": lambda r: r.item,
            "asker": lambda r: r.asker_name,
            "provider": lambda r: r.provider_name,
            "state": lambda r: r.state,
            "due_on": lambda r: str(r.due_on or ""),
        },
        context={"chosen": picked, "states": CorrectionState.values, "kinds": KINDS},
    )


@require_http_methods(["GET", "POST"])
@login_required
def file_correction(request: HttpRequest) -> HttpResponse:
    """The form by which something wrong is reported, of ``?resource=``; ``?case=`` or ``?call=`` say where it showed."""
    person = request.user
    if not may(person, "correction:own"):
        person = demand(person, "correction:file")
    assert isinstance(person, Person)  # noqa: S101 - either permission has seen to it
    resource = catalog.by_code(request.GET.get("resource", ""))
    content = resource.live
    filled = {name: request.GET.get(name, "") for name in ("kind", "item", "call", "case", "grant")}
    fault: GuantongError | None = None
    if request.method == "POST":
        filled |= {name: _said(request, name) for name in ("kind", "item", "call", "case", "grant", "words")}
        try:
            with transaction.atomic():
                paper = given_paper(request, person)
                filed = actions.file_correction(
                    _report(request, person, resource.code), paper=paper, by=actor(person), at=clock.now()
                )
        except GuantongError as error:
            fault = error
        else:
            messages.success(
                request, gettext("The correction %(number)s has been filed.") % {"number": filed.number}
            )
            return redirect("correction", uuid=filed.uuid)
    is_citizen = may(person, "correction:own")
    context = {
        "resource": resource,
        "items": content.items if content else [],
        "filled": {**filled, "kind": filled["kind"] or "content"},
        "kinds": ["content"] if is_citizen else KINDS,
        "is_citizen": is_citizen,
        "days": settings.NODE.correction_days,
        "fault": _sentence(fault) if fault else "",
    }
    return render(request, "sharing/correction_form.html", context, status=fault.status if fault else 200)


def _report(request: HttpRequest, person: Person, resource: str) -> actions.Report:
    told = {
        name: _said(request, name).strip()
        for name in ("kind", "words", "item", "grant", "call", "key", "case")
    }
    subjects: list[str] = []
    if may(person, "correction:own") and person.resident_id:
        subjects = subjects_of(person, settings.NODE)
        told["key"] = person.resident_id
    return actions.Report(resource=resource, subjects=subjects, **told)  # type: ignore[arg-type]


@require_http_methods(["GET", "POST"])
@login_required
def correction(request: HttpRequest, uuid: str) -> HttpResponse:
    """One correction. Posting ``key`` asks whether that is the row that is meant; the key is not kept."""
    person = _reader(request)
    found = get_object_or_404(queries.visible_corrections(person), uuid=uuid)
    return _correction_page(request, person, found)


def _correction_page(
    request: HttpRequest, person: Person, found: Correction, fault: GuantongError | None = None
) -> HttpResponse:
    code, node = _code(person), settings.NODE.node
    is_asker = found.asker_node == node and (
        found.asker == code if found.asker else found.asked_by_id == str(person.uuid)
    )
    is_provider = found.provider == code and found.provider_node == node and may(person, "correction:answer")
    is_meant: bool | None = None
    if request.method == "POST" and is_provider and "key" in request.POST:
        told = key_digest(request.POST["key"][:200], str(found.uuid))
        is_meant = bool(found.key_digest) and hmac.compare_digest(told, found.key_digest)
    disputes = Dispute.objects.filter(about_uuid=found.uuid)
    has_lost = found.state == "rejected" or (found.state == "closed" and found.is_satisfied is False)
    context = {
        "found": found,
        "is_provider": is_provider,
        "is_meant": is_meant,
        "receipt": Receipt.objects.filter(call=found.call).first() if found.call else None,
        "can_answer": is_provider and found.state == "waiting",
        "can_return": found.returned_at is None,
        "can_add": is_asker and found.state == "returned",
        "can_judge": is_asker and found.state in {"corrected", "rejected"},
        "can_look_again": found.reopened_at is None,
        "can_withdraw": is_asker and found.is_running,
        "can_dispute": is_asker
        and bool(found.asker)
        and has_lost
        and may(person, "dispute:speak")
        and not queries.running_about(found.uuid).exists(),
        "disputes": disputes if may(person, "dispute:read") else [],
        "fault": _sentence(fault) if fault else "",
    }
    return render(request, "sharing/correction.html", context, status=fault.status if fault else 200)


@require_POST
@login_required
def correction_act(request: HttpRequest, uuid: str, verb: str) -> HttpResponse:
    """Answer, add, judge or withdraw."""
    person = _reader(request)
    found = get_object_or_404(queries.visible_corrections(person), uuid=uuid)
    told: dict[str, Any] = {"words": _said(request), "by": actor(person), "at": clock.now()}
    try:
        if verb == "answer":
            decision = request.POST.get("decision", "")
            known = decision if decision in {"corrected", "rejected"} else "returned"
            actions.answer_correction(found, known, **told)  # type: ignore[arg-type]
        elif verb == "add":
            actions.add_to_correction(found, paper=given_paper(request, person), **told)
        elif verb == "judge":
            judged = request.POST.get("judgement", "")
            actions.judge_correction(
                found, is_satisfied=judged == "satisfied", look_again=judged == "again", **told
            )
        else:
            actions.withdraw_correction(found, **told)
    except GuantongError as fault:
        if fault.status != 422:
            raise
        return _correction_page(request, person, found, fault)
    messages.success(request, gettext("Done."))
    return redirect("correction", uuid=uuid)


@require_GET
@login_required
def disputes(request: HttpRequest) -> HttpResponse:
    """The disputes that concern the visitor's organisation."""
    person = demand(request.user, "dispute:read")
    picked = chosen(request, ("state", "q", "stage", "since", "until"))
    rows = queries.matching_disputes(queries.visible_disputes(person), words=picked["q"])
    for name in ("state", "stage"):
        rows = rows.filter(**{name: picked[name]}) if picked[name] else rows
    return answer_list(
        request,
        between(rows, "raised_at", since=picked["since"], until=picked["until"]),
        template="sharing/disputes.html",
        columns={
            "number": lambda r: r.number,
            "about": lambda r: r.about_number,
            "resource": lambda r: r.resource_name,
            "asker": lambda r: r.asker_name,
            "provider": lambda r: r.provider_name,
            "stage": lambda r: r.stage,
            "state": lambda r: r.state,
            "ruling": lambda r: r.ruling,
        },
        context={"chosen": picked, "states": DisputeState.values, "stages": DisputeStage.values},
    )


@require_POST
@login_required
def raise_dispute(request: HttpRequest, kind: str, uuid: str) -> HttpResponse:
    """Dispute the answer to a request or a correction."""
    person = demand(request.user, "dispute:speak")
    matter: Request | Correction = (
        get_object_or_404(Request, uuid=uuid, consumer=_code(person))
        if kind == "request"
        else get_object_or_404(Correction, uuid=uuid, asker=_code(person))
    )
    raised = actions.raise_dispute(
        matter, words=_said(request), paper=given_paper(request, person), by=actor(person), at=clock.now()
    )
    messages.success(request, gettext("The dispute %(number)s has been raised.") % {"number": raised.number})
    return redirect("dispute", uuid=raised.uuid)


@require_GET
@login_required
def dispute(request: HttpRequest, uuid: str) -> HttpResponse:
    """One dispute: both sides' statements, where it stands, and what the visitor may do."""
    person = demand(request.user, "dispute:read")
    return _dispute_page(request, person, get_object_or_404(queries.visible_disputes(person), uuid=uuid))


def _dispute_page(
    request: HttpRequest, person: Person, found: Dispute, fault: GuantongError | None = None
) -> HttpResponse:
    code, node = _code(person), settings.NODE.node
    speaks = may(person, "dispute:speak")
    is_asker = speaks and code == found.asker and found.asker_node == node
    is_provider = speaks and code == found.provider and found.provider_node == node
    decides = found.superior_node if found.stage == DisputeStage.SUPERIOR else found.provider_node
    is_open, is_ruled_for_asker = found.state == "open", found.state == "ruled" and found.ruling == "asker"
    has_lost = found.state == "ruled" and found.ruling == "provider" and found.stage == "authority"
    heard = found.is_late or found.statements.filter(side="provider").exists()
    context = {
        "found": found,
        "statements": found.statements.all(),
        "matter_url": "correction" if found.about == "correction" else "request",
        "is_ours": node in {found.asker_node, found.provider_node},
        "can_say": (is_asker or is_provider) and (is_open or (is_provider and is_ruled_for_asker)),
        "can_settle": is_asker and is_open,
        "can_take_up": is_asker
        and (has_lost or (is_open and ((found.stage == "talk" and heard) or (found.stage == "authority" and found.is_late)))),
        "can_concede": is_provider and is_open and found.stage != DisputeStage.SUPERIOR,
        "can_carry_out": is_provider and is_ruled_for_asker,
        "can_rule": is_open
        and found.stage != DisputeStage.TALK
        and decides == node
        and code in bureaus(node) - {found.asker, found.provider}
        and may(person, "dispute:rule"),
        "fault": _sentence(fault) if fault else "",
    }  # fmt: skip
    return render(request, "sharing/dispute.html", context, status=fault.status if fault else 200)


@require_POST
@login_required
def dispute_act(request: HttpRequest, uuid: str) -> HttpResponse:
    """State a case, agree, give in, take it further, withdraw, carry out, or decide."""
    person = demand(request.user, "dispute:read")
    found = get_object_or_404(queries.visible_disputes(person), uuid=uuid)
    act, by, at = request.POST.get("act", ""), actor(person), clock.now()
    try:
        paper: Paper | None = given_paper(request, person)
        if act in {"for_asker", "for_provider"}:
            ruling = act.removeprefix("for_")
            actions.rule(found, ruling, words=_said(request), paper=paper, by=by, at=at)  # type: ignore[arg-type]
        else:
            known = act if act in {"settled", "conceded", "taken_up", "withdrawn", "carried_out"} else "said"
            actions.speak(found, known, words=_said(request), paper=paper, by=by, at=at)  # type: ignore[arg-type]
    except GuantongError as fault:
        if fault.status != 422:
            raise
        return _dispute_page(request, person, found, fault)
    messages.success(request, gettext("Done."))
    return redirect("dispute", uuid=uuid)


def _reader(request: HttpRequest) -> Person:
    if may(request.user, "correction:own"):
        return demand(request.user, "correction:own")
    return demand(request.user, "correction:read")
