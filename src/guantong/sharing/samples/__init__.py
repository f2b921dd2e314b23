"""调用示例: ready-made calls for programmers (curl, Python, Java), signed by RFC 9421 with nothing of ours installed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

_FOLDER = Path(__file__).parent
LANGUAGES = {
    "curl": "call.sh",
    "Python": "call.py.txt",
    "Java": "Call.java",
    "curl · OAuth 2.0": "token.sh",
    "Python · OAuth 2.0": "token.py.txt",
    "Python · HMAC + nonce": "nonce.py.txt",
}
"""The language, and the file that holds its sample: marks in it like ``@URL@`` are replaced."""

NATIONAL = {"curl": "national.sh", "Java": "NationalCall.java"}
"""The same for the national platform's convention."""


def samples(terms: dict[str, Any], *, gateway_url: str, mode: str) -> dict[str, str]:
    """A whole program per language that makes one call under the grant with these terms."""
    content = terms["resource_content"]
    keys = (content.get("lookups") or [[]])[0]
    application = terms["applications"][0]["code"] if terms["applications"] else ""
    what = (
        {"claims": dict.fromkeys(terms["fields"], "…")} if mode == "verify" else {"fields": terms["fields"]}
    )
    body = {
        "resource": terms["resource"],
        "grant": terms["code"],
        "purpose": terms["purpose"],
        "case": "",
        "keys": dict.fromkeys(keys, "…"),
        **what,
    }
    marks = {
        "@URL@": gateway_url.rstrip("/"),
        "@MODE@": mode,
        "@APPLICATION@": application,
        "@BODY@": json.dumps(body, ensure_ascii=False),
    }
    return {language: _filled(file, marks) for language, file in LANGUAGES.items()}


def national_samples(terms: dict[str, Any], *, gateway_url: str, rid: str, sid: str) -> dict[str, str]:
    """A whole program per language that asks by the national platform's convention."""
    named, operation = _safe_operation(terms)
    if operation:
        names = [name for name, one in operation.get("parameters", {}).items() if one.get("required")]
    else:
        names = (terms["resource_content"].get("lookups") or [[]])[0]
    marks = {"@URL@": gateway_url.rstrip("/"), "@RID@": rid, "@SID@": sid}
    more = {
        "Java": (
            ", ".join(f"{{{json.dumps(name)}, {json.dumps('…')}}}" for name in names),
            f'\n            .header("guantong-operation", {json.dumps(named)})' if named else "",
        ),
        "curl": (
            "".join(f" \\\n  --data-urlencode {_written(f'{name}=…', '.sh')}" for name in names),
            f" \\\n  --header {_written(f'guantong-operation: {named}', '.sh')}" if named else "",
        ),
    }
    return {
        language: _filled(file, marks)
        .replace("@PARAMETERS@", more[language][0])
        .replace("@OPERATION@", more[language][1])
        for language, file in NATIONAL.items()
    }


def service_sample(terms: dict[str, Any], *, gateway_url: str) -> str:
    """A whole curl program that asks the department's own interface; empty if it has nothing that only reads."""
    _, operation = _safe_operation(terms)
    if not operation:
        return ""
    path, query = operation["path"], []
    for name, one in operation.get("parameters", {}).items():
        if one["where"] == "path":
            path = path.replace(f"{{{name}}}", "…")
        elif one["where"] == "query" and one.get("required"):
            query.append(f"{quote(name)}=…")
    marks = {
        "@URL@": gateway_url.rstrip("/"),
        "@APPLICATION@": terms["applications"][0]["code"] if terms["applications"] else "",
        "@PATH@": f"/v1/services/{terms['code']}{path}{'?' if query else ''}{'&'.join(query)}",
    }
    return _filled("interface.sh", marks)


def _safe_operation(terms: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The first operation that only reads, by its name; empty if there is none."""
    operations = terms["resource_content"].get("operations") or {}
    return next(((name, each) for name, each in operations.items() if each["method"] == "GET"), ("", {}))


def _filled(file: str, marks: dict[str, str]) -> str:
    """The sample with its marks replaced, each value written as that language writes text."""
    text = (_FOLDER / file).read_text(encoding="utf-8")
    for mark, value in marks.items():
        text = text.replace(mark, _written(value, file))
    return text


def _written(value: str, file: str) -> str:
    if file.endswith(".sh"):
        return "'" + value.replace("'", "'\\''") + "'"
    if file.endswith(".java"):
        return json.dumps(value, ensure_ascii=True)
    return repr(value)
