"""更新: a department says that the data of an entry is up to date; the next update is due by the declared cycle."""

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from guantong.catalog import deadlines
from guantong.catalog.actions.drafting import _demand_provider
from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import Resource
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject


@transaction.atomic
def tell_updated(resources: Iterable[Resource], *, on: date, by: Actor, at: datetime) -> int:
    """The data of these entries is up to date as of ``on``, today or earlier; how many are live and so were told."""
    if on > timezone.localtime(at).date():
        raise ContentWrong(field="updated_on", why_zh="不能晚于今天", why_en="it cannot be later than today")
    count = 0
    for each in resources:
        resource = Resource.objects.select_for_update(of=("self",)).select_related("provider").get(pk=each.pk)
        _demand_provider(by, resource.provider.code)
        if not resource.is_live:
            continue
        resource.updated_on = on
        _fall_due(resource)
        resource.save(update_fields=["updated_on", "stale_on"])
        subject = Subject("resource", resource.code)
        record("resource.updated", by=by, at=at, subject=subject, details={"on": on.isoformat()})
        count += 1
    return count


def _fall_due(resource: Resource) -> None:
    """Set the day by which the data should be updated again, counted from the last update, or from publication."""
    since = resource.updated_on
    if since is None and resource.published_at is not None:
        since = timezone.localtime(resource.published_at).date()
    is_due = resource.is_live and since is not None
    resource.stale_on = deadlines.next_update(resource.update_cycle, since) if is_due and since else None
