"""可举证: receipts, and the verifier as a page."""

import json
from hashlib import sha256

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods

from guantong.courier.client import SyncCourier
from guantong.evidence.keysets import KeySet
from guantong.evidence.proofs import read_proof
from guantong.evidence.sentences import story
from guantong.evidence.verifier import verify
from guantong.federation.keyset import keyset_folder
from guantong.identity.models import Person
from guantong.identity.queries import demand
from guantong.journal.models import Receipt
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError, Language
from guantong.pages.lists import answer_list
from guantong.site.node import node_settings
from guantong.site.subjects import subject_of

PROOF_LIMIT = 100_000


class ProofNotYet(GuantongError):
    """The receipt is not yet under a checkpoint that its witnesses have signed."""

    code = "proof_not_yet"
    status = 404
    zh = "该凭证尚未纳入经见证的检查点，请稍候再取证明。"
    en = "The receipt is not yet under a witnessed checkpoint; please fetch its proof a little later."


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
    found = _visible(demand(request.user, "receipt:read"), digest)
    sealed = envelope.read(bytes(found.raw))
    context = {
        "receipt": found,
        "body": sealed.body,
        "signers": [signature.key for signature in sealed.signatures],
        "signed": json.dumps(json.loads(bytes(found.raw)), ensure_ascii=False, indent=2),
    }
    return render(request, "site/receipt.html", context)


@require_GET
@login_required
def proof(request: HttpRequest, digest: str) -> HttpResponse:
    """The proof file of one receipt of this node: its place in the log, with the signed record inside."""
    found = _visible(demand(request.user, "receipt:read"), digest)
    record, log = bytes(found.raw), node_settings().log_url
    with SyncCourier([log]) as courier:
        reply = courier.send("GET", f"{log}/proof/{sha256(record).hexdigest()}", peer=node_settings().node)
    if reply.status != 200:
        raise ProofNotYet
    name = f"{found.role}-{found.digest.rpartition(':')[2][:16]}.proof"
    return HttpResponse(
        read_proof(reply.body).with_record(record).to_bytes(),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Anybody may check a proof file here; nothing of it is kept. Offline, ``guantong verify`` says the same."""
    verdicts = []
    language: Language = "en" if get_language() == "en" else "zh"
    for file in request.FILES.getlist("proof")[:50]:
        raw = file.read(PROOF_LIMIT + 1)[:PROOF_LIMIT]
        verdict = verify(raw, KeySet.load(keyset_folder(node_settings())))
        verdicts.append(
            {
                "name": file.name,
                "ok": verdict.ok,
                "sentence": story(verdict.facts, language) if verdict.ok else "",
                "faults": [getattr(fault, language) for fault in verdict.faults],
            }
        )
    context = {"verdicts": verdicts, "is_unfilled": request.method == "POST" and not verdicts}
    return render(request, "site/check.html", context)


@require_GET
@login_required
def looked_at(request: HttpRequest) -> HttpResponse:
    """谁看过我的数据: the look-ups of the visitor's own records that went through this node."""
    person = demand(request.user, "subject:own")
    rows = Receipt.objects.none()
    if person.resident_id:
        # A call within the node leaves one receipt, the provider's; one that goes out, the consumer's.
        rows = Receipt.objects.filter(subject=subject_of(person.resident_id, node_settings()))
    columns = {
        "at": lambda r: clock.rfc3339(r.at),
        "consumer": lambda r: r.consumer_organisation,
        "resource": lambda r: r.resource,
        "fields": lambda r: "、".join(r.fields),
        "purpose": lambda r: r.purpose,
        "decision": lambda r: r.decision,
    }
    return answer_list(request, rows, template="site/looked_at.html", columns=columns)


def _visible(person: Person, digest: str) -> Receipt:
    """The receipt, if the person may know of it: an auditor any, others those of their own organisation."""
    found = get_object_or_404(Receipt, digest=digest)
    if _code(person) not in {found.consumer_organisation, found.provider_organisation}:
        demand(person, "journal:read")
    return found


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""
