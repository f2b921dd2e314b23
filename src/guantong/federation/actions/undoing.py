"""Taking back what was learnt from a source: asked for by a person who has seen what goes, done by the worker in slabs.

The source's feed is stopped with it, or the same would come back; :func:`learning.ask_again` lets it in again, and
then everything that was taken back comes to life as its node sends it.
"""

from datetime import datetime

import msgspec
from django.db import transaction

from guantong.catalog import actions as catalog
from guantong.catalog.errors import ReasonMissing
from guantong.federation import queries
from guantong.federation.errors import UndoingStale, UndoingWrong
from guantong.federation.models import ReceivedFeed, RefusedEntry, Undoing
from guantong.federation.undoable import Scope, going, staying
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject

SLAB = 2_000
LONGEST = 2_000


@transaction.atomic
def undo(scope: Scope, *, shown: int, reason: str, by: Actor, at: datetime) -> Undoing:
    """Take back what was learnt from a source, and stop its feed. ``shown`` is the count that the person has seen.

    :class:`UndoingStale` if it is another one by now. Entries with grants in force stay: revoke those first.
    """
    reason = reason.replace("\0", "").strip()[:LONGEST]
    if not reason:
        raise ReasonMissing
    if scope.node and scope.node not in queries.behind(scope.sender):
        raise UndoingWrong(why_zh="该节点不在此来源之下", why_en="the node does not lie behind this source")
    if Undoing.objects.filter(sender=scope.sender, ended_at__isnull=True).exists():
        raise UndoingWrong(why_zh="上一次撤回尚未完成", why_en="the one before has not come to its end")
    planned, kept = going(scope, at=at).count(), staying(scope, at=at).count()
    if planned != shown:
        raise UndoingStale(shown=shown, now=planned)
    if planned == 0:
        raise UndoingWrong(why_zh="没有可撤回的条目", why_en="there is nothing to take back")
    ReceivedFeed.objects.get_or_create(sender=scope.sender)
    ReceivedFeed.objects.filter(sender=scope.sender).update(
        stopped_at=at, stopped_by=by.name, stopped_because=reason, answer=None
    )
    made = Undoing.objects.create(
        sender=scope.sender,
        node=scope.node,
        since=scope.since,
        since_number=scope.since_number,
        reason=reason,
        planned=planned,
        kept=kept,
        by=msgspec.to_builtins(by),
        asked_at=at,
    )
    details = {"node": scope.node, "entries": planned, "kept": kept, "reason": reason}
    record("feed.undoing", by=by, at=at, subject=Subject("node", scope.sender), details=details)
    return made


def carry_on(*, by: Actor, at: datetime) -> int:
    """Take back the next slab of what persons have asked for; how many entries. Only the worker calls this."""
    undoing = Undoing.objects.filter(ended_at__isnull=True).order_by("pk").first()
    return _carry_on(undoing.pk, by=by, at=at) if undoing else 0


@transaction.atomic
def _carry_on(key: int, *, by: Actor, at: datetime) -> int:
    undoing = Undoing.objects.select_for_update().get(pk=key)
    scope = Scope(undoing.sender, undoing.node, undoing.since, undoing.since_number)
    keys = list(going(scope, at=at).order_by("pk").values_list("pk", flat=True)[:SLAB])
    asker = msgspec.convert(undoing.by, Actor)
    count = catalog.take_back(keys, by=asker, at=at) if keys else 0
    undoing.done += count
    if not count:
        undoing.ended_at = at
        RefusedEntry.objects.filter(sender=undoing.sender).delete()
        subject, details = (
            Subject("node", undoing.sender),
            {"entries": undoing.done, "reason": undoing.reason},
        )
        record("feed.undone", by=by, at=at, subject=subject, details=details)
    undoing.save()
    return count
