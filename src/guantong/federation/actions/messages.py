"""Messages between nodes: signed by the sender, carried hop by hop, applied once.

A message for a node further away is kept and forwarded by each node on the way (store and forward). One that is
meant for every node of its route (a grant, a revocation) is applied by each as it passes.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urljoin

import msgspec
from django.db import transaction

from guantong.catalog.types import StandardsTold
from guantong.courier.client import SyncCourier
from guantong.dispatch import actions as dispatch
from guantong.federation import queries
from guantong.federation.actions import feed, joining
from guantong.federation.actions.standards import learn_standards
from guantong.federation.cards import read_card
from guantong.federation.errors import (
    MessageMisrouted,
    MessageNotEntitled,
    MessageTooLong,
    MessageWrong,
    PeerFailed,
    PeerRefused,
    TopicUnknown,
)
from guantong.federation.feed.chunks import Refusal
from guantong.federation.keys import node_key
from guantong.federation.models import InboxMessage, Node, Relation
from guantong.federation.successors import keys_following
from guantong.journal.actions import enqueue
from guantong.journal.models import OutboxMessage
from guantong.journal.types import Actor
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.kit.suites import VerifyKey
from guantong.sharing import actions as sharing
from guantong.sharing.models import Correction, Grant, Request
from guantong.sharing.types import (
    Decisions,
    Filing,
    NodeCode,
    Revocation,
    SignedAgreement,
    Standing,
    Supplement,
    Uuid,
    Wish,
    Withdrawal,
)
from guantong.sharing.voices.types import (
    CorrectionAnswer,
    CorrectionFiling,
    CorrectionMove,
    DisputeDue,
    DisputeSaid,
    DisputeTerms,
    ValueCorrected,
)

KIND = "guantong/message@v1"
POST_TIMEOUT_S = 10
LARGEST = 4_000_000
# What every node on the way applies as well.
ROUTE_TOPICS = {"grant.issued", "grant.changed", "grant.revoked"}


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """One message. ``is_for_route`` asks every node on the way to apply it too."""

    id: Uuid
    sender: NodeCode
    to: NodeCode
    topic: Annotated[str, msgspec.Meta(max_length=80)]
    is_for_route: bool
    payload: dict[str, Any]
    sent_at: str


class FeedTold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many entries of a feed its receiver keeps refused, and the first of them."""

    refused: Annotated[int, msgspec.Meta(ge=0, le=2_000_000_000)]
    refused_some: Annotated[list[Refusal], msgspec.Meta(max_length=100)]


def send_outbox(row: OutboxMessage, *, settings: Settings, at: datetime) -> None:
    """Deliver one outbox row (``node.message`` or ``route.message``) to the next hop on its way."""
    message = Message(
        id=str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"{settings.name}/outbox/{row.pk}/{row.created_at.isoformat()}")
        ),
        sender=settings.node,
        to=row.payload["to"],
        topic=row.payload["topic"],
        is_for_route=row.topic == "route.message",
        payload=_with_own_card(row.payload["topic"], row.payload["payload"]),
        sent_at=clock.rfc3339(at),
    )
    post(seal(message, settings), queries.next_hop(message.to))


def _with_own_card(topic: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Cards go with this node's own as it is now: by it a neighbour that was away knows the key that signs the message."""
    if topic != "node.cards":
        return payload
    own = queries.own().card
    return {**payload, "cards": [*(card for card in payload["cards"] if card != own), own]}


def seal(message: Message, settings: Settings) -> bytes:
    """The message as this node signs it."""
    return envelope.seal(KIND, msgspec.to_builtins(message), node_key(settings))


def post(raw: bytes, hop: Node) -> None:
    """Hand a sealed message to a neighbour.

    :class:`PeerRefused` when it will not have the message (4xx); :class:`PeerFailed` for any other answer but
    200, which trying again may cure.
    """
    with SyncCourier([hop.web_url], timeout_s=POST_TIMEOUT_S) as courier:
        reply = courier.send("POST", urljoin(hop.web_url, "/federation/messages"), body=raw, peer=hop.code)
    if reply.status == 200:
        return
    is_final = 400 <= reply.status < 500 and reply.status not in {408, 425, 429}
    refused = PeerRefused if is_final else PeerFailed
    raise refused(node=hop.code, status=reply.status, answer=reply.body.decode(errors="replace")[:300])


def forward(row: OutboxMessage) -> None:
    """Hand on, unchanged, a message that is for a node further along."""
    post(row.payload["raw"].encode(), queries.next_hop(row.payload["to"]))


def receive(raw: bytes, *, own: str, at: datetime) -> Message:
    """Apply a message that reached this node, once, and pass it on if it is for another."""
    message, sender = _believed(raw)
    by = Actor("node", message.sender, sender.title, message.sender)
    is_passing = message.to != own
    if message.sender == own or (is_passing and queries.confirmed(message.to).via in {own, sender.via}):
        raise MessageMisrouted(node=message.to)
    with transaction.atomic():
        _, is_new = InboxMessage.objects.get_or_create(
            message_id=message.id,
            sender=message.sender,
            defaults={"topic": message.topic, "received_at": at},
        )
        if not is_new:
            return message
        if not is_passing or message.is_for_route:
            _apply(message, by=by, at=at)
        if is_passing:
            enqueue("relay.message", {"to": message.to, "raw": raw.decode()}, by=by, at=at)
    return message


def _believed(raw: bytes) -> tuple[Message, Node]:
    if len(raw) > LARGEST:
        raise MessageTooLong(limit=LARGEST)
    # No database column and no page has a use for NUL; canonical JSON writes it in this one way.
    if b"\\u0000" in raw:
        raise MessageWrong(why_zh="含有空字符", why_en="it holds a NUL character")
    try:
        sealed = envelope.read(raw)
        message = msgspec.convert(sealed.body, Message)
        sender = queries.confirmed(message.sender)
        sealed.check(_keys_for(message, sender))
    except msgspec.ValidationError as error:
        raise MessageWrong(why_zh="格式有误", why_en="its form is wrong") from error
    except GuantongError as error:
        raise MessageWrong(why_zh=error.sentence("zh"), why_en=error.sentence("en")) from error
    if sealed.kind != KIND:
        raise MessageWrong(why_zh="不是节点消息", why_en="it is not a message between nodes")
    return message, sender


def _keys_for(message: Message, sender: Node) -> Mapping[str, VerifyKey]:
    """The sender's keys; also those on a newer card of its own that it brings, if the key that we know leads there."""
    keys = queries.keys_of(sender).now()
    cards = message.payload.get("cards") if message.topic == "node.cards" else None
    for text in cards if isinstance(cards, list) else []:
        if isinstance(text, str) and f'"code":"{sender.code}"' in text:
            keys = {**keys, **keys_following(read_card(text.encode()), sender)}
    return keys


def _apply(message: Message, *, by: Actor, at: datetime) -> None:
    handler = HANDLERS.get(message.topic)
    if handler is None:
        raise TopicUnknown(topic=message.topic)
    if message.is_for_route and message.topic not in ROUTE_TOPICS:
        raise MessageNotEntitled(node=message.sender, topic=message.topic)
    try:
        handler(message, by=by, at=at)
    except (msgspec.ValidationError, KeyError, ValueError) as error:
        raise MessageWrong(why_zh=f"内容有误（{error}）", why_en=f"its content is wrong ({error})") from error


def _entitle(message: Message, entitled: str) -> None:
    if message.sender != entitled:
        raise MessageNotEntitled(node=message.sender, topic=message.topic)


def _cards(message: Message, *, by: Actor, at: datetime) -> None:
    cards = msgspec.convert(message.payload["cards"], list[str])
    joining.receive_cards(cards, sender=message.sender, by=by, at=at)


def _feed_wanted(message: Message, *, by: Actor, at: datetime) -> None:
    feed.tell_again(_neighbour(message), by=by, at=at)


def _feed_told(message: Message, *, by: Actor, at: datetime) -> None:
    told = msgspec.convert(message.payload, FeedTold)
    feed.note_refused(_neighbour(message), told.refused, told.refused_some, by=by, at=at)


def _neighbour(message: Message) -> Node:
    """The sender, if it is a neighbour: nobody else has to do with our feed."""
    sender = queries.confirmed(message.sender)
    if sender.relation not in {Relation.PARENT, Relation.CHILD}:
        raise MessageNotEntitled(node=message.sender, topic=message.topic)
    return sender


def _request_filed(message: Message, *, by: Actor, at: datetime) -> None:
    filing = msgspec.convert(message.payload, Filing)
    _entitle(message, filing.consumer_node)
    keys = queries.keys_of(queries.confirmed(message.sender)).now()
    sharing.receive_request(filing, own=message.to, keys=keys, by=by, at=at)


def _request_decided(message: Message, *, by: Actor, at: datetime) -> None:
    decisions = msgspec.convert(message.payload, Decisions)
    request = Request.objects.filter(uuid=decisions.uuid).first()
    _entitle(message, request.provider_node if request else "")
    sharing.receive_decisions(decisions, by=by, at=at)


def _standards_told(message: Message, *, by: Actor, at: datetime) -> None:
    _entitle(message, queries.parent_code())
    learn_standards(msgspec.convert(message.payload, StandardsTold), by=by, at=at)


def _request_supplemented(message: Message, *, by: Actor, at: datetime) -> None:
    added = msgspec.convert(message.payload, Supplement)
    _entitle(message, _consumer_node(added.uuid))
    sharing.receive_supplement(added, by=by, at=at)


def _request_withdrawn(message: Message, *, by: Actor, at: datetime) -> None:
    gone = msgspec.convert(message.payload, Withdrawal)
    _entitle(message, _consumer_node(gone.uuid))
    sharing.receive_withdrawal(gone, by=by, at=at)


def _consumer_node(uuid: str) -> str:
    request = Request.objects.filter(uuid=uuid).first()
    return request.consumer_node if request else ""


def _grant_issued(message: Message, *, by: Actor, at: datetime) -> None:
    _entitle(message, str(message.payload.get("provider_node", "")))
    sharing.receive_grant(message.payload, by=by, at=at)


def _grant_revoked(message: Message, *, by: Actor, at: datetime) -> None:
    revocation = msgspec.convert(message.payload, Revocation)
    grant = Grant.objects.filter(code=revocation.code).first()
    _entitle(message, grant.provider_node if grant else "")
    sharing.receive_revocation(revocation, by=by, at=at)


def _grant_agreement(message: Message, *, by: Actor, at: datetime) -> None:
    signed = msgspec.convert(message.payload, SignedAgreement)
    keys = queries.keys_of(queries.confirmed(message.sender)).now()
    sharing.receive_agreement(signed, sender=message.sender, keys=keys, by=by, at=at)


def _grant_changed(message: Message, *, by: Actor, at: datetime) -> None:
    standing = msgspec.convert(message.payload, Standing)
    grant = Grant.objects.filter(code=standing.code).first()
    _entitle(message, grant.provider_node if grant else "")
    sharing.receive_standing(standing, by=by, at=at)


def _grant_wished(message: Message, *, by: Actor, at: datetime) -> None:
    wish = msgspec.convert(message.payload, Wish)
    grant = Grant.objects.filter(code=wish.code).first()
    _entitle(message, grant.consumer_node if grant else "")
    sharing.receive_wish(wish, by=by, at=at)


def _correction_filed(message: Message, *, by: Actor, at: datetime) -> None:
    filing = msgspec.convert(message.payload, CorrectionFiling)
    _entitle(message, filing.asker_node)
    sharing.receive_correction(filing, by=by, at=at)


def _correction_answered(message: Message, *, by: Actor, at: datetime) -> None:
    told = msgspec.convert(message.payload, CorrectionAnswer)
    found = Correction.objects.filter(uuid=told.uuid).first()
    _entitle(message, found.provider_node if found else "")
    sharing.receive_answer(told, by=by, at=at)


def _correction_moved(message: Message, *, by: Actor, at: datetime) -> None:
    move = msgspec.convert(message.payload, CorrectionMove)
    found = Correction.objects.filter(uuid=move.uuid).first()
    _entitle(message, found.asker_node if found else "")
    sharing.receive_move(move, by=by, at=at)


def _correction_heard(message: Message, *, by: Actor, at: datetime) -> None:
    told = msgspec.convert(message.payload, ValueCorrected)
    is_giver = Grant.objects.filter(resource=told.resource, provider_node=message.sender).exists()
    _entitle(message, message.sender if is_giver else "")
    sharing.hear_of_correction(told, by=by, at=at)


def _dispute_raised(message: Message, *, by: Actor, at: datetime) -> None:
    terms = msgspec.convert(message.payload, DisputeTerms)
    _entitle(message, terms.asker_node)
    sharing.receive_dispute(terms, by=by, at=at)


def _dispute_said(message: Message, *, by: Actor, at: datetime) -> None:
    told = msgspec.convert(message.payload, DisputeSaid)
    sharing.receive_said(told, sender=message.sender, by=by, at=at)


def _dispute_due(message: Message, *, by: Actor, at: datetime) -> None:
    told = msgspec.convert(message.payload, DisputeDue)
    sharing.receive_due(told, sender=message.sender, by=by, at=at)


def _job_declared(message: Message, *, by: Actor, at: datetime) -> None:
    dispatch.receive_job(message.payload, sender=message.sender, by=by, at=at)


def _job_ordered(message: Message, *, by: Actor, at: datetime) -> None:
    dispatch.receive_order(message.payload, sender=message.sender, by=by, at=at)


def _batch_told(message: Message, *, by: Actor, at: datetime) -> None:
    dispatch.receive_half(message.payload, sender=message.sender, by=by, at=at)


def _batch_receipts(message: Message, *, by: Actor, at: datetime) -> None:
    keys = queries.keys_of(queries.confirmed(message.sender))
    raws = msgspec.convert(message.payload["receipts"], list[str])
    dispatch.receive_receipts(raws, sender=message.sender, keys=keys, by=by, at=at)


HANDLERS: Mapping[str, Callable[..., None]] = {
    "node.cards": _cards,
    "feed.wanted": _feed_wanted,
    "feed.told": _feed_told,
    "request.filed": _request_filed,
    "request.decided": _request_decided,
    "standards.told": _standards_told,
    "request.supplemented": _request_supplemented,
    "request.withdrawn": _request_withdrawn,
    "grant.issued": _grant_issued,
    "grant.agreement": _grant_agreement,
    "grant.changed": _grant_changed,
    "grant.wished": _grant_wished,
    "grant.revoked": _grant_revoked,
    "correction.filed": _correction_filed,
    "correction.answered": _correction_answered,
    "correction.moved": _correction_moved,
    "correction.heard": _correction_heard,
    "dispute.raised": _dispute_raised,
    "dispute.said": _dispute_said,
    "dispute.due": _dispute_due,
    "job.declared": _job_declared,
    "job.ordered": _job_ordered,
    "batch.told": _batch_told,
    "batch.receipts": _batch_receipts,
}
