"""What the data plane tells: how runs get on, by its progress files; what was handed over, by its receipts."""

import json
import logging
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from django.db import transaction

from guantong.dispatch import quarantine, queries
from guantong.dispatch.actions.remote import show_receipts, tell_half
from guantong.dispatch.models import Handover, Intake, Job, JobState, Run, RunState
from guantong.dispatch.timetable import BEIJING, next_start, retry_after
from guantong.journal.actions import raise_alert, record
from guantong.journal.models import Receipt
from guantong.journal.types import Actor, Subject
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.keyrings import NodeKeys

logger = logging.getLogger(__name__)

RECEIPTS = "receipts"
BATCH = 2000
# A run's name begins with the milliseconds at which it began.
_BEGAN = re.compile(r"([0-9]{13})-")

ENDED = [RunState.DONE, RunState.CANCELLED, RunState.GIVEN_UP]

Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class _Told(msgspec.Struct, frozen=True):
    """A progress file; see :mod:`guantong.exchange.progress`. What it says beyond this is not needed here."""

    job: Annotated[str, msgspec.Meta(max_length=64)]
    run: Annotated[str, msgspec.Meta(max_length=64)]
    state: Literal["running", "waiting", "done", "paused", "stopped"]
    started_at: str
    updated_at: str
    chunk: Count = 0
    read: Count = 0
    applied: Count = 0
    refused: Count = 0
    expected: Count = 0
    resumed_rows: Count = 0
    rate: Count = 0
    seconds_left: Count | None = None
    size: Count = 0
    part: Literal["whole", "sending", "taking"] = "whole"
    floor: Annotated[str, msgspec.Meta(max_length=64)] = ""
    high: Annotated[str, msgspec.Meta(max_length=64)] = ""
    until: Annotated[str, msgspec.Meta(max_length=64)] = ""
    error: dict[str, Any] | None = None


class _Batch(msgspec.Struct, frozen=True):
    """The part of a receipt that is about a batch."""

    job: Annotated[str, msgspec.Meta(max_length=64)]
    run: Annotated[str, msgspec.Meta(max_length=64)]
    chunk: Annotated[int, msgspec.Meta(ge=0, le=2_000_000_000)] = 0
    refused: Count = 0
    size: Count = 0


def note_progress(folder: Path, *, by: Actor, at: datetime) -> int:
    """Take in the progress files below ``folder`` (``<home>/exchange``); how many had news.

    Taking the same news in again changes nothing. A file that cannot be read is news for the next round.
    """
    files = sorted((folder / "progress").glob("*.json"))
    return sum(_note(file, folder, by=by, at=at) for file in files)


@transaction.atomic
def take_in_handovers(*, by: Actor, at: datetime) -> int:
    """Take in the batch receipts that have come since the last time; how many there were."""
    place, _ = Intake.objects.select_for_update().get_or_create(name=RECEIPTS)
    later = Receipt.objects.filter(pk__gt=place.position).order_by("pk")
    keys = list(later.values_list("pk", flat=True)[:BATCH])
    if not keys:
        return 0
    batches = Receipt.objects.filter(pk__gt=place.position, pk__lte=keys[-1], mode="batch", decision="allow")
    found = [(receipt, body) for receipt in batches.order_by("pk") if (body := _body_of(receipt))]
    taken = sum(_hand_over(body, receipt.digest, receipt.at) for receipt, body in found)
    show_receipts([(body, bytes(receipt.raw).decode()) for receipt, body in found], by=by, at=at)
    place.position = keys[-1]
    place.save()
    return taken


def receive_receipts(raws: list[str], *, sender: str, keys: NodeKeys, by: Actor, at: datetime) -> int:
    """Take in the receipts of batches that another node shows; how many. Those that are not its own are left out."""
    del by, at  # the receipts say themselves who and when
    taken = 0
    for raw in raws:
        try:
            sealed = envelope.read(raw.encode())
            body = sealed.body
            sealed.check(keys.at(clock.parse(body["at"])))
            is_its_own = sealed.kind == "guantong/receipt@v1" and queries.is_from(body, sender)
            if is_its_own and body["decision"] == "allow" and "batch" in body:
                taken += _hand_over(body, envelope.digest(raw.encode()), clock.parse(body["at"]))
        except (GuantongError, LookupError, TypeError, ValueError):
            logger.warning("node %s shows a receipt that is none", sender)
    return taken


def _body_of(receipt: Receipt) -> dict[str, Any] | None:
    try:
        return envelope.read(bytes(receipt.raw)).body
    except GuantongError:
        logger.warning("receipt %s cannot be read", receipt.digest)
        return None


def _hand_over(body: dict[str, Any], digest: str, at: datetime) -> bool:
    try:
        batch = msgspec.convert(body["batch"], _Batch)
        rows = msgspec.convert(body["rows"], Count)
    except (LookupError, msgspec.ValidationError):
        logger.warning("receipt %s is of no known batch", digest)
        return False
    began = _BEGAN.match(batch.run)
    moment = datetime.fromtimestamp(int(began[1]) / 1000, BEIJING) if began else at.astimezone(BEIJING)
    # A chunk that was made again after a crash has a second receipt; the later one is of what moved.
    Handover.objects.update_or_create(
        job=batch.job,
        run=batch.run,
        role=str(body["role"])[:16],
        chunk=batch.chunk,
        defaults={
            "rows": rows,
            "refused": batch.refused,
            "size": batch.size,
            "day": moment.date(),
            "at": at,
            "grant": body["grant"],
            "resource": body["resource"],
            "provider": body["provider"]["organisation"],
            "consumer": body["consumer"]["organisation"],
            "receipt": digest,
        },
    )
    if body["role"] == "consumer":
        found = Run.objects.filter(job__code=batch.job, code=batch.run)
        found.update(digest=str(body.get("answer") or "")[:80])
        # It was closed after all, just before its process ended; the next one left the receipt.
        found.filter(state=RunState.GIVEN_UP).update(state=RunState.DONE)
    return True


def _note(file: Path, folder: Path, *, by: Actor, at: datetime) -> bool:
    try:
        told = msgspec.convert(json.loads(file.read_text("utf-8")), _Told)
        updated, started = clock.parse(told.updated_at), clock.parse(told.started_at)
    except (OSError, ValueError, msgspec.ValidationError):
        return False
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(of=("self",))
            .select_related("grant", "target")
            .filter(code=told.job)
            .first()
        )
        if job is None or (told.part != "sending" and not told.run and told.state == "waiting"):
            return False
        if told.part == "sending" and queries.is_home(job):
            # Read at an edge of ours, or by us for one: the run is what the writing half makes of it.
            return _note_sending(told, job, started, updated, by=by, at=at)
        code = told.run or told.started_at
        run = Run.objects.filter(job=job, code=code).first()
        if run is not None and run.told_at >= updated:
            return False
        if run is None and told.run:
            _supersede(job, at=updated)
        before = run.state if run else ""
        run = run or Run(job=job, code=code, started_at=started, taken_up_at=started)
        if run.state in {RunState.CANCELLED, RunState.GIVEN_UP} and told.state != "done":
            run.told_at = updated
            run.save()
            return False
        _copy(told, run, started, updated)
        if run.state != RunState.RUNNING:
            run.reasons, run.set_aside = quarantine.summary(folder / "quarantine", job.code, run.code)
        closing = Handover.objects.filter(job=job.code, run=code, role="consumer").first()
        if closing and not run.digest:
            run.digest = _answer(closing.receipt)
        tell_half(job, run, by=by, at=at)
        run.save()
        if before != run.state:
            _turn(job, run, by=by, at=at)
    return True


def _note_sending(
    told: _Told, job: Job, started: datetime, updated: datetime, *, by: Actor, at: datetime
) -> bool:
    """Note how the reading half gets on at this node, beside a writing half that has news of its own."""
    moment = clock.rfc3339(updated)
    run = Run.objects.filter(job=job, code=told.run or told.started_at).first()
    if run is None:
        if told.run:
            _supersede(job, at=updated)
        run = Run(job=job, code=told.run or told.started_at, started_at=started, taken_up_at=started)
        run.told_at = started
    if run.other_half.get("at", "") >= moment:
        return False
    before, has_ended = run.state, run.state in ENDED
    run.other_half = {
        "half": "sending",
        "at": moment,
        "state": "running" if told.state == "waiting" else told.state,
        "read": told.read,
        "refused": told.refused,
        "chunks": told.chunk,
        "expected": told.expected,
        "rate": told.rate,
        "code": str((told.error or {}).get("code", ""))[:80],
    }
    run.expected = max(run.expected, told.expected)
    if not has_ended:
        is_broken = told.state in {"paused", "stopped"}
        run.state = RunState(told.state) if is_broken else RunState.RUNNING
        run.error = _storable(told.error) if is_broken else None
    run.save()
    if before != run.state:
        _turn(job, run, by=by, at=at)
    return True


def _copy(told: _Told, run: Run, started: datetime, updated: datetime) -> None:
    if started != run.taken_up_at:
        run.read_before, run.refused_before, run.taken_up_at = run.read, run.refused, started
    # Of a run that is read elsewhere, "waiting" says that all that came so far is in the target.
    run.state = RunState.RUNNING if told.state == "waiting" else RunState(told.state)
    run.read = run.read_before + told.read
    run.refused = run.refused_before + told.refused
    run.applied = told.resumed_rows + told.applied
    run.resumed, run.expected = told.resumed_rows, told.expected
    run.chunks = max(told.chunk, run.chunks)
    run.size = max(told.size, run.size)
    run.rate, run.seconds_left = told.rate, told.seconds_left
    run.floor, run.until, run.high = told.floor, told.until, told.high or run.high
    run.error = _storable(told.error)
    run.told_at = updated
    run.ended_at = updated if run.state != RunState.RUNNING else None


def _supersede(job: Job, *, at: datetime) -> None:
    """A new run has begun: whatever stood open is given up, and will never be closed."""
    job.runs.filter(state__in=queries.OPEN).update(state=RunState.GIVEN_UP, ended_at=at)


def _storable(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """Code and sentences alone, without NUL, which no database keeps."""
    if error is None:
        return None
    message = error.get("message")
    said = message if isinstance(message, dict) else {}
    sentences = {
        language: str(said.get(language, "")).replace("\0", "\ufffd")[:1000] for language in ("zh", "en")
    }
    return {"code": str(error.get("code", ""))[:80], "message": sentences}


def _turn(job: Job, run: Run, *, by: Actor, at: datetime) -> None:
    """What follows when a run begins, ends, or breaks."""
    schedule = queries.declaration_of(job).schedule
    about = {"run": run.code, "read": run.read, "applied": run.applied, "refused": run.refused}
    subject = Subject("job", job.code)
    if run.state == RunState.RUNNING:
        if schedule.kind == "interval":
            job.next_at = next_start(schedule, after=run.taken_up_at)
        record("run.started", by=by, at=at, subject=subject, details={"run": run.code})
    elif run.state == RunState.DONE:
        job.retries, job.retry_at = 0, None
        record("run.done", by=by, at=at, subject=subject, details=about)
    else:
        _broke(job, run, about, by=by, at=at)
    job.save()


def _broke(job: Job, run: Run, about: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """A run that waiting may cure is taken up again, later each time; for any other a person is told."""
    code = (run.error or {}).get("code", "")
    record("run.stopped", by=by, at=at, subject=Subject("job", job.code), details={**about, "code": code})
    if job.state == JobState.PAUSED:
        return  # somebody stopped it
    if job.resting_until and code == "run_held":
        # Its source is to be left alone for a while.
        job.retry_at = job.resting_until
        return
    said = queries.declaration_of(job)
    if run.state == RunState.PAUSED and job.retries < said.retry_limit:
        # A job that the data plane times is taken up again by itself.
        job.retry_at = None if queries.is_timed_below(job) else at + retry_after(job.retries)
        job.retries += 1
    else:
        raise_alert("batch_stopped", {"job": job.code, "name": job.name, "error": code}, by=by, at=at)


def _answer(receipt: str) -> str:
    """The manifest's digest that a consumer's receipt names."""
    raw = Receipt.objects.filter(digest=receipt).values_list("raw", flat=True).first()
    return str(envelope.read(bytes(raw)).body.get("answer") or "")[:80] if raw else ""
