"""Related entries with the reasons in words: declared, the same data element, the same wording, the same department."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from guantong.catalog import queries
from guantong.catalog.models import Element, ElementUse, Resource
from guantong.catalog.search import finding
from guantong.catalog.search.types import KeptIndex
from guantong.catalog.types import ResourceContent
from guantong.kit.errors import GuantongError

MOST = 8
_USES = 200


@dataclass
class Related:
    """An entry in force, and why it is related: ``is_declared`` by the provider, ``elements`` (names) that both have."""

    resource: Resource
    is_declared: bool = False
    elements: list[str] = field(default_factory=list)
    is_alike: bool = False
    is_same_department: bool = False

    @property
    def weight(self) -> tuple[bool, int, bool, bool]:
        """What comes first: declared, then most elements in common, then the wording."""
        return (self.is_declared, len(self.elements), self.is_alike, self.is_same_department)

    @property
    def reasons(self) -> list[str]:
        """The reasons as codes, for programs."""
        told = {
            "declared": self.is_declared,
            "element": bool(self.elements),
            "wording": self.is_alike,
            "department": self.is_same_department,
        }
        return [code for code, is_one in told.items() if is_one]


def related_to(
    index: KeptIndex, resource: Resource, content: ResourceContent, *, sight: Sequence[str]
) -> list[Related]:
    """The entries most related to one that is in force, the strongest first; each viewer's sight bounds them."""
    found: dict[int, Related] = {}
    for other in queries.published().filter(code__in=content.related).exclude(pk=resource.pk)[:MOST]:
        found.setdefault(other.pk, Related(other)).is_declared = True
    for other, names in _sharing_elements(resource):
        found.setdefault(other.pk, Related(other)).elements = names
    for other in _alike(index, resource, sight):
        found.setdefault(other.pk, Related(other)).is_alike = True
    for each in found.values():
        each.is_same_department = each.resource.provider_id == resource.provider_id
    return sorted(found.values(), key=lambda each: each.weight, reverse=True)[:MOST]


def _alike(index: KeptIndex, resource: Resource, sight: Sequence[str]) -> list[Resource]:
    """What the index finds alike; nothing while it does not answer, for a page about one entry needs it least."""
    try:
        return finding.related(index, resource, sight=sight)
    except GuantongError:
        return []


def _sharing_elements(resource: Resource) -> list[tuple[Resource, list[str]]]:
    """Entries in force with items bound to the same data elements, those with the most in common first."""
    own = list(ElementUse.objects.filter(resource=resource).values_list("element", flat=True).distinct())
    if not own:
        return []
    uses = (
        ElementUse.objects.filter(element__in=own, resource__is_live=True)
        .exclude(resource=resource)
        .order_by("resource", "element")
        .values_list("resource", "element")
        .distinct()[: _USES * len(own)]
    )
    shared: dict[int, list[str]] = defaultdict(list)
    for pk, element in uses:
        shared[pk].append(element)
    best = sorted(shared, key=lambda pk: -len(shared[pk]))[:MOST]
    names = dict(Element.objects.filter(identifier__in=own).values_list("identifier", "name"))
    rows = Resource.objects.select_related("provider").in_bulk(best)
    return [(rows[pk], [names.get(each, each) for each in shared[pk]]) for pk in best if pk in rows]
