"""Facets as a page shows them: values in words, counts, and the address that chooses or drops each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from guantong.catalog.search.addresses import Address
from guantong.catalog.search.types import FACETS
from guantong.identity.models import Division, Organisation

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SHOWN: Final = 8
MOST_SHOWN: Final = 60
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
    "linked": {"yes": _("data can be called"), "no": _("catalogue only")},
    "stage": {"published": _("in force"), "draft": _("not published yet")},
    "sharing": {
        "unconditional": _("unconditional sharing"),
        "conditional": _("conditional sharing"),
        "not_shared": _("not shared"),
    },
    "cycle": {
        "real_time": _("real time"),
        "daily": _("daily"),
        "weekly": _("weekly"),
        "ten_days": _("every ten days"),
        "monthly": _("monthly"),
        "quarterly": _("quarterly"),
        "half_yearly": _("half-yearly"),
        "yearly": _("yearly"),
        "irregular": _("irregular"),
    },
    "format": {"database": _("database"), "interface": _("interface"), "file": _("file")},
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
    def first(self) -> list[Value]:
        """What is always shown."""
        return self.values[:SHOWN]

    @property
    def more(self) -> list[Value]:
        """What is folded away."""
        return self.values[SHOWN:]


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
    return [
        Value(
            code, _word(facet, code, names), counts.get(code, 0), code in chosen, _query(address, facet, code)
        )
        for code in ordered
    ]


def _query(address: Address, facet: str, code: str) -> str:
    chosen = address.asked.chosen
    if facet == "region":
        return address.query({facet: [code]})
    if code in chosen.get(facet, ()):
        return address.query({facet: _without(chosen, facet, code)})
    return address.query({facet: [*chosen.get(facet, ()), code]})


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
