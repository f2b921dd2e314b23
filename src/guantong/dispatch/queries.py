"""Finding jobs and runs; what of them the bundle says; what was handed over."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.db.models import BigIntegerField, Count, F, OuterRef, Q, QuerySet, Subquery, Sum
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
from guantong.journal.models import Alert
from guantong.journal.types import Actor
from guantong.sharing.models import Grant
from guantong.sharing.queries import visible_grants
from guantong.sharing.types import BATCHES

ELSEWHERE = "-"
"""What stands in place of a source that is another node's own business."""
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
            reader=reader_of(row),
        )
        for row in rows
    }


def reader_of(target: Target) -> str:
    """The key for which chunks for the target are sealed: its edge's; empty: its node's own."""
    edge = edge_serving(target.source) if target.source != ELSEWHERE else None
    return edge.key if edge else target.reader


def edge_serving(source: str) -> Edge | None:
    """The edge in use that serves a source of this node; None: the node itself does."""
    in_use = Edge.objects.filter(state=EdgeState.ACTIVE).exclude(key="")
    return next((edge for edge in in_use if source in edge.sources), None)


def ends_of(job: Job) -> list[str]:
    """Where at this node the rows of a job are read and then where they are written, as far as it is here.

    The code of an edge, or empty for the node itself.
    """
    own, ends = settings.NODE.node, []
    if job.grant.provider_node == own:
        source = Link.objects.filter(resource__code=job.resource).values_list("source", flat=True).first()
        ends.append(edge_serving(source or ""))
    if job.target.node == own:
        ends.append(edge_serving(job.target.source))
    return [edge.code if edge else "" for edge in ends]


def is_home(job: Job) -> bool:
    """Whether the job was declared at this node; another node's job is read here and belongs to that node."""
    return bool(job.target.node == settings.NODE.node)


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
        # Between two places chunks always go by the mail.
        staged=said.staged or row.grant.provider_node != row.target.node or len(set(ends_of(row))) > 1,
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


class Version(NamedTuple):
    """One version that a job had, and what the next one said otherwise."""

    number: int
    ended_at: datetime
    ended_by: str
    changes: list[Change]


def history(job: Job) -> list[Version]:
    """What was changed at a job, the latest change first."""
    rows = list(job.versions.order_by("-number"))
    later = [job.terms, *(row.terms for row in rows)]
    return [
        Version(row.number, row.ended_at, row.ended_by, changes(row.terms, after))
        for row, after in zip(rows, later, strict=False)
    ]


def points(job: Job) -> list[Run]:
    """Earlier runs from whose watermark the job may be read again, the latest first."""
    return list(job.runs.exclude(high="").filter(until="").order_by("-started_at", "-pk")[:20])


def edges_of(job: Job) -> list[Edge]:
    """The edges where the job is read or written, of those of this node."""
    named = QuietBook().sources_of(job)
    return [edge for edge in Edge.objects.filter(state=EdgeState.ACTIVE) if named & set(edge.sources)]


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
    keys = [grant.pk for grant in in_force if not BATCHES.isdisjoint(grant.terms["modes"])]
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


def visible_targets(person: Person) -> QuerySet[Target]:
    """The targets that someone may read, with ``users``: their organisation's; all for auditor, operator, bureau."""
    rows = Target.objects.annotate(users=Count("jobs", filter=~Q(jobs__state=JobState.RETIRED))).order_by(
        "-pk"
    )
    if may(person, "job:audit"):
        return rows
    if not may(person, "job:read") or person.organisation is None:
        return rows.none()
    return rows if person.organisation.is_bureau else rows.filter(organisation=person.organisation.code)


def matching_targets(
    rows: QuerySet[Target], *, q: str, organisation: str, dialect: str, state: str
) -> QuerySet[Target]:
    """Of ``rows``, those with the words ``q`` in name, number, source or table, and of this kind and state."""
    if q:
        named = Q(name__icontains=q) | Q(code__iexact=q) | Q(source__icontains=q) | Q(table__icontains=q)
        rows = rows.filter(named)
    if organisation:
        owners = Organisation.objects.filter(name__icontains=organisation).values("code")
        rows = rows.filter(Q(organisation=organisation) | Q(organisation__in=owners))
    if state in {"active", "retired"}:
        rows = rows.filter(is_retired=state == "retired")
    return rows.filter(dialect=dialect) if dialect else rows


def dialects(rows: QuerySet[Target]) -> list[str]:
    """The kinds that occur among ``rows``."""
    return sorted(set(rows.order_by().values_list("dialect", flat=True)))


def items_for(target: Target) -> dict[str, str]:
    """Item → label: everything that the target has a column for, or could have by the grants of its jobs."""
    labels: dict[str, str] = {}
    for job in target.jobs.select_related("grant"):
        for item in job.grant.terms["resource_content"]["items"]:
            if item["name"] in job.grant.terms["fields"]:
                labels[item["name"]] = item["label"]
    return {name: labels.get(name, name) for name in dict.fromkeys([*target.columns, *labels])}


ALERTS = ("batch_stopped", "batch_too_long", "edge_silent", "edge_skewed", "link_stuck")


def alerts_for(person: Person) -> QuerySet[Alert]:
    """The alerts about jobs and edges that someone may read, those that nobody has settled first."""
    rows = Alert.objects.filter(code__in=ALERTS)
    if not may(person, "job:audit"):
        jobs = list(visible_jobs(person).values_list("code", flat=True))
        edges = list(visible_edges(person).values_list("code", flat=True))
        rows = rows.filter(Q(details__job__in=jobs) | Q(details__edge__in=edges))
    return rows.order_by(F("seen_at").asc(nulls_first=True), "-at", "-pk")


def is_from(body: dict[str, Any], sender: str) -> bool:
    """Whether a receipt is the sender's own, of a batch between it and this node."""
    ends = {"provider": str(body["provider"]["node"]), "consumer": str(body["consumer"]["node"])}
    role = str(body["role"])
    return (
        body["node"] == sender
        and ends.get(role) == sender
        and settings.NODE.node in ends.values()
        and Grant.objects.filter(
            code=body["grant"], provider_node=ends["provider"], consumer_node=ends["consumer"]
        ).exists()
    )
