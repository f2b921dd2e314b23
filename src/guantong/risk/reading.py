"""What of a receipt the rules look at. The database's columns say most of it; the rest stands in the signed bytes."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from guantong.journal.models import Receipt
from guantong.risk.queries import NAMELESS
from guantong.risk.types import Fact

COLUMNS = (
    "pk", "at", "role", "provider_node", "consumer_organisation", "consumer_application", "resource", "mode", "fields",
    "grant", "case", "subject", "decision", "reason", "raw",
)  # fmt: skip
LOOKUPS = {"query", "verify"}


class _Body(msgspec.Struct):
    rows: int = 0
    steps: int = 0
    chain: str = ""


class _Sealed(msgspec.Struct):
    body: _Body


_read = msgspec.json.Decoder(_Sealed).decode
_NOTHING = _Body()


def next_receipts(position: int, *, most: int) -> list[tuple[Any, ...]]:
    """The receipts that came in after ``position``, as :data:`COLUMNS`, in the order in which they came in."""
    rows = Receipt.objects.filter(pk__gt=position).order_by("pk").values_list(*COLUMNS)
    return list(rows[:most])


def facts_of(rows: Iterable[tuple[Any, ...]], *, node: str) -> Iterator[Fact]:
    """The calls among ``rows``, each once: where this node provides, its provider's receipt counts and no other."""
    for row in rows:
        _, at, role, provider_node, organisation, application, resource, mode = row[:8]
        fields, grant, case, subject, decision, reason, raw = row[8:]
        if provider_node == node and role != "provider":
            continue
        body = _body(bytes(raw))
        yield Fact(
            at=int(at.timestamp()),
            # Anybody can write any grant into a call: only those that the gateway knew have sums of their own.
            grant="" if body.chain.startswith("-/") else grant,
            application="" if reason in NAMELESS else f"{organisation}/{application}",
            organisation=organisation,
            resource=resource,
            is_allowed=decision == "allow",
            reason=reason,
            rows=max(0, body.rows),
            is_lookup=mode in LOOKUPS,
            fields=tuple(str(name) for name in fields[:50]),
            case=case,
            subject=subject,
            steps=max(0, min(body.steps, 9999)),
        )


def _body(raw: bytes) -> _Body:
    try:
        return _read(raw).body
    except msgspec.DecodeError:
        # A receipt that cannot be read was alerted of when it came in; its columns still count.
        return _NOTHING
