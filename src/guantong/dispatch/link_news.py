"""What the data plane tells of its links to other nodes: ``<home>/exchange/links.json``."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from guantong.kit import clock

STUCK_AFTER = timedelta(minutes=5)


class Link(msgspec.Struct, frozen=True):
    """One link. ``error`` is what went wrong last, with its code and sentences; empty while all is well."""

    peer: str
    skew_ms: int = 0
    since: str = ""
    error: dict[str, Any] = {}

    def is_stuck(self, at: datetime) -> bool:
        """Whether nothing has gone this way for so long that a person should know."""
        return bool(self.since) and at - clock.parse(self.since) > STUCK_AFTER


def of(folder: Path) -> list[Link]:
    """The links of this node; none before its data plane has run. ``folder`` is ``<home>/exchange``."""
    try:
        return msgspec.convert(json.loads((folder / "links.json").read_text("utf-8")), list[Link])
    except (OSError, ValueError, msgspec.ValidationError):
        return []
