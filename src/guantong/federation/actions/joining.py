"""How nodes come to know each other: own card, announcement, a person's confirmation, cards handed on."""

from datetime import datetime
from urllib.parse import urljoin

from django.db import transaction
from django.db.models import Q

from guantong.courier.client import SyncCourier
from guantong.federation import queries
from guantong.federation.cards import Card, fingerprint, own_card, read_card
from guantong.federation.errors import CardWrong, NodeConfirmed, PeerRefused, TooManyWaiting
from guantong.federation.models import Node, Relation
from guantong.federation.successors import follows, is_newer
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit.settings import Settings

# Announcements that wait for a person; whoever knocks after that comes back later.
MOST_WAITING = 100
CARDS_AT_ONCE = 100


@transaction.atomic
def establish(settings: Settings, *, by: Actor, at: datetime) -> Node:
    """Write this node's own row, from its keys and settings; again after its addresses or its parent changed."""
    raw = own_card(settings, parent=queries.parent_code(), at=at)
    node = _keep(raw, relation=Relation.SELF, via=settings.node, is_confirmed=True, by=by, at=at)
    record("node.established", by=by, at=at, subject=Subject("node", node.code))
    enqueue("nodes.changed", {"learnt": [node.code], "from": node.code}, by=by, at=at)
    return node


def join(settings: Settings, parent_url: str, *, expected: str = "", by: Actor, at: datetime) -> Card:
    """Announce this node to the one above, and trust that one's card.

    ``expected`` is the fingerprint that the operator ``by`` was told, compared before anything is kept; without
    it the operator compares what is printed. A person of the node above still has to confirm us.
    """
    with SyncCourier([parent_url]) as courier:
        reply = courier.send("GET", urljoin(parent_url, "/federation/card"))
        if reply.status != 200:
            raise PeerRefused(node=parent_url, status=reply.status, answer="")
        parent = read_card(reply.body)
        if expected and _digits(fingerprint(parent)) != _digits(expected):
            raise CardWrong(why_zh="指纹不符", why_en="its fingerprint is not the one expected")
        if queries.parent_code() not in {"", parent.code} or parent.code == settings.node:
            raise CardWrong(
                why_zh="本节点已有上级，或地址是本节点自己的",
                why_en="this node has another parent, or the address is its own",
            )
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
    """Keep a child's card until a person confirms it. Anybody may knock: a repeat costs nothing."""
    card = read_card(raw)
    if card.parent != queries.own().code:
        raise CardWrong(why_zh="其上级不是本节点", why_en="its parent is not this node")
    known = Node.objects.select_for_update().filter(code=card.code).first()
    if known and known.relation != Relation.CHILD:
        raise CardWrong(why_zh="该节点已在别处", why_en="the node has its place elsewhere")
    if known and not follows(card, known):
        raise CardWrong(why_zh="密钥与此前的不同", why_en="its key differs from the one we hold")
    if known and not is_newer(card, known):
        return known
    if known is None and Node.objects.filter(is_confirmed=False).count() >= MOST_WAITING:
        raise TooManyWaiting
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
        enqueue("bundle.stale", {"because": "node.confirmed"}, by=by, at=at)
    return node


@transaction.atomic
def reject(node: Node, *, by: Actor, at: datetime) -> None:
    """A person does not know the node that announced itself; it may announce itself again."""
    node = Node.objects.select_for_update().get(pk=node.pk)
    if node.is_confirmed:
        raise NodeConfirmed(node=node.code)
    record("node.rejected", by=by, at=at, subject=Subject("node", node.code))
    node.delete()


@transaction.atomic
def receive_cards(cards: list[str], *, sender: str, by: Actor, at: datetime) -> None:
    """Learn the nodes that a neighbour knows; news is handed on to the other neighbours.

    A child speaks for the nodes below itself only, and nobody for a node that lies in another direction.
    """
    own, neighbour = queries.own().code, queries.confirmed(sender)
    if neighbour.relation not in {Relation.PARENT, Relation.CHILD}:
        raise CardWrong(why_zh="来信者不是相邻节点", why_en="the sender is not a neighbour")
    learnt: list[str] = []
    for text, card in _parents_first([(text, read_card(text.encode())) for text in cards]):
        before = Node.objects.filter(code=card.code).first()
        if card.code == own or (before and not is_newer(card, before)):
            continue
        if before and before.via != sender:
            raise CardWrong(
                why_zh="节点不在来信方向", why_en="the node does not lie in the sender's direction"
            )
        if before is None and not _may_introduce(neighbour, card, own):
            raise CardWrong(why_zh="节点不在来信者之下", why_en="the node does not lie below the sender")
        relation = Relation(before.relation) if before else Relation.OTHER
        _keep(text.encode(), relation=relation, via=sender, is_confirmed=True, by=by, at=at)
        learnt.append(card.code)
    if learnt:
        record("node.introduced", by=by, at=at, subject=Subject("node", sender), details={"learnt": learnt})
        enqueue("nodes.changed", {"learnt": learnt, "from": sender}, by=by, at=at)


def _parents_first(cards: list[tuple[str, Card]]) -> list[tuple[str, Card]]:
    """The cards in such an order that each comes after its parent's."""
    parents = {card.code: card.parent for _, card in cards}

    def depth(code: str) -> int:
        steps = 0
        while code in parents and steps <= len(parents):
            code, steps = parents[code], steps + 1
        return steps

    return sorted(cards, key=lambda each: depth(each[1].code))


def _may_introduce(neighbour: Node, card: Card, own: str) -> bool:
    above = Node.objects.filter(code=card.parent, is_confirmed=True).first()
    if neighbour.relation == Relation.CHILD:
        return above is not None and above.via == neighbour.code
    # From above: anything but a node that claims to hang below us or one of ours.
    return card.parent != own and (above is None or above.via == neighbour.code)


def _keep(raw: bytes, *, relation: Relation, via: str, is_confirmed: bool, by: Actor, at: datetime) -> Node:
    card = read_card(raw)
    node = Node.objects.select_for_update().filter(code=card.code).first()
    if node is None:
        node = Node(code=card.code, announced_at=at)
    elif not follows(card, node):
        raise CardWrong(why_zh="密钥与此前确认的不同", why_en="its key differs from the one confirmed before")
    if Node.objects.filter(_bears_key_of(card) | Q(name=card.name)).exclude(code=card.code).exists():
        raise CardWrong(why_zh="名称或密钥属于另一节点", why_en="its name or a key belongs to another node")
    node.name, node.title, node.card, node.relation, node.via = (
        card.name,
        card.title,
        raw.decode(),
        relation,
        via,
    )
    node.node_key, node.log_key, node.witness_key = card.node_key, card.log_key, card.witness_key
    node.web_url, node.gateway_url, node.log_url = card.web_url, card.gateway_url, card.log_url
    node.exchange_url = card.exchange_url
    if is_confirmed and not node.is_confirmed:
        node.is_confirmed, node.confirmed_at, node.confirmed_by = True, at, by.name
    node.save()
    if node.is_confirmed:
        enqueue("bundle.stale", {"because": "node.changed"}, by=by, at=at)
    return node


def _bears_key_of(card: Card) -> Q:
    """Nodes on whose cards one of this card's keys stands, under whatever name and for whatever use.

    The last 40 characters of a verifier key are its bytes alone: what comes before holds the name, and the kind.
    """
    keys = card.node_keys()
    texts = [card.node_key, card.log_key, card.witness_key, *card.further_keys]
    texts += [each.to_text() for each in ([keys.coming] if keys.coming else [])]
    texts += [each.key.to_text() for each in keys.former]
    found = Q()
    for text in texts:
        found |= Q(card__contains=text[-40:])
    return found


def _digits(text: str) -> str:
    return "".join(text.split()).lower()


@transaction.atomic
def spread(learnt: list[str], source: str, *, by: Actor, at: datetime) -> None:
    """Hand the cards of ``learnt`` nodes to every neighbour but the one they came from."""
    nodes = Node.objects.filter(code__in=learnt, is_confirmed=True)
    cards = [
        card for card, _ in _parents_first([(node.card, read_card(node.card.encode())) for node in nodes])
    ]
    for neighbour in queries.neighbours():
        if neighbour.code == source:
            continue
        for start in range(0, len(cards), CARDS_AT_ONCE):
            payload = {"cards": cards[start : start + CARDS_AT_ONCE]}
            message = {"to": neighbour.code, "topic": "node.cards", "payload": payload}
            enqueue("node.message", message, by=by, at=at)
    record(
        "node.spread",
        by=by,
        at=at,
        subject=Subject("node", source or queries.own().code),
        details={"learnt": learnt},
    )
