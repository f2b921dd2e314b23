"""What a file says and proves, in words of both languages. It reads whatever fields are there and believes none."""

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


# Tests that a file can pass, as the examination names them, and what each of them proves.
_PROVED = {
    "signed": (
        "内容自签名以来一字未改，签名者的公钥在您的公钥目录中。",
        "Not a byte has changed since it was signed, by a key that stands in your key set.",
    ),
    "in_tree": (
        "它是日志这棵树上的一条，位置与内容都对得上。",
        "It is an entry of the log's tree: place and content fit.",
    ),
    "log_signed": ("日志为这棵树签了名。", "The log has signed that tree."),
    "witnessed": (
        "足够多的见证方会签了这棵树：事后抽换、删除任何一条，都会被发现。",
        "Enough witnesses have cosigned that tree: nothing in it can be replaced or taken out unseen.",
    ),
    "both_signed": (
        "机构与其所属节点都签了名，机构的公钥由节点作保。",
        "The organisation and its node have both signed; the node vouches for the organisation's key.",
    ),
    "within_pledge": (
        "协议没有超出使用方的申请与承诺；承诺的签名也成立。",
        "The agreement gives no more than was asked and pledged; the pledge's signatures hold, too.",
    ),
    "two_histories": (
        "日志的签名在两个互相矛盾的检查点上都成立。",
        "The log's signature holds on two checkpoints that exclude each other.",
    ),
    "document": ("文书就是签署的那一份。", "The document is the one that was signed."),
    "export_whole": (
        "导出的每个文件都在签名清单中，一个不多、一个不少、一字未改。",
        "Every file of the export stands in the signed manifest: none more, none less, none changed.",
    ),
}

_LIMITS = {
    "statement": (
        "签名成立，但本文件未证明它已进入日志：请向节点索取其证明文件（.proof）。",
        "The signature holds, but the file does not show that it is in a log: ask the node for its proof file (.proof).",
    ),
    "proof": (
        "它证明有这次使用以及双方对它的说法，不证明数据本身正确，也不说明没有别的使用。",
        "It proves this use and what was said of it; not that the data are right, and not that there was no other use.",
    ),
    "agreement": (
        "它证明当时约定了什么，不说明授权此后是否变更、暂停或撤销。",
        "It proves what was agreed then, not whether the grant was changed, suspended or revoked afterwards.",
    ),
    "accusation": (
        "它证明该日志对不同的人出示过不同的历史，不说明哪一段是真的，也不说明是谁所为。",
        "It proves that the log showed different histories, not which of them is true, nor who did it.",
    ),
    "pledge": (
        "它证明使用方申请并承诺了什么，不说明是否获得授权。",
        "It proves what was asked and pledged, not that it was granted.",
    ),
    "export": (
        "它证明该节点当时导出的就是这些内容，其中每一条另有自己的凭证可供核验。",
        "It proves that this is what the node exported then; each row has a receipt of its own that can be checked.",
    ),
}

# What a file says, line by line: where it stands, and its name in both languages.
_ACCOUNTS = {
    "use": (("at", "时间", "at"), ("node", "节点", "node"), ("role", "身份", "role"), ("decision", "判定", "decision"),
            *_TOLD, ("mode", "方式", "mode"), ("call", "调用", "call"), ("chain", "编号链", "chain"),
            ("n", "链中编号", "number in its chain")),
    "agreement": (("grant", "授权", "grant"), ("terms.provider_name", "提供方", "provider"),
                  ("terms.consumer_name", "使用方", "consumer"), ("terms.resource", "资源", "resource"),
                  ("terms.fields", "字段", "fields"), ("terms.modes", "方式", "modes"), ("terms.purpose", "用途", "purpose"),
                  ("terms.not_before", "自", "from"), ("terms.not_after", "至", "until")),
    "pledge": (("number", "申请编号", "request"), ("consumer_name", "使用方", "consumer"),
               ("asked.resource", "资源", "resource"), ("asked.fields", "字段", "fields"),
               ("asked.modes", "方式", "modes"), ("asked.purpose", "用途", "purpose")),
    "export": (("at", "时间", "at"), ("node", "节点", "node"), ("by.name", "导出人", "exported by"),
               ("what", "内容", "content"), ("query", "检索条件", "search"), ("count", "条数", "rows"),
               ("is_cut", "达到上限", "cut at the limit")),
    "uses": (("at", "时间", "at"), ("node", "节点", "node"), ("count", "条数", "uses"), ("query", "检索条件", "search"),
             ("is_cut", "达到上限", "cut at the limit")),
    "act": (("at", "时间", "at"), ("act", "操作", "act"), ("by.name", "操作人", "by"), ("subject.kind", "对象", "subject"),
            ("subject.id", "对象编号", "identifier"), ("details", "细节", "details")),
}  # fmt: skip

_NAMES = {
    "guantong/receipt@v1": ("凭证", "receipt"),
    "guantong/agreement@v1": ("共享协议", "agreement"),
    "guantong/pledge@v1": ("使用承诺", "pledge"),
    "guantong/export@v1": ("导出清单", "manifest of an export"),
    "guantong/act@v1": ("留痕", "journal entry"),
    "guantong/accusation@v1": ("对日志的指控", "accusation of a log"),
    "guantong/alert@v1": ("告警", "alert"),
    "guantong/uses@v1": ("本人数据使用情况", "uses of one's own data"),
}


def title(facts: Mapping[str, Any], language: Language) -> str:
    """What kind of file it is, in words; empty where that could not be made out."""
    kind = str(facts.get("kind", ""))
    name = _NAMES.get(kind, (kind, kind))[language == "en"]
    if facts.get("form") == "proof":
        return (
            f"{name} · {('证明文件', 'proof file')[language == 'en']}"
            if name
            else ("证明文件", "proof file")[language == "en"]
        )
    return name


def account(facts: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """What the file says, as names and values; nothing of it is to be believed unless the verdict is good."""
    body = facts.get("body")
    kind = str(facts.get("kind", "")).partition("@")[0].rpartition("/")[2]
    lines = _ACCOUNTS.get({"receipt": "use"}.get(kind, kind), _ACCOUNTS["use"])
    told = {names[language == "en"]: _written(_look(body, path)) for path, *names in lines}
    log = _written(facts.get("origin"))
    if log and isinstance(facts.get("index"), int):
        of = f" / {facts['size']}"
        told[("日志", "log")[language == "en"]] = log
        told[("第几条", "entry")[language == "en"]] = f"{facts['index'] + 1}{of}"
    for name, at_s in facts.get("witnesses", {}).items():
        told[f"{('见证方', 'witness')[language == 'en']} {name}"] = _moment(at_s)
    return [(name, value) for name, value in told.items() if value]


def proved(facts: Mapping[str, Any], language: Language) -> list[str]:
    """What the tests that the file has passed prove."""
    return [_PROVED[test][language == "en"] for test in facts.get("proved", []) if test in _PROVED]


def limits(facts: Mapping[str, Any], language: Language) -> str:
    """What a file of this form does not prove, however sound it is."""
    return _LIMITS.get(str(facts.get("form")), ("", ""))[language == "en"]


def story(facts: Mapping[str, Any], language: Language) -> str:
    """The sentence for a file that verified; ``facts`` are those of the verdict."""
    body = facts["body"]
    if facts["form"] == "accusation":
        return _accused(facts, language)
    if facts["form"] in {"agreement", "pledge"}:
        return _agreed(facts, body, language)
    if facts["kind"] == "guantong/export@v1":
        return _exported(facts, body, language)
    told = [
        (name, _written(_look(body, path))) for path, *names in _TOLD if (name := names[language == "en"])
    ]
    details = [(name, value) for name, value in told if value]
    at = _written(body.get("at"))
    node = facts.get("node") or ("、" if language == "zh" else ", ").join(facts["signers"])
    did = _DID.get((str(body.get("role")), str(body.get("decision"))))
    if language == "en":
        what = did[1] if did else f"stated {facts['kind']}"
        inside = "; ".join(f"{name} {value}" for name, value in details)
        return f"node {node} {what}{f' at {at}' if at else ''}{f' ({inside})' if inside else ''}; {_place_en(facts)}."
    what = did[0] if did else f"作出声明 {facts['kind']}"
    inside = "；".join(f"{name} {value}" for name, value in details)
    return f"节点 {node} {f'于 {at} ' if at else ''}{what}{f'（{inside}）' if inside else ''}，{_place_zh(facts)}。"


def _place_zh(facts: Mapping[str, Any]) -> str:
    if facts["form"] != "proof":
        return "签名成立；本文件不含日志中的位置"
    return f"凭证是日志 {facts['origin']} 的第 {facts['index'] + 1} 条，{_cosigned_zh(facts)}"


def _place_en(facts: Mapping[str, Any]) -> str:
    if facts["form"] != "proof":
        return "the signature holds; the file does not tell a place in a log"
    return f"the record is entry {facts['index'] + 1} of the log {facts['origin']}, {_cosigned_en(facts)}"


def _accused(facts: Mapping[str, Any], language: Language) -> str:
    """The sentence for a proof that a log signed two histories."""
    (larger, smaller), log = facts["sizes"], facts["origin"]
    if language == "en":
        return f"the log {log} signed two histories: trees of {larger} and of {smaller} entries that exclude each other."
    return f"日志 {log} 签署了两段互相矛盾的历史：一棵 {larger} 条的树和一棵 {smaller} 条的树不能并存。"


def _agreed(facts: Mapping[str, Any], body: Mapping[str, Any], language: Language) -> str:
    """The sentence for an agreement or a pledge, which is in no log."""
    is_agreement = facts["form"] == "agreement"
    inside = "terms" if is_agreement else "asked"
    named = "terms." if is_agreement else ""
    provider, consumer = _said(body, f"{named}provider_name"), _said(body, f"{named}consumer_name")
    resource = _said(body, f"{inside}.resource")
    fields = _look(body, f"{inside}.fields")
    listed = ("、" if language == "zh" else ", ").join(map(str, fields)) if isinstance(fields, list) else ""
    number = _said(body, "grant" if is_agreement else "number")
    if language == "en":
        seal = (
            "the document beside it is the signed one"
            if facts["has_document"]
            else "its document was not given"
        )
        if is_agreement:
            return f"{provider} grants {consumer} {listed} of {resource} ({number}); both signatures hold, {seal}."
        return f"{consumer} pledges for {listed} of {resource} ({number}); both signatures hold."
    seal = "同名文书与签署的一致" if facts["has_document"] else "未提供文书"
    if is_agreement:
        return f"{provider}授权{consumer}使用 {resource} 的 {listed}（{number}），双方签名成立，{seal}。"
    return f"{consumer}就 {resource} 的 {listed} 作出承诺（{number}），签名成立。"


def _exported(facts: Mapping[str, Any], body: Mapping[str, Any], language: Language) -> str:
    """The sentence for an export: who took how much of what, and whether the files are the signed ones."""
    node, at, who, count = (_said(body, name) for name in ("node", "at", "by.name", "count"))
    sought = _said(body, "query")
    if language == "en":
        files = (
            "the files are those that were signed" if facts.get("has_files") else "its files were not given"
        )
        cut = "; more was found than may be exported at once" if body.get("is_cut") is True else ""
        return f"node {node} exported {count} rows for {who} at {at} ({sought}){cut}; the signature holds, {files}."
    files = "各文件与签署的一致" if facts.get("has_files") else "未提供所列文件"
    cut = "，结果超出一次导出的上限，余下未含" if body.get("is_cut") is True else ""
    return f"节点 {node} 于 {at} 应{who}之请导出 {count} 条（{sought}）{cut}；签名成立，{files}。"


def _said(body: Mapping[str, Any], path: str) -> str:
    return _written(_look(body, path))


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
    if isinstance(value, dict):
        return "；".join(f"{name}={_written(part)}" for name, part in value.items())
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
