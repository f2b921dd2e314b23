"""From what a permit says, and the node's addresses, to an open target."""

from collections.abc import Callable
from typing import cast

from guantong.exchange.decide import Permit
from guantong.exchange.node import Node
from guantong.exchange.sources.opening import addressed, loaded
from guantong.exchange.targets.applying import Landing, Target

# Loaded when first needed, as sources are.
TARGETS = {
    "postgresql": ("postgresql", "PostgreSQLTarget"),
    "mysql": ("mysql", "MySQLTarget"),
    "sqlite": ("sqlite", "SQLiteTarget"),
    "csv": ("files", "CSVTarget"),
    "parquet": ("files", "ParquetTarget"),
    "xlsx": ("spreadsheets", "XLSXTarget"),
    "folder": ("folder", "FolderTarget"),
    "events": ("events", "EventsTarget"),
    "other": ("others", "OtherTarget"),
}


# These also need to know whose rows they are: folders put files aside, events are told under a grant.
_KNOWING = {"folder", "events"}


def open_target(permit: Permit, landing: Landing, node: Node) -> Target:
    """The table that the permit's target names. AddressMissing, or what the database says."""
    declared = permit.target
    address = addressed(declared.source, declared.dialect, node.addresses())
    module, name = TARGETS[declared.dialect]
    found = loaded("targets", module, name, declared.source)
    if declared.dialect in _KNOWING:
        return cast("Callable[[str, str, Landing, Permit, Node], Target]", found)(
            declared.source, address, landing, permit, node
        )
    return cast("Callable[[str, str, Landing], Target]", found)(declared.source, address, landing)
