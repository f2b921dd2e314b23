"""Changing what stands: jobs get new versions, are retired and brought back; targets are changed and retired."""

from datetime import datetime

import msgspec
from django.db import transaction

from guantong.dispatch import queries
from guantong.dispatch.actions.declaring import judged
from guantong.dispatch.checking import demand_columns
from guantong.dispatch.errors import (
    JobStateWrong,
    NotYourJob,
    RunOpen,
    ScheduleWrong,
    TargetInUse,
    TargetWrong,
    WritingWrong,
)
from guantong.dispatch.models import Job, JobState, JobVersion, RunState, Target
from guantong.dispatch.timetable import next_start
from guantong.dispatch.types import Declaration, TargetDeclaration
from guantong.identity.workdays import workdays
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject


@transaction.atomic
def change_job(job: Job, declaration: Declaration, *, by: Actor, at: datetime) -> Job:
    """Give the job a new version; the old one is kept whole. Nothing happens if it says the same.

    An open run belongs to the declaration it began under: it starts over where that harms nobody; one that
    appends without a key must have ended (RunOpen).
    """
    job = queries.mine(job, by)
    if job.state == JobState.RETIRED:
        raise JobStateWrong(job=job.code, state=JobState.RETIRED.label, state_en="retired")
    if declaration.grant != job.grant.code:
        raise WritingWrong(why_zh="授权不能更换，请新建作业", why_en="the grant stays; declare another job")
    terms = msgspec.to_builtins(declaration)
    changed = queries.changes(job.terms, terms)
    if not changed:
        return job
    _grant, target, earlier = judged(declaration, by=by, at=at)
    if job in queries.forerunners(earlier):
        raise ScheduleWrong(why_zh="前置作业互相等待", why_en="jobs would wait for each other")
    run = queries.open_run(job)
    if run and run.chunks and job.terms["writing"] == "append" and not job.terms.get("key"):
        raise RunOpen(job=job.code, run=run.code)
    JobVersion.objects.create(job=job, number=job.version, terms=job.terms, ended_at=at, ended_by=by.name)
    job.name, job.terms, job.target, job.version = declaration.name, terms, target, job.version + 1
    if job.state == JobState.ACTIVE:
        job.next_at = next_start(declaration.schedule, after=at, is_workday=workdays())
    job.save()
    job.depends_on.set(earlier)
    details = {"version": job.version, "changed": [each.name for each in changed]}
    record("job.changed", by=by, at=at, subject=Subject("job", job.code), details=details)
    enqueue("bundle.stale", {"because": "job.changed"}, by=by, at=at)
    return job


@transaction.atomic
def retire_job(job: Job, *, by: Actor, at: datetime) -> Job:
    """Put the job away: it leaves the data plane; its history stays. RunOpen while a run stands open."""
    job = queries.mine(job, by)
    if job.state == JobState.RETIRED:
        raise JobStateWrong(job=job.code, state=JobState.RETIRED.label, state_en="retired")
    run = queries.open_run(job)
    if run is not None:
        raise RunOpen(job=job.code, run=run.code)
    job.state, job.retry_at, job.resting_until, job.next_at = JobState.RETIRED, None, None, None
    job.save()
    record("job.retired", by=by, at=at, subject=Subject("job", job.code))
    enqueue("bundle.stale", {"because": "job.retired"}, by=by, at=at)
    return job


@transaction.atomic
def restore_job(job: Job, *, by: Actor, at: datetime) -> Job:
    """Bring a retired job back, paused: somebody looks at it before it runs. The target must stand still."""
    job = queries.mine(job, by)
    if job.state != JobState.RETIRED:
        raise JobStateWrong(job=job.code, state=JobState(job.state).label, state_en="not retired")
    if job.target.is_retired:
        raise TargetWrong(why_zh="落地表已停用", why_en="it has been retired")
    job.state = JobState.PAUSED
    job.save()
    record("job.restored", by=by, at=at, subject=Subject("job", job.code))
    enqueue("bundle.stale", {"because": "job.restored"}, by=by, at=at)
    return job


@transaction.atomic
def change_target(target: Target, declaration: TargetDeclaration, *, by: Actor, at: datetime) -> Target:
    """Say anew where a target is and which columns it has. Jobs that fill it must keep their columns."""
    target = _own(target, by)
    demand_columns(declaration)
    for job in target.jobs.exclude(state=JobState.RETIRED):
        bare = [name for name in job.terms["fields"] if name not in declaration.columns]
        if bare:
            raise TargetWrong(
                why_zh=f"作业 {job.code} 的信息项 {'、'.join(bare)} 没有对应的列",
                why_en=f"it has no column for {', '.join(bare)} of job {job.code}",
            )
        run = queries.open_run(job)
        if run is not None and run.state == RunState.RUNNING:
            raise RunOpen(job=job.code, run=run.code)
    for name, value in msgspec.to_builtins(declaration).items():
        setattr(target, name, value)
    target.save()
    record("target.changed", by=by, at=at, subject=Subject("target", target.code))
    enqueue("bundle.stale", {"because": "target.changed"}, by=by, at=at)
    return target


@transaction.atomic
def retire_target(target: Target, *, by: Actor, at: datetime) -> Target:
    """No job may fill it any more; TargetInUse while one does. The table itself is not touched."""
    target = _own(target, by)
    users = list(target.jobs.exclude(state=JobState.RETIRED)[:5])
    if users:
        raise TargetInUse(target=target.code, jobs="、".join(job.code for job in users))
    target.is_retired = True
    target.save()
    record("target.retired", by=by, at=at, subject=Subject("target", target.code))
    enqueue("bundle.stale", {"because": "target.retired"}, by=by, at=at)
    return target


def _own(target: Target, by: Actor) -> Target:
    target = Target.objects.select_for_update().get(pk=target.pk)
    if by.kind == "person" and by.organisation not in queries.handlers(target.organisation, node=target.node):
        raise NotYourJob
    return target
