"""Conformance: every entry of this node is judged when it is published, and again when elements have changed."""

from collections.abc import Sequence
from datetime import date, datetime

from django.conf import settings
from django.db import transaction

from guantong.catalog.actions.freshening import _fall_due
from guantong.catalog.models import Conformance, ReadingPosition, Resource, ResourceVersion
from guantong.catalog.queries import latest_of
from guantong.catalog.standards.conformance import score
from guantong.catalog.standards.matching import known_elements
from guantong.journal.types import Actor

READ_AT_ONCE = 500
DUTY = "conformance"


def tend_conformance(*, by: Actor, at: datetime) -> int:
    """Judge what was published since the last time, or everything after elements have changed; how many versions.

    The worker's, of which there is one: so it reads and judges before it takes the database to itself, and writes in
    one short turn. It leaves no trace: a score only repeats what entries and elements say.
    """
    del by
    place, _ = ReadingPosition.objects.get_or_create(duty=DUTY)
    rows = list(
        ResourceVersion.objects.filter(number__gt=place.position)
        .order_by("number")
        .values_list("number", "resource")[:READ_AT_ONCE]
    )
    if rows:
        own = list(Resource.objects.filter(pk__in=[key for _, key in rows], node=settings.NODE.node))
        judged, due = _judged(own, at=at), _due(own)
        with transaction.atomic():
            # Elements that changed meanwhile have set the position back: then all of it is judged again.
            moved = ReadingPosition.objects.filter(pk=place.pk, position=place.position)
            if moved.update(position=rows[-1][0] or 0):
                _write(own, judged)
                for day, keys in due.items():
                    Resource.objects.filter(pk__in=keys).update(stale_on=day)
    return len(rows)


def _due(resources: Sequence[Resource]) -> dict[date, list[int]]:
    """The day of the next update for entries that were published before such days were kept: keys by day."""
    days: dict[date, list[int]] = {}
    for each in resources:
        if each.is_live and each.stale_on is None:
            day = _day_due(each)
            if day is not None:
                days.setdefault(day, []).append(each.pk)
    return days


def _day_due(resource: Resource) -> date | None:
    _fall_due(resource)
    return resource.stale_on


def _judge_anew() -> None:
    """Have everything judged again: elements have changed."""
    ReadingPosition.objects.filter(duty=DUTY).update(position=0)


def _judged(resources: Sequence[Resource], *, at: datetime) -> list[Conformance]:
    live = [each.pk for each in resources if each.is_live]
    contents, elements = latest_of(live), known_elements()
    made = []
    for key, content in contents.items():
        found, _ = score(content, elements)
        if found is not None:
            made.append(
                Conformance(
                    resource_id=key,
                    score=found.value,
                    passed=found.passed,
                    checked=found.checked,
                    reasons=found.reasons,
                    judged_at=at,
                )
            )
    return made


def _judge(resources: Sequence[Resource], *, at: datetime) -> None:
    """Judge and write, in the caller's transaction."""
    _write(resources, _judged(resources, at=at))


def _write(resources: Sequence[Resource], made: list[Conformance]) -> None:
    judged = {each.resource_id for each in made}
    Conformance.objects.filter(resource__in=[each.pk for each in resources if each.pk not in judged]).delete()
    Conformance.objects.bulk_create(
        made,
        update_conflicts=True,
        unique_fields=["resource"],
        update_fields=["score", "passed", "checked", "reasons", "judged_at"],
    )
