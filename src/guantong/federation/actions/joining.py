"""How nodes come to know each other: own card, announcement, a person's confirmation, cards handed on."""

from datetime import datetime
from urllib.parse import urljoin

from django.db import transaction

from guantong.courier.client import SyncCourier
from guantong.federation import queries
from guantong.federation.cards import Card, own_card, read_card
from guantong.federation.errors import CardWrong, PeerRefused
from guantong.federation.models import Node, Relation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit.settings import Settings


@transaction.atomic
def establish(settings: Settings, *, by: Actor, at: datetime) -> Node:
    """Write this node's own row, from its keys and settings; again after its addresses or its parent changed."""
    raw = own_card(settings, parent=queries.parent_code(), at=at)
    node = _keep(raw, relation=Relation.SELF, via=settings.node, is_confirmed=True, by=by, at=at)
    record("node.established", by=by, at=at, subject=Subject("node", node.code))
    enqueue("nodes.changed", {"learnt": [node.code], "from": node.code}, by=by, at=at)
    return node


def join(settings: Settings, parent_url: str, *, by: Actor, at: datetime) -> Card:
    """Announce this node to the one above, whose card the operator ``by`` has compared, and trust that card.

    The node above still has to be told by a person of its own that we are who we say.
    """
    with SyncCourier([parent_url]) as courier:
        reply = courier.send("GET", urljoin(parent_url, "/federation/card"))
        if reply.status != 200:
            raise PeerRefused(node=parent_url, status=reply.status, answer="")
        parent = read_card(reply.body)
        with transaction.atomic():
            _keep(reply.body, relation=Relation.PARENT, via=parent.code, is_confirmed=True, by=by, at=at)
            record("node.joined", by=by, at=at, subject=Subject("node", parent.code))
        establish(settings, by=by, at=at)
        card = queries.own().card
        reply = courier.send("POST", urljoin(parent_url, "/federation/announce"), body=card.encode())
        if reply.status != 202:
            raise PeerRefused(
                node=parent.code, status=reply.status, answer=reply.body.decode(errors="replace")[:300]
            )
    return parent


@transaction.atomic
def receive_announcement(raw: bytes, *, by: Actor, at: datetime) -> Node:
    """Keep a child's card until a person confirms it."""
    card = read_card(raw)
    if card.parent != queries.own().code:
        raise CardWrong(why_zh="其上级不是本节点", why_en="its parent is not this node")
    node = _keep(raw, relation=Relation.CHILD, via=card.code, is_confirmed=False, by=by, at=at)
    record("node.announced", by=by, at=at, subject=Subject("node", node.code))
    if node.is_confirmed:
        enqueue("nodes.changed", {"learnt": [node.code], "from": node.code}, by=by, at=at)
    return node


@transaction.atomic
def confirm(node: Node, *, by: Actor, at: datetime) -> Node:
    """A person vouches that the card is the node's own; from now on it takes part."""
    node = Node.objects.select_for_update().get(pk=node.pk)
    if not node.is_confirmed:
        node.is_confirmed, node.confirmed_at, node.confirmed_by = True, at, by.name
        node.save()
        record("node.confirmed", by=by, at=at, subject=Subject("node", node.code))
        known = list(Node.objects.filter(is_confirmed=True).values_list("code", flat=True))
        enqueue("nodes.changed", {"learnt": known, "from": ""}, by=by, at=at)
    return node


@transaction.atomic
def receive_cards(cards: list[str], *, sender: str, by: Actor, at: datetime) -> None:
    """Learn the nodes that a neighbour knows; news is handed on to the other neighbours."""
    learnt = []
    for text in cards:
        card = read_card(text.encode())
        before = Node.objects.filter(code=card.code).first()
        if card.code == queries.own().code or (before and before.card == text):
            continue
        relation = before.relation if before else Relation.OTHER
        via = before.via if before else sender
        if via != sender:
            raise CardWrong(
                why_zh="节点不在来信方向", why_en="the node does not lie in the sender's direction"
            )
        _keep(text.encode(), relation=Relation(relation), via=via, is_confirmed=True, by=by, at=at)
        learnt.append(card.code)
    if learnt:
        record("node.introduced", by=by, at=at, subject=Subject("node", sender), details={"learnt": learnt})
        enqueue("nodes.changed", {"learnt": learnt, "from": sender}, by=by, at=at)


def _keep(raw: bytes, *, relation: Relation, via: str, is_confirmed: bool, by: Actor, at: datetime) -> Node:
    card = read_card(raw)
    node = Node.objects.select_for_update().filter(code=card.code).first()
    if node is None:
        node = Node(code=card.code, announced_at=at)
    elif node.node_key != card.node_key:
        raise CardWrong(why_zh="密钥与此前确认的不同", why_en="its key differs from the one confirmed before")
    node.title, node.card, node.relation, node.via = card.title, raw.decode(), relation, via
    node.node_key, node.log_key, node.witness_key = card.node_key, card.log_key, card.witness_key
    node.web_url, node.gateway_url, node.log_url = card.web_url, card.gateway_url, card.log_url
    if is_confirmed and not node.is_confirmed:
        node.is_confirmed, node.confirmed_at, node.confirmed_by = True, at, by.name
    node.save()
    enqueue("bundle.stale", {"because": "node.changed"}, by=by, at=at)
    return node


@transaction.atomic
def spread(learnt: list[str], source: str, *, by: Actor, at: datetime) -> None:
    """Hand the cards of ``learnt`` nodes to every neighbour but the one they came from."""
    cards = list(Node.objects.filter(code__in=learnt, is_confirmed=True).values_list("card", flat=True))
    for neighbour in queries.neighbours():
        if cards and neighbour.code != source:
            message = {"to": neighbour.code, "topic": "node.cards", "payload": {"cards": cards}}
            enqueue("node.message", message, by=by, at=at)
    record(
        "node.spread",
        by=by,
        at=at,
        subject=Subject("node", source or queries.own().code),
        details={"learnt": learnt},
    )
