"""Tables as they were read of a department's databases, kept for the technical dictionary; never a value."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from guantong.catalog.harvesting.types import FoundTable
from guantong.catalog.models import SourceTable
from guantong.identity.models import Organisation
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject

_KEPT = ("name", "type", "length", "comment", "is_key")


@transaction.atomic
def note_tables(
    tables: Iterable[FoundTable], *, source: str, organisation: Organisation, by: Actor, at: datetime
) -> int:
    """Note how a source's tables look; how many. What samples looked like is left out."""
    count = 0
    for table in tables:
        columns = [{name: asdict(column)[name] for name in _KEPT} for column in table.columns]
        SourceTable.objects.update_or_create(
            organisation=organisation,
            source=source,
            name=table.name[:120],
            defaults={"comment": table.comment[:400], "columns": columns, "read_at": at},
        )
        count += 1
    record("source.noted", by=by, at=at, subject=Subject("source", source), details={"tables": count})
    return count
