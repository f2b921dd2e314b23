"""The only writers of the counter: take a case in, carry it on, decide, issue, and keep the items."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from guantong.catalog import actions as catalog
from guantong.counter import asking, certificates, facts, node
from guantong.counter import form as forms
from guantong.counter.errors import (
    CaseClosed,
    ItemNotOpen,
    NotYourItem,
    OverrideReasonMissing,
    ProofMissing,
)
from guantong.counter.importing import ImportReport, read_items
from guantong.counter.models import (
    OPEN_STATES,
    Case,
    CaseState,
    Certificate,
    CertificateState,
    Lookup,
    LookupState,
    Party,
    ServiceItem,
)
from guantong.counter.needing import needs_of
from guantong.counter.queries import corrections_of, party_digest
from guantong.identity.queries import holds
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.workflow.engine import Run
from guantong.workflow.models import FlowVersion
from guantong.workflow.queries import newest, specification
from guantong.workflow.types import Input, Specification

CASES_A_ROUND = 8
"""At most four look-ups wait in each case, so one round is asked at once and no claim runs out meanwhile."""
ROUNDS_A_BEAT = 25
MOST_MATERIALS = 100


def accept(
    form: Mapping[str, str], item: ServiceItem, *, by: Actor, at: datetime, key: uuid.UUID | None = None
) -> Case:
    """Take one form in. Raises FormRefused with every fault, or ItemNotOpen; then nothing has been kept.

    ``key`` names the filled-in form: the same form sent twice (a second click) is the same case.
    """
    if not item.flow:
        raise ItemNotOpen(item=item.name)
    flow = newest(item.flow)
    spec = specification(flow)
    values = forms.read(spec.inputs, form)
    with transaction.atomic():
        known = Case.objects.select_for_update().filter(uuid=key).first() if key else None
        if known is not None:
            return known
        case = _new_case(item, flow, spec, values, by=by, at=at, key=key or uuid.uuid4())
        record(
            "case.accepted",
            by=by,
            at=at,
            subject=Subject("case", case.number),
            details={"item": item.code, "flow": str(flow)},
        )
    return case


def _new_case(
    item: ServiceItem,
    flow: FlowVersion,
    spec: Specification,
    values: dict[str, str],
    *,
    by: Actor,
    at: datetime,
    key: uuid.UUID,
) -> Case:
    applicant = _name(spec.inputs, values, "applicant")
    case = Case(
        uuid=key,
        item=item,
        form=values,
        applicant_name=applicant,
        holder_name=_name(spec.inputs, values, "holder") or applicant,
        flow=flow,
        flow_state=Run.start(spec).state(),
        taken_in_by=by.name,
        taken_at=at,
    )
    case.number = case.uuid.hex
    case.save()
    # the row's own number makes it unique without asking which numbers are taken
    case.number = f"{item.division[:6]}{timezone.localtime(at):%Y%m%d}{case.pk:06d}"
    case.save(update_fields=["number"])
    Party.objects.bulk_create(
        Party(case=case, input=field.name, digest=party_digest(values[field.name]))
        for field in spec.inputs
        if field.type == "resident_id" and field.name in values
    )
    return case


def _name(inputs: Sequence[Input], values: Mapping[str, str], role: str) -> str:
    return next((values.get(field.name, "") for field in inputs if field.role == role), "")


def advance(case: Case, *, by: Actor, at: datetime) -> Case:
    """Ask whatever the case waits for and may be asked now, until it is decided or has to wait.

    Call it outside a transaction: the gateway is called over HTTP. Safe to call from several places at once.
    """
    _carry_on([case.pk], by=by, at=at)
    case.refresh_from_db()
    return case


def resume_waiting(*, by: Actor, at: datetime) -> int:
    """Carry on the open cases whose time has come (the worker's heartbeat); gives how many there were."""
    seen: set[int] = set()
    for _ in range(ROUNDS_A_BEAT):
        waiting = asking.due(at).exclude(pk__in=seen).order_by("id")
        cases = list(waiting.values_list("pk", flat=True)[:CASES_A_ROUND])
        _carry_on(cases, by=by, at=at)
        seen.update(cases)
        if len(cases) < CASES_A_ROUND:
            break
    return len(seen)


def retry(case: Case, *, by: Actor, at: datetime) -> Case:
    """Ask again what was refused, after somebody has put right why; nothing is asked of the citizen."""
    with transaction.atomic():
        case = _locked_open(case, "重试", "retried")
        case.lookups.exclude(state=LookupState.ANSWERED).update(
            state=LookupState.PENDING, attempts=0, next_attempt_at=at
        )
        case.state, case.waiting_for = CaseState.RUNNING, {}
        case.save(update_fields=["state", "waiting_for"])
        record("case.retried", by=by, at=at, subject=Subject("case", case.number))
    return advance(case, by=by, at=at)


def withdraw(case: Case, *, by: Actor, at: datetime) -> Case:
    """Close a case at the applicant's wish; answers that are still on their way change nothing any more."""
    with transaction.atomic():
        case = _locked_open(case, "撤回", "withdrawn")
        case.state, case.waiting_for, case.decided_at = CaseState.WITHDRAWN, {}, at
        case.save(update_fields=["state", "waiting_for", "decided_at"])
        record("case.withdrawn", by=by, at=at, subject=Subject("case", case.number))
    return case


@transaction.atomic
def admit_on_proof(case: Case, *, reason: str, by: Actor, at: datetime) -> Case:
    """容缺办理: admit, on the proof that was registered, whom data under correction would turn away.

    Only a clerk, with a reason, and only while a correction of what this case looked up is running; the record says
    on which proof. ProofMissing, OverrideReasonMissing.
    """
    case = Case.objects.select_for_update().get(pk=case.pk)
    if case.state != CaseState.REFUSED:
        raise CaseClosed(number=case.number, act_zh="凭证明受理", act_en="admitted on proof")
    running = corrections_of(case).first()
    if running is None or not holds(by, "case:advance"):
        raise ProofMissing(number=case.number)
    if not reason.strip():
        raise OverrideReasonMissing
    details = {
        "was": case.reason,
        "correction": running.number,
        "proof": running.proof_digest,
        "reason": reason.strip()[:400],
    }
    case.state, case.reason, case.decided_at = CaseState.ADMITTED, "admitted_on_proof", at
    case.save(update_fields=["state", "reason", "decided_at"])
    record("case.overridden", by=by, at=at, subject=Subject("case", case.number), details=details)
    _issue(case, by=by, at=at)
    return case


def _locked_open(case: Case, act_zh: str, act_en: str) -> Case:
    locked = Case.objects.select_for_update().get(pk=case.pk)
    if locked.state not in OPEN_STATES:
        raise CaseClosed(number=locked.number, act_zh=act_zh, act_en=act_en)
    return locked


def _carry_on(cases: Iterable[int], *, by: Actor, at: datetime) -> None:
    moment = at
    while True:
        claims = [
            each for case in cases for each in asking.claim(case, at=moment, patience_s=node.patience_s())
        ]
        if not claims:
            return
        results = asking.ask(claims, node.gateway())
        moment = max(at, clock.now())
        cases = list(dict.fromkeys(each.case for each in claims))
        for case in cases:
            mine = [result for result in results if result.claim.case == case]
            _settle(case, mine, by=by, at=moment)


@transaction.atomic
def _settle(case_id: int, results: Sequence[asking.Result], *, by: Actor, at: datetime) -> None:
    """Write the answers, complete their steps on the flow as it stands now, and decide if it has ended."""
    case = Case.objects.select_for_update().get(pk=case_id)
    subject = Subject("case", case.number)
    for result in results:
        lookup = Lookup.objects.get(pk=result.claim.lookup)
        act = asking.note(lookup, result, at=at)
        if act:
            details = {"step": lookup.step, "resource": lookup.resource, "trace": lookup.trace.hex}
            record(act, by=by, at=at, subject=subject, details=details | {"error": lookup.error.get("code")})
    if case.state not in OPEN_STATES:
        return
    run = Run.resume(specification(case.flow), case.flow_state)
    _complete(run, case, at)
    case.flow_state = run.state()
    if run.finished:
        _decide(case, run, by=by, at=at)
    else:
        case.waiting_for = _waiting_for(case)
        case.state = CaseState.WAITING if case.waiting_for else CaseState.RUNNING
    case.save()


def _complete(run: Run, case: Case, at: datetime) -> None:
    ground = facts.Ground(on=timezone.localtime(at).date(), division=case.item.division)
    answered = {lookup.step: lookup.answer for lookup in case.lookups.filter(state=LookupState.ANSWERED)}
    for step in run.waiting():
        if step.id in answered:
            run.complete(step.id, facts.MAPPINGS[step.lookup.result](answered[step.id] or {}, ground))


def _waiting_for(case: Case) -> dict[str, Any]:
    """Why the case cannot go on: a refusal needs a person and comes first; else whom it waits for."""
    for state in (LookupState.REFUSED, LookupState.WAITING):
        lookup = case.lookups.filter(state=state).first()
        if lookup is not None:
            return {**lookup.error, "step": lookup.name, "needs_person": state == LookupState.REFUSED}
    return {}


def _decide(case: Case, run: Run, *, by: Actor, at: datetime) -> None:
    outcome = run.outcome
    admitted = outcome is not None and outcome.name == "admitted"
    case.state = CaseState.ADMITTED if admitted else CaseState.REFUSED
    case.reason = outcome.reason if outcome is not None else ""
    case.waiting_for, case.decided_at = {}, at
    record(
        "case.decided",
        by=by,
        at=at,
        subject=Subject("case", case.number),
        details={"state": case.state, "reason": case.reason},
    )
    if admitted:
        _issue(case, by=by, at=at)


def _issue(case: Case, *, by: Actor, at: datetime) -> Certificate:
    """One case has one certificate: the database refuses a second, and the case's lock is held."""
    body = certificates.content(case, at=at)
    certificate = Certificate.objects.create(
        identifier=body["identifier"],
        case=case,
        name=body["name"],
        holder=case.holder_name,
        content=body,
        raw=certificates.sealed(body, node.node_key()),
        issued_at=at,
    )
    record(
        "certificate.issued",
        by=by,
        at=at,
        subject=Subject("certificate", certificate.identifier),
        details={"case": case.number},
    )
    return certificate


@transaction.atomic
def revoke_certificate(certificate: Certificate, *, reason: str, by: Actor, at: datetime) -> Certificate:
    """Take a certificate back; whoever checks it sees so at once."""
    certificate = Certificate.objects.select_for_update().get(pk=certificate.pk)
    certificate.state = CertificateState.REVOKED
    certificate.save(update_fields=["state"])
    record(
        "certificate.revoked",
        by=by,
        at=at,
        subject=Subject("certificate", certificate.identifier),
        details={"reason": reason},
    )
    return certificate


@transaction.atomic
def open_item(
    item: ServiceItem,
    *,
    flow: str,
    certificate_name: str,
    materials: Sequence[Mapping[str, Any]],
    by: Actor,
    at: datetime,
) -> ServiceItem:
    """Let the counter handle an item by a published flow. Raises FlowUnknown, IssuerCodeMissing."""
    newest(flow)
    certificates.issuer_code(item)
    item.flow, item.certificate_name, item.materials = (
        flow,
        certificate_name,
        [dict(each) for each in materials],
    )
    item.save(update_fields=["flow", "certificate_name", "materials"])
    record("item.opened", by=by, at=at, subject=Subject("item", item.code), details={"flow": flow})
    catalog.declare_item_needs([needs_of(item)], by=by, at=at)
    return item


@transaction.atomic
def declare_materials(
    item: ServiceItem,
    *,
    materials: Sequence[Mapping[str, Any]],
    certificate_name: str,
    by: Actor,
    at: datetime,
) -> ServiceItem:
    """The department says what an item needs and what it makes, whether it is handled here or not: the needs follow.

    An item that is handled here keeps the certificate that its flow gives.
    """
    item = ServiceItem.objects.select_for_update(of=("self",)).select_related("department").get(pk=item.pk)
    if by.kind == "person" and by.organisation != item.department.code:
        raise NotYourItem(department=item.department.name)
    item.materials = [dict(each) for each in materials][:MOST_MATERIALS]
    if not item.flow:
        item.certificate_name = certificate_name.strip()[:120]
    item.save(update_fields=["materials", "certificate_name"])
    details = {"materials": len(item.materials)}
    record("item.declared", by=by, at=at, subject=Subject("item", item.code), details=details)
    catalog.declare_item_needs([needs_of(item)], by=by, at=at)
    return item


@transaction.atomic
def declare_needs(*, by: Actor, at: datetime) -> int:
    """Take the needs of every item that says something anew; how many are new. For items opened before needs were kept."""
    rows = ServiceItem.objects.exclude(materials=[], flow="", certificate_name="").select_related(
        "department"
    )
    return catalog.declare_item_needs([needs_of(each) for each in rows], by=by, at=at)


@transaction.atomic
def import_items(rows: Iterable[Mapping[str, str]], *, by: Actor, at: datetime) -> ImportReport:
    """Take in service items row by row: bad rows are reported with line and column, the others go in.

    An item that is there already keeps its flow and materials. Departments must have been imported before.
    """
    items, report = read_items(rows)
    ServiceItem.objects.bulk_create(
        items,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["name", "main_item", "department", "task_type", "division"],
    )
    details = {"accepted": report.accepted, "problems": len(report.problems)}
    record("items.imported", by=by, at=at, subject=Subject("item", "all"), details=details)
    return report
