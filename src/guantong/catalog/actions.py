"""The only writers of the catalogue: draft, submit, publish, withdraw, link, and take in what others publish."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

import msgspec
from django.db import transaction
from django.db.models import Max

from guantong.bundle.files import NAMES
from guantong.bundle.types import Dialect
from guantong.catalog.errors import ContentWrong, NotTheProvider, ResourceStateWrong
from guantong.catalog.models import Link, Resource, ResourceVersion, State
from guantong.catalog.types import Change, ResourceContent
from guantong.identity.errors import OrganisationUnknown
from guantong.identity.queries import organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock

MOST_ROWS = 1000
# So that any change fits into one message between nodes.
LARGEST_CONTENT = 200_000


@dataclass(frozen=True)
class Publisher:
    """Who published a version, and when: here a person, elsewhere the department."""

    name: str
    at: datetime


def read_content(values: dict[str, Any]) -> ResourceContent:
    """Untrusted values as checked content, or :class:`ContentWrong`."""
    try:
        content = msgspec.convert(values, ResourceContent).checked()
    except msgspec.ValidationError as error:
        raise ContentWrong(field="content", why_zh=str(error), why_en=str(error)) from error
    if len(msgspec.json.encode(content)) > LARGEST_CONTENT:
        raise ContentWrong(field="content", why_zh="内容过长", why_en="it is too long")
    return content


@transaction.atomic
def draft(content: ResourceContent, *, node: str, by: Actor, at: datetime) -> Resource:
    """Write a new entry, or a pending edit over a published one, which stays as it is until publication."""
    content.checked()
    provider = organisation(content.provider)
    if provider is None:
        raise OrganisationUnknown(organisation=content.provider)
    _demand_provider(by, content.provider)
    resource, _ = Resource.objects.select_for_update().get_or_create(
        code=content.code,
        defaults={"provider": provider, "node": node, "name": content.name, "summary": content.summary},
    )
    if (resource.provider_id, resource.node) != (provider.pk, node):
        raise NotTheProvider
    resource.draft = msgspec.to_builtins(content)
    # Whoever submitted an earlier wording has to submit this one again.
    resource.state = _resting_state(resource)
    if resource.live_version == 0:
        resource.name, resource.summary = content.name, content.summary
        resource.sharing_type, resource.update_cycle = content.sharing_type, content.update_cycle
    resource.save()
    record("resource.drafted", by=by, at=at, subject=Subject("resource", content.code))
    return resource


@transaction.atomic
def submit(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """Send a draft to whoever reviews it."""
    resource = Resource.objects.select_for_update().get(pk=resource.pk)
    if resource.draft is None or resource.state == State.SUBMITTED:
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
    _go_live(resource, content, Publisher(by.name, at), version=resource.live_version + 1)
    enqueue("bundle.stale", {"because": "resource.published"}, by=by, at=at)
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
    if not resource.is_live:
        raise ResourceStateWrong(
            resource=resource.code, state=resource.get_state_display(), act_zh="下线", act_en="withdrawn"
        )
    _demand_provider(by, resource.provider.code)
    last = resource.versions.get(version=resource.live_version)
    resource.live_version += 1
    resource.state, resource.is_live = State.WITHDRAWN, False
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
    if dialect not in get_args(Dialect):
        raise ContentWrong(field="dialect", why_zh="不支持的数据库", why_en="this database is not supported")
    if not 1 <= max_rows <= MOST_ROWS:
        raise ContentWrong(
            field="max_rows", why_zh=f"应为 1 至 {MOST_ROWS}", why_en=f"1 to {MOST_ROWS} rows are possible"
        )
    content = read_content(resource.draft) if resource.draft else resource.latest
    if content is None or set(columns) - {item.name for item in content.items}:
        raise ContentWrong(
            field="columns", why_zh="列对应了不存在的信息项", why_en="a column stands for an unknown item"
        )
    if dialect == "folder" and columns != {name: name for name in NAMES}:
        raise ContentWrong(
            field="columns",
            why_zh="文件资源须有且仅有 " + "、".join(NAMES),
            why_en="a folder of files has these items and no others: " + ", ".join(NAMES),
        )
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
    resource.name, resource.summary = content.name, content.summary
    resource.sharing_type, resource.update_cycle = content.sharing_type, content.update_cycle
    resource.published_at = publisher.at
    resource.save()


def _resting_state(resource: Resource) -> State:
    """The state of an entry that is not under review."""
    if resource.live_version == 0:
        return State.DRAFT
    return State.PUBLISHED if resource.is_live else State.WITHDRAWN


def _demand_provider(by: Actor, provider: str) -> None:
    if by.kind == "person" and by.organisation != provider:
        raise NotTheProvider
