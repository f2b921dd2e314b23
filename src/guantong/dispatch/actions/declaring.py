"""Declaring targets and jobs: judged by the grant here, and again by the data plane before every chunk."""

import secrets
from datetime import datetime

import msgspec
from django.db import transaction

from guantong.bundle.refusals import GrantUnknown
from guantong.dispatch.checking import (
    demand_checks,
    demand_columns,
    demand_granted,
    demand_items,
    demand_mode,
    demand_schedule,
    demand_target,
    demand_writing,
    items_of,
    masks_of,
)
from guantong.dispatch.errors import JobIncomplete, NotYourJob, ScheduleWrong
from guantong.dispatch.models import Job, Target
from guantong.dispatch.timetable import next_start
from guantong.dispatch.types import Declaration, TargetDeclaration
from guantong.identity.models import Organisation
from guantong.identity.workdays import workdays
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.sharing.models import Grant


@transaction.atomic
def declare_target(
    declaration: TargetDeclaration, *, organisation: Organisation, by: Actor, at: datetime
) -> Target:
    """Declare a table of ``organisation``'s own in which data may land."""
    if by.kind == "person" and by.organisation != organisation.code:
        raise NotYourJob
    demand_columns(declaration)
    target = Target.objects.create(
        code=f"LD{organisation.node}-{secrets.token_hex(4)}",
        node=organisation.node,
        organisation=organisation.code,
        declared_at=at,
        declared_by=by.name,
        **msgspec.to_builtins(declaration),
    )
    record("target.declared", by=by, at=at, subject=Subject("target", target.code))
    enqueue("bundle.stale", {"because": "target.declared"}, by=by, at=at)
    return target


@transaction.atomic
def declare_job(declaration: Declaration, *, by: Actor, at: datetime) -> Job:
    """Declare a job under a grant. It is in force as soon as the next bundle is out."""
    grant, target, earlier = judged(declaration, by=by, at=at)
    job = Job.objects.create(
        code=f"ZY{grant.consumer_node}-{secrets.token_hex(4)}",
        name=declaration.name,
        grant=grant,
        target=target,
        resource=grant.resource,
        provider=grant.provider,
        provider_name=grant.terms["provider_name"],
        consumer=grant.consumer,
        consumer_name=grant.terms["consumer_name"],
        terms=msgspec.to_builtins(declaration),
        next_at=next_start(declaration.schedule, after=at, is_workday=workdays()),
        declared_at=at,
        declared_by=by.name,
    )
    job.depends_on.set(earlier)
    record("job.declared", by=by, at=at, subject=Subject("job", job.code), details={"grant": grant.code})
    enqueue("bundle.stale", {"because": "job.declared"}, by=by, at=at)
    return job


def judged(declaration: Declaration, *, by: Actor, at: datetime) -> tuple[Grant, Target, list[Job]]:
    """What a declaration names: its grant, its target, the jobs before it; or why it may not be so."""
    grant = Grant.objects.filter(code=declaration.grant).first()
    if grant is None:
        raise GrantUnknown(grant=declaration.grant)
    if by.kind == "person" and by.organisation != grant.consumer:
        raise NotYourJob
    demand_granted(declaration, grant, at=at)
    demand_items(declaration, [item["name"] for item in items_of(grant)])
    demand_writing(declaration, masks_of(grant))
    demand_checks(declaration.checks)
    demand_schedule(declaration)
    target = Target.objects.filter(code=declaration.target, is_retired=False).first()
    if target is None:
        raise JobIncomplete(missing_zh="落地表", missing_en="the target")
    demand_target(declaration, target, grant.consumer)
    demand_mode(grant, target)
    return grant, target, _earlier(declaration, grant.consumer)


def _earlier(declaration: Declaration, consumer: str) -> list[Job]:
    """The jobs that must be done first. A job is new when it is declared, so no circle can come about."""
    found = list(Job.objects.filter(code__in=declaration.depends_on, consumer=consumer))
    if len(found) != len(set(declaration.depends_on)):
        raise ScheduleWrong(
            why_zh="前置作业不存在或不属于本机构",
            why_en="a job it waits for is unknown, or not the grantee's",
        )
    return found
