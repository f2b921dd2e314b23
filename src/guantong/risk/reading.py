"""What of a receipt the rules look at. The database's columns say most of it; the rest stands in the signed bytes."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec
from django.db.models import Count

from guantong.journal.models import Receipt
from guantong.risk.persons import MOST_LOOKS
from guantong.risk.queries import LOOKUPS, NAMELESS, looks, moment_of
from guantong.risk.types import Fact

COLUMNS = (
    "pk", "at", "role", "provider_node", "consumer_organisation", "consumer_application", "resource", "mode", "fields",
    "grant", "case", "subject", "decision", "reason", "raw",
)  # fmt: skip
LOOK_COLUMNS = (
    "subject", "at", "grant", "consumer_organisation", "consumer_application", "case", "resource", "chain",
)  # fmt: skip
AT_ONCE = 400


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


def looked_up_often(subjects: Collection[str], *, least: int, since: int, until: int) -> list[str]:
    """Those of ``subjects`` who have ``least`` receipts on the days from ``since`` until before ``until``.

    Read off an index, so that whoever was looked up once costs next to nothing; it may name some too many.
    """
    found: list[str] = []
    names = sorted(subjects)
    for begin in range(0, len(names), AT_ONCE):
        rows = Receipt.objects.filter(
            subject__in=names[begin : begin + AT_ONCE],
            at__gte=moment_of(since * 24),
            at__lt=moment_of(until * 24),
        )
        counted = rows.order_by().values("subject").annotate(n=Count("pk")).filter(n__gte=least)
        found += counted.values_list("subject", flat=True)
    return found


def looks_of(subject: str, *, since: int, position: int | None = None) -> list[Fact]:
    """The last look-ups of a person since a day, as far as they came in up to ``position``; not all of very many."""
    rows = looks().filter(subject=subject, at__gte=moment_of(since * 24))
    if position is not None:
        rows = rows.filter(pk__lte=position)
    last = rows.order_by("-at", "-pk").values_list(*LOOK_COLUMNS)[:MOST_LOOKS]
    return [
        Fact(
            at=int(at.timestamp()),
            grant="" if chain.startswith("-/") else grant,
            application=f"{organisation}/{application}",
            organisation=organisation,
            resource=resource,
            is_allowed=True,
            case=case,
            subject=subject,
        )
        for subject, at, grant, organisation, application, case, resource, chain in last
    ]


def _body(raw: bytes) -> _Body:
    try:
        return _read(raw).body
    except msgspec.DecodeError:
        # A receipt that cannot be read was alerted of when it came in; its columns still count.
        return _NOTHING
