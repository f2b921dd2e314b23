"""What an edge told last, by the files that the data plane writes: ``<home>/exchange/edges/<code>.json``."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from guantong.dispatch.models import Edge, EdgeState
from guantong.kit import clock

SILENT_AFTER = timedelta(minutes=5)
LARGEST_SKEW_MS = 60_000


class _Told(msgspec.Struct, frozen=True):
    """One file. ``skew_ms`` is the edge's clock less ours; ``sequence`` that of the bundle that it has."""

    seen_at: str
    skew_ms: int = 0
    version: str = ""
    sequence: int = 0
    jobs: list[Any] = []


class News(msgspec.Struct, frozen=True):
    """How an edge is."""

    seen_at: datetime | None = None
    skew_ms: int = 0
    version: str = ""
    sequence: int = 0
    jobs: list[Any] = []
    is_silent: bool = False
    is_skewed: bool = False

    @property
    def skew_s(self) -> str:
        """The difference of the clocks in seconds, with its sign."""
        return f"{self.skew_ms / 1000:+.1f}"

    @property
    def troubles(self) -> list[str]:
        """What a person should know of, as the ends of alert codes."""
        return [word for word, holds in (("silent", self.is_silent), ("skewed", self.is_skewed)) if holds]

    @property
    def codes(self) -> list[str]:
        """The jobs it is at, by their codes."""
        return [str(job.get("job", "")) if isinstance(job, dict) else str(job) for job in self.jobs]


def of(folder: Path, edge: Edge, *, at: datetime) -> News:
    """The news of ``edge`` below ``folder`` (``<home>/exchange``); one that never spoke is silent since it enrolled."""
    try:
        raw = (folder / "edges" / f"{edge.code}.json").read_text("utf-8")
        told = msgspec.convert(json.loads(raw), _Told)
        seen_at: datetime | None = clock.parse(told.seen_at)
    except (OSError, ValueError, msgspec.ValidationError):
        told, seen_at = _Told(""), None
    since = seen_at or edge.enrolled_at
    is_active = edge.state == EdgeState.ACTIVE
    return News(
        seen_at=seen_at,
        skew_ms=told.skew_ms,
        version=told.version[:40],
        sequence=told.sequence,
        jobs=told.jobs,
        is_silent=is_active and since is not None and at - since > SILENT_AFTER,
        is_skewed=is_active and abs(told.skew_ms) > LARGEST_SKEW_MS,
    )
