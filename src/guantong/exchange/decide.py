"""May the next chunk go? The same pure rules as for a call, asked before every chunk, by the bundle of that moment.

A job whose grant is revoked stops at the next chunk; what was applied before stays, and is in the evidence.
"""

from dataclasses import dataclass
from datetime import datetime

from guantong.bundle import deciding
from guantong.bundle.contradictions import contradiction, unknown_items
from guantong.bundle.jobs import Job, Target
from guantong.bundle.types import Application, Bundle, Condition, Grant, Resource
from guantong.exchange.errors import JobMisdeclared, JobUnknown


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes, under this grant: these fields, masked so, of the rows that meet the condition."""

    job: Job
    target: Target
    application: Application
    grant: Grant
    resource: Resource
    masks: dict[str, str]
    condition: tuple[Condition, ...]

    @property
    def rule(self) -> str:
        """What decided, for the receipt."""
        return f"grant:{self.grant.number}"


def permit(bundle: Bundle, job_id: str, *, at: datetime) -> Permit:
    """Judge a chunk of the job at the moment ``at``.

    Raises :class:`guantong.bundle.deciding.Stopped` with the refusal, JobUnknown, JobMisdeclared.
    """
    job = bundle.jobs.get(job_id)
    if job is None or not job.active:
        raise JobUnknown(job=job_id)
    target = bundle.targets.get(job.target)
    if target is None:
        raise JobMisdeclared(job=job.id, why_zh="目标表未登记", why_en="its target is not registered")
    fields = tuple(job.fields)
    grant = bundle.grants.get(job.grant)
    application = deciding.application_of(bundle, job.application, node=target.node)
    resource = deciding.resource_of(bundle, grant.resource if grant else "")
    grant = deciding.grant_of(bundle, job.grant, application, resource)
    deciding.check_in_force(grant, at)
    deciding.check_purpose_and_mode(grant, job.purpose, "batch")
    deciding.check_fields(grant, resource, fields)
    deciding.check_dominance(application, resource, fields)
    masks = deciding.masks_of(grant, resource, fields)
    _check_declaration(job, target, resource, masks, grant.consumer)
    return Permit(job, target, application, grant, resource, masks, tuple(grant.condition))


def as_declared(bundle: Bundle, job: Job) -> Permit:
    """The parties and terms of a job for the record of something that has happened already; nothing is judged."""
    grant = bundle.grants[job.grant]
    resource = bundle.resources[grant.resource]
    masks = {field: grant.masks.get(field, resource.items[field].mask) for field in job.fields}
    return Permit(
        job,
        bundle.targets[job.target],
        bundle.applications[job.application],
        grant,
        resource,
        masks,
        tuple(grant.condition),
    )


def _check_declaration(
    job: Job, target: Target, resource: Resource, masks: dict[str, str], consumer: str
) -> None:
    """What the job says of itself must hold together; the first thing that does not is told."""
    faults = [
        (target.organisation != consumer, "目标表不属于被授权机构", "its target is not the grantee's"),
        (
            not set(job.fields) <= set(target.columns),
            "有字段没有对应的目标列",
            "a field has no target column",
        ),
        (
            bool(unknown_items(job, resource.items)),
            "引用了目录中没有的信息项",
            "it names items that the resource lacks",
        ),
    ]
    why = next(((zh, en) for is_wrong, zh, en in faults if is_wrong), None) or contradiction(job, masks)
    if why:
        raise JobMisdeclared(job=job.id, why_zh=why[0], why_en=why[1])
