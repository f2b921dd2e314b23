"""Events by POST (CloudEvents HTTP binding, structured mode), one each, signed by the node's key (RFC 9421)."""

import secrets
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from guantong.courier.client import SyncCourier, origin_of
from guantong.exchange.errors import AddressMissing
from guantong.exchange.events.cloud import MEDIA_TYPE
from guantong.exchange.events.outlets import LOCAL, Handed
from guantong.exchange.events.store import Kept
from guantong.kit import clock, http_signatures
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request
from guantong.kit.suites import SigningKey

TIMEOUT_S = 15.0
LARGEST_ANSWER = 1 << 16
LONGEST_WAIT_S = 86_400.0
SIGNED = ("@method", "@target-uri", "content-type", "content-digest")


class Webhook:
    """One receiver's address. Only its origin can be reached, no redirect is followed."""

    at_once = 20

    def __init__(
        self, key: SigningKey, name: str, target: str, address: str, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._key = key
        self._name = name
        self._url = address.removeprefix("webhook+")
        parts = urlsplit(self._url)
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            raise AddressMissing(name=target)
        origin = origin_of(self._url)
        self._courier = SyncCourier([origin], timeout_s=timeout_s, max_body=LARGEST_ANSWER)

    def hand_over(self, events: Sequence[Kept]) -> Handed:
        """See :class:`guantong.exchange.events.outlets.Outlet`."""
        for taken, event in enumerate(events):
            try:
                reply = self._courier.send("POST", self._url, headers=self._headers(event), body=event.body)
            except GuantongError as fault:
                return Handed(taken, why=fault.code)
            if reply.status == 410:
                return Handed(taken, why="HTTP 410", has_ended=True)
            if not 200 <= reply.status < 300:
                return Handed(
                    taken, why=f"HTTP {reply.status}", wait_s=_wait(reply.headers.get("retry-after"))
                )
        return Handed(len(events))

    def close(self) -> None:
        """See :class:`guantong.exchange.events.outlets.Outlet`."""
        self._courier.close()

    def _headers(self, event: Kept) -> dict[str, str]:
        headers = {
            "content-type": f"{MEDIA_TYPE}; charset=utf-8",
            "content-digest": http_signatures.content_digest(event.body),
        }
        signature = http_signatures.sign(
            Request("POST", self._url, headers),
            SIGNED,
            self._key,
            created=clock.millis() // 1000,
            keyid=self._name,
            nonce=secrets.token_hex(16),
        )
        return headers | signature


def _wait(field: str | None) -> float | None:
    """Seconds that ``Retry-After`` asks for, at most a day."""
    if not field:
        return None
    if field.strip().isdecimal():
        return min(float(field), LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(field)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    left: float = (moment - clock.now()).total_seconds()
    return min(max(left, 0.0), LONGEST_WAIT_S)
