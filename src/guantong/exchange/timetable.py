"""Which jobs are due by themselves: those with a period, judged by what their last progress file says."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from guantong.bundle.jobs import Job
from guantong.bundle.types import Bundle
from guantong.exchange.progress import progress_path, told
from guantong.kit import clock

# A run that waits for a database or for room is taken up again after this.
RETRY_S = 30
ROOM = {"staging_full", "target_full"}
"""Who waits for room goes on by itself, also when it was started by an order."""


def due(bundle: Bundle, folder: Path, *, at: datetime) -> list[str]:
    """The jobs with a period whose time has come, and any that wait for room; ``folder`` holds the progress files."""
    mine = [job for job in bundle.jobs.values() if job.active and is_local(bundle, job)]
    return [job.id for job in mine if _is_due(job, told(progress_path(folder, job.id)), at)]


def is_local(bundle: Bundle, job: Job) -> bool:
    """Whether both ends of a job are this node's."""
    grant, target = bundle.grants.get(job.grant), bundle.targets.get(job.target)
    return bool(grant and target and grant.provider_node == target.node == bundle.node)


def _is_due(job: Job, last: Mapping[str, Any], at: datetime) -> bool:
    if last and last["state"] == "paused":
        if not job.every_s and (last["error"] or {}).get("code") not in ROOM:
            return False
        return at >= clock.parse(last["updated_at"]) + timedelta(seconds=min(RETRY_S, job.every_s or RETRY_S))
    if not last or not job.every_s:
        return bool(job.every_s)
    return at >= clock.parse(last["started_at"]) + timedelta(seconds=job.every_s)


def broken_off(folder: Path) -> list[str]:
    """The jobs that somebody was running when the process ended: they go on first."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    facts = [told(file) for file in files]
    return [str(fact["job"]) for fact in facts if fact and fact["state"] == "running"]
