"""What the log process has to tell people: signed alerts in a spool of its own, which the journal takes in."""

from collections.abc import Mapping
from typing import Any

from guantong.evidence.spool import Spool
from guantong.kit import clock, envelope
from guantong.kit.suites import SigningKey

WRITER = "log"
ALERT = "guantong/alert@v1"


class Alarms:
    """Puts alerts on record, signed by the node."""

    def __init__(self, spool: Spool, node: str, key: SigningKey) -> None:
        self._spool, self._node, self._key = spool, node, key

    async def tell(self, code: str, details: Mapping[str, Any]) -> None:
        """An alert that is on disk when this returns; SpoolFailed."""
        body = {"alert": code, "node": self._node, "at": clock.rfc3339(clock.now()), "details": dict(details)}
        await self._spool.append(envelope.seal(ALERT, body, self._key))
