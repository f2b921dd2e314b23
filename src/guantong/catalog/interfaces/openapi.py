"""OpenAPI 3: what a department's own document says of its interface, as operations proposed for an entry."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from guantong.catalog.errors import ContentWrong
from guantong.catalog.interfaces.checking import segments
from guantong.catalog.interfaces.types import OperationContent, ParameterContent
from guantong.catalog.types import ItemContent

LARGEST = 2 << 20
DEEPEST = 8
MOST = 200
_METHODS = ("get", "head", "post", "put", "patch", "delete")


def read(text: str, items: Sequence[ItemContent]) -> dict[str, OperationContent]:
    """The operations that a document holds: proposed from OpenAPI 3, or as they were taken along from here.

    ContentWrong if it is neither.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable("不是 JSON", "it is not JSON") from error
    if not isinstance(document, dict):
        raise _unreadable("不是 JSON 对象", "it is not a JSON object")
    try:
        found = _read(document, items)
    except msgspec.ValidationError as error:
        raise _unreadable(str(error), str(error)) from error
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise _unreadable("结构不符合 OpenAPI 3", "it is not built as OpenAPI 3") from error
    if not found:
        raise _unreadable("其中没有操作", "it has no operations")
    return found


def _read(document: dict[str, Any], items: Sequence[ItemContent]) -> dict[str, OperationContent]:
    if "openapi" not in document:
        return msgspec.convert(document.get("operations", document), dict[str, OperationContent])
    if not str(document["openapi"]).startswith("3."):
        raise _unreadable("仅支持 OpenAPI 3", "only OpenAPI 3 is read")
    return _proposed(document, items)


def _unreadable(zh: str, en: str) -> ContentWrong:
    return ContentWrong(
        field="operations", why_zh=f"文档无法读取：{zh}", why_en=f"the document cannot be read: {en}"
    )


def _proposed(document: dict[str, Any], items: Sequence[ItemContent]) -> dict[str, OperationContent]:
    found: dict[str, OperationContent] = {}
    for path, entry in document.get("paths", {}).items():
        for method in _METHODS:
            if method not in entry or len(found) >= MOST:
                continue
            said = entry[method]
            name = _name(str(said.get("operationId") or f"{method}_{path}"), found)
            shared = [*entry.get("parameters", []), *said.get("parameters", [])]
            found[name] = _operation(document, method.upper(), str(path), said, shared, items)
    return found


def _name(told: str, taken: Mapping[str, Any]) -> str:
    """A word for the operation: ``getPersonById`` becomes ``get_person_by_id``."""
    word = _snake(told)[:56] or "operation"
    word = word if word[0].isalpha() else f"o_{word}"
    return next(each for n in range(1, MOST + 2) if (each := word if n == 1 else f"{word}_{n}") not in taken)


def _snake(text: str) -> str:
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def _operation(
    document: dict[str, Any],
    method: str,
    path: str,
    said: dict[str, Any],
    shared: list[Any],
    items: Sequence[ItemContent],
) -> OperationContent:
    parameters: dict[str, ParameterContent] = {}
    for each in shared:
        one = _resolved(document, each)
        where = one.get("in")
        if where in {"path", "query", "header"}:
            schema = _resolved(document, one.get("schema", {}))
            item = _item(str(one["name"]), [one, schema], items)
            parameters[str(one["name"])] = ParameterContent(
                where=where, item=item, required=where == "path" or bool(one.get("required"))
            )
    schema = _json(_resolved(document, said.get("requestBody", {})).get("content", {}))
    body = "none"
    if schema is not None and method not in {"GET", "HEAD"}:
        body = "json"
        members = _resolved(document, schema)
        for name, each in members.get("properties", {}).items():
            item = _item(name, [_resolved(document, each)], items)
            required = name in members.get("required", [])
            parameters.setdefault(name, ParameterContent(where="json", item=item, required=required))
    parameters = _once(parameters)
    told = _resolved(document, said.get("responses", {}).get("200", said.get("responses", {}).get("2XX", {})))
    answer = _json(told.get("content", {}))
    label = str(said.get("summary") or said.get("description") or "").splitlines()
    places, rows = _places(document, answer, items) if answer is not None else ({}, "")
    values = {
        "method": method,
        "path": path,
        "label": re.sub(r"[\x00-\x1f\x7f]", " ", label[0])[:120] if label else "",
        "parameters": msgspec.to_builtins(parameters),
        "items": places,
        "rows": rows,
        "body": body,
        "answer": "json" if answer is not None or not told.get("content") else "whole",
    }
    return msgspec.convert(values, OperationContent)


def _once(parameters: dict[str, ParameterContent]) -> dict[str, ParameterContent]:
    """The same with each item carried by one parameter only: the first, those in the path before others."""
    seen: set[str] = set()
    found = dict(parameters)
    for name in sorted(parameters, key=lambda word: parameters[word].where != "path"):
        if parameters[name].item in seen:
            found[name] = msgspec.structs.replace(parameters[name], item="")
        seen.add(parameters[name].item or name)
    return found


def _places(
    document: dict[str, Any], schema: Any, items: Sequence[ItemContent]
) -> tuple[dict[str, str], str]:
    """Where the items seem to stand in an answer, and its rows: the first list of objects, or else the answer itself."""
    places: dict[str, str] = {}
    rows = ""
    for pattern, one in _leaves(document, schema, "", 0):
        name = segments(pattern)[-1] if segments(pattern) else ""
        item = _item(name.replace("~1", "/").replace("~0", "~"), [one], items)
        if item and item not in places:
            places[item] = pattern
    listed = [place[: place.index("/*") + 2] for place in places.values() if "/*" in place]
    if listed:
        rows = max(set(listed), key=listed.count)
        places = {
            item: place for item, place in places.items() if place.startswith(rows + "/") or place == rows
        }
    return places, rows


def _leaves(
    document: dict[str, Any], schema: Any, at: str, depth: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    one = _resolved(document, schema)
    if depth > DEEPEST:
        return
    for part in one.get("allOf", []):
        yield from _leaves(document, part, at, depth + 1)
    if "properties" in one:
        for name, below in one["properties"].items():
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _leaves(document, below, f"{at}/{escaped}", depth + 1)
    elif "items" in one:
        yield from _leaves(document, one["items"], f"{at}/*", depth + 1)
    elif "allOf" not in one:
        yield at, one


def _item(name: str, said: list[dict[str, Any]], items: Sequence[ItemContent]) -> str:
    """The item that a name, a title or a description means; empty if none."""
    word = _snake(name)
    titles = {str(each.get(part, "")).strip() for each in said for part in ("title", "description")}
    return next(
        (item.name for item in items if item.name in {word, name} or (item.label and item.label in titles)),
        next((item.name for item in items if item.name.replace("_", "") == word.replace("_", "")), ""),
    )


def _json(content: Mapping[str, Any]) -> Any:
    """The schema of the JSON form of a body; None if there is no such form."""
    for kind, said in content.items():
        bare = kind.partition(";")[0].strip().lower()
        if bare in {"application/json", "text/json", "*/*"} or bare.endswith("+json"):
            return said.get("schema", {})
    return None


def _resolved(document: dict[str, Any], said: Any) -> dict[str, Any]:
    """``said`` with a reference within the document followed; references elsewhere are not."""
    for _ in range(DEEPEST):
        if not isinstance(said, dict):
            return {}
        reference = said.get("$ref")
        if not isinstance(reference, str):
            return said
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            part = part.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - the same part, unescaped
            place = place.get(part) if isinstance(place, dict) else None
        said = place if reference.startswith("#/") else {}
    return {}
