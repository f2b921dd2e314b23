"""查证: the search over acts and uses, receipts and their proofs, signed exports, and who has read all that."""

import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from guantong.courier.client import SyncCourier
from guantong.evidence.proofs import read_proof
from guantong.federation.keys import node_key
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.journal import exporting, queries
from guantong.journal.actions import note_export, note_opening, note_sealing, note_search, note_taking
from guantong.journal.actions.reading import READINGS
from guantong.journal.models import Entry, Receipt
from guantong.journal.queries import Cursor, Found
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError
from guantong.pages.filters import between, chosen
from guantong.pages.lists import EXPORT_LIMIT, PAGE_SIZE, answer_list, harmless, wanted_format
from guantong.site.node import node_settings
from guantong.site.record.asking import Question, read_question
from guantong.site.record.telling import ACTS_AND_USES, USES, facets

SEALED_LIMIT = 1_000_000
"""Rows of one signed export."""


class ProofNotYet(GuantongError):
    """The receipt is not yet under a checkpoint that its witnesses have signed."""

    code = "proof_not_yet"
    status = 404
    zh = "该凭证尚未纳入经见证的检查点，请稍候再取证明。"
    en = "The receipt is not yet under a witnessed checkpoint; please fetch its proof a little later."


@require_GET
@login_required
def journal(request: HttpRequest) -> HttpResponse:
    """Every act and every use of data on this node, in one search, for the auditor alone."""
    person = demand(request.user, "journal:read")
    return _answer(request, person, read_question(request), template="site/journal.html")


@require_GET
@login_required
def receipts(request: HttpRequest) -> HttpResponse:
    """Every use of data that the visitor may know of: an auditor all, a department its own.

    Who has nothing to read here comes to what they can do: a citizen to their own data, others to the check.
    """
    if not may(request.user, "receipt:read"):
        return redirect("looked-at" if may(request.user, "subject:own") else "check")
    person = demand(request.user, "receipt:read")
    return _answer(request, person, _uses_of(request, person), template="site/receipts.html")


@require_POST
@login_required
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The result of a search as an archive that the node signs; made while it is sent.

    ``scope=journal``: acts, too, for the auditor. The filters stand in the address, as on the page.
    """
    is_journal = request.POST.get("scope") == "journal"
    person = demand(request.user, "journal:read" if is_journal else "receipt:read")
    question = read_question(request) if is_journal else _uses_of(request, person)
    form: exporting.Form = "csv" if request.POST.get("form") == "csv" else "jsonl"
    by, at, settings = actor(person), clock.now(), node_settings()
    count = queries.count(question.search, most=SEALED_LIMIT)
    note_export(question.sought, form, count, by=by, at=at)
    columns = ACTS_AND_USES
    rows = _cells(queries.everything(question.search, most=SEALED_LIMIT + 1), is_csv=form == "csv")
    pieces = exporting.export(
        rows,
        list(columns),
        form=form,
        stated=exporting.stated_by(
            settings.node,
            {"name": by.name, "id": by.id, "organisation": by.organisation},
            question.sought,
            at,
        ),
        key=node_key(settings),
        most=SEALED_LIMIT,
        when_done=lambda digest, number: note_sealing(question.sought, digest, number, by=by, at=clock.now()),
    )
    name = f"{settings.node}-{at:%Y%m%dT%H%M%SZ}.zip"
    return StreamingHttpResponse(
        pieces,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Rows": str(count)},
    )


@require_GET
@login_required
def receipt(request: HttpRequest, digest: str) -> HttpResponse:
    """One receipt, in words and as it was signed."""
    person = demand(request.user, "receipt:read")
    found = get_object_or_404(visible(person), digest=digest)
    note_opening(found, by=actor(person), at=clock.now())
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
    person = demand(request.user, "receipt:read")
    found = get_object_or_404(visible(person), digest=digest)
    note_taking(found, by=actor(person), at=clock.now())
    return proof_file(found)


def proof_file(found: Receipt) -> HttpResponse:
    """The proof of a receipt as a download; ProofNotYet."""
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
def readings(request: HttpRequest) -> HttpResponse:
    """Who searched, opened and took along what: the auditor sees all, the head of a department its own people."""
    person = demand(request.user, "reading:read")
    picked = chosen(request, ("who", "act", "since", "until"))
    rows = Entry.objects.filter(act__in=[picked["act"]] if picked["act"] in READINGS else READINGS)
    if not may(person, "journal:read"):
        own = person.organisation.code if person.organisation else "-"
        # An auditor of the same organisation answers to the other auditors, not to its head.
        auditors = [str(each.uuid) for each in Person.objects.filter(organisation=person.organisation)
                    if may(each, "journal:read")]  # fmt: skip
        rows = rows.filter(actor_organisation=own).exclude(actor_id__in=auditors)
    if picked["who"]:
        rows = rows.filter(actor_name__icontains=picked["who"])
    rows = between(rows, "at", since=picked["since"], until=picked["until"])
    columns = {
        "at": lambda e: clock.rfc3339(e.at),
        "act": lambda e: e.act,
        "by": lambda e: e.actor_name,
        "organisation": lambda e: e.actor_organisation,
        "subject": lambda e: e.subject_id,
        "details": lambda e: json.dumps(e.details, ensure_ascii=False),
        "record": lambda e: e.record_digest,
    }
    context = {"chosen": picked, "acts": READINGS}
    return answer_list(
        request, rows.order_by("-at", "-id"), template="site/readings.html", columns=columns, context=context
    )


def visible(person: Person) -> QuerySet[Receipt]:
    """The receipts that a person may know of: an auditor all, others those of their own organisation."""
    if may(person, "receipt:audit"):
        return Receipt.objects.all()
    if person.organisation is None:
        return Receipt.objects.none()
    own = person.organisation.code
    return Receipt.objects.filter(Q(consumer_organisation=own) | Q(provider_organisation=own))


def _uses_of(request: HttpRequest, person: Person) -> Question:
    if may(person, "receipt:audit"):
        question = read_question(request)
        return Question(question.typed, queries.only_uses(question.search))
    # Nobody's organisation has this code: who belongs to none sees nothing.
    return read_question(request, own=person.organisation.code if person.organisation else "-")


def _answer(request: HttpRequest, person: Person, question: Question, *, template: str) -> HttpResponse:
    """A page of what was found, or all of it as CSV, JSON or a workbook; either way it is noted who asked for what."""
    by, at, form = actor(person), clock.now(), wanted_format(request)
    is_journal = template.endswith("journal.html")
    if form in {"csv", "json", "xlsx"}:
        rows = list(islice(queries.everything(question.search, most=EXPORT_LIMIT), EXPORT_LIMIT))
        note_export(question.sought, form, len(rows), by=by, at=at)
        return answer_list(request, rows, template=template, columns=ACTS_AND_USES if is_journal else USES)
    note_search(question.sought, by=by, at=at)
    place = request.GET.get("after", "")
    rows = queries.page(question.search, after=Cursor.read(place) if place else None, size=PAGE_SIZE + 1)
    tally = queries.tally(question.search)
    kept = request.GET.copy()
    kept.pop("after", None)
    bare = kept.urlencode()
    context = {
        "rows": rows[:PAGE_SIZE],
        "uses": [row.use for row in rows[:PAGE_SIZE] if row.use],
        "older": Cursor.of(rows[PAGE_SIZE - 1]).text() if len(rows) > PAGE_SIZE else "",
        "is_first": not place,
        "total": tally.total,
        "is_bounded": tally.is_bounded,
        "bound": queries.BOUND,
        "facets": facets(tally, kept),
        "chosen": question.typed,
        "bare_query": bare,
        "query": f"{bare}&" if bare else "",
        "export_limit": SEALED_LIMIT,
        "reading_note": gettext("Who searches, opens and exports is noted in the journal."),
    }
    return render(request, template, context)


def _cells(rows: Iterator[Found], *, is_csv: bool) -> Iterator[dict[str, Any]]:
    for row in rows:
        cells = {name: cell(row) for name, cell in ACTS_AND_USES.items()}
        yield {name: harmless(value) for name, value in cells.items()} if is_csv else cells
