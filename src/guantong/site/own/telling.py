"""One use of somebody's data in words that they understand: who, which items and how much of each, why, by which right."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from guantong.journal.models import Receipt
from guantong.kit import clock
from guantong.sharing.models import Grant, Request
from guantong.site.names import Names
from guantong.site.words import mask_word


@dataclass(frozen=True, slots=True)
class Seen:
    """One item of a use: its label, and how much of it was seen."""

    name: str
    label: str
    how: str


@dataclass(frozen=True, slots=True)
class OwnUse:
    """A use of one's own data."""

    receipt: Receipt
    seen: tuple[Seen, ...]
    matter: str
    """What the grant says it is for; empty where no grant is known."""
    law: str
    """What the request for it rests on."""

    def as_dict(self, names: Names) -> dict[str, Any]:
        """For a file to take along."""
        row = self.receipt
        return {
            "at": clock.rfc3339(row.at),
            "who": names.organisation(row.consumer_organisation),
            "organisation": row.consumer_organisation,
            "provider": names.organisation(row.provider_organisation),
            "data": names.resource(row.resource),
            "resource": row.resource,
            "items": [{"name": each.name, "label": each.label, "seen": each.how} for each in self.seen],
            "mode": row.mode,
            "for": names.purpose(row.purpose),
            "purpose": row.purpose,
            "matter": self.matter,
            "law": self.law,
            "case": row.case,
            "decision": row.decision,
            "reason": row.reason,
            "grant": row.grant,
            "receipt": row.digest,
        }


def tell(rows: Iterable[Receipt], names: Names) -> list[OwnUse]:
    """The uses that receipts tell of."""
    listed = list(rows)
    grants = {grant.code: grant for grant in Grant.objects.filter(code__in={row.grant for row in listed})}
    asked = {grant.request for grant in grants.values() if grant.request}
    laws = dict(Request.objects.filter(uuid__in=asked).values_list("uuid", "legal_basis"))
    return [_told(row, grants.get(row.grant), laws, names) for row in listed]


def _told(row: Receipt, grant: Grant | None, laws: dict[Any, str], names: Names) -> OwnUse:
    terms = grant.terms if grant else {}
    labels = names.labels(row.resource)
    masks = terms.get("masks", {})
    seen = tuple(Seen(name, labels.get(name, name), _how(row, masks.get(name, ""))) for name in row.fields)
    law = laws.get(grant.request, "") if grant and grant.request else ""
    return OwnUse(row, seen, str(terms.get("purpose_text", "")), law)


def _how(row: Receipt, mask: str) -> str:
    if row.decision != "allow":
        return gettext("asked for, not given")
    if row.mode == "verify":
        return gettext("only compared: match or no match")
    return mask_word(mask)
