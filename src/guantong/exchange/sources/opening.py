"""From a binding and the node's addresses to an open source."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from guantong.bundle.types import Binding
from guantong.exchange.errors import AddressMissing, ExtraMissing
from guantong.exchange.sources.reading import Source

# Drivers are loaded when first needed: together they are a third of the memory that a process may have.
SOURCES = {
    "postgresql": ("postgresql", "PostgreSQLSource"),
    "mysql": ("mysql", "MySQLSource"),
    "sqlite": ("sqlite", "SQLiteSource"),
    "csv": ("files", "CSVSource"),
    "parquet": ("files", "ParquetSource"),
    "xlsx": ("spreadsheets", "XLSXSource"),
    "folder": ("folder", "FolderSource"),
    "other": ("others", "OtherSource"),
}
_SCHEMES = {
    "mysql": {"mysql", "mariadb"},
    "csv": {"file"},
    "parquet": {"file"},
    "xlsx": {"file"},
    "folder": {"file"},
    # Without an address, events stay on the node, where their readers fetch them.
    "events": {"", "embedded", "webhook+http", "webhook+https", "nats", "tls", "kafka"},
}


def open_source(binding: Binding, addresses: Mapping[str, str], *, digest: str = "sha-256") -> Source:
    """The source that serves ``binding``; ``digest`` is the suite's, for files. AddressMissing, or what it says."""
    address = addressed(binding.source, binding.dialect, addresses)
    module, name = SOURCES[binding.dialect]
    found = loaded("sources", module, name, binding.source)
    if binding.dialect == "folder":
        return cast("Callable[[str, str, str], Source]", found)(binding.source, address, digest)
    return cast("Callable[[str, str], Source]", found)(binding.source, address)


def loaded(side: str, module: str, name: str, source: str) -> Any:
    """The class that serves a kind of database. ExtraMissing."""
    try:
        return getattr(importlib.import_module(f"guantong.exchange.{side}.{module}"), name)
    except ModuleNotFoundError as missing:
        raise ExtraMissing(name=source, module=missing.name, extra="databases") from missing


def addressed(name: str, dialect: str, addresses: Mapping[str, str]) -> str:
    """The address of ``name``, if it is one for ``dialect``."""
    address = addresses.get(name, "")
    if dialect == "other" and "://" in address:
        return address
    if urlsplit(address).scheme not in _SCHEMES.get(dialect, {dialect}):
        raise AddressMissing(name=name)
    return address
