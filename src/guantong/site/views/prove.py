"""可举证: receipts and their proofs."""

import json
from hashlib import sha256

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from guantong.courier.client import SyncCourier
from guantong.evidence.proofs import read_proof
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import demand, may
from guantong.journal.models import Receipt
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list
from guantong.site.node import node_settings
from guantong.site.subjects import subject_of


class ProofNotYet(GuantongError):
    """The receipt is not yet under a checkpoint that its witnesses have signed."""

    code = "proof_not_yet"
    status = 404
    zh = "该凭证尚未纳入经见证的检查点，请稍候再取证明。"
    en = "The receipt is not yet under a witnessed checkpoint; please fetch its proof a little later."


@require_GET
@login_required
def receipts(request: HttpRequest) -> HttpResponse:
    """Every use of data that the visitor may know of: an auditor all, a department its own.

    Who has nothing to read here comes to what they can do: a citizen to their own data, others to the check.
    """
    if not may(request.user, "receipt:read"):
        return redirect("looked-at" if may(request.user, "subject:own") else "check")
    person = demand(request.user, "receipt:read")
    exact = ("decision", "resource", "grant", "case", "call", "role", "purpose")
    picked = chosen(request, (*exact, "organisation", "since", "until"))
    rows = _visible(person).filter(**{name: picked[name] for name in exact if picked[name]})
    if picked["organisation"]:
        known = Organisation.objects.filter(name__icontains=picked["organisation"]).values("code")
        parties = Q(consumer_organisation__in=known) | Q(provider_organisation__in=known)
        code = Q(consumer_organisation=picked["organisation"]) | Q(
            provider_organisation=picked["organisation"]
        )
        rows = rows.filter(parties | code)
    rows = between(rows, "at", since=picked["since"], until=picked["until"])
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
        context={"chosen": picked},
    )


@require_GET
@login_required
def receipt(request: HttpRequest, digest: str) -> HttpResponse:
    """One receipt, in words and as it was signed."""
    found = get_object_or_404(_visible(demand(request.user, "receipt:read")), digest=digest)
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
    found = get_object_or_404(_visible(demand(request.user, "receipt:read")), digest=digest)
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


def _visible(person: Person) -> QuerySet[Receipt]:
    """The receipts that a person may know of: an auditor all, others those of their own organisation."""
    if may(person, "receipt:audit"):
        return Receipt.objects.all()
    if person.organisation is None:
        return Receipt.objects.none()
    own = person.organisation.code
    return Receipt.objects.filter(Q(consumer_organisation=own) | Q(provider_organisation=own))
