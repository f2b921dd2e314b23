"""好办事: items, the one form, cases with their progress and proofs, certificates."""

from typing import cast
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.catalog.queries import chain_of
from guantong.counter import actions, node, presenting, proving, queries, samples
from guantong.counter import form as forms
from guantong.counter.certificates import holds, masked_name
from guantong.counter.errors import CertificateUnknown, FormRefused, ItemNotOpen
from guantong.counter.models import Case, CaseState, ServiceItem
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.pages.lists import answer_list
from guantong.sharing import queries as sharing
from guantong.workflow.queries import newest, specification
from guantong.workflow.types import Input


@require_GET
def items(request: HttpRequest) -> HttpResponse:
    """Service items: everyone may look."""
    words, department = request.GET.get("q", ""), request.GET.get("department", "")
    is_open = request.GET.get("open") == "1"
    return answer_list(
        request,
        queries.items(words=words, department=department, is_open=is_open),
        template="counter/items.html",
        columns={
            "code": lambda row: row.code,
            "name": lambda row: row.name,
            "department": lambda row: row.department.name,
            "department_code": lambda row: row.department.code,
            "task_type": lambda row: row.task_type,
            "division": lambda row: row.division,
            "handled_here": lambda row: "1" if row.flow else "",
        },
        context={
            "q": words,
            "chosen_department": department,
            "departments": queries.departments(),
            "is_open": is_open,
        },
    )


@require_GET
def item(request: HttpRequest, code: str) -> HttpResponse:
    """One item: who does it, what it needs, and what the platform gets by itself."""
    found = queries.item(code)
    materials = found.materials
    gathered = [each for each in materials if each.get("obtained_from")]
    return render(
        request,
        "counter/item.html",
        {
            "item": found,
            "gathered": gathered,
            "brought": [each for each in materials if not each.get("obtained_from")],
            "steps": specification(newest(found.flow)).steps if found.flow else [],
            "can_accept": bool(found.flow) and may(_visitor(request), "case:accept"),
            "chain": chain_of(found.code) if _visitor(request).is_authenticated else None,
            "may_declare": _declares(request, found),
            "declared": "\n".join(
                " | ".join([each["name"], each.get("law") or "", each.get("obtained_from") or ""]).rstrip(
                    " |"
                )
                for each in materials
            ),
        },
    )


def _declares(request: HttpRequest, found: ServiceItem) -> bool:
    person = _visitor(request)
    return may(person, "request:file") and person.organisation_id == found.department_id


@require_POST
@login_required
def declare(request: HttpRequest, code: str) -> HttpResponse:
    """The department says what an item needs, one a line: data | law | code of the entry; and what it makes."""
    person = demand(request.user, "request:file")
    lines = request.POST.get("materials", "").replace("\0", "").splitlines()
    told = [[part.strip() for part in f"{line}||".split("|")[:3]] for line in lines if line.strip(" |")]
    actions.declare_materials(
        queries.item(code),
        materials=[
            {"name": name[:200], "law": law[:400], "obtained_from": entry[:64] or None}
            for name, law, entry in told
        ],
        certificate_name=request.POST.get("makes", "").replace("\0", ""),
        by=actor(person),
        at=clock.now(),
    )
    messages.success(request, gettext("Done."))
    return redirect("item", code=code)


@require_POST
@login_required
def declare_needs(request: HttpRequest) -> HttpResponse:
    """Take the needs of all items into the demand list."""
    person = demand(request.user, "need:route")
    count = actions.declare_needs(by=actor(person), at=clock.now())
    messages.success(request, gettext("%(n)s needs are new.") % {"n": count})
    return redirect("/find/duties/?list=demand")


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def apply(request: HttpRequest, code: str) -> HttpResponse:
    """The one form. What was typed is shown again with each fault beside its field."""
    person = demand(_visitor(request), "case:accept")
    found = queries.item(code)
    if not found.flow:
        raise ItemNotOpen(item=found.name)
    given = samples.family(node.node(), request.GET.get("family", ""))
    refusal: FormRefused | None = None
    if request.method == "POST":
        given = {field.name: request.POST.get(field.name, "") for field in _asked(found)}
        try:
            return _taken_in(request, found, given, person)
        except FormRefused as fault:
            refusal = fault
    fields = [
        {
            "name": field.name,
            "label": field.label_en if presenting.is_english() else field.label,
            "type": field.type,
            "required": field.required,
            "value": given.get(field.name, ""),
            "fault": _fault(refusal, field.name),
        }
        for field in _asked(found)
    ]
    form_key = _form_key(request.POST.get("form_key", ""))
    context = {"item": found, "fields": fields, "is_refused": refusal is not None, "form_key": form_key}
    return render(request, "counter/apply.html", context, status=422 if refusal else 200)


def _form_key(text: str) -> UUID:
    """The key that the shown form carries; a form without one gets a new one."""
    try:
        return UUID(text)
    except ValueError:
        return uuid4()


def _fault(refusal: FormRefused | None, field: str) -> str:
    fault = refusal.fault(field) if refusal else None
    return presenting.sentence(fault) if fault else ""


def _asked(found: ServiceItem) -> list[Input]:
    return forms.asked(specification(newest(found.flow)).inputs)


def _taken_in(
    request: HttpRequest, found: ServiceItem, given: dict[str, str], person: Person
) -> HttpResponse:
    values = {
        field.name: queries.division_code(given[field.name])
        if field.type == "division"
        else given[field.name]
        for field in _asked(found)
    }
    key = _form_key(request.POST.get("form_key", ""))
    taken = actions.accept(values, found, by=actor(person), at=clock.now(), key=key)
    actions.advance(taken, by=actor(person), at=clock.now())
    messages.success(request, gettext("Case %(number)s has been taken in.") % {"number": taken.number})
    return redirect("case", uuid=taken.uuid)


@require_GET
@login_required
def cases(request: HttpRequest) -> HttpResponse:
    """The cases that the visitor may see; a citizen's own."""
    words, state = request.GET.get("q", ""), request.GET.get("state", "")
    person = _person(request)
    return answer_list(
        request,
        queries.search(queries.cases_for(person), words=words, state=state),
        template="counter/cases.html",
        columns={
            "number": lambda row: row.number,
            "item": lambda row: row.item.name,
            "applicant": lambda row: row.applicant_name,
            "holder": lambda row: row.holder_name,
            "state": lambda row: row.state,
            "reason": lambda row: row.reason,
            "taken_at": lambda row: clock.rfc3339(row.taken_at),
            "decided_at": lambda row: clock.rfc3339(row.decided_at) if row.decided_at else "",
        },
        context={
            "q": words,
            "chosen_state": state,
            "states": CaseState.choices,
            "is_own": not (may(person, "case:read") or may(person, "case:audit")),
        },
    )


@require_GET
@login_required
@never_cache
def case(request: HttpRequest, uuid: str) -> HttpResponse:
    """One case: progress, what was found, the proofs, the decision, the certificate."""
    found = queries.case(uuid, _person(request))
    if request.GET.get("format") == "json":
        return JsonResponse(presenting.as_json(found), json_dumps_params={"ensure_ascii": False})
    person = _person(request)
    running = list(queries.corrections_of(found))
    context = {
        "running": running,
        "corrections": sharing.for_case(found.number) if may(person, "correction:read") else [],
        "can_override": bool(running) and found.state == CaseState.REFUSED and may(person, "case:advance"),
        "can_report": may(person, "correction:file"),
        "looked_up": found.lookups.order_by("pk"),
    }
    return render(request, "counter/case.html", {**_case_context(request, found), **context})


@require_GET
@login_required
@never_cache
def progress(request: HttpRequest, uuid: str) -> HttpResponse:
    """The part of the case page that changes while the case runs."""
    found = queries.case(uuid, _person(request))
    return render(request, "counter/progress.html", _case_context(request, found))


def _case_context(request: HttpRequest, found: Case) -> dict[str, object]:
    return {
        "view": presenting.view(found),
        "case": found,
        "certificate": getattr(found, "certificate", None),
        "can_advance": may(_visitor(request), "case:advance"),
    }


@require_POST
@login_required
def retry(request: HttpRequest, uuid: str) -> HttpResponse:
    """Ask again what was turned away."""
    person = demand(_visitor(request), "case:advance")
    actions.retry(queries.case(uuid, person), by=actor(person), at=clock.now())
    return redirect("case", uuid=uuid)


@require_POST
@login_required
def admit(request: HttpRequest, uuid: str) -> HttpResponse:
    """Admit on proof, while the data that would turn the applicant away are being corrected."""
    person = demand(_visitor(request), "case:advance")
    actions.admit_on_proof(
        queries.case(uuid, person), reason=request.POST.get("reason", ""), by=actor(person), at=clock.now()
    )
    messages.success(request, gettext("The case has been admitted on its proof."))
    return redirect("case", uuid=uuid)


@require_POST
@login_required
def withdraw(request: HttpRequest, uuid: str) -> HttpResponse:
    """Close the case at the applicant's wish."""
    person = demand(_visitor(request), "case:advance")
    actions.withdraw(queries.case(uuid, person), by=actor(person), at=clock.now())
    messages.success(request, gettext("The case has been withdrawn."))
    return redirect("case", uuid=uuid)


@require_GET
@login_required
def proofs(request: HttpRequest, uuid: str) -> HttpResponse:
    """Every proof file of a case in one zip."""
    found = queries.case(uuid, _person(request))
    return _download(
        proving.archive(found, node.gateway().proof), f"{found.number}-proofs.zip", "application/zip"
    )


@require_GET
@login_required
def proof(request: HttpRequest, uuid: str, digest: str) -> HttpResponse:
    """The proof file of one receipt of a case."""
    receipt = proving.receipt(queries.case(uuid, _person(request)), digest)
    raw = node.gateway().proof(receipt.node, receipt.record)
    return _download(raw, receipt.filename, "text/plain; charset=utf-8")


@require_GET
def find_certificate(request: HttpRequest) -> HttpResponse:
    """Anybody may ask whether a certificate holds."""
    identifier = request.GET.get("identifier", "").strip()
    if not identifier:
        return render(request, "counter/find_certificate.html", {"identifier": ""})
    try:
        return redirect("certificate", identifier=queries.certificate(identifier).identifier)
    except CertificateUnknown as unknown:
        context = {"identifier": identifier, "sentence": presenting.sentence(unknown)}
        return render(request, "counter/find_certificate.html", context, status=404)


@require_GET
@never_cache
def certificate(request: HttpRequest, identifier: str) -> HttpResponse:
    """Whether a certificate holds, for anybody; all of it, to be printed, for its parties and the counter."""
    found = queries.certificate(identifier)
    is_whole = _may_see(request, found.pk)
    return render(
        request,
        "counter/certificate.html",
        {
            "certificate": found,
            "content": found.content,
            "is_whole": is_whole,
            "is_genuine": holds(bytes(found.raw), node.node_keys()),
            "holder": found.holder if is_whole else masked_name(found.holder),
            "address": request.build_absolute_uri(request.path),
        },
    )


@require_GET
@login_required
def signed_certificate(request: HttpRequest, identifier: str) -> HttpResponse:
    """The certificate's signed bytes, for its parties and the counter."""
    found = queries.certificate(identifier)
    if not _may_see(request, found.pk):
        raise CertificateUnknown(identifier=identifier)
    return _download(bytes(found.raw), f"{found.identifier}.json", "application/json")


def _may_see(request: HttpRequest, certificate: int) -> bool:
    visitor = request.user
    return isinstance(visitor, Person) and queries.certificates_of(visitor).filter(pk=certificate).exists()


def _visitor(request: HttpRequest) -> Person:
    """Whoever is there; ``may`` and ``demand`` know what to do with somebody who has not signed in."""
    return cast("Person", request.user)


def _person(request: HttpRequest) -> Person:
    """Whoever has signed in (``login_required`` has seen to it)."""
    return cast("Person", request.user)


def _download(content: bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
