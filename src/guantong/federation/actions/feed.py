"""The catalogue's feed: numbered changes pushed to each neighbour, resumable and idempotent.

A neighbour is told of every node that does not lie in its own direction, so on a tree each change reaches each
node once.
"""

import hashlib
import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from guantong.catalog import actions as catalog
from guantong.catalog import queries as catalog_queries
from guantong.catalog.models import ResourceVersion
from guantong.federation.actions import messages
from guantong.federation.models import FeedPosition, Node
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import canonical, clock
from guantong.kit.settings import Settings

BATCH = 200
LARGEST_BATCH = 1_000_000


def push(neighbour: Node, *, settings: Settings, by: Actor, at: datetime) -> int:
    """Send the next batch of changes to ``neighbour``; how many it confirmed. Nothing moves unless it did."""
    catalog.number_changes(by=by, at=at)
    position, _ = FeedPosition.objects.get_or_create(neighbour=neighbour.code)
    nodes = list(
        Node.objects.filter(is_confirmed=True).exclude(via=neighbour.code).values_list("code", flat=True)
    )
    changes = catalog_queries.changes_after(position.number, nodes=nodes, limit=BATCH)
    if not changes:
        return 0
    entries = _within(LARGEST_BATCH, [_entry(change) for change in changes])
    last = changes[len(entries) - 1].number
    payload = {"entries": entries}
    # Named after its content: the same batch sent again is known, another one under the same numbers is not.
    name = f"{settings.name}/feed/{neighbour.code}/{hashlib.sha256(canonical.dumps(payload)).hexdigest()}"
    message = messages.Message(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        sender=settings.node,
        to=neighbour.code,
        topic="catalog.changed",
        is_for_route=False,
        payload=payload,
        sent_at=clock.rfc3339(at),
    )
    messages.post(messages.seal(message, settings), neighbour)
    with transaction.atomic():
        FeedPosition.objects.filter(neighbour=neighbour.code).update(number=last, pushed_at=at)
        subject = Subject("node", neighbour.code)
        record(
            "catalog.pushed", by=by, at=at, subject=subject, details={"changes": len(entries), "number": last}
        )
    return len(entries)


def _within(limit: int, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many of the entries, from the first on, as a message of ``limit`` bytes holds; at least one."""
    size = 0
    for count, entry in enumerate(entries):
        size += len(canonical.dumps(entry))
        if size > limit and count:
            return entries[:count]
    return entries


def _entry(change: ResourceVersion) -> dict[str, Any]:
    provider = change.resource.provider
    return {
        "node": change.resource.node,
        "version": change.version,
        "is_withdrawal": change.is_withdrawal,
        "content": change.content,
        "provider_name": provider.name,
        "provider_division": provider.division,
        "provider_is_synthetic": provider.is_synthetic,
        "published_at": clock.rfc3339(change.published_at),
    }
