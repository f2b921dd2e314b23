"""Messages between nodes: believed only when signed, entitled and new."""

import uuid
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import transaction

from guantong.federation.actions import joining, messages
from guantong.federation.cards import KIND as CARD
from guantong.federation.cards import Card, read_card
from guantong.federation.errors import CardWrong, MessageNotEntitled, MessageWrong
from guantong.federation.models import InboxMessage, Node, Relation
from guantong.journal.models import OutboxMessage
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock, envelope
from guantong.kit.suites import INTERNATIONAL, SigningKey
from guantong.sharing.models import Grant
from tests.cast import NODE, NOON, Cast, assemble, content

pytestmark = pytest.mark.django_db
NATION = INTERNATIONAL.generate("000000.guantong.example/node")
PROVINCE = INTERNATIONAL.generate("510000.guantong.example/node")
EDGE = INTERNATIONAL.generate("511602.guantong.example/node")


def card(key: SigningKey, *, parent: str, **changes: Any) -> bytes:
    name = key.name.removesuffix("/node")
    values = {
        "code": name[:6],
        "name": name,
        "title": "节点",
        "parent": parent,
        "node_key": key.public.to_text(),
        "log_key": INTERNATIONAL.generate(f"{name}/log").public.to_text(),
        "witness_key": INTERNATIONAL.generate_witness(f"{name}/witness").public.to_text(),
        "web_url": "http://127.0.0.1:1",
        "gateway_url": "http://127.0.0.1:2",
        "log_url": "http://127.0.0.1:3",
        "issued_at": clock.rfc3339(NOON),
    }
    return envelope.seal(CARD, msgspec.to_builtins(Card(**{**values, **changes})), key)


def tree() -> Cast:
    """This city below the province below the nation."""
    cast = assemble()
    neighbours()
    return cast


def neighbours() -> None:
    """The province above this city, and the nation above that."""
    by = Actor("node", "510000", "四川", "510000")
    with transaction.atomic():
        for key, parent, relation in ((PROVINCE, "000000", Relation.PARENT), (NATION, "", Relation.OTHER)):
            raw = card(key, parent=parent)
            joining._keep(raw, relation=relation, via="510000", is_confirmed=True, by=by, at=NOON)


def edge() -> Node:
    """The district below this city, confirmed."""
    node = joining.receive_announcement(card(EDGE, parent=NODE), by=SYSTEM, at=NOON)
    return joining.confirm(node, by=SYSTEM, at=NOON)


def message(key: SigningKey, topic: str, payload: dict[str, Any], *, to: str = NODE, **changes: Any) -> bytes:
    values = {
        "id": str(uuid.uuid4()),
        "sender": key.name[:6],
        "to": to,
        "topic": topic,
        "is_for_route": False,
        "payload": payload,
        "sent_at": clock.rfc3339(NOON),
    }
    return envelope.seal(messages.KIND, msgspec.to_builtins(messages.Message(**{**values, **changes})), key)


def terms(**changes: Any) -> dict[str, Any]:
    values = {
        "code": "GX000000SQ1",
        "request": str(uuid.uuid4()),
        "resource": "1010010000001/000001",
        "resource_version": 1,
        "resource_content": content(code="1010010000001/000001", provider="P"),
        "provider": "P",
        "provider_name": "公安部",
        "provider_node": "000000",
        "consumer": "C",
        "consumer_name": "区教科体局",
        "consumer_node": NODE,
        "applications": [],
        "modes": ["verify"],
        "fields": ["id_number"],
        "masks": {},
        "purpose": "p",
        "purpose_text": "p",
        "per_second": 1,
        "per_day": 1,
        "max_rows": 1,
        "not_before": clock.rfc3339(NOON),
        "not_after": "2027-11-20T00:00:00.000Z",
        "agreement": "sha-256:00",
    }
    return {**values, **changes}


def test_a_grant_from_its_issuer_is_kept() -> None:
    tree()
    messages.receive(message(NATION, "grant.issued", terms()), own=NODE, at=NOON)
    assert Grant.objects.get().code == "GX000000SQ1"
    assert OutboxMessage.objects.filter(topic="bundle.stale").exists()


def test_a_repeat_is_accepted_and_changes_nothing() -> None:
    tree()
    raw = message(NATION, "grant.issued", terms())
    for _ in range(2):
        messages.receive(raw, own=NODE, at=NOON)
    assert InboxMessage.objects.count() == 1


def test_nobody_issues_a_grant_in_anothers_name() -> None:
    tree()
    with pytest.raises(MessageNotEntitled):
        messages.receive(message(PROVINCE, "grant.issued", terms()), own=NODE, at=NOON)
    assert not InboxMessage.objects.exists()


def test_a_message_signed_by_another_key_is_not_believed() -> None:
    tree()
    raw = message(PROVINCE, "grant.issued", terms(), sender="000000")
    with pytest.raises(MessageWrong):
        messages.receive(raw, own=NODE, at=NOON)


def test_one_flipped_byte_is_noticed() -> None:
    tree()
    raw = bytearray(message(NATION, "grant.issued", terms()))
    raw[40] ^= 1
    with pytest.raises(MessageWrong):
        messages.receive(bytes(raw), own=NODE, at=NOON)


def test_a_message_for_another_node_is_passed_on_unchanged() -> None:
    tree()
    edge()
    raw = message(NATION, "request.decided", {"uuid": str(uuid.uuid4())}, to="511602")
    messages.receive(raw, own=NODE, at=NOON)
    passed = OutboxMessage.objects.get(topic="relay.message")
    assert passed.payload["raw"].encode() == raw
    assert passed.payload["to"] == "511602"


def test_a_message_for_the_whole_route_is_applied_and_passed_on() -> None:
    tree()
    edge()
    raw = message(NATION, "grant.issued", terms(consumer_node="511602"), to="511602", is_for_route=True)
    messages.receive(raw, own=NODE, at=NOON)
    assert Grant.objects.exists()
    assert OutboxMessage.objects.filter(topic="relay.message").exists()


def test_a_child_waits_for_a_person() -> None:
    tree()
    node = joining.receive_announcement(card(EDGE, parent=NODE), by=SYSTEM, at=NOON)
    assert not node.is_confirmed
    with pytest.raises(MessageWrong):
        messages.receive(message(EDGE, "node.cards", {"cards": []}), own=NODE, at=NOON)
    joining.confirm(node, by=SYSTEM, at=NOON)
    messages.receive(message(EDGE, "node.cards", {"cards": []}), own=NODE, at=NOON)


def test_a_card_with_another_key_does_not_replace_the_confirmed_one() -> None:
    tree()
    joining.receive_announcement(card(EDGE, parent=NODE), by=SYSTEM, at=NOON)
    thief = INTERNATIONAL.generate("511602.guantong.example/node")
    with pytest.raises(CardWrong):
        joining.receive_announcement(card(thief, parent=NODE), by=SYSTEM, at=NOON)


def test_a_card_must_be_signed_by_the_key_it_names() -> None:
    forged = envelope.seal(CARD, envelope.read(card(EDGE, parent=NODE)).body, PROVINCE)
    with pytest.raises(CardWrong):
        read_card(forged)


def test_a_neighbour_cannot_move_a_node_to_its_own_side() -> None:
    tree()
    edge()
    fresh = card(EDGE, parent=NODE, title="换了名", issued_at=clock.rfc3339(NOON + timedelta(days=1)))
    with pytest.raises(CardWrong):
        joining.receive_cards([fresh.decode()], sender="510000", by=SYSTEM, at=NOON)
    assert Node.objects.get(code="511602").title == "节点"
