"""Why rows of a run were refused: counts alone. The rows themselves are personal data and stay with the data plane."""

import re
from collections import Counter
from pathlib import Path

from pyarrow import parquet

REASONS = "reasons"
MOST_ROWS = 50_000
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


def summary(folder: Path, job: str, run: str) -> tuple[dict[str, int], int]:
    """Reason → rows, the most frequent first, and how many rows the target could not take.

    ``folder`` is the data plane's quarantine; see :mod:`guantong.exchange.quarantine` for its files. A row that
    is refused for two reasons counts under both. A file that is gone or cannot be read counts for nothing.
    """
    found: Counter[str] = Counter()
    set_aside = 0
    for file in sorted((folder / _SAFE.sub("_", job)).glob(f"{_SAFE.sub('_', run)}-*.parquet")):
        try:
            told = parquet.read_table(file, columns=[REASONS])[REASONS].to_pylist()
        except (OSError, ValueError, KeyError):
            continue
        found.update(reason for reasons in told for reason in (reasons or "").split("; ") if reason)
        set_aside += len(told) if file.stem.endswith("-target") else 0
    return {_shown(reason): count for reason, count in found.most_common(200)}, set_aside


def _shown(reason: str) -> str:
    return reason.replace("\0", "\ufffd")[:200]


def rows(folder: Path, job: str, run: str, side: str) -> tuple[list[str], list[list[str | None]]]:
    """The refused rows of a run as text, with the names of their columns; at most ``MOST_ROWS``.

    ``side`` is whose gate refused them: ``provider`` or ``target``.
    """
    names: list[str] = []
    found: list[list[str | None]] = []
    for file in sorted((folder / _SAFE.sub("_", job)).glob(f"{_SAFE.sub('_', run)}-*-{side}.parquet")):
        try:
            table = parquet.read_table(file)
        except (OSError, ValueError):
            continue
        names = names or [*(name for name in table.column_names if name != REASONS), REASONS]
        for row in table.to_pylist():
            found.append([None if row.get(name) is None else str(row[name]) for name in names])
            if len(found) >= MOST_ROWS:
                return names, found
    return names, found
