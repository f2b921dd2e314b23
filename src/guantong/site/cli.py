"""The ``guantong`` command: one word, one module.

Modules are loaded by name, so that ``guantong verify`` starts without Django and the data plane never loads it.
"""

import importlib
import os
import sys
from collections.abc import Sequence

from guantong.kit.errors import GuantongError

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("guantong.site.commands.init", "make this node's keys and database"),
    "join": ("guantong.site.commands.join", "announce this node to its parent: --parent URL"),
    "up": ("guantong.site.commands.up", "run all processes of this node"),
    "web": ("guantong.site.commands.web", "run the pages and the messages between nodes"),
    "gateway": ("guantong.site.commands.gateway", "run the gateway"),
    "exchange": ("guantong.site.commands.exchange", "run batch jobs; one now: --run JOB"),
    "edge": ("guantong.site.commands.edge", "take part from a department's network: join URL, run"),
    "jobs": (
        "guantong.site.commands.jobs",
        "batch jobs: list, watch JOB, run, pause, resume, cancel, replay JOB",
    ),
    "conform": (
        "guantong.site.commands.conform",
        "try out whether another database does what batch exchange needs: SOURCE",
    ),
    "index": ("guantong.site.commands.index", "build the catalogue's search index anew"),
    "log": ("guantong.site.commands.log", "run the transparency log and the witness"),
    "monitor": (
        "guantong.site.commands.monitor",
        "follow a log from outside: URL --key VKEY [--state DIR] [--once]",
    ),
    "proof": ("guantong.site.commands.proof", "a record's proof file, wherever the record rests: DIGEST"),
    "complete": ("guantong.site.commands.complete", "name the receipts that are missing: [FILE…]"),
    "archive": ("guantong.site.commands.archive", "pack old records; --restore WRITER START puts them back"),
    "backup": ("guantong.site.commands.backup", "copy this node while it runs: FOLDER [--with-keys]"),
    "restore": ("guantong.site.commands.restore", "put a backup back: FOLDER"),
    "rotate": ("guantong.site.commands.rotate", "change a key in two steps: log|witness|node"),
    "work": ("guantong.site.commands.work", "run the background worker"),
    "verify": ("guantong.evidence.verifying", "check proof files offline: FILE… --keys KEYS"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named command; its exit code is ours. 2 for a word we do not know, 1 for a refusal, told in words."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["help"], ["--help"], ["-h"]):
        print(_help())  # noqa: T201 - this is a command line
        return 0
    if not words or words[0] not in COMMANDS:
        print(_help(), file=sys.stderr)  # noqa: T201
        return 2
    if words[0] != "verify":
        # What a node writes (keys, cases, receipts) is its own business on a shared machine.
        os.umask(0o077)
    module = importlib.import_module(COMMANDS[words[0]][0])
    try:
        return int(module.main(words[1:]))
    except GuantongError as error:
        print(f"{error.sentence('zh')}\n{error.sentence('en')}", file=sys.stderr)  # noqa: T201
        return 1


def _help() -> str:
    lines = [f"  guantong {name:<8} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["贯通 Guantong", "", *lines])
