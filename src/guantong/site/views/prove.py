"""可举证: receipts, and the verifier as a page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods

from guantong.evidence.verifier import KeySet, verify
from guantong.federation.keyset import keyset_folder
from guantong.identity.models import Person
from guantong.identity.queries import demand
from guantong.journal.models import Receipt
from guantong.kit import clock, envelope
from guantong.pages.lists import answer_list
from guantong.site.node import node_settings
from guantong.site.subjects import subject_of

PROOF_LIMIT = 100_000


@require_GET
@login_required
def receipts(request: HttpRequest) -> HttpResponse:
    """Every use of data that the visitor may know of: an auditor all, a department its own."""
    person = demand(request.user, "receipt:read")
    rows = Receipt.objects.all()
    if "auditor" not in person.roles:
        rows = rows.filter(consumer_organisation=_code(person)) | rows.filter(
            provider_organisation=_code(person)
        )
    chosen = {
        name: request.GET.get(name, "") for name in ("decision", "resource", "grant", "case", "call", "role")
    }
    rows = rows.filter(**{name: value for name, value in chosen.items() if value})
    return answer_list(
        request,
        rows,
        template="site/receipts.html",
        columns={
            "at": lambda r: clock.rfc3339(r.at),
            "call": lambda r: r.call,
            "role": lambda r: r.role,
            "consumer": lambda r: r.consumer_organisation,
            "application": lambda r: r.consumer_application,
            "provider": lambda r: r.provider_organisation,
            "resource": lambda r: r.resource,
            "fields": lambda r: "、".join(r.fields),
            "grant": lambda r: r.grant,
            "purpose": lambda r: r.purpose,
            "case": lambda r: r.case,
            "decision": lambda r: r.decision,
            "reason": lambda r: r.reason,
            "digest": lambda r: r.digest,
        },
        context={"chosen": chosen},
    )


@require_GET
@login_required
def receipt(request: HttpRequest, digest: str) -> HttpResponse:
    """One receipt, in words and as it was signed."""
    person = demand(request.user, "receipt:read")
    found = get_object_or_404(Receipt, digest=digest)
    if "auditor" not in person.roles and _code(person) not in {
        found.consumer_organisation,
        found.provider_organisation,
    }:
        demand(person, "journal:read")
    sealed = envelope.read(bytes(found.raw))
    signers = [signature.key for signature in sealed.signatures]
    return render(request, "site/receipt.html", {"receipt": found, "body": sealed.body, "signers": signers})


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Anybody may check a proof file here; nothing of it is kept. Offline, ``guantong verify`` says the same."""
    verdicts = []
    language = "en" if get_language() == "en" else "zh"
    for file in request.FILES.getlist("proof")[:50]:
        raw = file.read(PROOF_LIMIT + 1)[:PROOF_LIMIT]
        verdict = verify(raw, KeySet.load(keyset_folder(node_settings())))
        faults = [getattr(fault, language) for fault in verdict.faults]
        verdicts.append({"name": file.name, "ok": verdict.ok, "faults": faults, "facts": verdict.facts})
    return render(request, "site/check.html", {"verdicts": verdicts})


@require_GET
@login_required
def looked_at(request: HttpRequest) -> HttpResponse:
    """谁看过我的数据: the look-ups of the visitor's own records that went through this node."""
    person = demand(request.user, "subject:own")
    rows = Receipt.objects.none()
    if person.resident_id:
        rows = Receipt.objects.filter(
            subject=subject_of(person.resident_id, node_settings()), role="consumer"
        )
    columns = {
        "at": lambda r: clock.rfc3339(r.at),
        "consumer": lambda r: r.consumer_organisation,
        "resource": lambda r: r.resource,
        "fields": lambda r: "、".join(r.fields),
        "purpose": lambda r: r.purpose,
        "decision": lambda r: r.decision,
    }
    return answer_list(request, rows, template="site/looked_at.html", columns=columns)


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""
