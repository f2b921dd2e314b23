"""What a job's home tells the provider's node of it: everything that node needs to read and send, and no more."""

from datetime import datetime
from typing import Annotated

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.dispatch import queries
from guantong.dispatch.models import Job, JobState
from guantong.dispatch.types import Declaration
from guantong.journal.actions import enqueue
from guantong.journal.types import Actor
from guantong.kit import canonical, clock
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing.types import Code, Line


class Portrait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job as its home tells the provider's node. Of the target only what the provider must know."""

    code: Code
    name: Line
    terms: Declaration
    state: JobState
    version: Annotated[int, msgspec.Meta(ge=1)]
    target: Code
    organisation: Code
    reader: Annotated[str, msgspec.Meta(max_length=400)]
    declared_by: Annotated[str, msgspec.Meta(max_length=120)]
    declared_at: str


def tell_providers(*, by: Actor, at: datetime) -> int:
    """Tell the provider's node of every job of ours that it does not know as it is now; how many. By the worker."""
    own = settings.NODE.node
    ours = Job.objects.filter(target__node=own).exclude(grant__provider_node=own)
    return sum(tell_provider(job, by=by, at=at) for job in ours.select_related("grant", "target"))


def tell_provider(job: Job, *, by: Actor, at: datetime) -> bool:
    """Tell of one job, unless the provider's node knows it as it is; whether it was told."""
    portrait = msgspec.to_builtins(_portrait(job))
    digest = INTERNATIONAL.digest(canonical.dumps(portrait)).hex()
    if digest == job.told:
        return False
    with transaction.atomic():
        payload = {"to": job.grant.provider_node, "topic": "job.declared", "payload": portrait}
        enqueue("node.message", payload, by=by, at=at)
        Job.objects.filter(pk=job.pk).update(told=digest)
    job.told = digest
    return True


def _portrait(job: Job) -> Portrait:
    return Portrait(
        code=job.code,
        name=job.name,
        terms=queries.declaration_of(job),
        state=JobState(job.state),
        version=job.version,
        target=job.target.code,
        organisation=job.target.organisation,
        reader=queries.reader_of(job.target),
        declared_by=job.declared_by,
        declared_at=clock.rfc3339(job.declared_at),
    )
