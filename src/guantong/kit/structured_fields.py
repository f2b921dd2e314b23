"""Structured fields (RFC 8941), as much of them as HTTP signatures need: dictionaries, items, inner lists.

Values keep their serialised text, because signatures cover that text. Reading is stricter than the standard:
the text must be as a serialiser writes it, so that one meaning has one text.
"""

import re

from guantong.kit.errors import GuantongError

Item = str | bool | int

LONGEST_FIELD = 8192
_WORD = r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*"
_ITEM = rf'"(?:[ !#-\[\]-~]|\\["\\])*"|:[A-Za-z0-9+/=]*:|-?[0-9]{{1,15}}|{_WORD}|\?[01]'
_item = re.compile(_ITEM)
_parameter = re.compile(rf";([a-z*][a-z0-9_.*-]*)(?:=({_ITEM}))?")
_name = re.compile(r'"([a-z0-9@!#$%&\'*+.^_`|~-]+)"')
_label = re.compile(r"([a-z*][a-z0-9_.*-]*)=")
_comma = re.compile(r"[ \t]*,[ \t]*(?!$)")


class FieldMalformed(GuantongError):
    """A header field that does not follow its grammar."""

    code = "structured_field_malformed"
    zh = "签名头无法解析：{why}。"
    en = "The signature fields cannot be read: {why}."


def members(field: str) -> list[tuple[str, str]]:
    """The members of a dictionary field, each with the text of its value."""
    if len(field) > LONGEST_FIELD:
        raise FieldMalformed(why="too long")
    found: dict[str, str] = {}
    at = 0
    while at < len(field):
        if found:
            comma = _comma.match(field, at)
            if comma is None:
                raise FieldMalformed(why="members are not separated by commas")
            at = comma.end()
        start = _label.match(field, at)
        if start is None or start[1] in found:
            raise FieldMalformed(why="a label is malformed or repeated")
        at = _value_end(field, start.end())
        found[start[1]] = field[start.end() : at]
    return list(found.items())


def inner_list(field: str, at: int = 0) -> tuple[tuple[str, ...], int]:
    """The quoted names (with their parameters) of a list ``(…)`` that starts at ``at``, and where it ends."""
    if not field.startswith("(", at):
        raise FieldMalformed(why="not a list")
    at += 1
    names: list[str] = []
    while not field.startswith(")", at):
        if names:
            if not field.startswith(" ", at):
                raise FieldMalformed(why="list members are not separated by one space")
            at += 1
        name = _name.match(field, at)
        if name is None:
            raise FieldMalformed(why="a list member is malformed")
        end = _parameters_end(field, name.end())
        names.append(field[at:end])
        at = end
    return tuple(names), at + 1


def parameters(text: str) -> dict[str, Item]:
    """The parameters of ``;a=1;b``; a parameter without a value is True."""
    found: dict[str, Item] = {}
    at = 0
    while at < len(text):
        parameter = _parameter.match(text, at)
        if parameter is None or parameter[1] in found:
            raise FieldMalformed(why="a parameter is malformed or repeated")
        found[parameter[1]] = _value(parameter[2])
        at = parameter.end()
    return found


def quoted(text: str) -> str:
    """``text`` as a string item; :class:`FieldMalformed` unless it is printable ASCII."""
    if not text.isascii() or not text.isprintable():
        raise FieldMalformed(why="a string is not printable ASCII")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _value_end(field: str, at: int) -> int:
    if field.startswith("(", at):
        return _parameters_end(field, inner_list(field, at)[1])
    item = _item.match(field, at)
    if item is None:
        raise FieldMalformed(why="a value is malformed")
    return _parameters_end(field, item.end())


def _parameters_end(field: str, at: int) -> int:
    while parameter := _parameter.match(field, at):
        at = parameter.end()
    return at


def _value(text: str | None) -> Item:
    if text is None:
        return True
    if text[0] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if text[0] == "?":
        return text == "?1"
    if text[0] in "-0123456789":
        return int(text)
    return text
