"""What a run sends in the modes that find deletions: what differs from a snapshot, or what the change log tells."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import polars as pl

from guantong.bundle.jobs import Job
from guantong.exchange.ahead import ahead
from guantong.exchange.chunks import Place, cut
from guantong.exchange.columns import Column
from guantong.exchange.comparing import Book, Comparison, Sent
from guantong.exchange.errors import JobMisdeclared
from guantong.exchange.gate import Sorted
from guantong.exchange.sources.changing import ChangeLog, Touched
from guantong.exchange.sources.reading import Question, Source
from guantong.exchange.targets.applying import short
from guantong.exchange.telling import Piece, changed, compared

_LOGGED = {"integer", "text", "date"}
"""The kinds of keys that a log's own notation of them is understood of."""

Sort = Callable[[pl.DataFrame], Sorted]
Told = Iterator[tuple[Piece, Sent]]


class Differences:
    """One run's; ``book`` is the job's folder, ``question`` asks for the whole table."""

    def __init__(
        self, book: Path, job: Job, source: Source, question: Question, *, kinds: Mapping[str, Column],
        outgoing: Mapping[str, Column],
    ) -> None:  # fmt: skip
        self._book = book
        self._job = job
        self._source = source
        self._question = question
        self._kinds = kinds
        self._outgoing = outgoing
        self._is_whole = False
        self._log: ChangeLog | None = None
        self.position = ""
        """Up to where in the change log this run goes; empty without one."""

    def pieces(self, run: str, before: str | None, floor: str, sort: Sort) -> Told:
        """What each chunk is made of, with the notes of what was sent. ``before`` is the last closed run as the

        receiving side knows it (:class:`exchange.producing.Start`), ``floor`` its position in the change log.
        """
        if self._job.reading == "compare":
            return self._whole(run, before, sort)
        return self._logged(run, "" if before == "" else floor, sort)

    def settle(self, run: str) -> None:
        """The run is closed."""
        if self._is_whole:
            Book(self._book).take_over(run)
        if self._log is not None and self.position:
            self._log.settle(self.position)

    def _sent(self, run: str) -> dict[str, Any]:
        return {"run": run, "target": self._job.target, "key": self._job.key, "columns": self._outgoing}

    def _whole(self, run: str, before: str | None, sort: Sort) -> Told:
        limits = self._job.limits
        self._is_whole = True
        comparison = Comparison(self._book, before=before, **self._sent(run))
        raw = ahead(cut(self._source.read(self._question), rows=limits.chunk_rows, size=limits.chunk_bytes))
        for piece in compared(raw, sort, comparison, self._job.key, self._kinds, limits):
            yield piece, comparison

    def _logged(self, run: str, floor: str, sort: Sort) -> Told:
        """What the log tells since ``floor``; at first, and when the log does not say which, the whole table."""
        self._log = log = self._change_log()
        log.begin()
        self.position = log.position()
        if not floor:
            yield from self._whole(run, "", sort)
            return
        sent = Sent(self._book, **self._sent(run))
        sent.tidy()
        is_all = False

        def touched() -> Iterator[Touched]:
            nonlocal is_all
            for one in log.touched(floor, self.position):
                is_all = one.is_all
                if is_all:
                    return
                yield one

        count = 0
        limits = self._job.limits
        for piece in changed(touched(), self._fetch, sort, sent, self._job.key, self._kinds, limits):
            count += 1
            yield piece, sent
        if is_all:
            yield from self._whole(run, "", sort)
        elif not count and log.is_far(floor, self.position):
            yield Piece(sent.marked(pl.DataFrame(), is_gone=False).clear(), pl.DataFrame(), 0), sent
        elif not count:
            self.position = ""

    def _fetch(self, keys: tuple[Place, ...]) -> pl.DataFrame | None:
        """Those rows as they stand now, None if there are none."""
        question = replace(self._question, key=tuple(self._job.key), among=keys)
        frames = [frame for frame in self._source.read(question) if frame.height]
        return pl.concat(frames) if frames else None

    def _change_log(self) -> ChangeLog:
        job, source = self._job, cast("Any", self._source)
        if not hasattr(source, "change_log") or not {self._kinds[item].kind for item in job.key} <= _LOGGED:
            raise JobMisdeclared(
                job=job.id,
                why_zh="只有 PostgreSQL、MariaDB 的表有变更日志，主键须为整数、文本或日期；请改用比对",
                why_en="only tables of PostgreSQL and MariaDB have a change log, with whole numbers, texts or days as key;"
                " compare instead",
            )
        key = [self._question.columns[item] for item in job.key]
        log: ChangeLog = source.change_log(self._question.table, key, short(job.id))
        return log
