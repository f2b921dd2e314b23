"""Events into a Kafka topic, by an idempotent producer; the record's key is the event's subject.

Rows of one key thus stand in one partition, in their order. What all in-sync replicas have is taken.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import KafkaException, Message, Producer

from guantong.exchange.events.cloud import MEDIA_TYPE
from guantong.exchange.events.outlets import Handed
from guantong.exchange.events.store import Kept

TIMEOUT_S = 30
# What an address may set besides; anything else could send credentials or read files elsewhere.
_ALLOWED = {"security.protocol", "sasl.mechanism", "ssl.ca.location", "compression.type"}


class Kafka:
    """``kafka://[user:password@]host:port[,host:port]/topic[?security.protocol=…]``."""

    at_once = 2000

    def __init__(self, target: str, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(address)
        account, _, hosts = parts.netloc.rpartition("@")
        user, _, password = account.partition(":")
        self._topic = unquote(parts.path.strip("/")) or f"guantong.{target}"
        self._timeout_s = timeout_s
        self._config: dict[str, Any] = {
            "bootstrap.servers": hosts,
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(timeout_s * 1000),
            "client.id": "guantong",
            "log_level": 0,
            **{name: value for name, value in parse_qsl(parts.query) if name in _ALLOWED},
        }
        if user:
            self._config |= {"sasl.username": unquote(user), "sasl.password": unquote(password)}
        self._producer: Producer | None = None

    def hand_over(self, events: Sequence[Kept]) -> Handed:
        """See :class:`guantong.exchange.events.outlets.Outlet`."""
        outcomes: dict[int, str] = {}
        try:
            producer = self._producer = self._producer or Producer(self._config)
            for number, event in enumerate(events):
                producer.produce(
                    self._topic,
                    event.body,
                    key=event.subject or event.id,
                    headers={"content-type": MEDIA_TYPE, "ce_id": event.id},
                    on_delivery=_noting(outcomes, number),
                )
                producer.poll(0)
            producer.flush(self._timeout_s + 5)
        except (KafkaException, BufferError) as fault:
            self.close()
            return Handed(_from_the_first(outcomes, len(events)), why=type(fault).__name__)
        taken = _from_the_first(outcomes, len(events))
        if taken == len(events):
            return Handed(taken)
        self.close()
        return Handed(taken, why=outcomes.get(taken) or "no answer")

    def close(self) -> None:
        """See :class:`guantong.exchange.events.outlets.Outlet`. What has no answer yet is dropped, and sent again."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None


def _noting(outcomes: dict[int, str], number: int) -> Any:
    def note(fault: Any, message: Message) -> None:
        del message
        outcomes[number] = fault.name() if fault is not None else ""

    return note


def _from_the_first(outcomes: dict[int, str], count: int) -> int:
    """How many of them, without a gap, were taken."""
    return next((number for number in range(count) if outcomes.get(number, "?")), count)
