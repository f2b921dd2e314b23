"""One path, read once: what is matched against the declared operations is what is sent on, byte for byte.

Everything that two servers might read differently is refused, not repaired: encoded slashes, dots, double slashes,
backslashes, semicolons, percent signs that survive decoding.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from guantong.bundle.services import Operation
from guantong.kit.errors import GuantongError

MOST_SEGMENTS = 32
LONGEST = 2048
_SAFE = "-._~!$&'()*+,=:@"
_DOTS = frozenset({".", ".."})
_IS_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@-]+").fullmatch
"""A segment that is the same however it is written."""


class PathRefused(GuantongError):
    """A path that could mean different things to different servers."""

    code = "path_refused"
    status = 400
    zh = "地址的写法不规范（{why_zh}），已拒绝。"
    en = "The path is not in plain form ({why_en}); it is refused."


class QueryRefused(GuantongError):
    """A query string that cannot be read in one way only."""

    code = "query_refused"
    status = 400
    zh = "查询参数的写法不规范或重复，已拒绝。"
    en = "The query string is not in plain form, or repeats a name; it is refused."


class OperationUnknown(GuantongError):
    """The resource's interface has no such operation."""

    code = "operation_unknown"
    status = 404
    zh = "资源 {resource} 没有此操作。"
    en = "The resource {resource} has no such operation."


class OperationMethodWrong(GuantongError):
    """The path is known, the method is not."""

    code = "operation_method_wrong"
    status = 405
    zh = "该操作不支持 {method} 方法。"
    en = "That operation does not take the method {method}."


def segments_of(raw: str) -> tuple[str, ...]:
    """The decoded segments of an absolute path as it was sent. PathRefused."""
    if not raw.startswith("/") or len(raw) > LONGEST or raw.count("/") > MOST_SEGMENTS:
        raise PathRefused(why_zh="过长或不完整", why_en="too long, or not absolute")
    return tuple(_segment(part) for part in raw[1:].split("/")) if raw != "/" else ()


def written(segments: Sequence[str]) -> str:
    """The one way in which these segments are written."""
    return "/" + "/".join([one if _IS_PLAIN(one) else quote(one, safe=_SAFE) for one in segments])


def matched(
    operations: Mapping[str, Operation], method: str, segments: Sequence[str], *, resource: str
) -> tuple[str, dict[str, str]]:
    """The operation that method and path name, and the values of its path's parameters.

    Of several the one with the most literal segments counts. OperationUnknown, OperationMethodWrong.
    """
    found: list[tuple[int, str, dict[str, str]]] = []
    for name, operation in operations.items():
        values = _values(operation.path, segments)
        if values is not None:
            found.append((len(segments) - len(values), name, values))
    if not found:
        raise OperationUnknown(resource=resource)
    fitting = [one for one in found if operations[one[1]].method == method]
    if not fitting:
        raise OperationMethodWrong(method=method[:16])
    _, name, values = max(fitting, key=lambda one: one[0])
    return name, values


def filled(template: str, values: Mapping[str, str]) -> str:
    """The path that ``template`` becomes with these values, in the one way of writing it. PathRefused."""
    return written([_plain(values[name]) if name else part for name, part in _parts(template)])


def query_of(text: str) -> dict[str, str]:
    """The parameters of a query string, each named once. QueryRefused."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=64
        )
    except ValueError:
        raise QueryRefused from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise QueryRefused
    return found


def _segment(part: str) -> str:
    if _IS_PLAIN(part) and part not in _DOTS:
        return part
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise PathRefused(why_zh="不是 UTF-8", why_en="not UTF-8") from None
    return _plain(text)


def _plain(text: str) -> str:
    if not text or text in _DOTS:
        raise PathRefused(why_zh="空段或点段", why_en="an empty or dot segment")
    if not text.isprintable() or any(mark in text for mark in "/\\%;?#"):
        raise PathRefused(why_zh="含有不允许的字符", why_en="a character that is not allowed")
    return text


def _values(template: str, segments: Sequence[str]) -> dict[str, str] | None:
    parts = _parts(template)
    if len(parts) != len(segments):
        return None
    values = {}
    for (name, part), segment in zip(parts, segments, strict=True):
        if name:
            values[name] = segment
        elif part != segment:
            return None
    return values


@lru_cache(maxsize=4096)
def _parts(template: str) -> tuple[tuple[str, str], ...]:
    """The parts of a template, each with the name of the parameter that stands there (empty: none)."""
    parts = [part for part in template.split("/") if part]
    return tuple((part[1:-1] if part.startswith("{") and part.endswith("}") else "", part) for part in parts)
