"""What corrections and disputes have in common: numbers, the other nodes, who hears of what, who stands above both."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from guantong.identity.models import Person
from guantong.identity.queries import bureaus
from guantong.journal.actions import enqueue
from guantong.journal.types import Actor
from guantong.sharing.models import Dispute, NumberSeries

_superior: list[Callable[[str, str], str]] = []


def learn_superior(find: Callable[[str, str], str]) -> None:
    """Whoever knows the tree of nodes (a room above this one) says here how to find the lowest node above two."""
    _superior[:] = [find]


def superior_of(first: str, second: str) -> str:
    """The code of the lowest node above both, or nothing."""
    return _superior[0](first, second) if _superior else ""


def next_number(letters: str, node: str, at: datetime) -> str:
    """The node's next number of that day under these letters; two at once wait for each other here."""
    prefix = f"{letters}{node}{timezone.localtime(at):%Y%m%d}"
    series, _ = NumberSeries.objects.select_for_update().get_or_create(prefix=prefix)
    series.last += 1
    series.save()
    return f"{prefix}{series.last:04d}"


def own() -> str:
    """This node's code."""
    return str(settings.NODE.node)


def send(topic: str, payload: Any, *nodes: str, by: Actor, at: datetime) -> None:
    """Leave a message for each of ``nodes`` that is not this one."""
    for node in dict.fromkeys(nodes):
        if node and node != own():
            enqueue("node.message", {"to": node, "topic": topic, "payload": payload}, by=by, at=at)


def is_of_bureau(by: Actor) -> bool:
    """Whether ``by`` belongs to this node's data bureau."""
    return by.organisation in bureaus(own())


def is_own_citizen(person: Person) -> bool:
    """Whether someone signs in as a citizen, for themselves."""
    return person.organisation_id is None and bool(person.resident_id)


def speaker_of(dispute: Dispute, side: str) -> str:
    """The code of the node that speaks for a side of a dispute."""
    nodes = {"asker": dispute.asker_node, "superior": dispute.superior_node}
    return nodes.get(side, dispute.provider_node)
