"""From a bundle's bindings and the node's secrets to open sources."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from guantong.bundle.types import Binding
from guantong.gateway.sources.coalescing import Coalescer
from guantong.gateway.sources.lookup import Lookup, Row, Source, SourceUnavailable, lookup_of
from guantong.gateway.sources.mysql import MySQLSource
from guantong.gateway.sources.postgresql import PostgreSQLSource
from guantong.gateway.sources.sqlite import SQLiteSource

REMEMBERED = 4096

_Shape = tuple[str, tuple[str, ...], tuple[str, ...]]

DIALECTS: Mapping[str, Callable[[str], Source]] = {
    "sqlite": SQLiteSource,
    "postgresql": PostgreSQLSource,
    "mysql": MySQLSource,
}


class Sources:
    """All sources of one gateway, opened when first asked and kept.

    ``secrets`` is called when a name is not known yet, so that a new source needs no restart.
    """

    def __init__(self, secrets: Callable[[], Mapping[str, str]]) -> None:
        self._secrets = secrets
        self._open: dict[tuple[str, str], Coalescer] = {}
        self._shapes: dict[_Shape, tuple[Binding, Lookup]] = {}

    async def rows(
        self, binding: Binding, keys: Mapping[str, str], items: Sequence[str], deadline: float
    ) -> list[Row]:
        """The rows that ``keys`` find, with the values of ``items`` in that order.

        At most one more than the binding's ``max_rows``. Raises SourceUnavailable, or TimeoutError at ``deadline``.
        """
        names = tuple(sorted(keys)) if len(keys) > 1 else tuple(keys)
        lookup = self._lookup(binding, names, tuple(items))
        source = self._open.get((binding.source, binding.dialect)) or self._opened(binding)
        return await source.rows(lookup, tuple([keys[name] for name in names]), deadline)

    @property
    def opened(self) -> dict[str, Coalescer]:
        """The sources in use, by name."""
        return {name: source for (name, _), source in self._open.items()}

    async def close(self) -> None:
        """Close every source."""
        for source in self._open.values():
            await source.close()
        self._open.clear()

    def _lookup(self, binding: Binding, names: tuple[str, ...], items: tuple[str, ...]) -> Lookup:
        """The question of this shape, made anew only when another bundle binds the resource otherwise."""
        shape = (binding.resource, names, items)
        bound, lookup = self._shapes.get(shape, (None, None))
        if lookup is None or (bound is not binding and bound != binding):
            if len(self._shapes) >= REMEMBERED:
                self._shapes.clear()
            lookup = lookup_of(binding, names, items)
        if bound is not binding:
            self._shapes[shape] = (binding, lookup)
        return lookup

    def _opened(self, binding: Binding) -> Coalescer:
        address = self._secrets().get(binding.source, "")
        scheme = urlsplit(address).scheme
        if scheme not in {binding.dialect, "mariadb" if binding.dialect == "mysql" else binding.dialect}:
            raise SourceUnavailable(resource=binding.resource)
        opened = Coalescer(DIALECTS[binding.dialect](address))
        self._open[binding.source, binding.dialect] = opened
        return opened
