"""What must leave the node: written with the act, delivered by the worker."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from guantong.journal.actions.entries import raise_alert, record
from guantong.journal.errors import DeliveryRefused, JournalOutsideTransaction, MessageNotWaiting
from guantong.journal.models import OutboxMessage
from guantong.journal.types import Actor, Subject
from guantong.kit.errors import GuantongError

Handler = Callable[[OutboxMessage], None]
LONGEST_WAIT_S = 30
LANE_BATCH = 200
# A refusal is repeated a few times (half a minute), in case the other side knows more by then.
PARK_AFTER = 6
# Anything else is waited out; after about five minutes a person hears of it.
ALERT_AFTER = 15

logger = logging.getLogger(__name__)


def enqueue(topic: str, payload: dict[str, Any], *, by: Actor, at: datetime) -> OutboxMessage:
    """Leave ``payload`` for the worker's handler of ``topic``; it goes out only if the transaction commits.

    Messages of one topic for one addressee (``payload["to"]``) form a lane and keep their order.
    """
    if not connection.in_atomic_block:
        raise JournalOutsideTransaction(act=topic)
    return OutboxMessage.objects.create(
        topic=topic,
        lane=f"{topic}/{payload.get('to', '')}",
        payload=payload,
        queued_by=by.id,
        created_at=at,
        next_attempt_at=at,
    )


def deliver(handlers: Mapping[str, Handler], *, by: Actor, at: datetime) -> int:
    """Run the handler of every message that is due; how many were done. Only the worker calls this.

    Behind a message that failed its lane waits, and only its lane. What failed is tried again, twice as long
    later each time; what the addressee refuses for good (:class:`DeliveryRefused`) is parked in the end.
    """
    waiting = _waiting().filter(topic__in=list(handlers))
    lanes = list(waiting.order_by("lane").values_list("lane", flat=True).distinct())
    return sum(_deliver_lane(waiting.filter(lane=lane), handlers, by=by, at=at) for lane in lanes)


def deliver_together(topic: str, work: Callable[[str], object], *, by: Actor, at: datetime) -> int:
    """Do ``work`` once for all messages of ``topic`` that are there now; how many that answered.

    They are read before the work begins, so whatever they announce has been committed by then. ``work`` gets
    the newest message's reason.
    """
    waiting = list(_waiting().filter(topic=topic).order_by("id"))
    if not any(message.next_attempt_at <= at for message in waiting):
        return 0
    newest = waiting[-1]
    try:
        work(str(newest.payload.get("because", "")))
    except Exception as error:  # noqa: BLE001 - kept on the row; the wish stays until it is answered
        _note_failure(newest, error, by=by, at=at)
        OutboxMessage.objects.filter(pk__in=[message.pk for message in waiting]).update(
            next_attempt_at=newest.next_attempt_at
        )
        return 0
    return OutboxMessage.objects.filter(pk__in=[message.pk for message in waiting]).update(
        done_at=at, last_error=""
    )


@transaction.atomic
def retry_message(message: OutboxMessage, *, by: Actor, at: datetime) -> OutboxMessage:
    """Send a parked or waiting message again now, in its old place within its lane."""
    message = _still_waiting(message)
    message.parked_at, message.attempts, message.next_attempt_at = None, 0, at
    message.save()
    _record("message.retried", message, by=by, at=at)
    return message


@transaction.atomic
def drop_message(message: OutboxMessage, *, by: Actor, at: datetime) -> OutboxMessage:
    """Give a message up: its addressee will never hear it. Its lane goes on."""
    message = _still_waiting(message)
    message.done_at, message.dropped_by = at, by.name
    message.save()
    _record("message.dropped", message, by=by, at=at)
    return message


def _waiting() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(done_at__isnull=True, parked_at__isnull=True)


def _deliver_lane(
    lane: QuerySet[OutboxMessage], handlers: Mapping[str, Handler], *, by: Actor, at: datetime
) -> int:
    done = 0
    for message in lane.order_by("id")[:LANE_BATCH]:
        if message.next_attempt_at > at or not _attempt(message, handlers[message.topic], by=by, at=at):
            if message.parked_at is None:
                break
        else:
            done += 1
    return done


def _attempt(message: OutboxMessage, handler: Handler, *, by: Actor, at: datetime) -> bool:
    try:
        handler(message)
    except Exception as error:  # noqa: BLE001 - one message must stop neither the others nor the worker
        _note_failure(message, error, by=by, at=at)
        return False
    message.done_at = at
    message.attempts += 1
    message.last_error = ""
    message.save(update_fields=["done_at", "attempts", "last_error"])
    return True


def _note_failure(message: OutboxMessage, error: Exception, *, by: Actor, at: datetime) -> None:
    if not isinstance(error, GuantongError):
        logger.error("outbox message %s (%s)", message.pk, message.topic, exc_info=error)
    message.next_attempt_at = at + timedelta(seconds=min(2**message.attempts, LONGEST_WAIT_S))
    message.attempts += 1
    message.last_error = f"{type(error).__name__}: {error}".replace("\0", "")[:1000]
    with transaction.atomic():
        if isinstance(error, DeliveryRefused) and message.attempts >= PARK_AFTER:
            message.parked_at = at
            raise_alert("message_parked", _about(message), by=by, at=at)
        elif message.attempts == ALERT_AFTER:
            raise_alert("message_stuck", _about(message), by=by, at=at)
        message.save(update_fields=["next_attempt_at", "attempts", "last_error", "parked_at"])


def _about(message: OutboxMessage) -> dict[str, Any]:
    return {
        "message": message.pk,
        "topic": str(message.payload.get("topic", message.topic)),
        "to": str(message.payload.get("to", "")),
        "error": message.last_error,
    }


def _still_waiting(message: OutboxMessage) -> OutboxMessage:
    found = OutboxMessage.objects.select_for_update().get(pk=message.pk)
    if found.done_at is not None:
        raise MessageNotWaiting(message=found.pk)
    return found


def _record(act: str, message: OutboxMessage, *, by: Actor, at: datetime) -> None:
    about = {"topic": message.topic, "to": str(message.payload.get("to", "")), "error": message.last_error}
    record(act, by=by, at=at, subject=Subject("message", str(message.pk)), details=about)
