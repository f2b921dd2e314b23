"""How a run is getting on: rows, rate, time left, in a small file that pages and the terminal read."""

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from guantong.kit import clock
from guantong.kit.durable import replace_news
from guantong.kit.errors import GuantongError

State = Literal["running", "waiting", "done", "paused", "stopped"]
"""``waiting``: of a run that is read elsewhere, everything that has come is in the target."""
EVERY_S = 0.5
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass
class Progress:
    """One run, so far. ``expected`` is the source's estimate of its rows, 0 if it has none."""

    job: str
    path: Path | None = None
    run: str = ""
    state: State = "running"
    chunk: int = 0
    read: int = 0
    applied: int = 0
    refused: int = 0
    expected: int = 0
    resumed_rows: int = 0
    part: str = "whole"
    """Which half of the run this is; see :data:`guantong.exchange.ends.Part`."""
    floor: str = ""
    high: str = ""
    until: str = ""
    """From which watermark the run reads, how far it has come, and where a backfill ends."""
    size: int = 0
    """Bytes of the chunks that this process has made."""
    error: dict[str, Any] | None = None
    started_at: str = field(default_factory=lambda: clock.rfc3339(clock.now()))
    _began: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    @property
    def rate(self) -> int:
        """Rows read per second since this process took the run up."""
        return round(self.read / max(time.monotonic() - self._began, 1e-6))

    @property
    def seconds_left(self) -> int | None:
        """An estimate, or None."""
        left = self.expected - self.resumed_rows - self.read
        return round(left / self.rate) if self.expected and left > 0 and self.rate else None

    def add(self, *, chunk: int, read: int, applied: int, refused: int, size: int) -> None:
        """One more chunk is in the target."""
        self.chunk = chunk
        self.read += read
        self.applied += applied
        self.refused += refused
        self.size += size
        self.tell()

    def mark(self, watermark: Mapping[str, str]) -> None:
        """Note what a manifest says of the watermark."""
        self.floor, self.high = watermark["floor"], watermark["high"]
        self.until = watermark.get("until", "")

    def end(self, state: State, error: GuantongError | None = None) -> None:
        """The run is over, or rests."""
        self.state = state
        self.error = error.as_json() if error else None
        self.tell(force=True)

    def tell(self, *, force: bool = False) -> None:
        """Write the file, at most twice a second. It is news, not state: a crash may lose the last of it."""
        now = time.monotonic()
        if self.path is None or (not force and now - self._told < EVERY_S):
            return
        self._told = now
        replace_news(self.path, json.dumps(self.as_json(), ensure_ascii=False))

    def as_json(self) -> dict[str, Any]:
        """What the file says."""
        told = {
            name: value for name, value in asdict(self).items() if not name.startswith("_") and name != "path"
        }
        return told | {
            "rate": self.rate,
            "seconds_left": self.seconds_left,
            "updated_at": clock.rfc3339(clock.now()),
            "process": os.getpid(),
        }


def progress_path(folder: Path, job: str, part: str = "whole") -> Path:
    """Where a job's progress is told; the sending half, which may be told beside the other, has a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{_SAFE.sub('_', job)}{'.sending' if part == 'sending' else ''}.json"


def told(path: Path) -> dict[str, Any]:
    """What a progress file says; empty if there is none."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return facts
