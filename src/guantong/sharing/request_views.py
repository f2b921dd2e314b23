"""Requests page by page: deciding, adding what was missing, and the clock on each step."""

from datetime import date

import msgspec
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.catalog import queries as catalog
from guantong.catalog.models import Resource
from guantong.identity.models import Person
from guantong.identity.queries import actor, bureaus, demand, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.sharing import actions, papers, queries
from guantong.sharing.errors import DecisionMissing, LimitsWrong, PaperUnfit
from guantong.sharing.forms import PARTICULARS, NarrowingForm
from guantong.sharing.grounds import GROUNDS
from guantong.sharing.models import OPEN, Dispute, Grant, Paper, Request, Step
from guantong.sharing.narrowing import scope
from guantong.sharing.types import OPEN_LIMITS, Supplement
from guantong.sharing.voices.queries import running_about, visible_papers

LONGEST_REASON = 4000


@require_GET
@login_required
def request_detail(request: HttpRequest, uuid: str) -> HttpResponse:
    """One request: what is asked, by whom, how far it has come, and what the visitor may do about it."""
    person = demand(request.user, "request:read")
    return _page(request, person, get_object_or_404(queries.visible_requests(person), uuid=uuid))


def _page(
    request: HttpRequest,
    person: Person,
    asked: Request,
    *,
    narrowing: NarrowingForm | None = None,
    fault: GuantongError | None = None,
) -> HttpResponse:
    code = person.organisation.code if person.organisation else ""
    step = queries.to_decide(code).filter(request=asked).first() if may(person, "request:decide") else None
    resource = Resource.objects.filter(code=asked.resource).first()
    content = resource.live if resource else None
    known = content.items if content else []
    labels = {item.name: item.label for item in known}
    left = scope(asked)
    is_ours = code == asked.consumer and may(person, "request:file")
    context = {
        "asked": asked,
        "step": step,
        "grant": Grant.objects.filter(request=asked.uuid).first(),
        "items": [item for item in known if item.name in asked.fields],
        "left": left if asked.narrowing else None,
        "left_limits": [
            (NarrowingForm.base_fields[name].label, now)
            for name in OPEN_LIMITS
            if (now := getattr(left.narrowing, name))
        ],
        "conditions": [
            (labels.get(each.item, each.item), each.op, each.value) for each in left.narrowing.condition
        ],
        "steps": [_worded(each) for each in asked.steps.all()],
        "together": Request.objects.filter(batch=asked.batch).exclude(pk=asked.pk) if asked.batch else [],
        "grounds": [(name, _ground(name)) for name in GROUNDS],
        "narrowing": narrowing or (NarrowingForm(left=left, items=known) if step else None),
        "particulars": [
            (name, asked.particulars[name]) for name in PARTICULARS if asked.particulars.get(name)
        ],
        "is_with_provider": asked.state == "waiting"
        and asked.provider_node != settings.NODE.node
        and not asked.steps.filter(decision="").exists(),
        "can_return": step is not None and asked.returned_at is None,
        "can_supplement": is_ours and asked.state == "returned",
        "can_withdraw": is_ours and asked.state in OPEN,
        "disputes": Dispute.objects.filter(about_uuid=asked.uuid) if may(person, "dispute:read") else [],
        "can_dispute": code == asked.consumer
        and may(person, "dispute:speak")
        and (asked.state == "refused" or (asked.state == "granted" and bool(asked.narrowing)))
        and not running_about(asked.uuid).exists(),
        "can_urge": code in bureaus(settings.NODE.node) and may(person, "request:decide"),
        "fault": fault.sentence("en" if get_language() == "en" else "zh") if fault else "",
    }
    return render(request, "sharing/request.html", context, status=fault.status if fault else 200)


def _ground(code: str) -> str:
    found = GROUNDS.get(code)
    return (found.en if get_language() == "en" else found.zh) if found else ""


def _worded(step: Step) -> Step:
    """The step with its ground in the visitor's language, for the page."""
    step.ground_words = _ground(step.ground)  # type: ignore[attr-defined]
    return step


@require_POST
@login_required
def decide(request: HttpRequest, uuid: str) -> HttpResponse:
    """Approve, refuse, or send back once, the step that waits for the visitor's organisation."""
    person = demand(request.user, "request:decide")
    asked = get_object_or_404(queries.visible_requests(person), uuid=uuid)
    reason = request.POST.get("reason", "")[:LONGEST_REASON]
    by, at = actor(person), clock.now()
    content = catalog.by_code(asked.resource).live
    form = NarrowingForm(request.POST, left=scope(asked), items=content.items if content else [])
    decision = request.POST.get("decision")
    try:
        if decision == "returned":
            actions.send_back(asked, missing=reason, by=by, at=at)
        elif decision in {"approved", "refused"}:
            if decision == "approved" and not form.is_valid():
                raise LimitsWrong(
                    why="; ".join(str(one) for errors in form.errors.values() for one in errors)
                )
            with transaction.atomic():
                paper = given_paper(request, person)
                narrowing = form.narrowing() if decision == "approved" else None
                actions.decide(
                    asked,
                    "approved" if decision == "approved" else "refused",
                    reason=reason,
                    ground=request.POST.get("ground", ""),
                    narrowing=narrowing,
                    paper=paper,
                    by=by,
                    at=at,
                )
        else:
            raise DecisionMissing
    except GuantongError as fault:
        # What was typed stays on the page.
        if fault.status != 422:
            raise
        return _page(request, person, asked, narrowing=form, fault=fault)
    messages.success(request, gettext("The decision has been recorded."))
    return redirect("request", uuid=uuid)


@require_POST
@login_required
def supplement(request: HttpRequest, uuid: str) -> HttpResponse:
    """Add what was missing."""
    person = demand(request.user, "request:file")
    asked = get_object_or_404(queries.visible_requests(person), uuid=uuid)
    told = {
        "uuid": str(asked.uuid),
        "purpose_text": request.POST.get("purpose_text", "").strip(),
        "legal_basis": request.POST.get("legal_basis", "").strip(),
        "fields": request.POST.getlist("wanted"),
        "note": request.POST.get("note", "").strip(),
        "particulars": {
            **asked.particulars,
            **{
                name: request.POST[name].strip() for name in PARTICULARS if request.POST.get(name, "").strip()
            },
        },
    }
    try:
        added = msgspec.convert(told, Supplement)
    except msgspec.ValidationError as error:
        return _page(request, person, asked, fault=LimitsWrong(why=str(error)))
    actions.supplement(asked, added, by=actor(person), at=clock.now())
    messages.success(request, gettext("The request has been added to; it goes on."))
    return redirect("request", uuid=uuid)


@require_POST
@login_required
def withdraw(request: HttpRequest, uuid: str) -> HttpResponse:
    """Ask no longer."""
    person = demand(request.user, "request:file")
    asked = get_object_or_404(queries.visible_requests(person), uuid=uuid)
    reason = request.POST.get("reason", "")[:LONGEST_REASON]
    actions.withdraw(asked, reason=reason, by=actor(person), at=clock.now())
    messages.success(request, gettext("The request has been withdrawn."))
    return redirect("request", uuid=uuid)


@require_POST
@login_required
def tend_step(request: HttpRequest, uuid: str, position: int, verb: str) -> HttpResponse:
    """Put a decision off (``extend``), or urge whoever has it (``urge``)."""
    person = demand(request.user, "request:decide")
    asked = get_object_or_404(queries.visible_requests(person), uuid=uuid)
    step = get_object_or_404(Step, request=asked, position=position)
    words = request.POST.get("reason", "")[:LONGEST_REASON]
    if verb == "extend":
        actions.extend(step, reason=words, by=actor(person), at=clock.now())
        messages.success(request, gettext("The deadline has been put off."))
    else:
        actions.urge(step, words=words, by=actor(person), at=clock.now())
        messages.success(request, gettext("They have been urged."))
    return redirect("request", uuid=uuid)


@require_GET
@login_required
def paper(request: HttpRequest, uuid: str) -> HttpResponse:
    """The scan of a signed paper, for those who see the request, correction or statement it belongs to."""
    person = request.user
    assert isinstance(person, Person)  # noqa: S101 - login_required has seen to it
    found = get_object_or_404(Paper, uuid=uuid)
    seen = queries.visible_requests(person)
    of_request = seen.filter(paper=found).exists() or seen.filter(steps__paper_digest=found.digest).exists()
    if not of_request and not visible_papers(person, found):
        raise Http404
    answer = HttpResponse(bytes(found.content), content_type=found.media_type)
    answer["Content-Disposition"] = "attachment"
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


def given_paper(request: HttpRequest, person: Person) -> Paper | None:
    """The scan that came with the form, registered; None if the form came without."""
    file = request.FILES.get("paper")
    if not isinstance(file, UploadedFile):
        return None
    if (file.size or 0) > papers.LARGEST:
        raise PaperUnfit(limit=papers.LARGEST >> 20)
    try:
        signed_on = date.fromisoformat(request.POST.get("signed_on", ""))
    except ValueError:
        signed_on = date.max
    return papers.register(
        file.read(),
        file_name=file.name or "",
        number=request.POST.get("paper_number", ""),
        signed_by=request.POST.get("signed_by", ""),
        signed_on=signed_on,
        by=actor(person),
        at=clock.now(),
    )
