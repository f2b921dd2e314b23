"""What is asked of a source, and what every source promises.

A key finds the rows whose key columns, written as text, are exactly the key: neither a database's forgiving
collation nor the other calls in the same statement may change an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from guantong.bundle.types import Binding
from guantong.kit.errors import GuantongError

Key = tuple[str, ...]
Row = tuple[Any, ...]


class SourceUnavailable(GuantongError):
    """The department's database did not answer. Nothing of its address or message is told."""

    code = "source_unavailable"
    status = 502
    zh = "资源 {resource} 的数据源暂时无法访问。"
    en = "The data source of {resource} is not available at the moment."


class KeyUnusable(Exception):
    """A key cannot be of the column's type (letters for a number): no row can have it."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Lookup:
    """One shape of question to one table. ``limit`` is the number of rows a single key may yield.

    Questions of one shape are one and the same object (see Sources), so that finding what was prepared for it is cheap.
    """

    resource: str
    source: str
    table: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    limit: int


class Source(Protocol):
    """One database."""

    async def fetch(self, lookup: Lookup, keys: Sequence[Key], limit: int) -> list[Row]:
        """Rows of any of ``keys``: the key columns first, then the wanted ones; at most ``limit`` in all.

        Raises SourceUnavailable, or KeyUnusable when the database cannot read one of the keys.
        """

    async def close(self) -> None:
        """Give the connections back."""


def lookup_of(binding: Binding, keys: Sequence[str], items: Sequence[str]) -> Lookup:
    """The question about ``items`` by ``keys``, in the table's own words.

    One row more than the binding allows is asked for, so that too many are noticed.
    """
    columns = binding.columns
    if any(item not in columns for item in (*keys, *items)):
        raise SourceUnavailable(resource=binding.resource)
    return Lookup(
        resource=binding.resource,
        source=binding.source,
        table=binding.table,
        keys=tuple(columns[key] for key in keys),
        columns=tuple(columns[item] for item in items),
        limit=binding.max_rows + 1,
    )


def quoted(name: str, mark: str) -> str:
    """An identifier in the database's quotation marks; each part of ``schema.table`` on its own."""
    if "\0" in name:
        raise ValueError("an identifier cannot hold a null character")
    return ".".join(mark + part.replace(mark, mark * 2) + mark for part in name.split("."))
