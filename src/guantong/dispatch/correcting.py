"""Refused rows: whose they are to see, where they lie, and whether corrected ones can be sent by themselves."""

from django.conf import settings

from guantong.dispatch import queries
from guantong.dispatch.models import Job


def why_not(job: Job) -> tuple[str, str] | None:
    """Why corrected rows of this job are not sent by themselves, in both languages; None: they are."""
    said = queries.declaration_of(job)
    faults = [
        (
            said.writing == "replace",
            "该作业整表替换，请在源端更正后重新运行",
            "the job replaces its table; correct the source and run it again",
        ),
        (not said.key, "该作业没有主键，重送会重复", "the job has no key, so rows would be doubled"),
        (
            said.reading not in {"full", "watermark"},
            "该作业按变更读取，源端更正后下次运行即送出",
            "the job reads what changes; correct the source and its next run takes the rows",
        ),
    ]
    return next(((zh, en) for holds, zh, en in faults if holds), None)


def side_of(job: Job, organisation: str) -> str | None:
    """Which gate's refused rows are an organisation's to see: ``provider``, ``target``, or None."""
    if organisation and organisation == job.provider:
        return "provider"
    return "target" if organisation and organisation == job.consumer else None


def is_here(job: Job, side: str) -> bool:
    """Whether the quarantine of that side lies at this node itself."""
    own = settings.NODE.node
    if (job.grant.provider_node if side == "provider" else job.target.node) != own:
        return False
    ends = queries.ends_of(job)
    return ends[0 if side == "provider" else -1] == ""
