"""``guantong verify``: the offline verifier as a command, for people and for programs."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from guantong.evidence.keysets import KeySet
from guantong.evidence.parcels import Dropped, verify_all
from guantong.evidence.sentences import story
from guantong.evidence.verdicts import Fault, Verdict
from guantong.kit.errors import GuantongError, Language

Told = tuple[str, Verdict]


def main(argv: Sequence[str]) -> int:
    """``guantong verify FILE… --keys KEYS [--lang zh|en] [--json]``: 0 if all are good, 1 if not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="guantong verify", description="离线核验凭证 / verify proofs offline"
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="证明、凭证、协议（及文书）、导出或其压缩包 / proof, receipt, agreement (with its document), export, or a zip",
    )
    parser.add_argument(
        "--keys", required=True, type=Path, help="公钥目录 / folder with public keys and policies"
    )
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    parser.add_argument(
        "--json", action="store_true", help="每个文件一行 JSON / one line of JSON for each file"
    )
    try:
        asked = parser.parse_args(argv)
    except SystemExit as leaving:
        return 2 if leaving.code else 0
    try:
        keys = KeySet.load(asked.keys)
    except GuantongError as fault:
        sys.stderr.write(fault.sentence(asked.lang) + "\n")
        return 2
    is_good = True
    for name, verdict in _examined(asked.files, keys):
        is_good = verdict.ok and is_good
        told = as_json(name, verdict) if asked.json else _sentence(name, verdict, asked.lang)
        sys.stdout.write(told + "\n")
    return 0 if is_good else 1


def as_json(name: str, verdict: Verdict) -> str:
    """A verdict for programs, on one line."""
    value = {
        "file": name,
        "ok": verdict.ok,
        "faults": [{"code": each.code, "message": {"zh": each.zh, "en": each.en}} for each in verdict.faults],
        "form": verdict.facts.get("form"),
        "proved": verdict.facts.get("proved", []),
        "story": {each: story(verdict.facts, each) for each in ("zh", "en")} if verdict.ok else None,
        "facts": verdict.facts,
    }
    return json.dumps(value, ensure_ascii=False)


def _examined(paths: Sequence[Path], keys: KeySet) -> Iterator[Told]:
    """What each file comes to, in the order given; an agreement's document is found beside it."""
    for path in paths:
        with ExitStack() as opened:
            try:
                together = [Dropped(path.name, opened.enter_context(path.open("rb")))]
                document = path.with_suffix(".pdf")
                if path.suffix == ".json" and document.is_file():
                    together.append(Dropped(document.name, opened.enter_context(document.open("rb"))))
                # A document that lies there for another reason is nobody's fault.
                yield from [
                    told
                    for told in verify_all(together, keys)
                    if len(together) == 1 or told[0] != document.name
                ]
            except OSError as fault:
                why = Fault(
                    "unreadable", f"无法读取：{fault.strerror}。", f"It cannot be read: {fault.strerror}."
                )
                yield path.name, Verdict(ok=False, faults=[why], facts={})


def _sentence(name: str, verdict: Verdict, language: Language) -> str:
    colon = ": " if language == "en" else "："
    if not verdict.ok:
        whys = [f"{getattr(fault, language)} [{fault.code}]" for fault in verdict.faults]
        return f"✘ {name}{colon}{' '.join(whys)}"
    return f"✔ {name}{colon}{story(verdict.facts, language)}"
