"""Does a card follow the one that we hold of the same node? Newer, and by keys that lead from the known one to its own."""

from collections.abc import Mapping

from guantong.federation.cards import Card, read_card
from guantong.federation.models import Node
from guantong.federation.queries import keys_of
from guantong.kit import clock
from guantong.kit.suites import VerifyKey


def is_newer(card: Card, known: Node) -> bool:
    """Whether ``card`` was issued after the one we hold: an old card, sent again, turns nothing back."""
    return clock.parse(card.issued_at) > clock.parse(read_card(known.card.encode()).issued_at)


def follows(card: Card, known: Node) -> bool:
    """Whether ``card`` names the key that we know, or one to which statements lead from it.

    What was told of former keys stands: else a node could disown what it signed. A key ends no sooner than the last
    card that it signed.
    """
    before = keys_of(known)
    now = {each.key: each.until for each in card.node_keys().former}
    if any(now.get(each.key) != each.until for each in before.former):
        return False
    if known.node_key == card.node_key:
        return True
    until = now.get(before.present)
    return until is not None and clock.parse(until) >= clock.parse(read_card(known.card.encode()).issued_at)


def keys_following(card: Card, known: Node) -> Mapping[str, VerifyKey]:
    """The keys that a neighbour's ``card`` opens doors with, if it is newer than the one we hold and follows from it."""
    is_next = card.code == known.code and is_newer(card, known) and follows(card, known)
    return card.node_keys().now() if is_next else {}
