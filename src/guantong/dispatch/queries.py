"""Finding jobs and runs; what of them the bundle says; what was handed over."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.db.models import BigIntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from guantong.bundle import jobs as bundle
from guantong.catalog.models import Link
from guantong.dispatch.errors import NotYourJob
from guantong.dispatch.models import Edge, EdgeState, Handover, Job, JobState, Run, RunState, Target
from guantong.dispatch.quiet import QuietBook
from guantong.dispatch.timetable import BEIJING
from guantong.dispatch.types import Declaration
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import may
from guantong.journal.types import Actor
from guantong.sharing.models import Grant
from guantong.sharing.queries import visible_grants

OPEN = [RunState.RUNNING, RunState.PAUSED, RunState.STOPPED]


def declaration_of(job: Job) -> Declaration:
    """The job as it was declared."""
    return msgspec.convert(job.terms, Declaration)


def is_timed_below(job: Job, quiet: QuietBook | None = None) -> bool:
    """Whether the data plane times the job itself: a plain interval, which needs no control plane to go on.

    Neither predecessors nor quiet hours are known there. ``quiet`` spares reading those again.
    """
    said = declaration_of(job)
    is_plain = said.schedule.kind == "interval" and not said.depends_on
    return is_plain and not (quiet or QuietBook()).concerns(job)


def open_run(job: Job) -> Run | None:
    """The run that has begun and not come to its end, if the newest one is such."""
    newest = job.runs.order_by("-started_at", "-pk").first()
    return newest if newest and newest.state in OPEN else None


def is_free_to_run(job: Job) -> bool:
    """Whether no run is under way and every predecessor was done since this job was last ordered."""
    if job.runs.filter(state=RunState.RUNNING).exists():
        return False
    since = job.ordered_at or job.declared_at
    earlier = job.depends_on.all()
    done = Run.objects.filter(job__in=earlier, state=RunState.DONE, ended_at__gt=since)
    return done.values("job").distinct().count() == earlier.count()


def broke_at_once(job: Job) -> bool:
    """Whether the newest run ended before a chunk of it was in the target."""
    newest = job.runs.order_by("-started_at", "-pk").first()
    return newest is not None and newest.chunks == 0 and newest.state != RunState.DONE


def busy_sources(quiet: QuietBook, *, at: datetime) -> Counter[str]:
    """How many runs use each source now; one that has told nothing for two minutes has lost its process."""
    alive = Run.objects.filter(state=RunState.RUNNING, told_at__gt=at - timedelta(minutes=2))
    return Counter(
        source for run in alive.select_related("job__target") for source in quiet.sources_of(run.job)
    )


# ── for the bundle ──


def compiled_jobs(*, at: datetime) -> dict[str, bundle.Job]:
    """The jobs that the data plane may know at ``at``. A paused one is there and not active."""
    rows = Job.objects.filter(grant__not_after__gt=at).exclude(state=JobState.RETIRED)
    quiet = QuietBook()
    return {row.code: _compiled(row, quiet) for row in rows.select_related("grant", "target").order_by("pk")}


def compiled_targets() -> dict[str, bundle.Target]:
    """The targets that jobs name."""
    in_use = Job.objects.exclude(state=JobState.RETIRED).values("target")
    rows = Target.objects.filter(pk__in=in_use).order_by("pk")
    return {
        row.code: bundle.Target(
            id=row.code,
            node=row.node,
            organisation=row.organisation,
            source=row.source,
            dialect=msgspec.convert(row.dialect, bundle.TargetDialect),
            table=row.table,
            columns=row.columns,
        )
        for row in rows
    }


def compiled_edges() -> dict[str, bundle.Edge]:
    """The edges that have enrolled and are in use."""
    rows = Edge.objects.filter(state=EdgeState.ACTIVE).exclude(key="").order_by("pk")
    return {
        row.code: bundle.Edge(
            id=row.code, name=row.name, organisation=row.organisation, key=row.key, sources=row.sources
        )
        for row in rows
    }


def _compiled(row: Job, quiet: QuietBook) -> bundle.Job:
    said = declaration_of(row)
    return bundle.Job(
        id=row.code,
        name=row.name,
        grant=row.grant.code,
        application=said.application,
        purpose=row.grant.purpose,
        target=said.target,
        fields=said.fields,
        writing=said.writing,
        reading=said.reading,
        key=said.key,
        watermark=said.watermark,
        overlap_s=said.overlap_s,
        conversions=said.conversions,
        checks=said.checks,
        limits=said.limits,
        staged=said.staged,
        every_s=said.schedule.every_s if is_timed_below(row, quiet) else 0,
        active=row.state == JobState.ACTIVE,
    )


# ── who and where ──


def handlers(organisation: str, *, node: str) -> set[str]:
    """The organisations whose people handle what is ``organisation``'s: itself and the node's data bureau."""
    bureaus = Organisation.objects.filter(node=node, is_bureau=True).values_list("code", flat=True)
    return {organisation, *bureaus}


def mine(job: Job, by: Actor) -> Job:
    """The job, locked; NotYourJob for people of other organisations than the grantee and the bureau."""
    job = Job.objects.select_for_update(of=("self",)).select_related("grant", "target").get(pk=job.pk)
    if by.kind == "person" and by.organisation not in handlers(job.consumer, node=job.target.node):
        raise NotYourJob
    return job


def forerunners(jobs: Iterable[Job]) -> set[Job]:
    """``jobs``, and every job that must be done before one of them."""
    found: set[Job] = set()
    waiting = list(jobs)
    while waiting:
        job = waiting.pop()
        if job not in found:
            found.add(job)
            waiting.extend(job.depends_on.all())
    return found


class Change(NamedTuple):
    """One thing that a version says otherwise than the one before."""

    name: str
    before: Any
    after: Any


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """What differs between two declarations, in the order of :class:`Declaration`; defaults count as said."""
    one, other = (msgspec.to_builtins(msgspec.convert(each, Declaration)) for each in (before, after))
    return [Change(name, one[name], other[name]) for name in other if one[name] != other[name]]


def jobs_at(sources: Iterable[str]) -> list[Job]:
    """The active jobs that read or fill one of ``sources``, by the names of :mod:`sources.json`."""
    named = set(sources)
    read_from = Link.objects.filter(source__in=named).values("resource__code")
    rows = Job.objects.filter(state=JobState.ACTIVE).select_related("target", "grant")
    return list(rows.filter(Q(target__source__in=named) | Q(resource__in=read_from)))


# ── for pages ──


def visible_edges(person: Person) -> QuerySet[Edge]:
    """The edges that someone may read: their organisation's; all of them for auditor, operator and bureau."""
    if may(person, "job:audit"):
        return Edge.objects.all()
    if not may(person, "edge:read") or person.organisation is None:
        return Edge.objects.none()
    if person.organisation.is_bureau:
        return Edge.objects.all()
    return Edge.objects.filter(organisation=person.organisation.code)


def matching_edges(rows: QuerySet[Edge], *, words: str, state: str) -> QuerySet[Edge]:
    """Of ``rows``, those with ``words`` in name or code, in this state."""
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(code__iexact=words) | Q(organisation=words))
    return rows.filter(state=state) if state else rows


def visible_jobs(person: Person) -> QuerySet[Job]:
    """The jobs that someone may read: under the grants that they may read; all of them for auditor and operator."""
    if may(person, "job:audit"):
        return Job.objects.all()
    if not may(person, "job:read"):
        return Job.objects.none()
    return Job.objects.filter(grant__in=visible_grants(person))


def matching_jobs(
    rows: QuerySet[Job], *, words: str, organisation: str, state: str, run_state: str
) -> QuerySet[Job]:
    """Of ``rows``, those with ``words`` in name, code, resource or grant, of these parties and in these states."""
    if words:
        rows = rows.filter(
            Q(name__icontains=words)
            | Q(code__iexact=words)
            | Q(resource=words)
            | Q(grant__code__iexact=words)
        )
    if organisation:
        names = Q(consumer_name__icontains=organisation) | Q(provider_name__icontains=organisation)
        rows = rows.filter(names | Q(consumer=organisation) | Q(provider=organisation))
    states = {"state": state, "last_state": run_state}
    return rows.filter(**{name: value for name, value in states.items() if value})


def with_last_run(rows: QuerySet[Job], *, today: date) -> QuerySet[Job]:
    """``rows`` with ``last_state``, ``last_at`` and ``last_ended`` of the newest run, and ``rows_today``."""
    newest = Run.objects.filter(job=OuterRef("pk")).order_by("-started_at", "-pk")
    sums = (
        Run.objects.filter(job=OuterRef("pk"), told_at__gte=_midnight(today))
        .order_by()
        .values("job")
        .annotate(n=Sum("applied"))
        .values("n")
    )
    return rows.select_related("grant", "target").annotate(
        last_state=Subquery(newest.values("state")[:1]),
        last_at=Subquery(newest.values("started_at")[:1]),
        last_ended=Subquery(newest.values("ended_at")[:1]),
        rows_today=Coalesce(Subquery(sums, output_field=BigIntegerField()), 0),
    )


def batch_grants(consumer: str, *, at: datetime) -> QuerySet[Grant]:
    """The grants in force at ``at`` by which an organisation may declare jobs, newest first."""
    in_force = Grant.objects.filter(consumer=consumer, state="active", not_before__lte=at, not_after__gt=at)
    keys = [grant.pk for grant in in_force if "batch" in grant.terms["modes"]]
    return Grant.objects.filter(pk__in=keys)


def targets_of(organisation: str) -> QuerySet[Target]:
    """The targets of an organisation that jobs may fill."""
    return Target.objects.filter(organisation=organisation, is_retired=False)


def jobs_of(consumer: str) -> QuerySet[Job]:
    """The jobs of an organisation that are not put away."""
    return Job.objects.filter(consumer=consumer).exclude(state=JobState.RETIRED)


def visible_handovers(person: Person) -> QuerySet[Handover]:
    """What was handed over under grants that someone may read."""
    if may(person, "job:audit"):
        return Handover.objects.all()
    if not may(person, "job:read"):
        return Handover.objects.none()
    return Handover.objects.filter(grant__in=visible_grants(person).values("code"))


def flows(rows: QuerySet[Handover], *, since: date, until: date) -> list[dict[str, Any]]:
    """Provider, consumer and rows sent, per pair, the largest first."""
    found = (
        rows.filter(role="provider", day__gte=since, day__lte=until)
        .order_by()
        .values("provider", "consumer")
        .annotate(rows=Sum("rows"))
        .order_by("-rows")
    )
    return [dict(row) for row in found]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING)
