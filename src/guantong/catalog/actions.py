"""The only writers of the catalogue: draft, submit, publish, withdraw, link, and take in what others publish."""

from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Max

from guantong.catalog.errors import ContentWrong, NotTheProvider, ResourceStateWrong
from guantong.catalog.models import Link, Resource, ResourceVersion, State
from guantong.catalog.types import ResourceContent
from guantong.identity.errors import OrganisationUnknown
from guantong.identity.queries import organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject


def read_content(values: dict[str, Any]) -> ResourceContent:
    """Untrusted values as checked content, or :class:`ContentWrong`."""
    try:
        return msgspec.convert(values, ResourceContent).checked()
    except msgspec.ValidationError as error:
        raise ContentWrong(field="content", why_zh=str(error), why_en=str(error)) from error


@transaction.atomic
def draft(content: ResourceContent, *, node: str, by: Actor, at: datetime) -> Resource:
    """Write a new entry, or a pending edit over a published one, which stays as it is until publication."""
    content.checked()
    provider = organisation(content.provider)
    if provider is None:
        raise OrganisationUnknown(organisation=content.provider)
    _demand_provider(by, content.provider)
    resource, made = Resource.objects.select_for_update().get_or_create(
        code=content.code,
        defaults={"provider": provider, "node": node, "name": content.name, "summary": content.summary},
    )
    resource.draft = msgspec.to_builtins(content)
    if made or resource.live_version == 0:
        resource.name, resource.summary, resource.sharing_type = (
            content.name,
            content.summary,
            content.sharing_type,
        )
        resource.state = State.DRAFT
    resource.save()
    record("resource.drafted", by=by, at=at, subject=Subject("resource", content.code))
    return resource


@transaction.atomic
def submit(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """Send a draft to whoever reviews it."""
    resource = Resource.objects.select_for_update().get(pk=resource.pk)
    if resource.draft is None:
        raise ResourceStateWrong(
            resource=resource.code, state=resource.get_state_display(), act_zh="送审", act_en="submitted"
        )
    _demand_provider(by, resource.provider.code)
    resource.state = State.SUBMITTED
    resource.save()
    record("resource.submitted", by=by, at=at, subject=Subject("resource", resource.code))
    return resource


@transaction.atomic
def publish(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """Make the submitted draft the live version; it goes out to the other nodes and into the bundle."""
    resource = Resource.objects.select_for_update().get(pk=resource.pk)
    if resource.state != State.SUBMITTED or resource.draft is None:
        raise ResourceStateWrong(
            resource=resource.code, state=resource.get_state_display(), act_zh="发布", act_en="published"
        )
    _demand_provider(by, resource.provider.code)
    content = read_content(resource.draft)
    _go_live(resource, content, version=resource.live_version + 1, by=by, at=at)
    record(
        "resource.published",
        by=by,
        at=at,
        subject=Subject("resource", resource.code),
        details={"version": resource.live_version},
    )
    return resource


@transaction.atomic
def withdraw(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """Take a published entry off the catalogue; its versions and receipts remain."""
    resource = Resource.objects.select_for_update().get(pk=resource.pk)
    if resource.state != State.PUBLISHED:
        raise ResourceStateWrong(
            resource=resource.code, state=resource.get_state_display(), act_zh="下线", act_en="withdrawn"
        )
    _demand_provider(by, resource.provider.code)
    last = resource.versions.get(version=resource.live_version)
    resource.live_version += 1
    resource.state = State.WITHDRAWN
    resource.save()
    resource.versions.create(
        version=resource.live_version,
        content=last.content,
        is_withdrawal=True,
        published_at=at,
        published_by=by.name,
    )
    record("resource.withdrawn", by=by, at=at, subject=Subject("resource", resource.code))
    enqueue("bundle.stale", {"because": "resource.withdrawn"}, by=by, at=at)
    return resource


@transaction.atomic
def link(
    resource: Resource,
    *,
    source: str,
    dialect: str,
    table: str,
    columns: dict[str, str],
    max_rows: int = 20,
    by: Actor,
    at: datetime,
) -> Link:
    """Bind a resource to the table that serves it (挂接); ``columns`` maps item names to column names."""
    _demand_provider(by, resource.provider.code)
    values = {"source": source, "dialect": dialect, "table": table, "columns": columns, "max_rows": max_rows}
    made, _ = Link.objects.update_or_create(resource=resource, defaults={**values, "linked_at": at})
    record(
        "resource.linked",
        by=by,
        at=at,
        subject=Subject("resource", resource.code),
        details={"source": source},
    )
    enqueue("bundle.stale", {"because": "resource.linked"}, by=by, at=at)
    return made


@transaction.atomic
def take_in(entry: dict[str, Any], *, by: Actor, at: datetime) -> bool:
    """Apply one change of another node's feed. Repeats and older versions change nothing (False)."""
    content = read_content(entry["content"])
    provider = organisation(content.provider)
    if provider is None:
        raise OrganisationUnknown(organisation=content.provider)
    resource, _ = Resource.objects.select_for_update().get_or_create(
        code=content.code, defaults={"provider": provider, "node": entry["node"], "name": content.name}
    )
    if resource.node != entry["node"]:
        raise NotTheProvider
    if resource.live_version >= entry["version"]:
        return False
    _go_live(resource, content, version=entry["version"], by=by, at=at, is_withdrawal=entry["is_withdrawal"])
    return True


@transaction.atomic
def number_changes(*, by: Actor, at: datetime) -> int:
    """Give every new version its place in the feed; how many were numbered. Only the worker calls this."""
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
    *,
    version: int,
    by: Actor,
    at: datetime,
    is_withdrawal: bool = False,
) -> None:
    ResourceVersion.objects.create(
        resource=resource,
        version=version,
        content=msgspec.to_builtins(content),
        is_withdrawal=is_withdrawal,
        published_at=at,
        published_by=by.name,
    )
    resource.live_version = version
    resource.draft = None
    resource.state = State.WITHDRAWN if is_withdrawal else State.PUBLISHED
    resource.name, resource.summary = content.name, content.summary
    resource.sharing_type, resource.update_cycle = content.sharing_type, content.update_cycle
    resource.published_at = at
    resource.save()
    enqueue("bundle.stale", {"because": "resource.published"}, by=by, at=at)


def _demand_provider(by: Actor, provider: str) -> None:
    if by.kind == "person" and by.organisation != provider:
        raise NotTheProvider
