"""核验: does a claimed value agree with the one that is held? The held one is never told."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Literal

from guantong.bundle.types import Comparison
from guantong.gateway.values import Plain

Outcome = Literal["match", "no_match", "unknown"]

# The dots that stand between the parts of a name (阿依古丽·买买提), as keyboards and databases write them.
_DOTS = dict.fromkeys(map(ord, "·•‧・∙⋅.。"))
_DATE = re.compile(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})\D?(?:[T ].*)?")


def compared(claimed: str, held: Plain, comparison: Comparison) -> Outcome:
    """``unknown`` if nothing is held; otherwise whether both mean the same."""
    if held is None:
        return "unknown"
    means = _MEANINGS[comparison]
    mine, theirs = means(claimed), means(str(held))
    return "match" if mine is not None and mine == theirs else "no_match"


def _name(text: str) -> str | None:
    """A name without width, spaces, dots and case."""
    joined = "".join(unicodedata.normalize("NFKC", text).split())
    return joined.translate(_DOTS).casefold() or None


def _date(text: str) -> date | None:
    """The day that ``1990-01-01``, ``19900101``, ``1990/1/1`` or ``1990年1月1日`` names."""
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _division(text: str) -> str | None:
    """The county: six digits of a division code."""
    head = text.strip()[:6]
    return head if len(head) == 6 else None


def _exact(text: str) -> str:
    return text


_MEANINGS: Mapping[Comparison, Callable[[str], object]] = {
    "exact": _exact,
    "name": _name,
    "date": _date,
    "prefix6": _division,
}
