"""May a job be ordered now? By its own state, and by the quiet hours of what it reads and fills."""

from datetime import datetime

from guantong.dispatch.errors import JobStateWrong, SourceQuiet
from guantong.dispatch.models import Job, JobState
from guantong.dispatch.quiet import QuietBook
from guantong.dispatch.timetable import BEIJING


def demand_active(job: Job) -> None:
    """JobStateWrong unless the job is switched on."""
    if job.state != JobState.ACTIVE:
        raise wrong_state(job)


def demand_unquiet(job: Job, *, at: datetime) -> None:
    """SourceQuiet while a source of the job is to be left alone."""
    ends = QuietBook().until(job, at=at)
    if ends:
        raise SourceQuiet(until=f"{ends.astimezone(BEIJING):%Y-%m-%d %H:%M}")


def wrong_state(job: Job) -> JobStateWrong:
    """The refusal that names the state in which the job is."""
    state_en = {"paused": "paused", "retired": "retired"}.get(job.state, "not paused")
    return JobStateWrong(job=job.code, state=JobState(job.state).label, state_en=state_en)
