"""From a bundle's bindings and the node's secrets to open sources.

The secrets file holds ``{source: address}``. It is readable by the node alone, and never in a bundle.
"""

import json
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from guantong.bundle.types import Binding
from guantong.gateway.sources.coalescing import Coalescer
from guantong.gateway.sources.lookup import Row, Source, SourceUnavailable, lookup_of
from guantong.gateway.sources.mysql import MySQLSource
from guantong.gateway.sources.postgresql import PostgreSQLSource
from guantong.gateway.sources.sqlite import SQLiteSource
from guantong.kit.errors import GuantongError

DIALECTS: Mapping[str, Callable[[str], Source]] = {
    "sqlite": SQLiteSource,
    "postgresql": PostgreSQLSource,
    "mysql": MySQLSource,
}


class SecretsExposed(GuantongError):
    """The secrets file can be read by others than the node."""

    code = "secrets_exposed"
    status = 500
    zh = "数据源口令文件的权限过宽，应为 0600。"
    en = "The file of data source secrets is readable by others; its mode must be 0600."


def read_secrets(path: Path) -> dict[str, str]:
    """Source name → address. A missing file is an empty one; one that others may read is refused."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return {}
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretsExposed
    return {str(name): str(address) for name, address in json.loads(path.read_text("utf-8")).items()}


class Sources:
    """All sources of one gateway, opened when first asked and kept.

    ``secrets`` is called when a name is not known yet, so that a new source needs no restart.
    """

    def __init__(self, secrets: Callable[[], Mapping[str, str]]) -> None:
        self._secrets = secrets
        self._open: dict[tuple[str, str], Coalescer] = {}

    async def rows(self, binding: Binding, keys: Mapping[str, str], items: Sequence[str]) -> list[Row]:
        """The rows that ``keys`` find, with the values of ``items`` in that order.

        At most one more than the binding's ``max_rows``. Raises SourceUnavailable.
        """
        names = sorted(keys)
        lookup = lookup_of(binding, names, items)
        source = self._open.get((binding.source, binding.dialect)) or self._opened(binding)
        return await source.rows(lookup, tuple(keys[name] for name in names))

    async def close(self) -> None:
        """Close every source."""
        for source in self._open.values():
            await source.close()
        self._open.clear()

    def _opened(self, binding: Binding) -> Coalescer:
        address = self._secrets().get(binding.source, "")
        scheme = urlsplit(address).scheme
        if scheme not in {binding.dialect, "mariadb" if binding.dialect == "mysql" else binding.dialect}:
            raise SourceUnavailable(resource=binding.resource)
        opened = Coalescer(DIALECTS[binding.dialect](address))
        self._open[binding.source, binding.dialect] = opened
        return opened
