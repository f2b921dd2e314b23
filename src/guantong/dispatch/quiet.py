"""静默时段: which jobs must leave their sources alone now, and until when."""

from datetime import datetime
from functools import cached_property

from guantong.catalog.models import Link
from guantong.dispatch.models import Job, QuietHours
from guantong.dispatch.timetable import Quiet, quiet_until
from guantong.identity.workdays import workdays
from guantong.kit.workdays import Workday


class QuietBook:
    """The quiet hours of all sources, read once."""

    def __init__(self) -> None:
        self._by_source: dict[str, list[Quiet]] = {}
        for row in QuietHours.objects.all():
            self._by_source.setdefault(row.source, []).append(Quiet(row.since, row.until, row.only_workdays))

    def concerns(self, job: Job) -> bool:
        """Whether a source of the job has quiet hours at all."""
        return bool(self._of(job))

    def until(self, job: Job, *, at: datetime) -> datetime | None:
        """When the job may run again, if it may not at ``at``."""
        quiets = self._of(job)
        return quiet_until(quiets, at, is_workday=self._is_workday) if quiets else None

    def _of(self, job: Job) -> list[Quiet]:
        if not self._by_source:
            return []
        return [quiet for source in self.sources_of(job) for quiet in self._by_source.get(source, [])]

    def sources_of(self, job: Job) -> set[str]:
        """The sources of this node that a job reads and fills, by name."""
        read_from = self._links.get(job.resource)
        return {job.target.source} | ({read_from} if read_from else set())

    @cached_property
    def _links(self) -> dict[str, str]:
        return dict(Link.objects.values_list("resource__code", "source"))

    @cached_property
    def _is_workday(self) -> Workday:
        return workdays()
