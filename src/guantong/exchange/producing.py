"""The provider's half of a run: read, judge, sort, sign. It yields parcels, one a chunk, ready to be applied or staged.

Before every chunk the bundle of that moment is asked. The provider's receipt of a chunk is durable before the
parcel leaves this module.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from guantong.bundle.deciding import Stopped
from guantong.bundle.jobs import Job
from guantong.exchange.ahead import ahead
from guantong.exchange.chunks import Frames, Place, cut
from guantong.exchange.columns import GONE, Column, travelling
from guantong.exchange.converting import as_text, out_of_calendar
from guantong.exchange.decide import Permit
from guantong.exchange.differences import Differences
from guantong.exchange.errors import ColumnsMissing, JobMisdeclared, RunTooLong, TooManyBadRows
from guantong.exchange.gate import Engine, LocalEngine, Sorted, Work
from guantong.exchange.manifests import Contents, Manifest, Scribe, as_stream, declaration
from guantong.exchange.node import Node
from guantong.exchange.passing import is_untouched
from guantong.exchange.quarantine import put_aside
from guantong.exchange.receipts import Deed
from guantong.exchange.sources.reading import Found, Question, Source
from guantong.exchange.targets.applying import short
from guantong.exchange.telling import TELLING, Piece
from guantong.exchange.watermarks import capped, highest, later
from guantong.kit import envelope


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run takes up: its name, the chunks and the place it has, the floor of its watermark."""

    run: str
    chunk: int = 0
    place: Place = ()
    previous: str = ""
    floor: str = ""
    high: str = ""
    is_floor_had: bool = False
    before: str | None = None
    """The last closed run as the receiving side knows it: empty if none, or none to rely on; None: one stands open."""
    until: str = ""
    """Of a backfill: where its range ends. ``high`` is then the job's own watermark, which stays as it is."""
    resent: str = ""
    """The file of corrected rows that stands in for the source; ``high`` is kept here, too."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One chunk on its way."""

    manifest: Manifest
    rows: pl.DataFrame
    stream: bytes
    """The rows as they are staged; empty where they are not."""
    place: Place
    high: str
    read: int
    refused: int
    frames: Frames | None = None
    """The rows, if they pass as the database encodes them; ``rows`` is empty then."""


class Producer:
    """One run's reading side. ``judge`` gives the permit of this moment, or raises Stopped."""

    def __init__(
        self, node: Node, permit: Permit, source: Source, found: Found, columns: Mapping[str, str]
    ) -> None:
        """``columns`` maps item → column of the source's table, as its binding says."""
        self._node = node
        self._permit = permit
        self._source = source
        self._found = found
        self._columns = columns
        self._expected = found.rows if permit.job.reading == "full" else 0
        self._is_passing = False
        self._differences: Differences | None = None
        self._items = _items_read(permit)
        missing = [item for item in self._items if columns.get(item) not in found.columns]
        if missing:
            raise ColumnsMissing(
                name=permit.resource.code, table=permit.resource.name, columns=", ".join(missing)
            )
        self.kinds = {
            item: travelling(permit.resource.items[item].type, found.columns[columns[item]])
            for item in self._items
        }
        self.order = _order(permit, found, columns)
        self.work = self._work_of(permit)
        self.outgoing: Mapping[str, Column] = self._outgoing(self.work)
        self._engine: Engine = LocalEngine(self.work)

    @property
    def job(self) -> Job:
        """The job, as it was when the run began."""
        return self._permit.job

    @property
    def declaration(self) -> str:
        """The digest of what the job says; see :func:`guantong.exchange.manifests.declaration`."""
        return declaration(self._permit.job, self._node.suite)

    def offered(self) -> Mapping[str, Column] | None:
        """The source's columns by item, if rows could pass as they are; None if they are to be looked at."""
        is_able = hasattr(self._source, "frames")
        if not is_able or not is_untouched(self._permit.job, self.work, self._items):
            return None
        return {item: self._found.columns[self._columns[item]] for item in self._items}

    def pass_on(self) -> None:
        """Let rows pass as they are: the target takes them so."""
        self._is_passing = True

    def parcels(self, start: Start, table: str, judge: Callable[[], Permit]) -> Generator[Parcel]:
        """The run's chunks from ``start`` on. Raises the errors of :mod:`exchange.errors`, and Stopped."""
        limits = self._permit.job.limits
        scribe = self._scribe(start, start.previous)
        if self._permit.job.reading in TELLING:
            yield from self._told_parcels(start, table, scribe, judge)
            return
        now = self._source.now() if self._permit.job.watermark else ""
        state = _Tally(start)
        raw = ahead(self._chunks(self._question(start, table), limits.chunk_rows, limits.chunk_bytes))
        with contextlib.closing(raw):
            for rows in raw:
                yield self._parcel(rows, start, state, scribe, judge, now)

    def settle(self, run: str) -> None:
        """The run is closed where its rows went: the next one goes on from it."""
        if self._differences is not None:
            self._differences.settle(run)

    def closing(self, start: Start, previous: str, high: str, rows: int) -> Parcel:
        """The parcel that ends a run: no rows, and the count of all (chunk 0). ``previous`` is the last digest."""
        contents = Contents(0, rows, 0, 0, "", 0, (), start.floor, high)
        manifest = self._scribe(start, previous).sign(contents, self.outgoing, is_ordered=bool(self.order))
        return Parcel(manifest, pl.DataFrame(), b"", (), high, 0, 0)

    def _chunks(self, question: Question, rows: int, size: int) -> Iterator[pl.DataFrame | Frames]:
        source: Any = self._source
        frames = source.frames(question, rows=rows, size=size) if self._is_passing else None
        return cut(source.read(question), rows=rows, size=size) if frames is None else frames

    def _scribe(self, start: Start, previous: str) -> Scribe:
        node = self._node
        return Scribe(
            self._permit,
            start.run,
            previous,
            key=node.key,
            suite=node.suite,
            node=node.code,
            expected=self._expected,
            until=start.until,
            resent=start.resent,
        )

    def _parcel(
        self,
        rows: pl.DataFrame | Frames,
        start: Start,
        state: "_Tally",
        scribe: Scribe,
        judge: Callable[[], Permit],
        now: str,
    ) -> Parcel:
        state.chunk += 1
        self._decide(judge, start.run, state.chunk)
        if isinstance(rows, Frames):
            return self._passed(rows, start, state, scribe)
        sorted_rows = self._engine.sort(rows)
        state.add(rows.height, sorted_rows.refused.height)
        if sorted_rows.refused.height:
            put_aside(
                self._node.quarantine, job=self._permit.job.id, run=start.run, chunk=state.chunk,
                side="provider", rows=sorted_rows.refused,
            )  # fmt: skip
        state.check(self._permit)
        item = self._permit.job.watermark
        if item and not (start.until or start.resent):
            high = capped(highest(rows, item, self.kinds[item]), now, self.kinds[item])
            state.high = later(state.high, high, self.kinds[item])
        state.place = self._place(rows, state.place)
        stream = as_stream(sorted_rows.passed, is_compressed=self._permit.job.staged)
        contents = Contents(
            chunk=state.chunk,
            rows=sorted_rows.passed.height,
            read=rows.height,
            refused=sorted_rows.refused.height,
            digest=envelope.digest(stream, self._node.suite),
            size=len(stream),
            place=state.place,
            floor=start.floor,
            high=state.high,
        )
        return Parcel(
            self._signed(contents, start.run, scribe),
            sorted_rows.passed,
            stream if self._permit.job.staged else b"",
            contents.place,
            state.high,
            rows.height,
            contents.refused,
        )

    def _told_parcels(
        self, start: Start, table: str, scribe: Scribe, judge: Callable[[], Permit]
    ) -> Iterator[Parcel]:
        """Chunks of rows that are new or changed, and of tombstones."""
        state = _Tally(start)

        def sort(rows: pl.DataFrame) -> Sorted:
            self._decide(judge, start.run, state.chunk + 1)
            done = self._engine.sort(rows)
            state.add(rows.height, done.refused.height)
            state.check(self._permit)
            return done

        self._differences = differences = Differences(
            self._node.folder / "snapshots" / short(self._permit.job.id), self._permit.job, self._source,
            self._question(start, table), kinds=self.kinds, outgoing=self.outgoing,
        )  # fmt: skip
        for piece, sent in differences.pieces(start.run, start.before, start.floor, sort):
            state.chunk += 1
            sent.note(piece.rows, state.chunk)
            yield self._told(piece, state.chunk, start, scribe)

    def _told(self, piece: Piece, chunk: int, start: Start, scribe: Scribe) -> Parcel:
        high = self._differences.position if self._differences else ""
        job, refused = self._permit.job, piece.refused.height
        if refused:
            put_aside(
                self._node.quarantine, job=job.id, run=start.run, chunk=chunk, side="provider",
                rows=piece.refused,
            )  # fmt: skip
        stream = as_stream(piece.rows, is_compressed=job.staged)
        contents = Contents(
            chunk=chunk, rows=piece.rows.height, read=piece.read, refused=refused, place=(), floor=start.floor,
            high=high, digest=envelope.digest(stream, self._node.suite), size=len(stream),
        )  # fmt: skip
        manifest = self._signed(contents, start.run, scribe)
        return Parcel(manifest, piece.rows, stream, (), high, piece.read, refused)

    def _passed(self, frames: Frames, start: Start, state: "_Tally", scribe: Scribe) -> Parcel:
        """The parcel of rows that nothing is done to."""
        if not is_untouched(self._permit.job, self.work, self._items):
            raise JobMisdeclared(
                job=self._permit.job.id,
                why_zh="授权在批次中途改变了条件，请重试",
                why_en="its grant's condition changed midway; try again",
            )
        state.add(frames.rows, 0)
        state.check(self._permit)
        state.place = frames.place
        contents = Contents(
            chunk=state.chunk,
            rows=frames.rows,
            read=frames.rows,
            refused=0,
            digest=envelope.digest(frames.data, self._node.suite),
            size=len(frames.data),
            place=frames.place,
            floor=start.floor,
            high="",
            form="postgresql-copy",
        )
        manifest = self._signed(contents, start.run, scribe)
        return Parcel(manifest, pl.DataFrame(), b"", frames.place, "", frames.rows, 0, frames)

    def _signed(self, contents: Contents, run: str, scribe: Scribe) -> Manifest:
        """The chunk's manifest, once the provider's receipt is on disk."""
        manifest = scribe.sign(contents, self.outgoing, is_ordered=bool(self.order))
        deed = Deed(
            role="provider",
            batch=self._batch(run, contents.chunk, contents.refused) | {"size": contents.size},
            rows=contents.rows,
            manifest=manifest.digest,
            declaration=self.declaration,
        )
        self._node.accounts.write(self._permit, deed)
        return manifest

    def _decide(self, judge: Callable[[], Permit], run: str, chunk: int) -> None:
        try:
            permit = judge()
        except Stopped as stop:
            deed = Deed(
                role="provider",
                batch=self._batch(run, chunk, 0),
                rows=0,
                manifest=None,
                declaration=self.declaration,
                reason=stop.reason.code,
                rule=stop.rule,
            )
            self._node.accounts.write(self._permit, deed)
            raise stop.reason from None
        if self._work_of(permit) != self.work:
            # New masks, conditions or fields: from this chunk on they hold.
            self._permit, self.work = permit, self._work_of(permit)
            if self._outgoing(self.work) != self.outgoing:
                raise JobMisdeclared(
                    job=permit.job.id,
                    why_zh="授权或作业在批次中途改变了字段",
                    why_en="its fields changed midway",
                )
            self._engine = LocalEngine(self.work)

    def _outgoing(self, work: Work) -> dict[str, Column]:
        has_tombstones = self._permit.job.reading in TELLING
        return work.outgoing() | ({GONE: Column("boolean")} if has_tombstones else {})

    def _work_of(self, permit: Permit) -> Work:
        job = permit.job
        return Work(
            fields=tuple(job.fields),
            columns=self.kinds,
            masks=permit.masks,
            condition=permit.condition,
            conversions=job.conversions,
            checks=tuple(job.checks),
            salt=self._node.mask_salt(permit.grant.id),
        )

    def _question(self, start: Start, table: str) -> Question:
        return Question(
            table=table,
            columns={item: self._columns[item] for item in self._items},
            order=self.order,
            after=start.place if self.order else (),
            watermark=self._permit.job.watermark if self._permit.job.reading == "watermark" else "",
            floor=start.floor if self._permit.job.reading == "watermark" else "",
            is_floor_had=start.is_floor_had,
            until=start.until,
        )

    def _place(self, rows: pl.DataFrame, before: Place) -> Place:
        """The ordering values of the last row that can be named, as they were read."""
        if not self.order:
            return ()
        wild = [out_of_calendar(pl.col(item), rows.schema[item]) for item in self.order]
        untold = [one for one in wild if one is not None]
        known = (rows.filter(~pl.any_horizontal(untold)) if untold else rows).tail(1)
        named = [
            pl.col(item) if rows.schema[item].is_integer() else as_text(pl.col(item), rows.schema[item])
            for item in self.order
        ]
        return tuple(known.select(named).row(0)) if known.height else before

    def _batch(self, run: str, chunk: int, refused: int) -> dict[str, str | int]:
        return {"job": self._permit.job.id, "run": run, "chunk": chunk, "refused": refused}


class _Tally:
    """What a run has read so far in this process."""

    def __init__(self, start: Start) -> None:
        self.chunk = start.chunk
        self.high = start.high
        self.place = start.place
        self.read = 0
        self.bad = 0

    def add(self, read: int, bad: int) -> None:
        self.read += read
        self.bad += bad

    def check(self, permit: Permit) -> None:
        limits = permit.job.limits
        if self.bad > limits.bad_rows and self.bad * 1_000_000 > limits.bad_ppm * self.read:
            raise TooManyBadRows(bad=self.bad, read=self.read)
        if limits.rows and self.read > limits.rows:
            raise RunTooLong(limit=limits.rows)


def _items_read(permit: Permit) -> tuple[str, ...]:
    """Everything that must be read: fields, and what conditions, checks, order and watermark look at."""
    job = permit.job
    looked_at = [condition.item for condition in permit.condition]
    looked_at += [item for check in job.checks for item in check.items]
    looked_at += [*job.conversions, *job.key, *([job.watermark] if job.watermark else [])]
    return tuple(dict.fromkeys([*job.fields, *looked_at]))


def _order(permit: Permit, found: Found, columns: Mapping[str, str]) -> tuple[str, ...]:
    """The items that order the source's rows uniquely, if the job names such; else nothing."""
    job = permit.job
    key = tuple(job.key)
    if job.reading in TELLING:
        return ()  # all is looked at again, and what was sent already meets its equals
    if not key or not found.orders(tuple(columns[item] for item in key)):
        return ()
    if job.reading != "watermark":
        return key
    return (job.watermark, *(item for item in key if item != job.watermark))
