"""Events as a target: every row that arrives is told, once in the store, at least once to who listens.

Nothing is overwritten, so a job of events updates by key, or appends; one that replaces is refused.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from guantong.exchange.decide import Permit
from guantong.exchange.errors import AddressMissing, JobMisdeclared, StagingFull, SubscriptionEnded
from guantong.exchange.events.cloud import LARGEST, Event, told_by
from guantong.exchange.events.outlets import is_embedded, mark_of
from guantong.exchange.events.store import EventStore, path_of
from guantong.exchange.node import Node
from guantong.exchange.quarantine import put_aside
from guantong.exchange.sources.reading import Found
from guantong.exchange.targets.applying import Entry, Landing, Load, Standing

BACKLOG = 1_000_000
"""Events that may wait for a listener who does not come; then runs pause."""


class EventsTarget:
    """The address of the target's source says who listens; see :mod:`guantong.exchange.events.outlets`."""

    stores_nul = True
    stores_nan = True

    def __init__(self, name: str, address: str, landing: Landing, permit: Permit, node: Node) -> None:
        if is_embedded(address) and node.salts is not None:
            raise AddressMissing(name=name)  # an edge opens no port: nobody could fetch them
        if landing.writing == "replace":
            raise JobMisdeclared(
                job=landing.job, why_zh="事件不能整表替换", why_en="events cannot replace a table"
            )
        self._landing = landing
        self._permit = permit
        self._node = node
        self._address = address
        self._told = told_by(permit, landing.key, node.mask_salt(permit.grant.id))
        self._store = EventStore(path_of(node.folder, permit.target.id))

    def find(self) -> Found:
        """See :class:`guantong.exchange.targets.applying.Target`. Events take what comes."""
        return Found(dict(self._landing.columns), (frozenset(self._landing.key),))

    def standing(self) -> Standing:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            return self._store.standing(self._landing.job, is_aside=self._landing.aside)

    def begin(self, run: str, *, fresh: bool) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._check_listener()
        if fresh:
            with self._truthful():
                self._store.begin(self._landing.job, run, is_aside=self._landing.aside)

    def give_up(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            self._store.begin(self._landing.job, "", is_aside=False)

    def encode(self, rows: pl.DataFrame) -> Load:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return Load(rows.height, rows)

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return keys

    def apply(self, load: Load, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        rows = load.data
        assert isinstance(rows, pl.DataFrame)  # noqa: S101 - as encode made it
        self._check_backlog(load.rows)
        with self._truthful():
            events = self._fitting(rows, entry)
            if isinstance(load.gone, pl.DataFrame):
                events += self._told.gone(load.gone, entry, start=rows.height)
            self._store.append(self._landing.job, entry, events, is_aside=self._landing.aside)

    def close_run(self, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            self._store.close_run(self._landing.job, entry, self._told.arrived(entry))

    def close(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._store.close()

    def _fitting(self, rows: pl.DataFrame, entry: Entry) -> list[Event]:
        events, large = [], []
        for number, event in self._told.rows(rows, entry):
            if len(event.body) <= LARGEST:
                events.append(event)
            else:
                large.append(number)
        if large:
            refused = rows[large].select(
                *(name for name in self._landing.key if name in rows.columns),
                pl.lit("event_too_large").alias("reasons"),
            )
            put_aside(
                self._node.quarantine, job=self._landing.job, run=entry.run, chunk=entry.chunk, side="events",
                rows=refused,
            )  # fmt: skip
        return events

    def _check_listener(self) -> None:
        if not is_embedded(self._address) and self._store.mark("ended") == mark_of(self._address):
            raise SubscriptionEnded(target=self._permit.target.id)

    def _check_backlog(self, rows: int) -> None:
        if is_embedded(self._address):
            return
        if self._store.waiting(int(self._store.mark("delivered") or 0)) + rows > BACKLOG:
            raise StagingFull

    @contextmanager
    def _truthful(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorname in {"SQLITE_FULL", "SQLITE_IOERR_WRITE"}:
                raise StagingFull from fault
            raise
