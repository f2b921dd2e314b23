"""What other nodes publish: taken in by the thousand, and taken back.

An entry of another node stands as that node said last: a higher version replaces a lower one, and of one and the same
version the later word counts, so that what was taken back here comes to life when its node sends it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from guantong.catalog.actions.drafting import _resting_state, _show
from guantong.catalog.errors import ContentWrong, NotTheProvider
from guantong.catalog.models import ElementUse, Resource, ResourceVersion, State
from guantong.catalog.types import Change, ResourceContent
from guantong.identity.models import Organisation
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.kit.errors import GuantongError

# As many values as a statement may list on every database.
SLAB = 500
_SHOWN = [
    "provider",
    "state",
    "live_version",
    "is_live",
    "name",
    "summary",
    "sharing_type",
    "update_cycle",
    "published_at",
]
_SAID = [
    "content",
    "is_withdrawal",
    "published_at",
    "published_by",
    "number",
    "learnt_at",
    "learnt_number",
]


@dataclass(frozen=True)
class Arrived:
    """A change as it came, what it says, and whose it is: read and checked by whoever received it."""

    change: Change
    content: ResourceContent
    provider: Organisation


@dataclass
class TakenIn:
    """What became of changes: the codes of the entries that changed, how many did not, and refusals by number."""

    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    refused: dict[int, GuantongError] = field(default_factory=dict)


@transaction.atomic
def take_in(arrived: Sequence[Arrived], *, by: Actor, at: datetime) -> TakenIn:
    """Apply changes of another node's feed, in their order. Repeats and older versions change nothing."""
    told = TakenIn()
    for run in _runs(arrived):
        _take_in_run(run, told, at=at)
    if told.changed:
        details = {"changed": len(told.changed), "unchanged": told.unchanged, "refused": len(told.refused)}
        record("catalog.taken_in", by=by, at=at, subject=Subject("node", by.id), details=details)
    return told


@transaction.atomic
def take_back(keys: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Take entries of other nodes (by key) back, as if withdrawn, until their node sends them again; how many."""
    live = Resource.objects.select_for_update().filter(pk__in=keys, is_live=True)
    found = dict(live.values_list("pk", "live_version"))
    said = ResourceVersion.objects.filter(resource__in=list(found), learnt_at__isnull=False)
    ends = [
        pk for pk, key, version in said.values_list("pk", "resource_id", "version") if found[key] == version
    ]
    ResourceVersion.objects.filter(pk__in=ends).update(is_withdrawal=True, number=None)
    count = Resource.objects.filter(pk__in=list(found), versions__pk__in=ends).update(
        is_live=False, state=State.WITHDRAWN
    )
    ElementUse.objects.filter(resource__in=list(found)).delete()
    record("catalog.taken_back", by=by, at=at, subject=Subject("node", by.id), details={"changed": count})
    return count


def _runs(arrived: Sequence[Arrived]) -> Iterator[list[Arrived]]:
    """The changes in runs that name no entry twice."""
    run: list[Arrived] = []
    seen: set[str] = set()
    for each in arrived:
        if each.content.code in seen:
            yield run
            run, seen = [], set()
        run.append(each)
        seen.add(each.content.code)
    if run:
        yield run


def _take_in_run(run: Sequence[Arrived], told: TakenIn, *, at: datetime) -> None:
    known = _known(each.content.code for each in run)
    said = _said(known, run)
    changed: list[tuple[Resource, Arrived, ResourceVersion]] = []
    for each in run:
        resource = known.get(each.content.code)
        try:
            version = _version(each, resource, said, at=at)
        except GuantongError as refusal:
            told.refused[each.change.number] = refusal
            continue
        if version is None:
            told.unchanged += 1
            continue
        resource = resource or Resource(code=each.content.code, node=each.change.node)
        _stand(resource, each, version)
        changed.append((resource, each, version))
    _write(changed, known)
    told.changed += [resource.code for resource, _, _ in changed]


def _version(
    arrived: Arrived, resource: Resource | None, said: dict[int, ResourceVersion], *, at: datetime
) -> ResourceVersion | None:
    """The version to write, without its entry yet; None if the entry says this, or more, already."""
    change = arrived.change
    if arrived.provider.node != change.node or (resource and resource.node != change.node):
        raise NotTheProvider
    if resource and resource.live_version > change.version:
        return None
    content = msgspec.to_builtins(arrived.content)
    before = said.get(resource.pk) if resource else None
    if before and (before.content, before.is_withdrawal) == (content, change.is_withdrawal):
        return None
    return ResourceVersion(
        version=change.version,
        content=content,
        is_withdrawal=change.is_withdrawal,
        published_at=_published_at(change),
        published_by=arrived.provider.name,
        learnt_at=at,
        learnt_number=change.number,
    )


def _stand(resource: Resource, arrived: Arrived, version: ResourceVersion) -> None:
    resource.provider = arrived.provider
    resource.live_version, resource.is_live = version.version, not version.is_withdrawal
    resource.state = _resting_state(resource)
    _show(resource, arrived.content)
    resource.published_at = version.published_at


def _write(changed: Sequence[tuple[Resource, Arrived, ResourceVersion]], known: dict[str, Resource]) -> None:
    resources = [resource for resource, _, _ in changed]
    Resource.objects.bulk_create([each for each in resources if each.code not in known])
    _upsert(Resource, [each for each in resources if each.code in known], ["code"], _SHOWN)
    for resource, _, version in changed:
        version.resource = resource
    _upsert(ResourceVersion, [version for _, _, version in changed], ["resource", "version"], _SAID)
    for slab in _slabs([resource.pk for resource in resources if resource.code in known]):
        ElementUse.objects.filter(resource__in=slab).delete()
    ElementUse.objects.bulk_create(
        ElementUse(resource=resource, element=item.element, item=item.name)
        for resource, arrived, _ in changed
        if resource.is_live
        for item in arrived.content.items
        if item.element
    )


def _upsert(model: Any, rows: list[Any], unique: list[str], fields: list[str]) -> None:
    """Write rows in whole statements, whether they are there or not."""
    model.objects.bulk_create(rows, update_conflicts=True, unique_fields=unique, update_fields=fields)


def _known(codes: Iterable[str]) -> dict[str, Resource]:
    rows = (Resource.objects.select_for_update().filter(code__in=slab) for slab in _slabs(list(codes)))
    return {row.code: row for slab in rows for row in slab}


def _said(known: dict[str, Resource], run: Sequence[Arrived]) -> dict[int, ResourceVersion]:
    """What entries say already under the very version that has come, by the entry's key."""
    same = {
        known[each.content.code].pk: each.change.version
        for each in run
        if each.content.code in known and known[each.content.code].live_version == each.change.version
    }
    rows = (ResourceVersion.objects.filter(resource__in=slab) for slab in _slabs(list(same)))
    return {row.resource_id: row for slab in rows for row in slab if row.version == same[row.resource_id]}


def _slabs(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + SLAB] for start in range(0, len(values), SLAB))


def _published_at(change: Change) -> datetime:
    try:
        return clock.parse(change.published_at)
    except ValueError:
        raise ContentWrong(
            field="published_at", why_zh="没有这样的时刻", why_en="there is no such moment"
        ) from None
