"""Conformance: every entry of this node is judged when it is published, and again when elements have changed."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from guantong.catalog.actions.freshening import _fall_due
from guantong.catalog.models import Conformance, ReadingPosition, Resource, ResourceVersion
from guantong.catalog.queries import latest_of
from guantong.catalog.standards.conformance import score
from guantong.catalog.standards.matching import known_elements
from guantong.journal.types import Actor

READ_AT_ONCE = 1000
DUTY = "conformance"


@transaction.atomic
def tend_conformance(*, by: Actor, at: datetime) -> int:
    """Judge what was published since the last time, or everything after elements have changed; how many versions.

    The worker's. It leaves no trace: a score only repeats what entries and elements say.
    """
    del by
    place, _ = ReadingPosition.objects.select_for_update().get_or_create(duty=DUTY)
    rows = list(
        ResourceVersion.objects.filter(number__gt=place.position)
        .order_by("number")
        .values_list("number", "resource")[:READ_AT_ONCE]
    )
    if rows:
        own = list(Resource.objects.filter(pk__in=[key for _, key in rows], node=settings.NODE.node))
        _judge(own, at=at)
        _set_due(own)
        place.position = rows[-1][0] or 0
        place.save()
    return len(rows)


def _set_due(resources: Sequence[Resource]) -> None:
    """The day of the next update for entries that were published before such days were kept."""
    found = [each for each in resources if each.is_live and each.stale_on is None]
    for each in found:
        _fall_due(each)
    Resource.objects.bulk_update([each for each in found if each.stale_on], ["stale_on"], batch_size=500)


def _judge_anew() -> None:
    """Have everything judged again: elements have changed."""
    ReadingPosition.objects.filter(duty=DUTY).update(position=0)


def _judge(resources: Sequence[Resource], *, at: datetime) -> None:
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
    judged = {each.resource_id for each in made}
    Conformance.objects.filter(resource__in=[each.pk for each in resources if each.pk not in judged]).delete()
    Conformance.objects.bulk_create(
        made,
        update_conflicts=True,
        unique_fields=["resource"],
        update_fields=["score", "passed", "checked", "reasons", "judged_at"],
    )
