"""隔离区: refused rows of a run, as they were read, with their reasons, one Parquet file a chunk.

The files hold personal data: the folder is the node's alone, and nothing of them enters logs or receipts.
"""

import re
from pathlib import Path

import polars as pl

from guantong.kit.durable import replacing

_SAFE = re.compile(r"[^A-Za-z0-9._-]")


def put_aside(folder: Path, *, job: str, run: str, chunk: int, side: str, rows: pl.DataFrame) -> Path:
    """Keep ``rows`` under ``folder/<job>/<run>-<chunk>-<side>.parquet``; writing it again changes nothing."""
    place = folder / _SAFE.sub("_", job)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / f"{run}-{chunk:06d}-{side}.parquet"
    with replacing(path) as file:
        rows.write_parquet(file, compression="zstd")
    return path


def kept(folder: Path, job: str) -> list[Path]:
    """The job's quarantine files, oldest first."""
    place = folder / _SAFE.sub("_", job)
    return sorted(place.glob("*.parquet")) if place.is_dir() else []
