"""What a job says of itself must hold together. Asked when it is declared, and again before every chunk."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from guantong.bundle.jobs import Check, Reading, Writing


class Declared(Protocol):
    """What jobs in the bundle and declarations on their way there have in common."""

    @property
    def fields(self) -> Sequence[str]:
        """What moves."""

    @property
    def key(self) -> Sequence[str]:
        """What finds a row again."""

    @property
    def writing(self) -> Writing:
        """How rows come into the target."""

    @property
    def reading(self) -> Reading:
        """What is read in a run."""

    @property
    def watermark(self) -> str:
        """The item that grows with every change."""

    @property
    def overlap_s(self) -> int:
        """Seconds before the last watermark that are read again."""

    @property
    def conversions(self) -> Mapping[str, Mapping[str, str]]:
        """Item → code → code."""

    @property
    def checks(self) -> Sequence[Check]:
        """The rules of the quality gate."""


def contradiction(job: Declared, masks: Mapping[str, str]) -> tuple[str, str] | None:
    """The first reason, in Chinese and English, why the target could not be kept equal to the source."""
    is_upsert, finds_deletions = job.writing == "upsert", job.reading in {"compare", "changes"}
    masked = any(masks.get(key, "none") != "none" for key in job.key)
    overlaps = job.reading == "watermark" and job.writing == "append" and job.overlap_s > 0
    faults = [
        (len(set(job.fields)) != len(job.fields), "字段重复", "a field is listed twice"),
        (is_upsert and not job.key, "更新写入需要主键", "an upsert needs a key"),
        (
            is_upsert and not set(job.key) <= set(job.fields),
            "主键不在字段中",
            "its key is not among its fields",
        ),
        (is_upsert and masked, "主键被脱敏", "its key is masked"),
        (
            job.reading == "watermark" and not job.watermark,
            "增量读取需要水位信息项",
            "an increment needs a watermark",
        ),
        (
            job.reading != "full" and job.writing == "replace",
            "增量不能整表替换",
            "an increment cannot replace a table",
        ),
        (overlaps and not job.key, "追加写入的重叠窗口需要主键", "an overlap needs a key to append by"),
        (
            finds_deletions and not is_upsert,
            "比对和变更日志只能更新写入",
            "what finds deletions can only upsert",
        ),
        (
            finds_deletions and any(key in job.conversions for key in job.key),
            "主键被代码转换",
            "its key is converted",
        ),
    ]
    return next(((zh, en) for is_wrong, zh, en in faults if is_wrong), None)


def unknown_items(job: Declared, known: Collection[str]) -> list[tuple[str, str, list[str]]]:
    """Where, in Chinese and English, the job names items that the resource lacks, and which."""
    named = [
        ("主键", "key", job.key),
        ("水位", "watermark", [job.watermark] if job.watermark else []),
        ("代码转换", "code conversion", job.conversions),
        ("质量规则", "checks", [item for check in job.checks for item in check.items]),
    ]
    lacking = [(zh, en, sorted(set(items).difference(known))) for zh, en, items in named]
    return [each for each in lacking if each[2]]
