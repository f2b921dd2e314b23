"""The outbox: order within a lane, patience, and nothing that is lost."""

from datetime import timedelta

import pytest
from django.db import transaction
from tests.cast import NOON

from guantong.courier.errors import PeerUnreachable
from guantong.journal.actions import (
    deliver,
    deliver_together,
    drop_message,
    enqueue,
    outbox,
    raise_alert,
    record,
    retry_message,
    settle_alert,
)
from guantong.journal.errors import DeliveryRefused, JournalOutsideTransaction, MessageNotWaiting
from guantong.journal.models import Alert, Entry, OutboxMessage
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


def rounds(handler: outbox.Handler, count: int, *, start: int = 0) -> None:
    for number in range(start, start + count):
        deliver({"note": handler}, by=SYSTEM, at=NOON + timedelta(minutes=number))


def refusing(message: OutboxMessage) -> None:
    if message.payload["word"] == "1":
        raise DeliveryRefused(answer="422")


def test_what_is_refused_for_good_is_parked_and_its_lane_goes_on() -> None:
    first, second = put("up", "1"), put("up", "2")
    rounds(refusing, outbox.PARK_AFTER - 1)
    second.refresh_from_db()
    assert second.done_at is None
    rounds(refusing, 2, start=outbox.PARK_AFTER)
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.parked_at is not None
    assert first.done_at is None
    assert second.done_at is not None
    alert = Alert.objects.get()
    assert (alert.code, alert.details["to"]) == ("message_parked", "up")


def test_a_parked_message_is_sent_again_when_the_operator_says_so() -> None:
    first = put("up", "1")
    rounds(refusing, outbox.PARK_AFTER)
    retry_message(first, by=SYSTEM, at=NOON)
    assert deliver({"note": lambda _: None}, by=SYSTEM, at=NOON) == 1
    with pytest.raises(MessageNotWaiting):
        retry_message(first, by=SYSTEM, at=NOON)


def test_a_dropped_message_never_goes_out() -> None:
    first = drop_message(put("up", "1"), by=SYSTEM, at=NOON)
    assert deliver({"note": lambda _: None}, by=SYSTEM, at=NOON) == 0
    assert first.dropped_by == SYSTEM.name
    assert Entry.objects.filter(act="message.dropped").exists()


def test_a_neighbour_that_is_down_is_waited_for_and_a_person_hears_of_it() -> None:
    put("up", "1")

    def down(_: OutboxMessage) -> None:
        raise PeerUnreachable(peer="510000")

    rounds(down, outbox.ALERT_AFTER + 5)
    assert Alert.objects.get().code == "message_stuck"
    assert OutboxMessage.objects.get().parked_at is None


def test_a_message_that_breaks_its_handler_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    put("down", "1")
    put("up", "2")

    def broken(message: OutboxMessage) -> None:
        if message.payload["word"] == "1":
            raise KeyError("word")

    assert deliver({"note": broken}, by=SYSTEM, at=NOON) == 1
    assert "KeyError" in OutboxMessage.objects.get(done_at=None).last_error
    assert "outbox message" in caplog.text


def test_a_dead_lane_does_not_starve_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LANE_BATCH", 3)
    for number in range(6):
        put("down", str(number))
    put("up", "1")

    def handler(message: OutboxMessage) -> None:
        if message.payload["to"] == "down":
            raise PeerUnreachable(peer="down")

    assert deliver({"note": handler}, by=SYSTEM, at=NOON) == 1


def test_topics_without_a_handler_wait() -> None:
    put("up", "1")
    assert deliver({}, by=SYSTEM, at=NOON) == 0
    assert OutboxMessage.objects.get().attempts == 0


def wish(because: str) -> OutboxMessage:
    with transaction.atomic():
        return enqueue("bundle.stale", {"because": because}, by=SYSTEM, at=NOON)


def test_several_wishes_are_answered_once_and_one_that_comes_later_again() -> None:
    wish("a")
    wish("b")
    done: list[str] = []

    def work(because: str) -> None:
        done.append(because)
        if len(done) == 1:
            wish("written while the work went on, at an earlier moment")

    assert deliver_together("bundle.stale", work, by=SYSTEM, at=NOON) == 2
    assert deliver_together("bundle.stale", work, by=SYSTEM, at=NOON) == 1
    assert deliver_together("bundle.stale", work, by=SYSTEM, at=NOON) == 0
    assert done[0] == "b"


def test_work_that_fails_is_wished_for_still() -> None:
    wish("a")
    assert deliver_together("bundle.stale", lambda _: 1 / 0, by=SYSTEM, at=NOON) == 0
    assert deliver_together("bundle.stale", lambda _: None, by=SYSTEM, at=NOON) == 0
    assert deliver_together("bundle.stale", lambda _: None, by=SYSTEM, at=NOON + timedelta(seconds=1)) == 1


def test_an_alert_is_raised_once_until_it_is_seen() -> None:
    first = raise_alert("x", {"a": 1, "b": "二"}, by=SYSTEM, at=NOON)
    assert raise_alert("x", {"a": 1, "b": "二"}, by=SYSTEM, at=NOON) == first
    settle_alert(first, by=SYSTEM, at=NOON)
    assert raise_alert("x", {"a": 1, "b": "二"}, by=SYSTEM, at=NOON + timedelta(seconds=1)) != first
