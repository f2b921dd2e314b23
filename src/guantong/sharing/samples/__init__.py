"""调用示例: ready-made calls for programmers (curl, Python, Java), signed by RFC 9421 with nothing of ours installed."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
LANGUAGES = {"curl": "call.sh", "Python": "call.py.txt", "Java": "Call.java"}
"""The language, and the file that holds its sample: marks in it like ``@URL@`` are replaced."""


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
