"""What a proven record says, in one sentence. It reads whatever flat fields are there and knows no domain."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from guantong.kit.clock import rfc3339
from guantong.kit.errors import Language

_DID = {
    ("provider", "allow"): ("提供了数据", "provided data"),
    ("relay", "allow"): ("转递了数据", "relayed data"),
    ("consumer", "allow"): ("收到了数据", "received data"),
    ("provider", "refuse"): ("拒绝了调用", "refused a call"),
    ("relay", "refuse"): ("拒绝了转递", "refused to relay a call"),
    ("consumer", "refuse"): ("拒绝了调用", "refused a call"),
}

# Field of the body (dots go down), and how it is named in both languages.
_TOLD = (
    ("provider.organisation", "提供方", "provider"),
    ("consumer.organisation", "使用方", "consumer"),
    ("resource", "资源", "resource"),
    ("fields", "字段", "fields"),
    ("grant", "授权", "grant"),
    ("purpose", "用途", "purpose"),
    ("case", "办件", "case"),
    ("rows", "行数", "rows"),
    ("reason", "原因", "reason"),
)


def story(facts: Mapping[str, Any], language: Language) -> str:
    """The sentence for a record that verified; ``facts`` are those of the verdict."""
    body = facts["body"]
    if "index" not in facts:
        return _agreed(facts, body, language)
    told = [
        (name, _written(_look(body, path))) for path, *names in _TOLD if (name := names[language == "en"])
    ]
    details = [(name, value) for name, value in told if value]
    at = body.get("at")
    node = facts.get("node") or ("、" if language == "zh" else ", ").join(facts["signers"])
    did = _DID.get((str(body.get("role")), str(body.get("decision"))))
    if language == "en":
        what = did[1] if did else f"stated {facts['kind']}"
        inside = "; ".join(f"{name} {value}" for name, value in details)
        return (
            f"node {node} {what}{f' at {at}' if at else ''}{f' ({inside})' if inside else ''}; "
            f"the record is entry {facts['index'] + 1} of the log {facts['origin']}, {_cosigned_en(facts)}."
        )
    what = did[0] if did else f"作出声明 {facts['kind']}"
    inside = "；".join(f"{name} {value}" for name, value in details)
    return (
        f"节点 {node} {f'于 {at} ' if at else ''}{what}{f'（{inside}）' if inside else ''}，"
        f"凭证是日志 {facts['origin']} 的第 {facts['index'] + 1} 条，{_cosigned_zh(facts)}。"
    )


def _agreed(facts: Mapping[str, Any], body: Mapping[str, Any], language: Language) -> str:
    """The sentence for an agreement or a pledge, which is in no log."""
    is_agreement = "terms" in body
    terms = body["terms"] if is_agreement else {**body, **body["asked"]}
    who = (terms.get("provider_name", ""), terms["consumer_name"], terms["resource"])
    fields = ("、" if language == "zh" else ", ").join(terms["fields"])
    if language == "en":
        seal = (
            "the document beside it is the signed one"
            if facts["has_document"]
            else "its document was not given"
        )
        if is_agreement:
            return f"{who[0]} grants {who[1]} {fields} of {who[2]} ({body['grant']}); both signatures hold, {seal}."
        return f"{who[1]} pledges for {fields} of {who[2]} ({body['number']}); both signatures hold."
    seal = "同名文书与签署的一致" if facts["has_document"] else "未提供文书"
    if is_agreement:
        return f"{who[0]}授权{who[1]}使用 {who[2]} 的 {fields}（{body['grant']}），双方签名成立，{seal}。"
    return f"{who[1]}就 {who[2]} 的 {fields} 作出承诺（{body['number']}），签名成立。"


def _cosigned_zh(facts: Mapping[str, Any]) -> str:
    names = "、".join(f"{name}（{_moment(at_s)}）" for name, at_s in facts["witnesses"].items())
    return f"见证方 {names} 已会签" if names else "该日志的策略不要求见证"


def _cosigned_en(facts: Mapping[str, Any]) -> str:
    names = ", ".join(f"{name} ({_moment(at_s)})" for name, at_s in facts["witnesses"].items())
    return f"cosigned by {names}" if names else "whose policy asks for no witness"


def _moment(at_s: int) -> str:
    try:
        return rfc3339(datetime.fromtimestamp(at_s, UTC))
    except (OverflowError, ValueError, OSError):
        return str(at_s)


def _look(body: Any, path: str) -> Any:
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _written(value: Any) -> str:
    if isinstance(value, list):
        return "、".join(str(part) for part in value)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
