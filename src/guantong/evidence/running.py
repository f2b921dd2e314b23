"""A log at work inside an event loop: one thread integrates and signs, two tasks ask the witnesses.

They wait for nothing but each other's results: while a witness is away, leaves are still integrated and
signed.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar

from guantong.evidence.alarms import Alarms
from guantong.evidence.cosigning import Cosigning, Send
from guantong.evidence.log import Log
from guantong.evidence.merkle import Hash
from guantong.evidence.monitor import Get, Reply
from guantong.evidence.policy import Party
from guantong.evidence.repair import LogBehind, LogRestored, fetch_missing
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

LOOK_EVERY_S = 0.05
SIGN_EVERY_S = 0.25
ASK_AGAIN_S = 1.0
REST = 4
"""For how many times as long as it took does the log let leaves gather before it integrates again."""

T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Running:
    """Runs ``log`` while the block lasts."""

    def __init__(self, log: Log, send: Send, alarms: Alarms | None = None) -> None:
        self.log = log
        self._send = send
        self._alarms = alarms
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
            with suppress(asyncio.CancelledError):  # as it was told above
                await task
        await asyncio.to_thread(self._writer.shutdown)

    async def rekey(self, key: SigningKey, former: Sequence[VerifyKey]) -> None:
        """Sign with another key from the next checkpoint on."""
        await self._write(partial(self.log.rekey, key, former))

    async def _integrate(self) -> None:
        await self._settle()
        while True:
            pause, began = LOOK_EVERY_S, time.monotonic()
            try:
                if self.log.behind is not None:
                    await self._repair(self.log.behind)
                if await self._write(self._integrate_for_a_while):
                    self._news.set()
                    # Syncing and signing cost the same for one leaf as for a thousand: under load, wait for more.
                    pause = min(SIGN_EVERY_S, max(LOOK_EVERY_S, REST * (time.monotonic() - began)))
                self.trouble = None
            except (OSError, sqlite3.Error, GuantongError) as fault:
                _logger.exception("the log could not integrate")
                self.trouble, pause = str(fault), ASK_AGAIN_S
            await asyncio.sleep(pause)

    async def _settle(self) -> None:
        """Before the first leaf is added: ask the witnesses whether they have seen more of this log than it has.

        A log that came from a backup waits until one has answered; any other goes on without those that are away.
        """
        while True:
            try:
                if self.log.size == 0:
                    await self._write(self.log.sign)
                asked, answered = await self._ask_all()
                if answered or not asked or not self.log.is_restored:
                    await self._write(self.log.settle)
                    return
                self.trouble = str(LogRestored())
            except (OSError, sqlite3.Error, GuantongError) as fault:
                _logger.exception("the witnesses could not be asked")
                self.trouble = str(fault)
            await asyncio.sleep(ASK_AGAIN_S)

    async def _ask_all(self) -> tuple[int, int]:
        """Have all witnesses cosign what is signed already; how many were asked, and how many answered."""
        signed = self.log.latest
        parties = [party for party in self.log.policy.witnesses.values() if party.url]
        if signed is None or not parties:
            return 0, 0
        found = await self.cosigning.ask(signed, parties)
        if found:
            await self._write(lambda: self.log.cosign(signed, found))
        await self._compare()
        is_ahead = self.log.behind is not None
        return len(parties), len(parties) if is_ahead else len(found)

    async def _compare(self) -> None:
        """A witness that has cosigned more than there is: the log was set back."""
        latest, seen = self.log.latest, self.cosigning.largest_seen
        size = latest.checkpoint.size if latest else 0
        if seen > size and self.log.behind is None:
            await self._write(lambda: self.log.fall_behind(seen))
            _logger.error("the log has %d entries, a witness has cosigned %d", size, seen)
            await self._tell("log_behind", {"log": self.log.origin, "size": size, "cosigned": seen})

    async def _repair(self, seen: int) -> None:
        """Make the log whole from a witness that mirrors it; the last one's refusal if none can."""
        before = self.log.latest.checkpoint.size if self.log.latest else 0
        refusal: GuantongError = LogBehind(size=before, seen=seen, mirrored=0)
        for party in self.log.policy.witnesses.values():
            try:
                missing = await fetch_missing(self.log, self._getter(party.url or ""))
                make_whole = partial(self.log.make_whole, missing.digests, missing.note, missing.checkpoint)
                await self._write(make_whole)
            except GuantongError as fault:
                refusal = fault if isinstance(fault, LogBehind) else refusal
                _logger.warning("no repair from %s: %s", party.key.name, fault)
            else:
                after = missing.checkpoint.size
                await self._tell("log_repaired", {"log": self.log.origin, "size": before, "repaired": after})
                return
        raise refusal

    def _getter(self, url: str) -> Get:
        async def get(path: str) -> Reply:
            return await self._send("GET", url.rstrip("/") + path, b"")

        return get

    async def _tell(self, code: str, details: dict[str, Any]) -> None:
        if self._alarms:
            try:
                await self._alarms.tell(code, details)
            except GuantongError:
                _logger.exception("%s could not be put on record", code)

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
                with suppress(TimeoutError):  # no news within that time: those that failed are asked again
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
        await self._compare()
        return bool(found)

    async def _consistency(self, old: int, new: int) -> list[Hash]:
        return await asyncio.to_thread(self.log.consistency, old, new)

    async def _write(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, job)
