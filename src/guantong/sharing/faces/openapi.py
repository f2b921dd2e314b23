"""The OpenAPI document of this door, made of the types that it reads and answers with."""

from typing import Any, Final

import msgspec

from guantong.sharing.faces import types
from guantong.sharing.models import RequestState

_SPOKEN: Final = (
    types.Form,
    types.Addition,
    types.Withdrawing,
    types.Pledge,
    types.Filed,
    types.RequestTold,
    types.Requests,
    types.GrantTold,
    types.Grants,
    types.Refusal,
)
_ABOUT: Final = (
    "以应用密钥按 RFC 9421 签名（@method、@path、有查询串时 @query、有报文体时 content-digest，带一次性 nonce），"
    "签名 60 秒内有效、只能用一次；答复由节点签名。不接受 Cookie。审批只由人办理。/ "
    "Signed with the application's key (RFC 9421: @method, @path, @query where there is one, content-digest where there "
    "is a body, and a nonce); good for 60 seconds and once. Answers are signed by the node. No cookies. People decide."
)


def document(base: str) -> dict[str, Any]:
    """The document, for a node at ``base``."""
    _, schemas = msgspec.json.schema_components(_SPOKEN, ref_template="#/components/schemas/{name}")
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "数据申请与授权接口 / Requests and grants API",
            "version": "1",
            "description": _ABOUT,
        },
        "servers": [{"url": f"{base}/api/sharing/v1"}],
        "security": [{"signature": []}],
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "RFC 9421; keyid 为应用标识 / keyid is the application's code",
                }
            },
            "responses": {
                "Refused": {
                    "description": "错误：代码与中英文说明 / Refused: a code, and a sentence in both languages",
                    "content": refused,
                },
                "Wait": {
                    "description": "过于频繁 / Too often",
                    "headers": {"Retry-After": {"schema": {"type": "integer"}}},
                    "content": refused,
                },
            },
        },
    }


def _paths() -> dict[str, Any]:
    uuid = _parameter("uuid", "path", {"type": "string", "format": "uuid"})
    code = _parameter("code", "path", {"type": "string"})
    after = _parameter("after", "query", {"type": "string"})
    limit = _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 200})
    state = _parameter("state", "query", {"type": "string", "enum": list(RequestState.values)})
    resource = _parameter("resource", "query", {"type": "string"})
    repeat = {"200": _answer("此前已提交 / Filed before", "Filed")}
    return {
        "/pledge": {
            "get": {**_act("pledge", "承诺书文本 / The pledge", "Pledge"), "security": []},
        },
        "/requests": {
            "get": _act("requests", "本机构的申请 / Your requests", "Requests", [state, after, limit]),
            "post": _act(
                "file", "提出申请 / File a request", "Filed", body="Form", status="201", more=repeat
            ),
        },
        "/requests/{uuid}": {"get": _act("request", "一份申请 / One request", "RequestTold", [uuid])},
        "/requests/{uuid}/supplement": {
            "post": _act("supplement", "补正 / Add what was missing", "RequestTold", [uuid], body="Addition")
        },
        "/requests/{uuid}/withdraw": {
            "post": _act("withdraw", "撤回 / Withdraw", "RequestTold", [uuid], body="Withdrawing")
        },
        "/grants": {"get": _act("grants", "本机构的授权 / Your grants", "Grants", [resource, after, limit])},
        "/grants/{code}": {"get": _act("grant", "一份授权 / One grant", "GrantTold", [code])},
    }


def _act(
    name: str,
    summary: str,
    answer: str,
    parameters: list[dict[str, Any]] | None = None,
    *,
    body: str = "",
    status: str = "200",
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "parameters": parameters or [],
        "responses": {
            status: _answer(summary, answer),
            **(more or {}),
            "429": {"$ref": "#/components/responses/Wait"},
            "default": {"$ref": "#/components/responses/Refused"},
        },
    }
    if body:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _answer(description: str, name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, where: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}
