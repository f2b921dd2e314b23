"""补正重送: refused rows that were corrected and handed in as a CSV file go through their job's gate once more.

The file stands in for the table: same grant, items, checks, masks, target, ledger and receipts. Its columns are
named by item. It lies below ``<home>/exchange/resent/<job>/`` and is gone when its run is done.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from guantong.bundle.jobs import Job
from guantong.bundle.types import Binding
from guantong.exchange.errors import JobMisdeclared

SOURCE = "resent"
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Resent:
    """A file of corrected rows, by its name: the digest of what is in it, and ``.csv``."""

    file: str


def place(folder: Path, job: str) -> Path:
    """Where the files of a job lie; ``folder`` is ``<home>/exchange``."""
    return folder / "resent" / _SAFE.sub("_", job)


def standing_in(binding: Binding, folder: Path) -> tuple[Binding, Mapping[str, str]]:
    """The binding and the addresses by which a file below ``folder`` is read in place of the table."""
    columns = {item: item for item in binding.columns}
    bound = msgspec.structs.replace(binding, source=SOURCE, dialect="csv", columns=columns)
    return bound, {SOURCE: f"file://{quote(str(folder))}"}


def demand_resendable(job: Job) -> None:
    """JobMisdeclared for a job in whose target a corrected row would be doubled, or would replace all others."""
    faults = [
        (
            job.writing == "replace",
            "整表替换的作业不能单独重送，请更正后重新运行",
            "it replaces its table whole: run it again",
        ),
        (not job.key, "没有主键的作业重送会重复", "without a key rows would be doubled"),
        (
            job.reading not in {"full", "watermark"},
            "按比对或变更读取的作业，更正后下次运行即会送出",
            "it reads what has changed: its next run takes the corrected rows",
        ),
    ]
    for is_wrong, why_zh, why_en in faults:
        if is_wrong:
            raise JobMisdeclared(job=job.id, why_zh=why_zh, why_en=why_en)
