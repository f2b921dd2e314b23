"""Which entry fits a need, how surely, and who is to be asked where none does. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import QuerySet

from guantong.catalog.models import Claim, Element, Need, Resource, Yield
from guantong.catalog.search.finding import own_index, page_found
from guantong.catalog.search.types import Asked
from guantong.identity.models import Organisation

How = Literal["declared", "name", "element", "perhaps"]
MOST_CANDIDATES = 5
LAW = "《政务数据共享条例》（国务院令第809号）"


@dataclass(frozen=True)
class Fit:
    """An entry that fits; ``perhaps``: found by search, so that a person should say."""

    resource: Resource
    how: How

    @property
    def is_sure(self) -> bool:
        """Whether nobody has to say that it fits."""
        return self.how != "perhaps"


@dataclass(frozen=True)
class Addressee:
    """Who is asked for what nobody provides, and why they (in Chinese, as it stands in the file)."""

    organisation: Organisation
    because: str


def live() -> QuerySet[Resource]:
    """The entries in force."""
    return Resource.objects.filter(is_live=True).select_related("provider")


def words_of(need: Need) -> set[str]:
    """The names under which an entry would be what is needed: as stated, and the element's own name and synonyms."""
    found = {need.wanted}
    element = Element.objects.filter(identifier=need.element).first() if need.element else None
    return found | ({element.name, *element.synonyms} if element else set())


def fit(need: Need) -> Fit | None:
    """The entry that the item names, one of that very name, the element's one source; else the first that may fit."""
    entries = live().exclude(code__in=need.not_these)
    if need.resource_code and (found := entries.filter(code=need.resource_code).first()):
        return Fit(found, "declared")
    named = entries.filter(name=need.wanted).order_by("sharing_type", "code")
    if found := next(iter(sorted(named[:20], key=lambda each: each.sharing_type == "not_shared")), None):
        return Fit(found, "name")
    if need.element:
        source = Claim.objects.filter(element__identifier=need.element, state="authoritative").first()
        if source and (found := entries.filter(pk=source.resource_id).first()):
            return Fit(found, "element")
    return next((Fit(each, "perhaps") for each in candidates(need)), None)


def candidates(need: Need) -> list[Resource]:
    """Entries that may fit: with an item of that element, or with the words in the name; not those already refused."""
    entries = live().exclude(code__in=need.not_these).exclude(sharing_type="not_shared")
    found: dict[int, Resource] = {}
    if need.element:
        bound = entries.filter(element_uses__element=need.element).distinct().order_by("code")
        found |= {each.pk: each for each in bound[:MOST_CANDIDATES]}
    for each in page_found(own_index(), Asked(text=need.wanted[:60], limit=20, facets=())):
        is_other = each.code in need.not_these or each.sharing_type == "not_shared" or not each.is_live
        if not is_other and _shares_words(each.name, need.wanted):
            found.setdefault(each.pk, each)
    return list(found.values())[:MOST_CANDIDATES]


def _shares_words(name: str, wanted: str) -> bool:
    """Whether one name holds the other, or they have more than half of their characters in a row in common."""
    if name in wanted or wanted in name:
        return True
    length = len(wanted) // 2 + 1
    return length > 2 and any(wanted[n : n + length] in name for n in range(len(wanted) - length + 1))


def addressee(need: Need) -> Addressee | None:
    """The element's one source; else whose service item makes the data; else the node's data bureau."""
    if need.element:
        claim = (
            Claim.objects.filter(element__identifier=need.element, state="authoritative")
            .exclude(organisation=need.organisation)
            .select_related("organisation", "element")
            .first()
        )
        if claim:
            return Addressee(claim.organisation, f"{LAW}：数据元「{claim.element.name}」的数源部门")
    made = (
        Yield.objects.filter(name__in=words_of(need))
        .exclude(organisation=need.organisation)
        .select_related("organisation")
        .first()
    )
    if made:
        return Addressee(made.organisation, f"{LAW}：事项「{made.service_item[:60]}」产生该数据")
    bureau = Organisation.objects.filter(node=need.organisation.node, is_bureau=True).order_by("code").first()
    return Addressee(bureau, f"{LAW}：由数据主管部门协调") if bureau else None


def touched(needs: Sequence[Need], changed: Sequence[Resource], elements: set[str]) -> list[Need]:
    """Of ``needs`` those that what has changed may concern: by code, by the words of a name, by an element."""
    codes, keys = {each.code for each in changed}, {each.pk for each in changed}
    names = "\n".join(each.name for each in changed)
    return [
        need
        for need in needs
        if need.resource_id in keys
        or need.resource_code in codes
        or need.element in elements
        or need.wanted in names
        or (len(need.wanted) > 5 and need.wanted[: len(need.wanted) // 2 + 1] in names)
    ]
