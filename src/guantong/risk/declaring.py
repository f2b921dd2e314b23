"""Reading rules that somebody has written: one, or a file of them in the form in which the platform ships its own."""

from collections.abc import Iterable
from string import Formatter
from typing import Any

import msgspec
from django.utils.translation import gettext

from guantong.risk.errors import RulesWrong, RuleWrong
from guantong.risk.forms import LABELS
from guantong.risk.types import AnyRule, Followed, Repeated

LARGEST = 1_000_000
MOST_RULES = 200


def read_rule(terms: dict[str, Any]) -> AnyRule:
    """The rule that ``terms`` say; RuleWrong names what is out of bounds, or a word's place that no number fills."""
    try:
        rule: AnyRule = msgspec.convert(terms, AnyRule)
    except msgspec.ValidationError as error:
        raise RuleWrong(why=str(error)) from error
    if (rule.scope == "subject") != isinstance(rule, Repeated | Followed):
        raise RuleWrong(why="Invalid enum value - at `$.scope`")
    for text in (rule.says.zh, rule.says.en):
        try:
            names = [
                name
                for _, name, form, how in Formatter().parse(text)
                if name is not None and not (form or how)
            ]
            plain = [name for _, name, *_ in Formatter().parse(text) if name is not None]
        except ValueError as error:
            raise RuleWrong(why=str(error)) from error
        if names != plain or not all(name.isidentifier() for name in names):
            raise RuleWrong(why="{}")
    return rule


def read_rules(raw: bytes) -> list[AnyRule]:
    """The rules of a file: a JSON list, as :func:`written` writes it. RulesWrong has a sentence for each that is wrong."""
    if len(raw) > LARGEST:
        raise RulesWrong([gettext("The file is too large for rules.")])
    try:
        listed = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RulesWrong([gettext("The file is no JSON: %(why)s") % {"why": error}]) from error
    if not isinstance(listed, list) or not listed or len(listed) > MOST_RULES:
        raise RulesWrong(
            [gettext("The file is to hold a list of 1 to %(most)s rules.") % {"most": MOST_RULES}]
        )
    rules, faults, codes = [], [], set()
    for number, terms in enumerate(listed, 1):
        code = terms.get("code") if isinstance(terms, dict) else None
        what = gettext("Rule %(number)s (%(code)s): ") % {"number": number, "code": code or "?"}
        try:
            rule = read_rule(terms)
        except RuleWrong as error:
            faults.append(what + fault(error.details["why"]))
            continue
        if rule.code in codes:
            faults.append(what + gettext("the code stands in the file twice."))
        codes.add(rule.code)
        rules.append(rule)
    if faults:
        raise RulesWrong(faults)
    return rules


def written(rules: Iterable[AnyRule]) -> bytes:
    """Rules as a file: a JSON list, a line a rule."""
    lines = (msgspec.json.encode(rule) for rule in rules)
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def fault(text: str) -> str:
    """What is wrong with a rule, in a sentence; ``text`` is msgspec's word for it."""
    what, _, where = text.partition(" - at `$.")
    name = where.rstrip("`")
    field = str(LABELS.get(name, name))
    if text == "{}":
        return gettext("between braces stand only names of numbers, such as {seen}.")
    if what.startswith("Object missing required field"):
        return gettext("“%(field)s” is missing.") % {"field": LABELS.get(named(what), named(what))}
    if what.startswith("Object contains unknown field"):
        return gettext("“%(field)s” is nothing that such a rule has.") % {
            "field": LABELS.get(named(what), named(what))
        }
    if name == "kind":
        return gettext("there is no such kind of rule.")
    if not name:
        return what
    return gettext("“%(field)s” is out of bounds.") % {"field": field}


def named(what: str) -> str:
    """The field that msgspec names between backticks."""
    return what.partition("`")[2].rstrip("`")
