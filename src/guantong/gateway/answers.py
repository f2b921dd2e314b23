"""From rows to an answer: condition, limit, mask (query) or comparison (verify)."""

from collections.abc import Iterable, Sequence
from typing import Any

from guantong.bundle.refusals import TooManyRows
from guantong.bundle.types import Condition
from guantong.gateway.call import Call
from guantong.gateway.comparisons import compared
from guantong.gateway.conditions import met
from guantong.gateway.decide import Allow
from guantong.gateway.masks import masked
from guantong.gateway.values import Plain, plain

Answer = dict[str, Any]


def items_needed(allow: Allow) -> list[str]:
    """The items to fetch: those asked for, and those that the condition looks at."""
    return list(dict.fromkeys([*allow.fields, *(condition.item for condition in allow.condition)]))


def answer(call: Call, allow: Allow, rows: Iterable[Sequence[Any]], salt: bytes) -> tuple[Answer, int]:
    """The answer to ``call`` and the number of rows that it rests on.

    ``rows`` hold the values of :func:`items_needed`. Raises TooManyRows: nothing is cut off silently.
    """
    names = items_needed(allow)
    found = [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    found = [row for row in found if _meets(row, allow.condition)]
    if len(found) > allow.max_rows:
        raise TooManyRows(grant=allow.grant.id, limit=allow.max_rows)
    if call.mode == "query":
        return {"rows": [_shown(row, allow, salt) for row in found]}, len(found)
    return {"matched": {item: _verdict(item, call, allow, found) for item in allow.fields}}, len(found)


def _meets(row: dict[str, Plain], conditions: Iterable[Condition]) -> bool:
    return all(met(condition, row) for condition in conditions)


def _shown(row: dict[str, Plain], allow: Allow, salt: bytes) -> dict[str, Plain]:
    return {field: masked(row[field], allow.masks[field], salt) for field in allow.fields}


def _verdict(item: str, call: Call, allow: Allow, rows: list[dict[str, Plain]]) -> str:
    """``match`` if any row agrees; ``unknown`` if no row holds a value."""
    comparison = allow.resource.items[item].comparison
    outcomes = {compared(call.claims[item], row[item], comparison) for row in rows}
    for outcome in ("match", "no_match"):
        if outcome in outcomes:
            return outcome
    return "unknown"
