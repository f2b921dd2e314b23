"""What is live: versions and their places in the feed, our own and those that other nodes publish."""

import threading
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import transaction
from django.db.models import Max

from guantong.catalog.actions.drafting import _resting_state, _show, read_content
from guantong.catalog.errors import ContentWrong, NotTheProvider
from guantong.catalog.models import ElementUse, Resource, ResourceVersion, State
from guantong.catalog.types import Change, ResourceContent
from guantong.identity.errors import OrganisationUnknown
from guantong.identity.queries import organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock


@dataclass(frozen=True)
class Publisher:
    """Who published a version, and when: here a person, elsewhere the department."""

    name: str
    at: datetime


_numbering = threading.Lock()


@transaction.atomic
def take_in(change: Change, *, by: Actor, at: datetime) -> bool:
    """Apply one change of another node's feed. Repeats and older versions change nothing (False)."""
    content = read_content(change.content)
    provider = organisation(content.provider)
    if provider is None:
        raise OrganisationUnknown(organisation=content.provider)
    resource, _ = Resource.objects.select_for_update().get_or_create(
        code=content.code, defaults={"provider": provider, "node": change.node, "name": content.name}
    )
    if (resource.node, provider.node) != (change.node, change.node):
        raise NotTheProvider
    if resource.live_version >= change.version:
        return False
    resource.provider = provider
    publisher = Publisher(provider.name, _published_at(change))
    _go_live(resource, content, publisher, version=change.version, is_withdrawal=change.is_withdrawal)
    enqueue("bundle.stale", {"because": "resource.published"}, by=by, at=at)
    return True


def _published_at(change: Change) -> datetime:
    try:
        return clock.parse(change.published_at)
    except ValueError:
        raise ContentWrong(
            field="published_at", why_zh="没有这样的时刻", why_en="there is no such moment"
        ) from None


def number_changes(*, by: Actor, at: datetime) -> int:
    """Give every new version its place in the feed; how many were numbered. Only the worker calls this."""
    # Two of its threads do: the feed's, and the search index's.
    with _numbering, transaction.atomic():
        return _number_changes(by=by, at=at)


def _number_changes(*, by: Actor, at: datetime) -> int:
    waiting = list(ResourceVersion.objects.filter(number__isnull=True).order_by("pk")[:1000])
    last = ResourceVersion.objects.aggregate(last=Max("number"))["last"] or 0
    for number, version in enumerate(waiting, start=last + 1):
        version.number = number
    ResourceVersion.objects.bulk_update(waiting, ["number"])
    if waiting:
        subject = Subject("feed", str(last + len(waiting)))
        record("feed.numbered", by=by, at=at, subject=subject, details={"changes": len(waiting)})
    return len(waiting)


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
