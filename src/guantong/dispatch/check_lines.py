"""Checks as people write them, one a line: the rule, its items, and what it needs besides.

``not_null a b`` · ``unique a b`` · ``order a b`` · ``born_on id day`` · ``resident_id a`` · ``uscc a`` ·
``pattern a ^1[0-9]{10}$`` · ``length a 1 50`` · ``range a 0 100`` (``-`` for no bound) · ``codes a 1,2,9``
"""

import re
from typing import get_args

from guantong.bundle.jobs import Check, Rule
from guantong.dispatch.errors import CheckWrong

MOST = 100
_NUMBER = re.compile(r"-?[0-9]{1,15}")


def read_checks(text: str) -> list[Check]:
    """The checks that ``text`` says; CheckWrong for the first line that is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise CheckWrong(rule="…", items="…", why_zh=f"多于 {MOST} 条", why_en=f"there are more than {MOST}")
    return [_read(line) for line in lines]


def write_check(check: Check) -> str:
    """The line that says ``check``."""
    words = [check.rule, *check.items]
    if check.rule == "pattern":
        words.append(check.pattern)
    elif check.rule in {"length", "range"}:
        words += ["-" if bound is None else str(bound) for bound in (check.low, check.high)]
    elif check.rule == "codes":
        words.append(",".join(check.codes))
    return " ".join(words)


def _read(line: str) -> Check:
    rule, _space, rest = line.partition(" ")
    words = rest.split()
    known: tuple[Rule, ...] = get_args(Rule)
    found = next((each for each in known if each == rule), None)
    if found is None:
        raise _wrong(line, "没有这种规则", "there is no such rule")
    if found in {"not_null", "unique", "order", "born_on", "resident_id", "uscc"}:
        return Check(rule=found, items=words)
    if len(words) < 2:
        raise _wrong(line, "内容不全", "it is not complete")
    if found == "pattern":
        return Check(rule=found, items=words[:1], pattern=rest.split(maxsplit=1)[1])
    if found == "codes":
        return Check(rule=found, items=words[:1], codes=words[1].split(","))
    low, high = words[1], words[2] if len(words) > 2 else "-"
    return Check(rule=found, items=words[:1], low=_bound(low), high=_bound(high))


def _bound(text: str) -> int | str | None:
    if text == "-":
        return None
    return int(text) if _NUMBER.fullmatch(text) else text


def _wrong(line: str, why_zh: str, why_en: str) -> CheckWrong:
    return CheckWrong(rule=line[:60], items="", why_zh=why_zh, why_en=why_en)
