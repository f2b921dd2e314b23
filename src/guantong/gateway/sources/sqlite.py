"""SQLite: opened read-only, read in two threads, one statement whatever the number of keys."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from guantong.gateway.sources.lookup import Key, Lookup, Row, SourceUnavailable, quoted


class SQLiteSource:
    """``sqlite:///absolute/path``. The file is never created and never written."""

    def __init__(self, url: str) -> None:
        self._uri = f"file:{quote(unquote(urlsplit(url).path))}?mode=ro"
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="sqlite")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []

    async def fetch(self, lookup: Lookup, keys: Sequence[Key], limit: int) -> list[Row]:
        """See :class:`guantong.gateway.sources.lookup.Source`."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._fetch, lookup, keys, limit)
        except sqlite3.Error:
            raise SourceUnavailable(resource=lookup.resource) from None

    async def close(self) -> None:
        """Close every thread's connection."""
        self._threads.shutdown(wait=True)
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _fetch(self, lookup: Lookup, keys: Sequence[Key], limit: int) -> list[Row]:
        rows = self._connection().execute(_statement(lookup), (json.dumps(keys), limit))
        return rows.fetchall()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            # Closed by close(), from another thread, after this one has ended.
            connection = sqlite3.connect(self._uri, uri=True, timeout=2, check_same_thread=False)
            connection.execute("PRAGMA query_only = on")
            self._own.connection = connection
            self._opened.append(connection)
        return connection


@lru_cache(maxsize=1024)
def _statement(lookup: Lookup) -> str:
    # Every column is qualified: SQLite reads an unknown bare "name" as text and would answer with it.
    key_columns = [f"t.{quoted(column, chr(34))}" for column in lookup.keys]
    wanted = [f"t.{quoted(column, chr(34))}" for column in lookup.columns]
    parts = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(key_columns)))
    return (
        f"SELECT {', '.join(key_columns + wanted)} FROM {quoted(lookup.table, chr(34))} AS t "  # noqa: S608
        f"WHERE ({', '.join(key_columns)}) IN (SELECT {parts} FROM json_each(?)) LIMIT ?"
    )
