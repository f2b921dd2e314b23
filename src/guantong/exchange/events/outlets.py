"""Who listens to a target's events, by the address of its source in ``sources.json``.

========================================  ==========================================================
none, or ``embedded``                     readers fetch them here (:mod:`guantong.exchange.events.server`)
``webhook+https://host/path``             POST, one event each (``webhook+http`` only on this machine)
``nats://user:word@host:4222/subject``    NATS JetStream, by an extra; ``tls://`` likewise
``kafka://user:word@host:9092/topic``     Kafka, by an extra; several hosts by commas
========================================  ==========================================================

An outlet hands over events in their order, and says how many of them were taken for certain.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from guantong.exchange.errors import AddressMissing, ListenerUnavailable
from guantong.exchange.events.store import Kept
from guantong.kit.suites import SigningKey

LOCAL = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Handed:
    """How many of the events, from the first one on, were taken; and what stopped the rest."""

    taken: int
    why: str = ""
    """Empty: nothing did. No secrets and no data."""
    wait_s: float | None = None
    """How long the listener asks to be left alone."""
    has_ended: bool = False
    """The listener wants no more (410)."""


class Outlet(Protocol):
    """The way to one listener. ``at_once`` is how many events it is given: so many a crash may tell twice."""

    at_once: int

    def hand_over(self, events: Sequence[Kept]) -> Handed:
        """As many as will go, in their order. Raises nothing that a listener can cause."""

    def close(self) -> None:
        """Let go of connections."""


def is_embedded(address: str) -> bool:
    """Whether events stay here until they are fetched."""
    return urlsplit(address).scheme in {"", "embedded"} and not address.startswith("//")


def mark_of(address: str) -> str:
    """An address, for telling whether it has changed; its password cannot be found from it."""
    return hashlib.sha256(address.encode()).hexdigest()


def open_outlet(key: SigningKey, name: str, target: str, address: str) -> Outlet:
    """The way to who listens at ``address``; ``key`` signs as ``name``. AddressMissing, ListenerUnavailable."""
    scheme = urlsplit(address).scheme
    # Drivers are extras, and are loaded when first needed.
    try:
        if scheme in {"webhook+https", "webhook+http"}:
            from guantong.exchange.events.webhook import Webhook  # noqa: PLC0415

            return Webhook(key, name, target, address)
        if scheme in {"nats", "tls"}:
            from guantong.exchange.events.jetstream import JetStream  # noqa: PLC0415

            return JetStream(target, address)
        if scheme == "kafka":
            from guantong.exchange.events.kafka import Kafka  # noqa: PLC0415

            return Kafka(target, address)
    except ImportError:
        raise ListenerUnavailable(target=target, why=f"guantong[{scheme}] is not installed") from None
    raise AddressMissing(name=target)
