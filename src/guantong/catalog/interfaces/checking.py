"""Which rules an interface breaks, in words. What the gateway would have to guess is refused here."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from guantong.catalog.interfaces.types import OperationContent, ParameterContent

Fault = tuple[str, str]
"""The sentence in Chinese and in English."""
SAFE = frozenset({"GET", "HEAD"})
MOST_SEGMENTS = 30

_OPERATION = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_POINTER = re.compile(r"(/([^~/]|~0|~1)*)*")
# Hop by hop (RFC 9110 §7.6.1), or the gateway's own to say; those that the gateway would drop are refused here.
_NOT_A_PARAMETER = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade", "content-length", "content-encoding", "content-type", "set-cookie", "cookie", "authorization", "host",
    "signature", "signature-input", "content-digest", "forwarded", "expect",
})  # fmt: skip
_NOT_BEGINNINGS = ("x-forwarded-", "guantong-", "gjgxjhpt_", "proxy-", "sec-")


def faults(
    operations: Mapping[str, OperationContent], items: Collection[str], lookups: Sequence[Sequence[str]]
) -> list[Fault]:
    """Every rule that the operations of an entry with these items and look-ups break."""
    found: list[Fault] = []
    for name, operation in operations.items():
        found += [(f"操作 {name}：{zh}", f"operation {name}: {en}") for zh, en in _of(name, operation, items)]
    shapes: dict[tuple[str, ...], str] = {}
    for name, operation in operations.items():
        shape = shape_of(operation)
        if other := shapes.get(shape):
            found.append(
                (
                    f"操作 {other} 与 {name} 的方法和路径相同",
                    f"{other} and {name} have the same method and path",
                )
            )
        shapes[shape] = name
    if operations and lookups and len(unanswered(operations, lookups)) == len(lookups):
        keys = "、".join(" + ".join(lookup) for lookup in lookups)
        found.append(
            (
                f"没有操作能按已声明的查询键（{keys}）查询",
                f"no operation answers by the declared keys ({keys})",
            )
        )
    return found


def shape_of(operation: OperationContent) -> tuple[str, ...]:
    """Method and path without the parameters' names: what a request is told apart by."""
    parts = ["{}" if _parameter(part) else part for part in segments(operation.path)]
    return (operation.method, *parts)


def unanswered(operations: Mapping[str, OperationContent], lookups: Sequence[Sequence[str]]) -> list[str]:
    """The declared combinations of keys by which no operation can be asked: nobody can query or verify by them."""
    left = [lookup for lookup in lookups if not any(_answers(each, lookup) for each in operations.values())]
    return [" + ".join(lookup) for lookup in left]


def segments(path: str) -> list[str]:
    """The parts of a path template."""
    return path.split("/")[1:] if path != "/" else []


def _of(name: str, operation: OperationContent, items: Collection[str]) -> Iterator[Fault]:
    if not _OPERATION.fullmatch(name):
        yield (
            "名称应由小写字母、数字和下划线组成",
            "its name is made of lower-case letters, digits and underscores",
        )
    yield from _path(operation)
    for word, parameter in operation.parameters.items():
        yield from _one_parameter(word, parameter, operation, items)
    yield from _sent_twice(operation)
    if operation.method in SAFE and operation.body != "none":
        yield "GET 和 HEAD 不带请求体", "GET and HEAD have no body"
    if operation.cache_s and operation.method not in SAFE:
        yield "只有 GET 和 HEAD 的结果可以缓存", "only answers to GET and HEAD may be given again"
    yield from _answer(operation, items)


def _path(operation: OperationContent) -> Iterator[Fault]:
    path, parts = operation.path, segments(operation.path)
    if not path.startswith("/") or len(parts) > MOST_SEGMENTS:
        yield "路径应以 / 开头，至多 30 段", "its path begins with / and has at most 30 parts"
        return
    named = [word for part in parts if (word := _parameter(part))]
    for part in parts:
        is_plain = part.isprintable() and not any(mark in part for mark in "\\%;?#{} ")
        if part in {"", ".", ".."} or not (_parameter(part) or is_plain):
            yield f"路径中的“{part}”不规范", f"“{part}” in its path is not in plain form"
    for word in sorted({word for word in named if named.count(word) > 1}):
        yield f"路径中 {{{word}}} 重复", f"{{{word}}} stands twice in its path"
    declared = {word for word, each in operation.parameters.items() if each.where == "path"}
    for word in sorted(set(named) - declared):
        yield (
            f"路径中的 {{{word}}} 没有声明为路径参数",
            f"{{{word}}} of its path is not declared as a parameter of the path",
        )
    for word in sorted(declared - set(named)):
        yield f"路径参数 {word} 不在路径中", f"the parameter {word} does not stand in its path"


def _parameter(part: str) -> str:
    return part[1:-1] if len(part) > 2 and part[0] == "{" and part[-1] == "}" else ""


def _one_parameter(
    word: str, parameter: ParameterContent, operation: OperationContent, items: Collection[str]
) -> Iterator[Fault]:
    zh, en = f"参数 {word}", f"parameter {word}"
    if not _PARAMETER.fullmatch(word):
        yield f"{zh} 的名称应由字母、数字和 _ . - 组成", f"{en}: a name has letters, digits and _ . -"
    if parameter.item and parameter.item not in items:
        yield (
            f"{zh} 对应了不存在的信息项 {parameter.item}",
            f"{en} stands for an unknown item, {parameter.item}",
        )
    if parameter.where == "path" and (not parameter.required or parameter.sent_as not in {"", word}):
        yield f"{zh} 在路径中，必填且不能改名", f"{en} is part of the path: it is required and keeps its name"
    if parameter.where == "json" and operation.body != "json":
        yield f"{zh} 在请求体中，请求体须为 JSON", f"{en} is part of the body, which must be JSON"
    if parameter.where == "header":
        sent = (parameter.sent_as or word).lower()
        if not _HEADER.fullmatch(sent) or sent in _NOT_A_PARAMETER or sent.startswith(_NOT_BEGINNINGS):
            yield f"{zh} 不能用请求头 {sent} 传递", f"{en} cannot be sent as the header {sent}"


def _sent_twice(operation: OperationContent) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    keys: set[str] = set()
    for word, each in operation.parameters.items():
        sent = each.sent_as or word
        place = (each.where, sent.lower() if each.where == "header" else sent)
        if place in seen:
            yield f"两个参数都以 {sent} 发送", f"two parameters are sent as {sent}"
        if each.item and each.item in keys:
            yield f"两个参数都对应信息项 {each.item}", f"two parameters stand for the item {each.item}"
        seen.add(place)
        keys.add(each.item)


def _answer(operation: OperationContent, items: Collection[str]) -> Iterator[Fault]:
    if operation.answer == "whole":
        if operation.items or operation.passed or operation.rows:
            yield "整体返回的操作不声明字段位置", "an answer that goes through whole has no places of items"
        return
    for item in sorted(set(operation.items) - set(items)):
        yield f"{item} 不是信息项", f"{item} is no item of the entry"
    wrong = [
        each
        for each in (operation.rows, *operation.items.values(), *operation.passed)
        if not _POINTER.fullmatch(each)
    ]
    for each in wrong:
        yield f"位置“{each}”应形如 /data/*/name", f"the place “{each}” should look like /data/*/name"
    if not wrong:
        yield from _places(operation)


def _places(operation: OperationContent) -> Iterator[Fault]:
    rows = _parts(operation.rows)
    places = {item: _parts(place) for item, place in operation.items.items()}
    for item, place in places.items():
        if place[: len(rows)] != rows:
            where = operation.rows
            yield f"信息项 {item} 不在行（{where}）之内", f"the item {item} stands outside the rows ({where})"
        for other, theirs in places.items():
            if other != item and theirs[: len(place)] == place and (theirs != place or item < other):
                yield f"信息项 {item} 的位置包含了 {other}", f"the place of {item} holds that of {other}"
    for one in operation.passed:
        parts = _parts(one)
        held = [item for item, place in places.items() if _overlap(parts, place)]
        if rows[: len(parts)] == parts:
            yield f"直接透传的“{one}”包含了行", f"“{one}”, which goes through to everybody, holds the rows"
        elif held:
            yield (
                f"直接透传的“{one}”与信息项 {'、'.join(sorted(held))} 重叠",
                f"“{one}”, which goes through to everybody, overlaps with {', '.join(sorted(held))}",
            )


def _parts(pattern: str) -> list[str]:
    return pattern.split("/")[1:]


def _overlap(one: list[str], other: list[str]) -> bool:
    """Whether two places may be in each other; ``*`` stands for any element."""
    return all(a == b or "*" in {a, b} for a, b in zip(one, other, strict=False))


def _answers(operation: OperationContent, lookup: Sequence[str]) -> bool:
    needs_more = any(each.required and not each.item for each in operation.parameters.values())
    is_lookup = operation.method in SAFE and operation.answer == "json" and not needs_more
    return is_lookup and operation.keys == set(lookup)
