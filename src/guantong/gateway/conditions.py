"""The row condition of a grant: whether a row exists for this consumer."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from guantong.bundle.types import Condition
from guantong.gateway.values import Plain


def met(condition: Condition, row: Mapping[str, Plain]) -> bool:
    """Whether ``row`` meets ``condition``. An absent value meets none."""
    held = row.get(condition.item)
    if held is None:
        return False
    wanted = condition.value
    if isinstance(wanted, list):
        return condition.op == "in" and any(_equal(held, one) for one in wanted)
    if condition.op == "eq":
        return _equal(held, wanted)
    if condition.op == "ne":
        return not _equal(held, wanted)
    if condition.op == "ge":
        return _ordered(wanted, held)
    return condition.op == "le" and _ordered(held, wanted)


def _equal(held: Plain, wanted: str | int) -> bool:
    if isinstance(wanted, int):
        return _number(held) == wanted
    return str(held) == wanted


def _ordered(low: Plain, high: Plain) -> bool:
    """``low`` ≤ ``high``: numbers if the condition says a number, else text (as ISO dates sort)."""
    if isinstance(low, str) and isinstance(high, str):
        return low <= high
    below, above = _number(low), _number(high)
    return below is not None and above is not None and below <= above


def _number(value: Plain) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
