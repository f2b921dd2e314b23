"""What a room says in English, and what its catalogue says in Chinese: read as Django itself reads both."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation.template import templatize

SOURCES = Path(__file__).parents[2] / "src" / "guantong"
Message = tuple[str, str]
"""Context (or nothing) and the English words."""

_QUOTED = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(p?)(n?)gettext\(\s*({_QUOTED})(?:\s*,\s*({_QUOTED}))?|\bnpgettext\(\s*({_QUOTED})")
_PLAIN = {"gettext", "gettext_lazy", "gettext_noop", "_", "ngettext", "ngettext_lazy"}
_IN_CONTEXT = {"pgettext", "pgettext_lazy", "npgettext", "npgettext_lazy"}
_PLACE = re.compile(r"%\(\w+\)[sd]")


def in_template(text: str) -> Iterator[Message]:
    """The strings of a template: what Django's own extraction sees in it."""
    for call in _CALL.finditer(templatize(text)):
        first, second = (ast.literal_eval(word) if word else "" for word in (call[3], call[4]))
        yield (first, second) if call[1] else ("", first)


def in_python(text: str) -> Iterator[Message]:
    """The strings that Python code hands to gettext and its kin."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        words = [each.value for each in node.args if isinstance(each, ast.Constant)]
        if node.func.id in _PLAIN and words:
            yield "", words[0]
        elif node.func.id in _IN_CONTEXT and len(words) > 1:
            yield words[0], words[1]


def rooms() -> list[Path]:
    return sorted(path for path in SOURCES.iterdir() if path.is_dir() and said_in(path))


def said_in(room: Path) -> set[Message]:
    """Every string for people in a room."""
    said: set[Message] = set()
    for path in room.rglob("*.html"):
        said.update(in_template(path.read_text("utf-8")))
    for path in room.rglob("*.py"):
        said.update(in_python(path.read_text("utf-8")))
    return said


def catalogue_of(room: Path) -> dict[Message, list[str]]:
    """The Chinese of a room: one form, since Chinese has one."""
    path = room / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    if not path.exists():
        return {}
    return {
        (entry.msgctxt or "", entry.msgid): list(entry.msgstr_plural.values()) or [entry.msgstr]
        for entry in polib.pofile(str(path))
        if not entry.obsolete and "fuzzy" not in entry.flags
    }


def untranslated(said: set[Message], catalogue: dict[Message, list[str]]) -> set[Message]:
    """What has no Chinese, or Chinese that leaves a place out."""
    return {
        message
        for message in said
        if not all(catalogue.get(message, [""]))
        or any(set(_PLACE.findall(message[1])) != set(_PLACE.findall(zh)) for zh in catalogue[message])
    }
