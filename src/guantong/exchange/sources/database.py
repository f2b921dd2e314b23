"""What databases have in common as sources: a table is looked at once a run, and what they refuse with is said in our words."""

from abc import ABC, abstractmethod
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, TypeVar

from guantong.exchange.errors import (
    ColumnsMissing,
    DatabaseDenied,
    DatabaseLost,
    ExchangeStopped,
    TableVanished,
    TargetFull,
)
from guantong.exchange.sources.reading import Found


class Database(ABC):
    """A database that is open for one run; see :class:`guantong.exchange.sources.reading.Source`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._found: dict[str, Found] = {}

    def find(self, table: str) -> Found:
        """The table as it stands now."""
        self._found[table] = found = self._look(table)
        return found

    def known(self, table: str) -> Found:
        """The table as it was when it was last looked at."""
        return self._found.get(table) or self.find(table)

    @abstractmethod
    def _look(self, table: str) -> Found:
        """Ask the database. TableVanished, and what else can stop a run."""


Code = TypeVar("Code", int, str)


@dataclass(frozen=True)
class Refusals(Generic[Code]):
    """The codes by which a kind of database says what is the matter; any other: it is lost."""

    denied: AbstractSet[Code]
    full: AbstractSet[Code]
    vanished: AbstractSet[Code]
    missing: AbstractSet[Code]

    def said(self, code: Code, name: str, table: str) -> ExchangeStopped:
        """The error ``code`` of the source ``name`` as ours."""
        if code in self.denied:
            return DatabaseDenied(name=name)
        if code in self.full:
            return TargetFull(name=name)
        if code in self.vanished:
            return TableVanished(name=name, table=table)
        if code in self.missing:
            return ColumnsMissing(name=name, table=table, columns="?")
        return DatabaseLost(name=name)
