"""PostgreSQL through asyncpg: arrays of keys, cast to the columns' own types so that indexes serve."""

import asyncio
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg import exceptions

from guantong.gateway.sources.lookup import Key, KeyUnusable, Lookup, Row, SourceUnavailable, quoted

_TYPES = """
SELECT attname, format_type(atttypid, -1) FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attname = ANY($2::text[]) AND attnum > 0 AND NOT attisdropped
"""


class PostgreSQLSource:
    """``postgresql://user:password@host:port/database``, read-only sessions, at most four connections."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: Any = None
        self._opening = asyncio.Lock()
        # Forgotten with the lookup, when a bundle binds the resource otherwise.
        self._statements: WeakKeyDictionary[Lookup, str] = WeakKeyDictionary()

    async def fetch(self, lookup: Lookup, keys: Sequence[Key], limit: int) -> list[Row]:
        """See :class:`guantong.gateway.sources.lookup.Source`."""
        try:
            pool = await self._opened()
            async with pool.acquire() as connection:
                statement = self._statements.get(lookup) or await self._prepare(connection, lookup)
                rows = await connection.fetch(statement, *map(list, zip(*keys, strict=True)), limit)
                return list(rows)  # records slice into tuples
        except exceptions.DataError:
            raise KeyUnusable from None
        except (exceptions.PostgresError, exceptions.InterfaceError, OSError):
            raise SourceUnavailable(resource=lookup.resource) from None

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.terminate()

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(  # type: ignore[no-untyped-call]
                    self._url,
                    min_size=1,
                    max_size=4,
                    timeout=3,
                    command_timeout=8,
                    # Only read, and nothing set: there is nothing to put back after each statement.
                    reset=_as_it_is,
                    server_settings={"default_transaction_read_only": "on", "application_name": "guantong"},
                )
            return self._pool

    async def _prepare(self, connection: Any, lookup: Lookup) -> str:
        kinds = dict(await connection.fetch(_TYPES, _quoted(lookup.table), list(lookup.keys)))
        if not set(lookup.keys) <= set(kinds):
            raise SourceUnavailable(resource=lookup.resource)
        self._statements[lookup] = _statement(lookup, [kinds[column] for column in lookup.keys])
        return self._statements[lookup]


async def _as_it_is(connection: object) -> None:
    """Leave the session as it is."""


def _statement(lookup: Lookup, kinds: Sequence[str]) -> str:
    columns = [f"t.{_quoted(column)}" for column in lookup.keys]
    # The types come without length, or a cast would cut a long key down to one that exists.
    arrays = [f"$%d::text[]::{kind}[]" % number for number, kind in enumerate(kinds, 1)]
    chosen = [f"{column}::text" for column in columns] + [f"t.{_quoted(name)}" for name in lookup.columns]
    if len(columns) == 1:
        where = f"{columns[0]} = ANY({arrays[0]})"
    else:
        where = f"({', '.join(columns)}) IN (SELECT * FROM unnest({', '.join(arrays)}))"  # noqa: S608
    table = _quoted(lookup.table)
    return f"SELECT {', '.join(chosen)} FROM {table} AS t WHERE {where} LIMIT ${len(columns) + 1}"  # noqa: S608


def _quoted(name: str) -> str:
    return quoted(name, '"')
