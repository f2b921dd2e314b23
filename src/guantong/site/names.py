"""Names behind codes, for one page: each is looked up once, however often the page says it."""

from guantong.catalog.models import Resource
from guantong.counter.models import ServiceItem
from guantong.federation.models import Node
from guantong.identity.models import Organisation


class Names:
    """What organisations, nodes, resources, items of resources and purposes are called; a code nobody knows is itself."""

    def __init__(self) -> None:
        self._organisations: dict[str, str] = {}
        self._nodes: dict[str, str] = {}
        self._resources: dict[str, tuple[str, dict[str, str]]] = {}
        self._purposes: dict[str, str] = {}

    def organisation(self, code: str) -> str:
        """The organisation's name."""
        if code not in self._organisations:
            found = Organisation.objects.filter(code=code).values_list("name", flat=True).first()
            self._organisations[code] = found or code
        return self._organisations[code]

    def node(self, code: str) -> str:
        """The node's title."""
        if code not in self._nodes:
            self._nodes = {code: code, **dict(Node.objects.values_list("code", "title"))}
        return self._nodes[code]

    def resource(self, code: str) -> str:
        """The resource's name."""
        return self._resource(code)[0]

    def fields(self, resource: str, names: list[str]) -> list[str]:
        """The labels of a resource's items."""
        labels = self._resource(resource)[1]
        return [labels.get(name, name) for name in names]

    def labels(self, resource: str) -> dict[str, str]:
        """The labels of all items of a resource, by name."""
        return self._resource(resource)[1]

    def purpose(self, code: str) -> str:
        """The service item that a purpose names."""
        if code not in self._purposes:
            found = ServiceItem.objects.filter(code=code).values_list("name", flat=True).first()
            self._purposes[code] = found or code
        return self._purposes[code]

    def _resource(self, code: str) -> tuple[str, dict[str, str]]:
        if code not in self._resources:
            found = Resource.objects.filter(code=code).first()
            content = found.live if found else None
            labels = {item.name: item.label for item in content.items} if content else {}
            self._resources[code] = (found.name if found else code, labels)
        return self._resources[code]
