"""The outbox: order within a lane, patience, and nothing that is lost."""

from datetime import timedelta

import pytest
from django.db import transaction
from tests.cast import NOON

from guantong.courier.errors import PeerUnreachable
from guantong.journal.actions import deliver, enqueue, record
from guantong.journal.errors import JournalOutsideTransaction
from guantong.journal.models import Entry, OutboxMessage
from guantong.journal.types import SYSTEM, Subject

pytestmark = pytest.mark.django_db


def put(to: str, word: str) -> OutboxMessage:
    with transaction.atomic():
        return enqueue("note", {"to": to, "word": word}, by=SYSTEM, at=NOON)


def test_messages_of_a_lane_keep_their_order_and_a_failure_holds_back_only_its_lane() -> None:
    for to, word in [("down", "1"), ("up", "1"), ("down", "2"), ("up", "2")]:
        put(to, word)
    heard = []

    def handler(message: OutboxMessage) -> None:
        if message.payload == {**message.payload, "to": "down", "word": "1"} and message.attempts < 2:
            raise PeerUnreachable(peer="down")
        heard.append((message.payload["to"], message.payload["word"]))

    assert deliver({"note": handler}, by=SYSTEM, at=NOON) == 2
    assert heard == [("up", "1"), ("up", "2")]
    assert deliver({"note": handler}, by=SYSTEM, at=NOON) == 0
    assert deliver({"note": handler}, by=SYSTEM, at=NOON + timedelta(seconds=1)) == 0
    assert deliver({"note": handler}, by=SYSTEM, at=NOON + timedelta(seconds=3)) == 2
    assert heard[2:] == [("down", "1"), ("down", "2")]
    assert deliver({"note": handler}, by=SYSTEM, at=NOON + timedelta(days=1)) == 0


def test_what_failed_says_why() -> None:
    message = put("down", "1")

    def handler(_: OutboxMessage) -> None:
        raise PeerUnreachable(peer="510000")

    deliver({"note": handler}, by=SYSTEM, at=NOON)
    message.refresh_from_db()
    assert "510000" in message.last_error
    assert message.done_at is None


def test_an_act_that_fails_leaves_no_trace_and_sends_nothing() -> None:
    def act() -> None:
        with transaction.atomic():
            record("thing.done", by=SYSTEM, at=NOON, subject=Subject("thing", "1"))
            enqueue("note", {"to": "up"}, by=SYSTEM, at=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act()
    assert not Entry.objects.exists()
    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_trace_outside_the_acts_transaction_is_refused() -> None:
    with pytest.raises(JournalOutsideTransaction):
        record("thing.done", by=SYSTEM, at=NOON, subject=Subject("thing", "1"))
