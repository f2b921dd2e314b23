"""An entry as a DCAT dataset by the profile DCAT-AP 3: classes, properties and the vocabularies that the profile wants.

What has an address here keeps it: a data set is its entry page's ``#dataset``, a department the list of its entries.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final
from urllib.parse import quote

from guantong.catalog.faces.rdf import Iri, Literal, Node, Term
from guantong.catalog.models import Resource, ResourceVersion
from guantong.catalog.types import ResourceContent
from guantong.kit import clock
from guantong.kit.settings import Settings

_AUTHORITY: Final = "http://publications.europa.eu/resource/authority"
LANGUAGE: Final = Iri(f"{_AUTHORITY}/language/ZHO")
_FREQUENCIES: Final = {
    "real_time": "CONT",
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "ten_days": "MONTHLY_3",
    "monthly": "MONTHLY",
    "quarterly": "QUARTERLY",
    "half_yearly": "ANNUAL_2",
    "yearly": "ANNUAL",
    "irregular": "IRREG",
}
_KINDS: Final = {
    "1": ("基础信息资源", "base data"),
    "2": ("主题信息资源", "theme data"),
    "3": ("部门信息资源", "department data"),
}


class Describing:
    """Describes entries as nodes; shared things (departments, frequencies) once each, when first spoken of."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.base = settings.web_url.rstrip("/")
        self._told: set[Iri] = set()

    @property
    def catalogue(self) -> Iri:
        """The catalogue itself."""
        return Iri(f"{self.base}/find/#catalogue")

    def page(self, code: str) -> str:
        """The address of an entry's page."""
        return f"{self.base}/find/{code}/"

    def dataset(self, code: str) -> Iri:
        """The data set that an entry describes."""
        return Iri(f"{self.page(code)}#dataset")

    def head(self, *, modified_at: datetime | None) -> Iterator[Node]:
        """The catalogue, its publisher, and the gateway that serves what is linked."""
        publisher = Iri(f"{self.base}/#node")
        said: list[tuple[str, Term]] = [
            ("dct:title", Literal(f"{self._settings.title} · 政务信息资源目录", "zh")),
            ("dct:title", Literal(f"Catalogue of government data, node {self._settings.node}", "en")),
            ("dct:description", Literal("本节点已发布的政务信息资源目录。", "zh")),
            ("dct:description", Literal("Everything that is in force in this node's catalogue.", "en")),
            ("dct:publisher", publisher),
            ("dct:language", LANGUAGE),
            ("foaf:homepage", Iri(f"{self.base}/find/")),
            ("dcat:service", self._gateway),
        ]
        if modified_at:
            said.append(("dct:modified", _moment(modified_at)))
        yield Node(self.catalogue, "dcat:Catalog", tuple(said))
        yield Node(Iri(f"{self.base}/find/"), "foaf:Document")
        yield Node(LANGUAGE, "dct:LinguisticSystem")
        yield Node(publisher, "foaf:Agent", (("foaf:name", Literal(self._settings.title, "zh")),))
        service: tuple[tuple[str, Term], ...] = (
            ("dct:title", Literal("数据共享网关", "zh")),
            ("dct:title", Literal("Gateway of shared data", "en")),
            ("dcat:endpointURL", Iri(self._settings.gateway_url)),
        )
        yield Node(self._gateway, "dcat:DataService", service)

    @property
    def _gateway(self) -> Iri:
        return Iri(f"{self.base}/#gateway")

    def entry(self, version: ResourceVersion, *, is_linked: bool) -> Iterator[Node]:
        """An entry in force: that the catalogue has it, the data set, and how it is had."""
        resource, content = version.resource, version.typed
        subject, page = self.dataset(resource.code), Iri(self.page(resource.code))
        yield Node(self.catalogue, "", (("dcat:dataset", subject),))
        yield from self._shared(resource, content)
        said = list(self._facts(version, content))
        said += [("dct:relation", self.dataset(code)) for code in content.related]
        if is_linked:
            said.append(("dcat:distribution", Iri(f"{page.text}#distribution")))
        yield Node(subject, "dcat:Dataset", tuple(said))
        yield Node(page, "foaf:Document")
        contact = content.office or resource.provider.name
        yield Node(Iri(f"{page.text}#contact"), "vcard:Organization", (("vcard:fn", Literal(contact, "zh")),))
        yield Node(Iri(f"{page.text}#contact"), "vcard:Kind")
        if is_linked:
            yield from self._distribution(page, content)

    def _facts(self, version: ResourceVersion, content: ResourceContent) -> Iterator[tuple[str, Term]]:
        resource = version.resource
        page = self.page(resource.code)
        yield "dct:identifier", Literal(resource.code)
        yield "dct:title", Literal(content.name, "zh")
        yield "dct:description", Literal(content.summary or content.name, "zh")
        yield "dct:publisher", self._department(resource)
        yield "dcat:contactPoint", Iri(f"{page}#contact")
        yield "dcat:landingPage", Iri(page)
        yield "dct:language", LANGUAGE
        yield "dct:modified", _moment(version.published_at)
        yield "dcat:version", Literal(str(version.version))
        yield "dct:accessRights", _rights(content)
        yield "dct:accrualPeriodicity", _frequency(content)
        if resource.code[:1] in _KINDS:
            yield "dcat:theme", self._theme(resource.code[:1])
        for keyword in dict.fromkeys(content.keywords):
            if keyword.strip():
                yield "dcat:keyword", Literal(keyword, "zh")

    def _shared(self, resource: Resource, content: ResourceContent) -> Iterator[Node]:
        name = (("foaf:name", Literal(resource.provider.name, "zh")),)
        nodes = [
            Node(self._department(resource), "foaf:Agent", name),
            Node(_rights(content), "dct:RightsStatement"),
            Node(_frequency(content), "dct:Frequency"),
        ]
        if kind := _KINDS.get(resource.code[:1]):
            labels = (("skos:prefLabel", Literal(kind[0], "zh")), ("skos:prefLabel", Literal(kind[1], "en")))
            nodes.append(Node(self._theme(resource.code[:1]), "skos:Concept", labels))
        for node in nodes:
            if node.subject not in self._told:
                self._told.add(node.subject)
                yield node

    def _distribution(self, page: Iri, content: ResourceContent) -> Iterator[Node]:
        said: list[tuple[str, Term]] = [
            ("dct:title", Literal(content.name, "zh")),
            ("dcat:accessURL", page),
            ("dcat:accessService", self._gateway),
        ]
        terms = content.sharing_condition or content.open_condition
        if terms:
            said.append(("dct:rights", Iri(f"{page.text}#terms")))
        yield Node(Iri(f"{page.text}#distribution"), "dcat:Distribution", tuple(said))
        if terms:
            yield Node(
                Iri(f"{page.text}#terms"), "dct:RightsStatement", (("rdfs:label", Literal(terms, "zh")),)
            )

    def _department(self, resource: Resource) -> Iri:
        return Iri(f"{self.base}/find/?department={quote(resource.provider.code)}#agent")

    def _theme(self, kind: str) -> Iri:
        return Iri(f"{self.base}/find/?kind={kind}#theme")


def paged(describing: Describing, *, total: int, here: str, first: str, following: str) -> Iterator[Node]:
    """What a page says of itself (Hydra): how many data sets there are in all, where it begins and goes on."""
    view = [("hydra:first", Iri(first))]
    view += [("hydra:next", Iri(following))] if following else []
    collection = (
        ("hydra:totalItems", Literal(str(total), datatype="xsd:integer")),
        ("hydra:view", Iri(here)),
    )
    yield Node(describing.catalogue, "hydra:Collection", collection)
    yield Node(Iri(here), "hydra:PartialCollectionView", tuple(view))


def schema_org(describing: Describing, version: ResourceVersion) -> dict[str, object]:
    """An entry in force as search engines read it (schema.org Dataset)."""
    resource, content = version.resource, version.typed
    found: dict[str, object] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": describing.dataset(resource.code).text,
        "name": content.name,
        "description": content.summary or content.name,
        "identifier": resource.code,
        "url": describing.page(resource.code),
        "version": str(version.version),
        "dateModified": clock.rfc3339(version.published_at),
        "inLanguage": "zh-CN",
        "isAccessibleForFree": True,
        "publisher": {"@type": "GovernmentOrganization", "name": resource.provider.name},
        "includedInDataCatalog": {"@type": "DataCatalog", "@id": describing.catalogue.text},
        "variableMeasured": [item.label for item in content.items],
    }
    if content.keywords:
        found["keywords"] = content.keywords
    if content.sharing_condition:
        found["conditionsOfAccess"] = content.sharing_condition
    return found


def described(
    describing: Describing, versions: Iterable[ResourceVersion], linked: frozenset[int]
) -> Iterator[Node]:
    """The nodes of several entries."""
    for version in versions:
        yield from describing.entry(version, is_linked=version.resource_id in linked)


def _rights(content: ResourceContent) -> Iri:
    """Open to everybody, shared within government, or not at all, in the vocabulary of the profile."""
    right = "PUBLIC" if content.is_open else "RESTRICTED"
    return Iri(f"{_AUTHORITY}/access-right/{'NON_PUBLIC' if content.sharing_type == 'not_shared' else right}")


def _frequency(content: ResourceContent) -> Iri:
    return Iri(f"{_AUTHORITY}/frequency/{_FREQUENCIES.get(content.update_cycle, 'UNKNOWN')}")


def _moment(moment: datetime) -> Literal:
    return Literal(clock.rfc3339(moment), datatype="xsd:dateTime")
