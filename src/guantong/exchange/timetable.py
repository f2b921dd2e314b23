"""Which jobs are due by themselves: those with a period, judged by what their last progress file says."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from guantong.bundle.jobs import Job
from guantong.bundle.types import Bundle
from guantong.exchange.ends import part_of
from guantong.exchange.progress import progress_path, told
from guantong.kit import clock

# A run that waits for a database or for room is taken up again after this.
RETRY_S = 30
ROOM = {"staging_full", "target_full"}
"""Who waits for room goes on by itself, also when it was started by an order."""


def due(bundle: Bundle, folder: Path, *, at: datetime) -> list[str]:
    """The jobs that are read here and whose time has come; ``folder`` holds the progress files."""
    timed = [job for job in bundle.jobs.values() if job.active]
    parts = {job.id: part_of(bundle, job) for job in timed}
    return [
        job.id
        for job in timed
        if (part := parts[job.id]) in {"whole", "sending"}
        and _is_due(job, told(progress_path(folder, job.id, part)), at)
    ]


def _is_due(job: Job, last: Mapping[str, Any], at: datetime) -> bool:
    if last and last["state"] == "paused":
        if not job.every_s and (last["error"] or {}).get("code") not in ROOM:
            return False
        return at >= clock.parse(last["updated_at"]) + timedelta(seconds=min(RETRY_S, job.every_s or RETRY_S))
    if not last or not job.every_s:
        return bool(job.every_s)
    return at >= clock.parse(last["started_at"]) + timedelta(seconds=job.every_s)


def broken_off(bundle: Bundle, folder: Path) -> list[str]:
    """The jobs that this place was running when its process ended: they go on first."""
    found = []
    for job in bundle.jobs.values():
        part = part_of(bundle, job)
        if part and job.active and told(progress_path(folder, job.id, part)).get("state") == "running":
            found.append(job.id)
    return found
