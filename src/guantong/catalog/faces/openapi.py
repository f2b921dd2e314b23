"""The OpenAPI document of the JSON API, made of the types that it answers with."""

from typing import Any, Final

import msgspec

from guantong.catalog.faces import types
from guantong.catalog.search.addresses import PARAMETERS
from guantong.catalog.search.types import FACETS, SORTS

_ANSWERS: Final = (
    types.EntryPage,
    types.Entry,
    types.Items,
    types.Versions,
    types.Version,
    types.Changes,
    types.Refusal,
)
_WORDS: Final = {
    "department": "部门代码（统一社会信用代码），可重复 / department code, repeatable",
    "region": "行政区划代码前 2、4 或 6 位 / first 2, 4 or 6 digits of the division",
    "kind": "类：1 基础，2 主题，3 部门 / class: 1 base, 2 theme, 3 department",
    "sharing": "unconditional, conditional, not_shared",
    "open": "是否开放：yes, no / open to the public",
    "cycle": "更新周期 / update cycle, e.g. daily",
    "medium": "资源格式 / format of the resource, e.g. database",
    "level": "最高级别 1–4 / highest level of the items",
    "linked": "挂接：yes, no, broken, stale / whether it is linked to data",
}


def document(base: str) -> dict[str, Any]:
    """The document, for a node at ``base``."""
    _, schemas = msgspec.json.schema_components(_ANSWERS, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "政务信息资源目录接口 / Catalogue API",
            "version": "1",
            "description": "只读，仅含公众可见的已发布目录 / Read-only; entries in force, as the public sees them.",
        },
        "servers": [{"url": f"{base}/api/catalog/v1"}],
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "responses": {
                "Refused": {
                    "description": "错误：代码与中英文说明 / Refused: a code, and a sentence in both languages",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
                },
                "NotModified": {"description": "未变化 / You have it already (If-None-Match)"},
            },
        },
    }


def _paths() -> dict[str, Any]:
    one = [_code()]
    return {
        "/entries": _get("entries", "检索目录 / Find entries", "EntryPage", _search()),
        "/entries/{code}": _get("entry", "一条目录 / One entry", "Entry", one),
        "/entries/{code}/items": _get("items", "信息项 / Its items", "Items", one),
        "/entries/{code}/versions": _get("versions", "历次版本 / Its versions", "Versions", one),
        "/entries/{code}/versions/{number}": _get(
            "version",
            "某一版本 / One version",
            "Version",
            [*one, _number("number", 1, 999_999_999, where="path")],
        ),
        "/changes": _get(
            "changes",
            "某序号之后的变更 / Changes after a number",
            "Changes",
            [_number("after", 0, 2**62), _number("limit", 1, 1000)],
        ),
    }


def _get(name: str, summary: str, answer: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{answer}"}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {
                    "description": summary,
                    "headers": {"ETag": {"schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": schema}},
                },
                "304": {"$ref": "#/components/responses/NotModified"},
                "default": {"$ref": "#/components/responses/Refused"},
            },
        }
    }


def _search() -> list[dict[str, Any]]:
    text = {"type": "string"}
    several = {"type": "array", "items": text}
    found = [_query("q", "检索词 / words to find", text)]
    for facet in FACETS:
        name = PARAMETERS[facet]
        if name in _WORDS:
            found.append(_query(name, _WORDS[name], text if name == "region" else several))
    return [
        *found,
        _query("sort", "排序 / order", {"type": "string", "enum": list(SORTS)}),
        _number("limit", 1, 1000),
        _query("cursor", "上一页给出的游标 / from the page before", text),
        _query("facets", "需要计数的分面，逗号分隔 / facets to count, with commas: department,linked", text),
    ]


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _number(name: str, least: int, most: int, *, where: str = "query") -> dict[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _code() -> dict[str, Any]:
    return {
        "name": "code",
        "in": "path",
        "required": True,
        "description": "资源代码，含“/”，原样写入 / with its slash, as it is: 3070511600001/000001",
        "schema": {"type": "string"},
    }
