"""What of a JSON answer a consumer may see: granted items, masked, in rows that meet the condition, and nothing else.

Patterns are JSON Pointers (RFC 6901) in which ``*`` stands for every element of an array. What no pattern names is
left out, so a new member of the service's answer stays inside until somebody grants it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from guantong.bundle.refusals import TooManyRows
from guantong.bundle.services import Operation
from guantong.gateway.conditions import met
from guantong.gateway.decide import Allow
from guantong.gateway.masks import masked
from guantong.gateway.values import Plain, plain
from guantong.kit.errors import GuantongError

NOTHING = object()


class AnswerMisshapen(GuantongError):
    """The department's interface answered something else than it was declared to."""

    code = "answer_misshapen"
    status = 502
    zh = "资源 {resource} 的服务返回了与声明不符的内容。"
    en = "The service of {resource} answered something else than it declares."


@dataclass(slots=True)
class Shape:
    """A tree of patterns: below each name what may pass; ``items`` are the data items that stand at this place."""

    items: list[str] = field(default_factory=list)
    passes: bool = False
    is_row: bool = False
    below: "dict[str, Shape]" = field(default_factory=dict)

    def at(self, pattern: str) -> "Shape":
        """The place that ``pattern`` names, made if need be."""
        place = self
        for part in parts_of(pattern):
            place = place.below.setdefault(part, Shape())
        return place


def parts_of(pattern: str) -> list[str]:
    """The names of a pattern, unescaped."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pattern.split("/")[1:]]


@lru_cache(maxsize=1024)
def _shape(rows: str, items: tuple[tuple[str, str], ...], passed: tuple[str, ...]) -> Shape:
    root = Shape()
    root.at(rows).is_row = True
    for item, pattern in items:
        root.at(pattern).items.append(item)
    for pattern in passed:
        root.at(pattern).passes = True
    return root


def shape_of(operation: Operation) -> Shape:
    """The patterns of ``operation`` as one tree."""
    return _shape(operation.rows, tuple(sorted(operation.items.items())), tuple(sorted(operation.passed)))


def shown(document: Any, operation: Operation, allow: Allow, salt: bytes) -> tuple[Any, int]:
    """What of ``document`` leaves under ``allow``, and of how many rows. TooManyRows."""
    count = 0

    def show_item(shape: Shape, value: Any) -> Any:
        for item in shape.items:
            if item in allow.masks and item in allow.fields:
                return _masked(value, allow.masks[item], salt)
        return NOTHING

    def show(shape: Shape, value: Any) -> Any:
        nonlocal count
        if shape.is_row and value is not None:
            if not _meets(shape, value, allow):
                return NOTHING
            count += 1
        if shape.items:
            return show_item(shape, value)
        if shape.passes and not shape.below:
            return value
        return _walked(shape, value, show)

    left = show(shape_of(operation), document)
    if count > allow.max_rows:
        raise TooManyRows(grant=allow.grant.id, limit=allow.max_rows)
    return (None if left is NOTHING else left), count


def rows_of(document: Any, operation: Operation, items: list[str]) -> list[tuple[Any, ...]]:
    """The rows of ``document`` as a table would give them: the values of ``items``, None for what is not there."""
    return [
        tuple(values.get(item) for item in items)
        for shape, row in _rows(shape_of(operation), document)
        for values in [_values(shape, row)]
    ]


def _walked(shape: Shape, value: Any, show: Callable[[Shape, Any], Any]) -> Any:
    if isinstance(value, dict):
        given = {name: show(below, value[name]) for name, below in shape.below.items() if name in value}
        return {name: one for name, one in given.items() if one is not NOTHING}
    every = shape.below.get("*")
    if isinstance(value, list) and every is not None:
        return [one for element in value if (one := show(every, element)) is not NOTHING]
    return NOTHING


def _masked(value: Any, mask: str, salt: bytes) -> Any:
    if mask == "none":
        return value
    # A mask is for a single value; of anything larger nothing would be hidden for certain.
    return masked(plain(value), mask, salt) if isinstance(value, str | int | Decimal) else None


def _meets(shape: Shape, row: Any, allow: Allow) -> bool:
    if not allow.condition:
        return True
    values: Mapping[str, Plain] = {item: plain(value) for item, value in _values(shape, row).items()}
    return all(met(condition, values) for condition in allow.condition)


def _rows(shape: Shape, value: Any) -> Iterator[tuple[Shape, Any]]:
    if shape.is_row:
        if value is not None:
            yield shape, value
        return
    if isinstance(value, dict):
        for name, below in shape.below.items():
            if name in value:
                yield from _rows(below, value[name])
    elif isinstance(value, list) and "*" in shape.below:
        for element in value:
            yield from _rows(shape.below["*"], element)


def _values(shape: Shape, value: Any) -> dict[str, Any]:
    """The items below a row. Of one that stands in a list within the row, none: it has no single value."""
    found = dict.fromkeys(shape.items, value if isinstance(value, str | int | Decimal) else None)
    if isinstance(value, dict):
        for name, below in shape.below.items():
            if name in value:
                found |= _values(below, value[name])
    return found
