"""From a target's declaration and the node's addresses to an open target."""

from collections.abc import Callable, Mapping

from guantong.bundle.jobs import Target as Declared
from guantong.exchange.sources.opening import addressed
from guantong.exchange.targets.applying import Landing, Target
from guantong.exchange.targets.mysql import MySQLTarget
from guantong.exchange.targets.postgresql import PostgreSQLTarget
from guantong.exchange.targets.sqlite import SQLiteTarget

TARGETS: Mapping[str, Callable[[str, str, Landing], Target]] = {
    "postgresql": PostgreSQLTarget,
    "mysql": MySQLTarget,
    "sqlite": SQLiteTarget,
}


def open_target(declared: Declared, landing: Landing, addresses: Mapping[str, str]) -> Target:
    """The table that ``declared`` names. AddressMissing, or what the database says."""
    address = addressed(declared.source, declared.dialect, addresses)
    return TARGETS[declared.dialect](declared.source, address, landing)
