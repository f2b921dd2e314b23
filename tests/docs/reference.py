"""docs/reference.md, made from the code: settings, commands, permissions, acts, error codes.

``python -m tests.docs.reference --write`` writes it; the test compares. What is not in it does not exist.
"""

import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

if __name__ == "__main__":
    django.setup()

import guantong
from guantong.identity.roles import ROLE_NAMES, ROLES
from guantong.kit.errors import GuantongError
from guantong.site.cli import COMMANDS
from tests.architecture.test_acts import acts

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference.md"


def page() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        "Made from the code by `python -m tests.docs.reference --write`; a test keeps it true.",
        "## Settings",
        "Read from the environment, or from the file that `<NAME>_FILE` names.",
        table(["setting", "type", "default", "meaning"], settings()),
        "## Commands",
        table(
            ["command", "what it does"],
            [(f"`guantong {name}`", what) for name, (_, what) in COMMANDS.items()],
        ),
        "## Permissions",
        "A permission is `resource:act`; roles carry them.",
        table(["role", "岗位", "permissions"], permissions()),
        "## Acts",
        "Every act takes keyword-only `by` and `at` and leaves a journal row in its own transaction.",
        table(["act", "what it does"], act_rows()),
        "## Error codes",
        "A refusal has a code for machines, an HTTP status, and a sentence in both languages.",
        table(["code", "status", "中文", "English"], errors()),
    ]
    return "\n\n".join(parts) + "\n"


def table(heads: list[str], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *[[cell.replace("|", "\\|") for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def settings() -> list[tuple[str, ...]]:
    """Name, type, default and the sentence above each field of the settings class."""
    text = (ROOT / "src/guantong/kit/settings.py").read_text(encoding="utf-8")
    body = text[text.index("class Settings") : text.index("    @classmethod")]
    found = re.findall(r"    # (.+)\n    (\w+): (\w+)(?: = (.+))?\n", body)
    return [
        (f"`GUANTONG_{name.upper()}`", kind, f"`{default}`" if default else "required", sentence)
        for sentence, name, kind, default in found
    ]


def permissions() -> list[tuple[str, ...]]:
    """Each role with what it may do."""
    return [
        (ROLE_NAMES[role][1], ROLE_NAMES[role][0], ", ".join(f"`{p}`" for p in sorted(granted)))
        for role, granted in ROLES.items()
    ]


def act_rows() -> list[tuple[str, ...]]:
    """Each act with the first sentence of its docstring."""
    rows = {}
    for name, act in acts():
        short = re.sub(r"\.actions\.(?:\w+\.)?(\w+)$", r".\1", name.removeprefix("guantong."))
        rows[short] = " ".join((inspect.getdoc(act) or "").split("\n\n")[0].split())
    return [(f"`{name}`", rows[name]) for name in sorted(rows)]


def errors() -> list[tuple[str, ...]]:
    """Each error code once."""
    for module in modules("guantong"):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as missing:
            # Half a gigabyte that only `make test` fetches; what needs it declares no error of its own.
            if missing.name != "pyspark":
                raise
    found = {error.code: error for error in sorted(subclasses(GuantongError), key=lambda e: e.__module__)}
    return [(f"`{code}`", str(found[code].status), found[code].zh, found[code].en) for code in sorted(found)]


def modules(package: str) -> Iterator[str]:
    """Every module of the package that defines errors can be loaded without side effects."""
    for found in pkgutil.walk_packages(guantong.__path__, f"{package}."):
        if not found.name.endswith(("__main__", "wsgi")) and ".migrations" not in found.name:
            yield found.name


def subclasses(kind: type[GuantongError]) -> Iterator[type[GuantongError]]:
    """All kinds below ``kind`` of our own packages, but those that only repeat what another node said."""
    for each in kind.__subclasses__():
        if each.__module__.startswith("guantong.") and isinstance(each.code, str):
            yield each
        yield from subclasses(each)


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
