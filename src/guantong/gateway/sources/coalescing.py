"""Lookups that wait together travel together.

While one statement runs, the keys that arrive form the next one: a lone caller waits for nobody, a crowd
shares the cost. No timer is involved.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from guantong.gateway.sources.lookup import Key, KeyUnusable, Lookup, Row, Source, SourceUnavailable

LARGEST_BATCH = 400
STATEMENT_TIMEOUT_S = 10.0

_Waiting = dict[Key, list["asyncio.Future[list[Row]]"]]


class Coalescer:
    """One source, asked in batches."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._waiting: dict[Lookup, _Waiting] = defaultdict(dict)
        self._running: dict[Lookup, asyncio.Task[None]] = {}
        self.statements = 0
        self.lookups = 0
        self.failures = 0

    async def rows(self, lookup: Lookup, key: Key, deadline: float) -> list[Row]:
        """The rows of ``key`` (wanted columns only), at most ``lookup.limit``.

        Raises SourceUnavailable, or TimeoutError at ``deadline``, a moment of the event loop's clock.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Row]] = loop.create_future()
        self._waiting[lookup].setdefault(key, []).append(answer)
        if lookup not in self._running:
            self._running[lookup] = asyncio.create_task(self._run(lookup))
        # Only the one who waits gives up: the statement serves others too.
        timer = loop.call_at(deadline, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Let what runs end, and close the source."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._source.close()

    async def _run(self, lookup: Lookup) -> None:
        waiting = self._waiting[lookup]
        try:
            while waiting:
                taken = {key: waiting.pop(key) for key in list(waiting)[:LARGEST_BATCH]}
                await self._answer(lookup, taken)
        finally:
            # No await stands between the last look and here, so nobody can be left waiting.
            del self._running[lookup]
            del self._waiting[lookup]

    async def _answer(self, lookup: Lookup, taken: _Waiting) -> None:
        self.lookups += sum(map(len, taken.values()))
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT_S):
                found = await self._batch(lookup, list(taken))
        except Exception as fault:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            self.failures += 1
            told = fault if isinstance(fault, SourceUnavailable) else None
            for answer in (answer for answers in taken.values() for answer in answers if not answer.done()):
                answer.set_exception(told or SourceUnavailable(resource=lookup.resource))
            return
        for key, answers in taken.items():
            for answer in answers:
                if not answer.done():
                    answer.set_result(found.get(key, []))

    async def _batch(self, lookup: Lookup, keys: Sequence[Key]) -> dict[Key, list[Row]]:
        """One statement for all; one for each if a key spoils it or a crowd of rows fills it."""
        limit = lookup.limit * len(keys)
        self.statements += 1
        try:
            rows = await self._source.fetch(lookup, keys, limit)
        except KeyUnusable:
            rows = []
            if len(keys) == 1:
                return {}
        else:
            if len(rows) < limit or len(keys) == 1:
                return _by_key(rows, lookup)
        found: dict[Key, list[Row]] = {}
        for key in keys:
            found |= await self._batch(lookup, [key])
        return found


def _give_up(answer: "asyncio.Future[list[Row]]") -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _by_key(rows: Sequence[Row], lookup: Lookup) -> dict[Key, list[Row]]:
    width = len(lookup.keys)
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        mine = found[(str(row[0]),) if width == 1 else tuple([str(part) for part in row[:width]])]
        if len(mine) < lookup.limit:
            mine.append(row[width:])
    return found
