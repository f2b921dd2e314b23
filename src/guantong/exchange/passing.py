"""Whether a job's rows may pass from database to database as they are, or have to be looked at on the way.

Rows that nothing is to be done to (no condition, mask, check, conversion), between columns of one type, come out
the same either way; only the digest in the manifest is that of the database's own bytes then (``form``).
"""

from collections.abc import Mapping

from guantong.bundle.jobs import Job
from guantong.exchange.columns import Column
from guantong.exchange.gate import Work

_ALIKE = {
    "text", "integer", "decimal", "number", "float", "boolean", "date", "moment", "instant", "binary",
}  # fmt: skip


def is_untouched(job: Job, work: Work, read: tuple[str, ...]) -> bool:
    """Whether nothing is to be done to any row: ``read`` are the items that have to be read."""
    masks = {work.masks.get(field, "none") for field in work.fields}
    looked_at = work.condition or work.conversions or work.checks or masks != {"none"}
    return job.reading == "full" and not job.staged and not looked_at and set(read) == set(work.fields)


def are_alike(
    travelling: Mapping[str, Column], given: Mapping[str, Column], taken: Mapping[str, Column]
) -> bool:
    """Whether every item's column at the source is of the type of that at the target (both by item)."""
    return all(_is_alike(column, given[item], taken[item]) for item, column in travelling.items())


def _is_alike(travelling: Column, given: Column, taken: Column) -> bool:
    if given.kind not in _ALIKE or travelling.kind != given.kind:
        return False
    if given.is_nullable and not taken.is_nullable:
        return False
    base, _, limit = taken.declared.partition("(")
    return given.declared == taken.declared or (not limit and given.declared.partition("(")[0] == base)
