"""What is live: versions and their places in the feed."""

import threading
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection, transaction

from guantong.catalog.actions.drafting import _resting_state, _show
from guantong.catalog.models import ElementUse, Numbering, Resource, ResourceVersion, State
from guantong.catalog.queries import newest_number
from guantong.catalog.types import ResourceContent
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject


@dataclass(frozen=True)
class Publisher:
    """Who published a version, and when: here a person, elsewhere the department."""

    name: str
    at: datetime


_numbering = threading.Lock()
NUMBERED_AT_ONCE = 10_000
# One statement for any number of rows; the ORM would send a case for each.
_NUMBERING = """
UPDATE catalog_resourceversion SET number = waiting.place
FROM (
    SELECT id, %s + row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id FROM catalog_resourceversion WHERE number IS NULL ORDER BY id LIMIT %s) AS found
) AS waiting
WHERE catalog_resourceversion.id = waiting.id
"""


def number_changes(*, by: Actor, at: datetime) -> int:
    """Give every new version its place in the feed; how many were numbered. Only the worker calls this."""
    total = 0
    while count := _number_some(by=by, at=at):
        total += count
    return total


def _number_some(*, by: Actor, at: datetime) -> int:
    # Two of the worker's threads do: the feed's, and the search index's.
    with _numbering, transaction.atomic():
        return _number_changes(by=by, at=at)


def _number_changes(*, by: Actor, at: datetime) -> int:
    last = newest_number()
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERING, [last, NUMBERED_AT_ONCE])
        count = int(cursor.rowcount)
    if count:
        Numbering.objects.update_or_create(pk=1, defaults={"last": last + count})
        subject = Subject("feed", str(last + count))
        record("feed.numbered", by=by, at=at, subject=subject, details={"changes": count})
    return count


def _go_live(
    resource: Resource,
    content: ResourceContent,
    publisher: Publisher,
    *,
    version: int,
    is_withdrawal: bool = False,
) -> None:
    ResourceVersion.objects.create(
        resource=resource,
        version=version,
        content=msgspec.to_builtins(content),
        is_withdrawal=is_withdrawal,
        published_at=publisher.at,
        published_by=publisher.name,
    )
    resource.live_version, resource.is_live = version, not is_withdrawal
    resource.draft = None
    resource.state = _resting_state(resource)
    _show(resource, content)
    resource.published_at = publisher.at
    resource.save()
    _bind(resource, None if is_withdrawal else content)


def _bind(resource: Resource, content: ResourceContent | None) -> None:
    """Note which elements the items of the live version are bound to."""
    ElementUse.objects.filter(resource=resource).delete()
    ElementUse.objects.bulk_create(
        ElementUse(resource=resource, element=item.element, item=item.name)
        for item in (content.items if content else [])
        if item.element
    )


def _withdraw(resource: Resource, publisher: Publisher) -> None:
    """Write the version that says an entry is gone. A draft under review waits for its author again."""
    last = resource.versions.get(version=resource.live_version)
    resource.live_version += 1
    resource.state, resource.is_live = State.WITHDRAWN, False
    resource.save()
    resource.versions.create(
        version=resource.live_version,
        content=last.content,
        is_withdrawal=True,
        published_at=publisher.at,
        published_by=publisher.name,
    )
    _bind(resource, None)
