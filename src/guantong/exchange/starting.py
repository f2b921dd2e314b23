"""From where a run goes on: pure, from what is on record and what the job says today."""

import secrets
from dataclasses import dataclass

from guantong.bundle.jobs import Job
from guantong.exchange.errors import JobChangedMidway, JobMisdeclared
from guantong.exchange.producing import Producer, Start
from guantong.exchange.resending import Resent, demand_resendable
from guantong.exchange.targets.applying import Standing
from guantong.exchange.watermarks import floor_of
from guantong.kit import clock, envelope


@dataclass(frozen=True, slots=True)
class Span:
    """A range of watermarks to fill anew (补数), both ends included; ``since`` may be empty: from the first."""

    since: str
    until: str


Since = str | Span | Resent
"""From where a fresh run is to read: a watermark (empty: the beginning), a range of them, or corrected rows."""


def start_from(
    standing: Standing, producer: Producer, *, is_aside: bool, since: Since | None = None
) -> tuple[Start, bool]:
    """Where to take up, and whether that is a fresh run, to which nothing of an open one belongs.

    An open run goes on if its source has an order and the job still says the same. Otherwise it starts over,
    which harms nobody if its rows are not in the target yet, or meet their equals there. JobChangedMidway if
    neither is so. ``since`` asks for a fresh run from that watermark (empty: from the beginning),
    or, with a :class:`Span` or :class:`Resent`, for one that leaves the job's own watermark where it is.
    """
    job = producer.job
    if isinstance(since, Resent):
        demand_resendable(job)
        # Should it break, the next increment begins where it would have begun anyway.
        return Start(_name(), floor=standing.high, high=standing.high, resent=since.file), True
    if since is not None:
        if job.writing == "append" and not job.key:
            raise JobMisdeclared(
                job=job.id,
                why_zh="没有主键的追加写入不能重放",
                why_en="appending without a key cannot be replayed",
            )
        return _span(producer, standing, since) if isinstance(since, Span) else _anew(
            producer, since, ""
        ), True
    if standing.is_closed:
        floor = ""
        if job.reading == "watermark":
            floor = floor_of(standing.high, job.overlap_s, producer.kinds[job.watermark])
        elif job.reading == "changes":
            floor = standing.high
        return _anew(producer, floor, standing.run), True
    said = envelope.read(standing.manifest).body
    is_same = said["declaration"] == producer.declaration
    if not is_same and job.writing == "append" and not is_aside:
        raise JobChangedMidway(job=job.id, run=standing.run)
    floor, until = said["watermark"]["floor"], said["watermark"].get("until", "")
    if not (is_same and producer.order and standing.is_whole):
        fresh = _span(producer, standing, Span(floor, until)) if until else _anew(producer, floor)
        return fresh, True
    resumed = Start(
        standing.run, standing.chunk, standing.place, standing.previous, floor, standing.high, until=until
    )
    return resumed, False


def gathers_aside(job: Job, *, is_ordered: bool) -> bool:
    """Whether the rows of a run are gathered aside first: those that a broken run could not take back, or resume."""
    aside = job.writing == "replace" or (job.writing == "append" and not is_ordered)
    return aside and job.reading == "full"


def _span(producer: Producer, standing: Standing, span: Span) -> Start:
    """A fresh run over ``span``: its lines carry the watermark that the job had before on."""
    job = producer.job
    if job.reading != "watermark":
        raise JobMisdeclared(
            job=job.id,
            why_zh="只有按水位增量读取的作业可以补数",
            why_en="it has no watermark to fill a range of",
        )
    until = span.until
    if len(until) == len("2026-11-22") and producer.kinds[job.watermark].kind in {"moment", "instant"}:
        until += "T23:59:59.999999"  # a day is meant whole
    return Start(_name(), floor=span.since, high=standing.high, until=until)


def _name() -> str:
    return f"{clock.millis():013d}-{secrets.token_hex(4)}"


def _anew(producer: Producer, floor: str, before: str | None = None) -> Start:
    is_had = producer.job.writing == "append" and not producer.job.key
    return Start(_name(), floor=floor, high=floor, is_floor_had=is_had, before=before)
