"""What the consumer calls a grant's service in the national platform's convention."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from guantong.identity.queries import holds
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.sharing.errors import NotYourGrant, SidTaken, SidWrong
from guantong.sharing.models import Grant
from guantong.sharing.service_names import MOST, holder_of, is_sid


@transaction.atomic
def name_services(grant: Grant, sids: list[str], *, by: Actor, at: datetime) -> Grant:
    """Let the consumer's applications call under the grant by ``sids`` (服务标识); none: not by the convention at all.

    A program that was written for another platform keeps the identifiers it knows. Nobody else needs to hear of it.
    NotYourGrant, SidWrong, SidTaken.
    """
    known = Grant.objects.select_for_update().get(pk=grant.pk)
    is_here = known.consumer_node == settings.NODE.node and by.organisation == known.consumer
    if not is_here or not holds(by, "request:file"):
        raise NotYourGrant
    wanted = list(dict.fromkeys(sids))
    if len(wanted) > MOST or not all(is_sid(sid) for sid in wanted):
        raise SidWrong(most=MOST)
    for sid in wanted:
        if other := holder_of(sid, known):
            raise SidTaken(sid=sid, grant=other)
    if wanted == known.sids:
        return known
    before, known.sids = known.sids, wanted
    known.save()
    details = {"before": before, "after": wanted}
    record("grant.sids_named", by=by, at=at, subject=Subject("grant", known.code), details=details)
    enqueue("bundle.stale", {"because": "grant.sids_named"}, by=by, at=at)
    return known
