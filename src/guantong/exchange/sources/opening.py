"""From a binding and the node's addresses to an open source."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from guantong.bundle.types import Binding
from guantong.exchange.errors import AddressMissing
from guantong.exchange.sources.mysql import MySQLSource
from guantong.exchange.sources.postgresql import PostgreSQLSource
from guantong.exchange.sources.reading import Source
from guantong.exchange.sources.sqlite import SQLiteSource

SOURCES: Mapping[str, Callable[[str, str], Source]] = {
    "postgresql": PostgreSQLSource,
    "mysql": MySQLSource,
    "sqlite": SQLiteSource,
}


def open_source(binding: Binding, addresses: Mapping[str, str]) -> Source:
    """The source that serves ``binding``. AddressMissing, or what the database says."""
    address = addressed(binding.source, binding.dialect, addresses)
    return SOURCES[binding.dialect](binding.source, address)


def addressed(name: str, dialect: str, addresses: Mapping[str, str]) -> str:
    """The address of ``name``, if it is one for ``dialect``."""
    address = addresses.get(name, "")
    scheme = urlsplit(address).scheme
    wanted = {"mysql": {"mysql", "mariadb"}, "csv": {"file"}, "parquet": {"file"}, "xlsx": {"file"}}
    if scheme not in wanted.get(dialect, {dialect}):
        raise AddressMissing(name=name)
    return address
