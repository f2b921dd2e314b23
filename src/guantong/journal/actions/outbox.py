"""What must leave the node: written with the act, delivered by the worker."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from guantong.journal.errors import JournalOutsideTransaction
from guantong.journal.models import OutboxMessage
from guantong.journal.types import Actor
from guantong.kit.errors import GuantongError

Handler = Callable[[OutboxMessage], None]
LONGEST_WAIT_S = 30


def enqueue(topic: str, payload: dict[str, Any], *, by: Actor, at: datetime) -> OutboxMessage:
    """Leave ``payload`` for the worker's handler of ``topic``; it goes out only if the transaction commits."""
    if not connection.in_atomic_block:
        raise JournalOutsideTransaction(act=topic)
    return OutboxMessage.objects.create(
        topic=topic, payload={**payload, "by": by.id}, created_at=at, next_attempt_at=at
    )


def deliver(handlers: Mapping[str, Handler], *, by: Actor, at: datetime) -> int:
    """Run the handler of every message that is due; how many were done. Only the worker calls this.

    Messages of one lane (topic and addressee) keep their order: behind one that failed, the lane waits.
    A failure that the program expects is kept on the row and tried again, twice as long later each time.
    """
    done = 0
    stopped: set[tuple[str, str]] = set()
    for message in OutboxMessage.objects.filter(done_at__isnull=True).order_by("id")[:500]:
        lane = (message.topic, str(message.payload.get("to", "")))
        if lane in stopped:
            continue
        if message.next_attempt_at > at or not _attempt(message, handlers, by=by, at=at):
            stopped.add(lane)
        else:
            done += 1
    return done


def _attempt(message: OutboxMessage, handlers: Mapping[str, Handler], *, by: Actor, at: datetime) -> bool:
    try:
        handlers[message.topic](message)
    except GuantongError as error:
        wait = min(2**message.attempts, LONGEST_WAIT_S)
        message.attempts += 1
        message.next_attempt_at = at + timedelta(seconds=wait)
        message.last_error = f"{by.name}: {error}"[:1000]
        message.save()
        return False
    message.done_at = at
    message.attempts += 1
    message.last_error = ""
    message.save()
    return True
