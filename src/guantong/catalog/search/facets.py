"""Facets as a page shows them: values in words, counts, and the address that chooses or drops each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from guantong.catalog.search.addresses import PARAMETERS, Address
from guantong.catalog.search.types import FACETS
from guantong.catalog.words import CYCLES, FORMATS, SHARING
from guantong.identity.models import Division, Organisation

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SHOWN: Final = 8
MOST_SHOWN: Final = 24
TITLES: Final[Mapping[str, "StrOrPromise"]] = {
    "department": _("Department"),
    "region": _("Region"),
    "kind": _("Class"),
    "sharing": _("Sharing type"),
    "open": _("Open to the public"),
    "cycle": _("Update cycle"),
    "format": _("Format"),
    "level": _("Highest level"),
    "linked": _("Linked to data"),
    "stage": _("Stage"),
}
_WORDS: Final[Mapping[str, Mapping[str, "StrOrPromise"]]] = {
    "kind": {"1": _("base data"), "2": _("by theme"), "3": _("by department")},
    "open": {"yes": _("open"), "no": _("not open")},
    "linked": {
        "yes": _("linked to data"),
        "no": _("catalogue only"),
        "broken": _("link broken"),
        "stale": _("data out of date"),
    },
    "stage": {"published": _("in force"), "draft": _("not published yet")},
    "sharing": SHARING,
    "cycle": CYCLES,
    "format": FORMATS,
}


@dataclass(frozen=True)
class Value:
    """One value: its words, how many entries have it, and where clicking leads."""

    code: str
    word: str
    count: int
    is_chosen: bool
    query: str


@dataclass(frozen=True)
class Facet:
    """One facet with its values: the first few, and the others folded away."""

    name: str
    title: "StrOrPromise"
    values: list[Value]

    @property
    def first(self) -> SafeString:
        """What is always shown, as the lines of a list."""
        return _lines(self.values[:SHOWN])

    @property
    def more(self) -> SafeString:
        """What is folded away."""
        return _lines(self.values[SHOWN:])


# Written here and not in a template: a page has a hundred of them, and they were half of its time.
_LINE: Final = '<li><a href="?{}" rel="nofollow"><span>{}</span> <span class="number">{:,}</span></a></li>'
_CHOSEN: Final = (
    '<li><a href="?{}" aria-current="true" rel="nofollow"><span><span aria-hidden="true">✓ </span>{}</span>'
    ' <span class="number">{:,}</span></a></li>'
)


def _lines(values: Sequence[Value]) -> SafeString:
    """The values as lines; words and addresses escaped here, counts are numbers."""
    return mark_safe(  # noqa: S308 - every part is escaped in this line
        "".join(
            (_CHOSEN if value.is_chosen else _LINE).format(
                escape(value.query), escape(value.word), value.count
            )
            for value in values
        )
    )


def facets_of(address: Address, counts: Mapping[str, Mapping[str, int]]) -> list[Facet]:
    """The facets that say something here: more than one value, or a chosen one."""
    names = _names(counts, address.asked.chosen)
    found = [
        Facet(name, TITLES[name], _values(address, name, counts.get(name, {}), names)) for name in FACETS
    ]
    return [facet for facet in found if len(facet.values) > 1 or any(v.is_chosen for v in facet.values)]


def chips(address: Address) -> list[Value]:
    """What is chosen, each with the address that drops it."""
    chosen = address.asked.chosen
    names = _names({}, chosen)
    return [
        Value(
            code,
            f"{TITLES[facet]}: {_word(facet, code, names)}",
            0,
            True,
            address.query({facet: _without(chosen, facet, code)}),
        )
        for facet in FACETS
        for code in chosen.get(facet, ())
    ]


def _values(address: Address, facet: str, counts: Mapping[str, int], names: Mapping[str, str]) -> list[Value]:
    chosen = address.asked.chosen.get(facet, ())
    codes = [*(code for code in chosen if code not in counts and facet != "region"), *counts]
    ordered = sorted(codes[:MOST_SHOWN], key=lambda code: (code not in chosen, -counts.get(code, 0), code))
    queries = _queries(address, facet)
    return [
        Value(code, _word(facet, code, names), counts.get(code, 0), code in chosen, queries(code))
        for code in ordered
    ]


def _queries(address: Address, facet: str) -> Callable[[str], str]:
    """The address that chooses or drops each value; what is the same for all values is written once."""
    chosen = address.asked.chosen.get(facet, ())
    without, name = address.query({facet: []}), PARAMETERS[facet]
    kept = "" if facet == "region" else "".join(f"&{name}={quote_plus(code)}" for code in chosen)

    def query(code: str) -> str:
        if code in chosen and facet != "region":
            return address.query({facet: _without(address.asked.chosen, facet, code)})
        return f"{without}{kept}&{name}={quote_plus(code)}".lstrip("&")

    return query


def _without(chosen: Mapping[str, Sequence[str]], facet: str, code: str) -> list[str]:
    """The values left when one goes; a region gives way to the one it lies in."""
    if facet == "region":
        return [code[:-2]] if len(code) > 2 else []
    return [value for value in chosen.get(facet, ()) if value != code]


def _word(facet: str, code: str, names: Mapping[str, str]) -> str:
    return names.get(f"{facet} {code}") or str(_WORDS.get(facet, {}).get(code, code))


def _names(counts: Mapping[str, Mapping[str, int]], chosen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Names of departments and divisions, in two queries."""
    departments = [*list(counts.get("department", {}))[:MOST_SHOWN], *chosen.get("department", ())]
    regions = [*list(counts.get("region", {}))[:MOST_SHOWN], *chosen.get("region", ())]
    named = Organisation.objects.filter(code__in=departments).values_list("code", "name")
    padded = {code.ljust(12, "0"): code for code in regions}
    divisions = Division.objects.filter(code__in=list(padded)).values_list("code", "name")
    return {
        **{f"department {code}": name for code, name in named},
        **{f"region {padded[code]}": name for code, name in divisions},
    }
