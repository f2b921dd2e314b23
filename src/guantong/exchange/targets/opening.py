"""From a target's declaration and the node's addresses to an open target."""

import importlib
from collections.abc import Callable, Mapping
from typing import cast

from guantong.bundle.jobs import Target as Declared
from guantong.exchange.sources.opening import addressed
from guantong.exchange.targets.applying import Landing, Target

# Loaded when first needed, as sources are.
TARGETS = {
    "postgresql": ("postgresql", "PostgreSQLTarget"),
    "mysql": ("mysql", "MySQLTarget"),
    "sqlite": ("sqlite", "SQLiteTarget"),
    "csv": ("files", "CSVTarget"),
    "parquet": ("files", "ParquetTarget"),
    "xlsx": ("spreadsheets", "XLSXTarget"),
}


def open_target(declared: Declared, landing: Landing, addresses: Mapping[str, str]) -> Target:
    """The table that ``declared`` names. AddressMissing, or what the database says."""
    address = addressed(declared.source, declared.dialect, addresses)
    module, name = TARGETS[declared.dialect]
    found = getattr(importlib.import_module(f"guantong.exchange.targets.{module}"), name)
    return cast("Callable[[str, str, Landing], Target]", found)(declared.source, address, landing)
