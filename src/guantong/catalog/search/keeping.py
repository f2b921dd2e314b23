"""Keeping the index: the worker's duty. It follows the catalogue's changes, and has a missing or damaged index rebuilt.

Published changes are followed by their number in the feed, drafts and links by the journal's entries about resources.
A change is read from the database as it is now, so that taking one in twice, or late, is harmless.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Protocol

from guantong.catalog.models import Resource, ResourceVersion
from guantong.catalog.search import entries, saving
from guantong.catalog.search.errors import SearchIndexMissing
from guantong.catalog.search.types import KeptIndex, Position
from guantong.journal.models import Entry as JournalEntry
from guantong.kit import clock

logger = logging.getLogger(__name__)

BATCH = 500
# Journal entries may become visible out of order; so many before the last one are looked at again.
OVERLAP = 200
# When so many changes wait, another catalogue is flowing in: a build takes them in at a fraction of the work, as soon
# as the flow has ended, or has lasted too long to wait for.
FLOOD = 10_000
QUIET_S = 20.0
LONGEST_FLOOD_S = 900.0


class Build(Protocol):
    """A build that runs by itself."""

    def poll(self) -> int | None:
        """None while it runs, then how it ended: 0 is good."""


def start_build() -> Build:
    """Build in a process of its own, so that a full CPU delays no bundle; ``guantong index`` does the work."""
    return subprocess.Popen([sys.executable, "-m", "guantong", "index"])


def build_now(index: KeptIndex, uses: entries.Uses = entries.no_uses) -> int:
    """Index everything anew, here and now; how many faces there are."""
    position = entries.newest()
    return index.build(entries.everything(uses), position=position, progress=_say)


def _say(count: int) -> None:
    logger.info("search index: %s entries", count)


class Keeper:
    """Follows the catalogue. One a node, in its worker."""

    def __init__(
        self,
        index: KeptIndex,
        uses: entries.Uses = entries.no_uses,
        start: Callable[[], Build] = start_build,
        is_flowing: Callable[[], bool] = lambda: False,
    ) -> None:
        """``start`` begins a build elsewhere; ``is_flowing`` says whether more of another catalogue is on its way."""
        self._index, self._uses, self._start, self._is_flowing = index, uses, start, is_flowing
        self._build: Build | None = None
        self._is_checked = False
        self._stored = self._at = Position(-1, -1)
        self._taken: set[int] = set()
        self._flood: tuple[float, int, float] | None = None
        """When a flood was noticed, the newest change seen, and when it was first seen."""

    def tend(self) -> int:
        """One round: see to it that there is an index, and take in what changed; how many resources."""
        if self._build is not None and self._build.poll() is not None:
            logger.info("search index: build ended (%s)", self._build.poll())
            self._build, self._is_checked = None, False
        if self._build is None and not self._is_sound():
            self._build = self._start()
        try:
            return 0 if self._is_flooded() else self._follow()
        except SearchIndexMissing:
            self._is_checked = False
            return 0

    def _is_sound(self) -> bool:
        """Whole once after start and after each build; then only whether somebody met damage."""
        if not self._is_checked:
            self._is_checked = self._index.is_sound()
        return self._is_checked and not self._index.is_marked_broken()

    def _is_flooded(self) -> bool:
        """Whether so much waits that a build will take it in; begins one when the flow is over."""
        newest, now = entries.newest().change, time.monotonic()
        if newest - self._index.position().change < FLOOD:
            self._flood = None
            return False
        began, last, seen = self._flood or (now, newest, now)
        if last != newest:
            last, seen = newest, now
        self._flood = began, last, seen
        is_over = now - seen >= QUIET_S and not self._is_flowing()
        if self._build is None and (is_over or now - began >= LONGEST_FLOOD_S):
            self._build, self._flood = self._start(), None
        return True

    def _follow(self) -> int:
        count = 0
        stored = self._index.position()
        if stored != self._stored:
            # Another generation was swapped in: go on from where its build began.
            self._stored, self._at, self._taken = stored, stored, set()
        while True:
            keys, acts, after = self._news(self._at)
            if keys:
                self._index.apply(entries.changed(keys, self._uses), position=after)
                self._stored, count = after, count + len(keys)
                saving.tell_news(self._index, self._fresh(self._at.change, after.change), at=clock.now())
            self._taken = {pk for pk in self._taken | acts if pk > after.entry - OVERLAP}
            is_done, self._at = not keys and after == self._at, after
            if is_done:
                return count

    def _fresh(self, after: int, until: int) -> list[int]:
        """The resources that were published for the first time between two changes."""
        first = ResourceVersion.objects.filter(number__gt=after, number__lte=until, version=1)
        return list(first.values_list("resource_id", flat=True))

    def _news(self, at: Position) -> tuple[list[int], set[int], Position]:
        """The resources that changed after ``at``, the journal entries that say so, and the place behind them."""
        versions = list(
            ResourceVersion.objects.filter(number__gt=at.change)
            .order_by("number")
            .values_list("number", "resource_id")[:BATCH]
        )
        newest = entries.newest().entry
        acts = dict(
            JournalEntry.objects.filter(pk__gt=at.entry - OVERLAP, pk__lte=newest, subject_kind="resource")
            .order_by("pk")
            .values_list("pk", "subject_id")[: BATCH + OVERLAP]
        )
        fresh = {pk: code for pk, code in acts.items() if pk not in self._taken}
        keys = {key for _, key in versions}
        keys |= set(Resource.objects.filter(code__in=set(fresh.values())).values_list("pk", flat=True))
        change = versions[-1][0] if versions else at.change
        entry = max(acts) if len(acts) == BATCH + OVERLAP else newest
        return sorted(keys), set(fresh), Position(change or 0, max(entry, at.entry))
