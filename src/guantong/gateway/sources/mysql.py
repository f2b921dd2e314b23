"""MariaDB and MySQL through aiomysql: rows of values in one IN list, values always bound."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomysql
import pymysql

from guantong.gateway.sources.lookup import Key, Lookup, Row, SourceUnavailable, quoted


class _DiscreetCursor(aiomysql.Cursor):
    """The server's warnings quote the values that people looked up; they must not reach any output."""

    async def _show_warnings(self, conn: Any) -> None: ...


class MySQLSource:
    """``mysql://user:password@host:port/database``, read-only sessions, at most four connections."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = {
            "host": parts.hostname or "127.0.0.1",
            "port": parts.port or 3306,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "db": unquote(parts.path.lstrip("/")),
        }
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def fetch(self, lookup: Lookup, keys: Sequence[Key], limit: int) -> list[Row]:
        """See :class:`guantong.gateway.sources.lookup.Source`."""
        statement = _statement(lookup, len(keys))
        values = [part for key in keys for part in key]
        try:
            pool = await self._opened()
            async with pool.acquire() as connection, connection.cursor(_DiscreetCursor) as cursor:
                await cursor.execute(statement, [*values, limit])
                return list(await cursor.fetchall())
        except (pymysql.MySQLError, OSError, RuntimeError):
            raise SourceUnavailable(resource=lookup.resource) from None

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.terminate()
            await self._pool.wait_closed()

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await aiomysql.create_pool(  # type: ignore[no-untyped-call]
                    **self._address,
                    minsize=1,
                    maxsize=4,
                    charset="utf8mb4",
                    autocommit=True,
                    connect_timeout=3,
                    pool_recycle=300,
                    init_command="SET SESSION TRANSACTION READ ONLY",
                )
            return self._pool


def _statement(lookup: Lookup, count: int) -> str:
    columns = [f"t.{_quoted(column)}" for column in lookup.keys]
    chosen = columns + [f"t.{_quoted(column)}" for column in lookup.columns]
    one = "%s" if len(columns) == 1 else f"({', '.join(['%s'] * len(columns))})"
    left = columns[0] if len(columns) == 1 else f"({', '.join(columns)})"
    table = _quoted(lookup.table)
    statement = f"SELECT {', '.join(chosen)} FROM {table} AS t WHERE {left} IN "  # noqa: S608
    return f"{statement}({', '.join([one] * count)}) LIMIT %s"


def _quoted(name: str) -> str:
    # A percent sign in a name would be read as a placeholder.
    return quoted(name, "`").replace("%", "%%")
