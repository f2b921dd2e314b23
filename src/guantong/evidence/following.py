"""The node above follows the logs below: it reads their tiles, compares them with what its witness cosigned, tells people.

Alarms are signed alerts in a spool of this process's own, so they reach the node's alert page and the node's log.
"""

import asyncio
import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from guantong.courier.client import Courier
from guantong.evidence.alarms import Alarms
from guantong.evidence.configuration import Followed, Reread
from guantong.evidence.monitor import Look, Mirror, Monitor, Reply, keep_accusation, mirror_name
from guantong.evidence.witness import Witness
from guantong.kit.errors import GuantongError

LOOK_EVERY_S = 0.5

_logger = logging.getLogger(__name__)


class Following:
    """Follows the ``listed`` logs while the block lasts; one that is silent holds up no other."""

    def __init__(
        self,
        folder: Path,
        listed: Reread[tuple[Followed, ...]],
        courier: Courier,
        witness: Witness | None,
        alarms: Alarms,
    ) -> None:
        self._folder = folder
        self._listed = listed
        self._courier = courier
        self._witness = witness
        self._alarms = alarms
        self._monitors: dict[str, tuple[Followed, Monitor]] = {}
        self._allowed: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self._looking: dict[str, asyncio.Task[None]] = {}
        self.troubles: dict[str, str] = {}
        """Log → what was wrong when it was looked at last."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._task, *self._looking.values()):
            if task:
                task.cancel()
                with suppress(asyncio.CancelledError):  # as it was told a line above
                    await task
        for known in self._monitors.values():
            known[1].mirror.close()

    def mirror(self, name: str) -> Mirror | None:
        """The mirror of the followed log with this :func:`mirror_name`."""
        return next(
            (each.mirror for origin, (_, each) in self._monitors.items() if mirror_name(origin) == name), None
        )

    async def _follow(self) -> None:
        while True:
            try:
                self._take_list()
                self._start_looks()
                if self._witness:
                    await self._tell_suspicions(self._witness)
            except (GuantongError, OSError, sqlite3.Error):
                _logger.exception("the logs could not be followed")
            await asyncio.sleep(LOOK_EVERY_S)

    def _start_looks(self) -> None:
        """Look at every log whose last look is over: one that is silent holds up itself alone."""
        for origin in self._monitors:
            task = self._looking.get(origin)
            if task is None or task.done():
                self._looking[origin] = asyncio.create_task(self._look(origin))

    def _take_list(self) -> None:
        listed = {each.origin: each for each in self._listed.current()}
        for origin in [origin for origin in self._monitors if origin not in listed]:
            self._looking.pop(origin).cancel()
            self._monitors.pop(origin)[1].mirror.close()
        for origin, one in listed.items():
            known = self._monitors.get(origin)
            if known is None or known[0] != one:
                mirror = known[1].mirror if known else Mirror(self._folder / mirror_name(origin))
                self._monitors[origin] = (one, self._monitor(one, mirror))
        wanted = frozenset(each.url for each in listed.values())
        if wanted != self._allowed:
            self._courier.allow(wanted)
            self._allowed = wanted

    def _monitor(self, one: Followed, mirror: Mirror) -> Monitor:
        async def get(path: str) -> Reply:
            return await self._courier.send("GET", one.url + path)

        return Monitor(mirror, one.origin, lambda: one.keys, get)

    async def _look(self, origin: str) -> None:
        monitor = self._monitors[origin][1]
        try:
            look = await monitor.look()
            await self._report(monitor, look, "tiles")
            cosigned = self._witness.note(origin) if self._witness else None
            if cosigned:
                # An old cosigned tree is no news: the log may have grown since. Only another history is.
                compared = monitor.judge(cosigned)
                if compared.accusation:
                    await self._report(monitor, compared, "witness")
        except (GuantongError, OSError, sqlite3.Error) as fault:
            self.troubles[origin] = str(fault)
            return
        if not look.alarm and not look.shown:
            self.troubles.pop(origin, None)

    async def _report(self, monitor: Monitor, look: Look, seen: str) -> None:
        if look.alarm is None:
            return
        details: dict[str, Any] = {"log": monitor.origin, "verified": look.size, "seen": seen}
        details["shown"] = look.shown.size if look.shown else 0
        if look.accusation:
            path, is_new = keep_accusation(self._folder.parent / "accusations", look.accusation)
            details["accusation"] = path.name
            if not is_new:
                return  # told before, perhaps by an earlier life of this process
        self.troubles[monitor.origin] = look.alarm
        _logger.error("%s: %s", look.alarm, details)
        await self._alarms.tell(look.alarm, details)

    async def _tell_suspicions(self, witness: Witness) -> None:
        for suspicion in witness.untold():
            known = self._monitors.get(suspicion.origin)
            if known:
                # A note that cannot be judged adds no accusation; the suspicion itself is told below all the same.
                with suppress(GuantongError):
                    await self._report(known[1], known[1].judge(suspicion.note), "witness")
            size, _ = witness.seen(suspicion.origin)
            details = {"log": suspicion.origin, "at": suspicion.at, "cosigned": size}
            await self._alarms.tell("log_suspicious", details)
            witness.told(suspicion.number)
