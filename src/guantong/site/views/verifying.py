"""可举证: the verifier as a page. Anybody may drop files on it; nothing of them is kept."""

import io
import zipfile
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods

import guantong
from guantong.evidence.keysets import KeySet
from guantong.evidence.parcels import Dropped, verify_all
from guantong.evidence.sentences import account, limits, proved, story, title
from guantong.evidence.verdicts import Verdict
from guantong.federation.keyset import keyset_folder
from guantong.kit.errors import GuantongError, Language
from guantong.pages.answers import wants_json
from guantong.site.node import node_settings

MOST_FILES = 50
MOST_UNPACKED = 1 << 28
"""Bytes to which an export that is dropped here may unpack; larger ones are checked offline."""


_RUN = "import sys\n\nfrom guantong.evidence.verifying import main\n\nsys.exit(main(sys.argv[1:]))\n"


class TooManyFiles(GuantongError):
    """More files at once than the page examines."""

    code = "too_many_files"
    status = 413
    zh = "一次最多核验 {limit} 个文件，请分次提交或离线核验。"
    en = "At most {limit} files can be checked at once; give them in parts, or check them offline."


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Say in words what files say and prove, with every fault. Offline, ``guantong verify`` says the same."""
    files = request.FILES.getlist("proof")
    if len(files) > MOST_FILES:
        raise TooManyFiles(limit=MOST_FILES)
    dropped = [Dropped(file.name or "?", file.file) for file in files if file.file]
    keys = KeySet.load(keyset_folder(node_settings())) if dropped else KeySet({}, ())
    verdicts = list(verify_all(dropped, keys, most=MOST_UNPACKED))
    if request.method == "POST" and wants_json(request):
        told = [_as_json(name, verdict) for name, verdict in verdicts]
        is_good = bool(told) and all(verdict.ok for _, verdict in verdicts)
        return JsonResponse({"ok": is_good, "files": told}, json_dumps_params={"ensure_ascii": False})
    language: Language = "en" if get_language() == "en" else "zh"
    context = {
        "verdicts": [_in_words(name, verdict, language) for name, verdict in verdicts],
        "count_good": sum(verdict.ok for _, verdict in verdicts),
        "is_unfilled": request.method == "POST" and not verdicts,
        "most": MOST_FILES,
    }
    return render(request, "site/check.html", context)


@require_GET
def keys(_: HttpRequest) -> HttpResponse:
    """The public keys and policies that this node knows, as the folder that ``guantong verify --keys`` takes."""
    buffer, folder = io.BytesIO(), keyset_folder(node_settings())
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.glob("*")):
            if path.name == "nodes" or path.suffix == ".policy":
                archive.write(path, f"keys/{path.name}")
    return HttpResponse(
        buffer.getvalue(),
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="keys.zip"'},
    )


@require_GET
def verifier(_: HttpRequest) -> HttpResponse:
    """The offline verifier as one file that Python runs: the very sources that this page uses, and nothing else."""
    buffer, source = io.BytesIO(), Path(guantong.__file__).parent
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in [source / "__init__.py", *sorted((source / "kit").glob("*.py"))]:
            archive.write(path, f"guantong/{path.relative_to(source)}")
        for path in sorted((source / "evidence").glob("*.py")):
            archive.write(path, f"guantong/{path.relative_to(source)}")
        archive.writestr("__main__.py", _RUN)
    return HttpResponse(
        buffer.getvalue(),
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="guantong-verify.pyz"'},
    )


def _in_words(name: str, verdict: Verdict, language: Language) -> dict[str, Any]:
    return {
        "name": name,
        "ok": verdict.ok,
        "title": title(verdict.facts, language),
        "sentence": story(verdict.facts, language) if verdict.ok else "",
        "account": account(verdict.facts, language),
        "proved": proved(verdict.facts, language),
        "limits": limits(verdict.facts, language) if verdict.ok else "",
        "faults": [(fault.code, getattr(fault, language)) for fault in verdict.faults],
    }


def _as_json(name: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "file": name,
        "ok": verdict.ok,
        "faults": [{"code": each.code, "message": {"zh": each.zh, "en": each.en}} for each in verdict.faults],
        "proved": verdict.facts.get("proved", []),
        "story": {"zh": story(verdict.facts, "zh"), "en": story(verdict.facts, "en")} if verdict.ok else None,
    }
