"""A case in words: what each look-up found, what it proves, why it waits or ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import get_language, gettext

from guantong.catalog.models import Resource
from guantong.catalog.queries import published
from guantong.counter import proving, queries, reasons
from guantong.counter.models import Case, Lookup
from guantong.identity.queries import division_name
from guantong.kit import canonical, clock, envelope
from guantong.kit.errors import GuantongError
from guantong.workflow import drawing
from guantong.workflow.queries import specification


def is_english() -> bool:
    """Whether the visitor has chosen English."""
    return get_language() == "en"


def sentence(error: GuantongError) -> str:
    """A refusal in the visitor's language."""
    return error.sentence("en" if is_english() else "zh")


def said(error: dict[str, Any]) -> str:
    """A stored refusal ({zh, en}) in the visitor's language."""
    return str(error.get("en" if is_english() else "zh", ""))


@dataclass(frozen=True)
class Finding:
    """One look-up as the case page shows it."""

    lookup: Lookup
    name: str
    resource_name: str
    provider: str
    rows: list[list[tuple[str, str]]] = field(default_factory=list)
    matched: list[tuple[str, str, str]] = field(default_factory=list)
    """Label, verdict word, verdict code."""
    error: str = ""


@dataclass(frozen=True)
class CaseView:
    """Everything that the case page shows."""

    case: Case
    picture: str
    findings: list[Finding]
    receipts: list[proving.CaseReceipt]
    reason: str
    waiting: str
    form: list[tuple[str, str]]

    @property
    def is_moving(self) -> bool:
        """Whether the page should look again by itself."""
        return self.case.state in {"running", "waiting"}


def view(case: Case) -> CaseView:
    """The case as it stands."""
    spec = specification(case.flow)
    run = queries.run_of(case)
    title = gettext("Progress of case %(number)s") % {"number": case.number}
    return CaseView(
        case=case,
        picture=drawing.svg(spec, run.picture(), title, spec.english if is_english() else None),
        findings=findings(case.lookups.all(), spec.english if is_english() else {}),
        receipts=list(proving.receipts(case)),
        reason=reasons.sentence(case.reason, english=is_english()) if case.reason else "",
        waiting=said(case.waiting_for),
        form=[
            (each.label_en if is_english() else each.label, _shown(each.type, case.form[each.name]))
            for each in spec.inputs
            if each.name in case.form
        ],
    )


def _shown(kind: str, value: str) -> str:
    return f"{division_name(value)} ({value})" if kind == "division" else value


def findings(lookups: Iterable[Lookup], names: Mapping[str, str]) -> list[Finding]:
    """Look-ups with the names that the catalogue gives to resources and items; ``names`` of steps, by id."""
    lookups = list(lookups)
    known = {each.code: each for each in published().filter(code__in={each.resource for each in lookups})}
    return [
        _finding(lookup, names.get(lookup.step, lookup.name), known.get(lookup.resource))
        for lookup in lookups
    ]


def _finding(lookup: Lookup, name: str, resource: Resource | None) -> Finding:
    content = resource.live if resource else None
    labels = {item.name: item.label for item in content.items} if content else {}
    answer = lookup.answer or {}
    words = {"match": gettext("agrees"), "no_match": gettext("differs"), "unknown": gettext("not on record")}
    return Finding(
        lookup=lookup,
        name=name,
        resource_name=resource.name if resource else lookup.resource,
        provider=resource.provider.name if resource else "",
        rows=[
            [(labels.get(name, name), "" if value is None else str(value)) for name, value in row.items()]
            for row in answer.get("rows", [])
        ],
        matched=[
            (labels.get(name, name), str(words.get(verdict, verdict)), verdict)
            for name, verdict in answer.get("matched", {}).items()
        ],
        error=said(lookup.error),
    )


def as_json(case: Case) -> dict[str, Any]:
    """The case for programs: state, reason, certificate, look-ups and receipts, without anybody's data."""
    certificate = getattr(case, "certificate", None)
    zh, en = reasons.REASONS.get(case.reason, (case.reason, case.reason))
    return {
        "uuid": str(case.uuid),
        "number": case.number,
        "item": case.item.code,
        "state": case.state,
        "reason": case.reason,
        "reason_text": {"zh": zh, "en": en},
        "waiting_for": case.waiting_for or None,
        "taken_at": clock.rfc3339(case.taken_at),
        "decided_at": clock.rfc3339(case.decided_at) if case.decided_at else None,
        "certificate": certificate.identifier if certificate else None,
        "lookups": [_lookup_json(lookup) for lookup in case.lookups.all()],
        "receipts": [
            {"digest": each.digest, "node": each.node, "role": each.role, "step": each.lookup.step}
            for each in proving.receipts(case)
        ],
    }


def _lookup_json(lookup: Lookup) -> dict[str, Any]:
    asked, answered = lookup.asked_at, lookup.answered_at
    receipt = lookup.receipt
    return {
        "step": lookup.step,
        "name": lookup.name,
        "resource": lookup.resource,
        "mode": lookup.mode,
        "state": lookup.state,
        "attempts": lookup.attempts,
        "trace": lookup.trace.hex,
        "call": lookup.call,
        "error": lookup.error.get("code"),
        "provider_node": receipt["body"]["provider"]["node"] if receipt else None,
        "receipt": envelope.digest(canonical.dumps(receipt)) if receipt else None,
        "ms": int((answered - asked).total_seconds() * 1000) if asked and answered else None,
    }
