"""How the catalogue's feeds stand, one line a neighbour and direction: nothing is called done that is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from guantong.catalog import queries as catalog
from guantong.federation import queries
from guantong.federation.models import FeedPosition, Node, ReceivedFeed, RefusedEntry

Direction = Literal["to", "from"]
State = Literal["never", "running", "done", "refused", "failed", "stopped"]


@dataclass(frozen=True)
class Standing:
    """One feed as it stands. ``waiting`` counts entries (``to``) or numbers (``from``); ``speed`` is entries a second.

    ``told`` entries were pushed or have come, ``taken`` of them are in the catalogue of the receiver.
    """

    node: Node
    direction: Direction
    state: State
    number: int
    waiting: int
    told: int
    taken: int
    refused: int
    speed: float | None
    last_at: datetime | None
    failure: Mapping[str, str] | None
    failed_at: datetime | None
    because: str = ""
    attempts: int = 0


def standings() -> list[Standing]:
    """Every neighbour's two feeds, those that need a person first."""
    found = [each for node in queries.neighbours() for each in (sending_to(node), receiving_from(node))]
    order = ["failed", "stopped", "refused", "running", "never", "done"]
    return sorted(found, key=lambda each: (order.index(each.state), each.node.code, each.direction))


def sending_to(node: Node) -> Standing:
    """What goes to a neighbour."""
    row = FeedPosition.objects.filter(neighbour=node.code).first() or FeedPosition(neighbour=node.code)
    seen = max(row.number, row.looked_to)
    waiting = catalog.count_changes(seen, nodes=queries.told_to(node.code))
    if row.failures:
        state: State = "failed"
    elif row.refused:
        state = "refused"
    elif waiting:
        state = "running"
    else:
        state = "done" if row.pushed_at else "never"
    return Standing(
        node=node,
        direction="to",
        state=state,
        number=row.number,
        waiting=waiting,
        told=row.sent,
        taken=max(row.sent - row.refused, 0),
        refused=row.refused,
        speed=_speed(row.run_entries, row.run_began_at, row.pushed_at),
        last_at=row.pushed_at,
        failure=row.failure,
        failed_at=row.failed_at,
        attempts=row.failures,
    )


def receiving_from(node: Node) -> Standing:
    """What comes from a neighbour."""
    row = ReceivedFeed.objects.filter(sender=node.code).first() or ReceivedFeed(sender=node.code)
    refused = RefusedEntry.objects.filter(sender=node.code).count()
    has_failed = row.failed_at is not None and (row.received_at is None or row.failed_at > row.received_at)
    if row.stopped_at:
        state: State = "stopped"
    elif has_failed:
        state = "failed"
    elif refused:
        state = "refused"
    elif row.number < row.newest:
        state = "running"
    else:
        state = "done" if row.received_at else "never"
    return Standing(
        node=node,
        direction="from",
        state=state,
        number=row.number,
        waiting=max(row.newest - row.number, 0),
        told=row.taken + row.unchanged + refused,
        taken=row.taken + row.unchanged,
        refused=refused,
        speed=_speed(row.run_entries, row.run_began_at, row.received_at),
        last_at=row.received_at,
        failure=row.failure,
        failed_at=row.failed_at,
        because=row.stopped_because,
    )


def _speed(entries: int, began_at: datetime | None, ended_at: datetime | None) -> float | None:
    if began_at is None or ended_at is None or ended_at <= began_at:
        return None
    return round(entries / (ended_at - began_at).total_seconds(), 1)
