"""The ``guantong`` command: one word, one module.

Modules are loaded by name, so that ``guantong verify`` starts without Django and the data plane never loads it.
"""

import importlib
import sys
from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("guantong.site.commands.init", "make this node's keys and database"),
    "join": ("guantong.site.commands.join", "announce this node to its parent: --parent URL"),
    "up": ("guantong.site.commands.up", "run all processes of this node"),
    "web": ("guantong.site.commands.web", "run the pages and the messages between nodes"),
    "gateway": ("guantong.site.commands.gateway", "run the gateway"),
    "log": ("guantong.site.commands.log", "run the transparency log and the witness"),
    "work": ("guantong.site.commands.work", "run the background worker"),
    "verify": ("guantong.evidence.verifier", "check proof files offline: FILE… --keys KEYS"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named command; its exit code is ours. 2 for a word we do not know."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in COMMANDS:
        print(_help(), file=sys.stderr)  # noqa: T201 - this is a command line
        return 0 if words[:1] in (["help"], ["--help"], ["-h"]) else 2
    module = importlib.import_module(COMMANDS[words[0]][0])
    return int(module.main(words[1:]))


def _help() -> str:
    lines = [f"  guantong {name:<8} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["贯通 Guantong", "", *lines])
