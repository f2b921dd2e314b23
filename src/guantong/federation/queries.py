"""The tree as this node knows it."""

from datetime import timedelta
from functools import lru_cache

from django.db.models import F

from guantong.federation.cards import read_card
from guantong.federation.errors import NodeUnknown
from guantong.federation.models import Node, ReceivedFeed, Relation
from guantong.journal.models import OutboxMessage
from guantong.kit import clock
from guantong.kit.keyrings import NodeKeys

LATELY = timedelta(minutes=5)


def own() -> Node:
    """This node itself."""
    found = Node.objects.filter(relation=Relation.SELF).first()
    if found is None:
        raise NodeUnknown(node="self")
    return found


def confirmed(code: str) -> Node:
    """The confirmed node of that code, or :class:`NodeUnknown`."""
    found = Node.objects.filter(code=code, is_confirmed=True).first()
    if found is None:
        raise NodeUnknown(node=code)
    return found


def keys_of(node: Node) -> NodeKeys:
    """What verifies the signatures of ``node``, as its card tells."""
    return _keys_on(node.card)


@lru_cache(maxsize=1024)
def _keys_on(card: str) -> NodeKeys:
    return read_card(card.encode()).node_keys()


def next_hop(code: str) -> Node:
    """The neighbour to which anything for node ``code`` goes."""
    return confirmed(confirmed(code).via)


def neighbours() -> list[Node]:
    """The confirmed nodes one step away: the parent and the children."""
    near = [Relation.PARENT, Relation.CHILD]
    return list(Node.objects.filter(relation__in=near, is_confirmed=True))


def cards_on_their_way() -> list[str]:
    """The neighbours that have not taken the newest cards yet; a dash while they are not even addressed."""
    waiting = OutboxMessage.objects.filter(done_at__isnull=True)
    cards = waiting.filter(topic="node.message", payload__topic="node.cards")
    unspread = ["-"] if waiting.filter(topic="nodes.changed").exists() else []
    return unspread + sorted({row.payload["to"] for row in cards})


def is_flowing() -> bool:
    """Whether a neighbour has told us of changes that are still on their way, and was heard of lately."""
    heard = ReceivedFeed.objects.filter(stopped_at__isnull=True, received_at__gt=clock.now() - LATELY)
    return heard.filter(newest__gt=F("number")).exists()


def parent_code() -> str:
    """The code of the node above, or nothing at the root."""
    found = Node.objects.filter(relation=Relation.PARENT).first()
    return found.code if found else ""


def behind(neighbour: str) -> list[str]:
    """The codes of the confirmed nodes that lie in a neighbour's direction, its own among them."""
    return list(Node.objects.filter(is_confirmed=True, via=neighbour).values_list("code", flat=True))


def told_to(neighbour: str) -> list[str]:
    """The codes of the nodes whose entries a neighbour hears of from here: those that do not lie behind it."""
    return list(Node.objects.filter(is_confirmed=True).exclude(via=neighbour).values_list("code", flat=True))


def common_superior(first: str, second: str) -> str:
    """The code of the lowest node that stands above both (and is neither), or nothing where there is none."""
    parents = {
        row.code: read_card(row.card.encode()).parent for row in Node.objects.filter(is_confirmed=True)
    }
    here = Node.objects.filter(relation=Relation.SELF).values_list("code", flat=True).first()
    if here and not parents.get(here):
        # A node that has just joined: its card says so from its next issue on.
        parents[here] = parent_code()
    above = _above(second, parents)
    return next((code for code in _above(first, parents) if code in above and code in parents), "")


def _above(code: str, parents: dict[str, str]) -> list[str]:
    """The nodes above one, from the nearest; a card that names its own descendant ends the way."""
    way: list[str] = []
    while (code := parents.get(code, "")) and code not in way:
        way.append(code)
    return way
