"""Why rows of a run were refused: counts alone. The rows themselves are personal data and stay with the data plane."""

import re
from collections import Counter
from pathlib import Path

from pyarrow import parquet

REASONS = "reasons"
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
