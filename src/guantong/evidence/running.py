"""A log at work inside an event loop: one thread integrates and signs, two tasks ask the witnesses.

They wait for nothing but each other's results: while a witness is away, leaves are still integrated and
signed.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self, TypeVar

from guantong.evidence.cosigning import Cosigning, Send
from guantong.evidence.log import Log
from guantong.evidence.merkle import Hash
from guantong.evidence.policy import Party
from guantong.kit.errors import GuantongError

LOOK_EVERY_S = 0.05
SIGN_EVERY_S = 0.25
ASK_AGAIN_S = 1.0

T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Running:
    """Runs ``log`` while the block lasts."""

    def __init__(self, log: Log, send: Send) -> None:
        self.log = log
        self.cosigning = Cosigning(send, self._consistency)
        self.trouble: str | None = None
        """Why the log could not integrate when it last tried."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="integrator")
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(work()) for work in (self._integrate, self._cosign, self._probe)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(self._writer.shutdown)

    async def _integrate(self) -> None:
        while True:
            pause = LOOK_EVERY_S
            try:
                if await self._write(self._integrate_for_a_while):
                    self._news.set()
                    pause = 0
                self.trouble = None
            except (OSError, sqlite3.Error, GuantongError) as fault:
                _logger.exception("the log could not integrate")
                self.trouble, pause = str(fault), ASK_AGAIN_S
            await asyncio.sleep(pause)

    def _integrate_for_a_while(self) -> bool:
        """Integrate what waits, for at most one interval, then sign; whether that is news."""
        deadline = time.monotonic() + SIGN_EVERY_S
        before = self.log.latest
        while self.log.integrate() and time.monotonic() < deadline:
            pass
        return self.log.sign() is not before

    async def _cosign(self) -> None:
        """Have each new checkpoint cosigned by all witnesses that are well, all at once."""
        while True:
            self._news.clear()
            if not await self._ask(lambda party: party.key.ref not in self.cosigning.troubles):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), ASK_AGAIN_S)

    async def _probe(self) -> None:
        """Ask those that failed now and then, so that they hold up nobody else."""
        while True:
            await asyncio.sleep(ASK_AGAIN_S)
            if await self._ask(lambda party: party.key.ref in self.cosigning.troubles):
                self._news.set()

    async def _ask(self, is_wanted: Callable[[Party], bool]) -> bool:
        signed, witnesses = self.log.latest, self.log.policy.witnesses.values()
        if signed is None:
            return False
        have = {signature.ref for signature in signed.note.signatures}
        parties = [
            party for party in witnesses if party.url and party.key.ref not in have and is_wanted(party)
        ]
        found = await self.cosigning.ask(signed, parties)
        if found:
            await self._write(lambda: self.log.cosign(signed, found))
        return bool(found)

    async def _consistency(self, old: int, new: int) -> list[Hash]:
        return await asyncio.to_thread(self.log.consistency, old, new)

    async def _write(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, job)
