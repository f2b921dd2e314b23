"""Reading a rule that somebody has written."""

from string import Formatter
from typing import Any

import msgspec

from guantong.risk.errors import RuleWrong
from guantong.risk.types import AnyRule


def read_rule(terms: dict[str, Any]) -> AnyRule:
    """The rule that ``terms`` say; RuleWrong names what is out of bounds, or a word's place that no number fills."""
    try:
        rule: AnyRule = msgspec.convert(terms, AnyRule)
    except msgspec.ValidationError as error:
        raise RuleWrong(why=str(error)) from error
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
