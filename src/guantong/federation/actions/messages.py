"""Messages between nodes: signed by the sender, carried hop by hop, applied once.

A message for a node further away is kept and forwarded by each node on the way (store and forward). One that is
meant for every node of its route (a grant, a revocation) is applied by each as it passes.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import msgspec
from django.db import transaction

from guantong.catalog import actions as catalog
from guantong.catalog.types import Change
from guantong.courier.client import SyncCourier
from guantong.federation import queries
from guantong.federation.actions import joining
from guantong.federation.errors import MessageNotEntitled, MessageWrong, PeerFailed, PeerRefused, TopicUnknown
from guantong.federation.keys import node_key
from guantong.federation.models import InboxMessage, Node
from guantong.identity.actions import register_organisation
from guantong.journal.actions import enqueue
from guantong.journal.models import OutboxMessage
from guantong.journal.types import Actor
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.kit.suites import VerifyKey
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant, Request

KIND = "guantong/message@v1"
POST_TIMEOUT_S = 10


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """One message. ``is_for_route`` asks every node on the way to apply it too."""

    id: str
    sender: str
    to: str
    topic: str
    is_for_route: bool
    payload: dict[str, Any]
    sent_at: str


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
        payload=row.payload["payload"],
        sent_at=clock.rfc3339(at),
    )
    post(seal(message, settings), queries.next_hop(message.to))


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
    with transaction.atomic():
        _, is_new = InboxMessage.objects.get_or_create(
            message_id=message.id,
            defaults={"sender": message.sender, "topic": message.topic, "received_at": at},
        )
        if not is_new:
            return message
        if message.to == own or message.is_for_route:
            _apply(message, by=by, at=at)
        if message.to != own:
            enqueue("relay.message", {"to": message.to, "raw": raw.decode()}, by=by, at=at)
    return message


def _believed(raw: bytes) -> tuple[Message, Node]:
    try:
        sealed = envelope.read(raw)
        message = msgspec.convert(sealed.body, Message)
        uuid.UUID(message.id)
        sender = queries.confirmed(message.sender)
        key = VerifyKey.from_text(sender.node_key)
        signed = sealed.check({key.ref: key})
    except (msgspec.ValidationError, ValueError) as error:
        raise MessageWrong(why_zh="格式有误", why_en="its form is wrong") from error
    except GuantongError as error:
        raise MessageWrong(why_zh=error.sentence("zh"), why_en=error.sentence("en")) from error
    if sealed.kind != KIND or not signed:
        raise MessageWrong(why_zh="不是已签名的节点消息", why_en="it is not a signed message")
    return message, sender


def _apply(message: Message, *, by: Actor, at: datetime) -> None:
    handler = HANDLERS.get(message.topic)
    if handler is None:
        raise TopicUnknown(topic=message.topic)
    handler(message, by=by, at=at)


def _entitle(message: Message, entitled: str) -> None:
    if message.sender != entitled:
        raise MessageNotEntitled(node=message.sender, topic=message.topic)


def _cards(message: Message, *, by: Actor, at: datetime) -> None:
    joining.receive_cards(message.payload["cards"], sender=message.sender, by=by, at=at)


def _catalog_changed(message: Message, *, by: Actor, at: datetime) -> None:
    for change in msgspec.convert(message.payload["entries"], list[Change]):
        _entitle(message, queries.confirmed(change.node).via)
        register_organisation(
            str(change.content.get("provider", "")),
            change.provider_name,
            node=change.node,
            division=change.provider_division,
            is_synthetic=change.provider_is_synthetic,
            by=by,
            at=at,
        )
        catalog.take_in(change, by=by, at=at)


def _request_filed(message: Message, *, by: Actor, at: datetime) -> None:
    _entitle(message, message.payload["consumer_node"])
    sharing.receive_request(message.payload, by=by, at=at)


def _request_decided(message: Message, *, by: Actor, at: datetime) -> None:
    request = Request.objects.filter(uuid=message.payload["uuid"]).first()
    _entitle(message, request.provider_node if request else "")
    sharing.receive_decisions(message.payload, by=by, at=at)


def _grant_issued(message: Message, *, by: Actor, at: datetime) -> None:
    _entitle(message, message.payload["provider_node"])
    sharing.receive_grant(message.payload, by=by, at=at)


def _grant_revoked(message: Message, *, by: Actor, at: datetime) -> None:
    grant = Grant.objects.filter(code=message.payload["code"]).first()
    _entitle(message, grant.provider_node if grant else "")
    sharing.receive_revocation(message.payload, by=by, at=at)


HANDLERS: Mapping[str, Callable[..., None]] = {
    "node.cards": _cards,
    "catalog.changed": _catalog_changed,
    "request.filed": _request_filed,
    "request.decided": _request_decided,
    "grant.issued": _grant_issued,
    "grant.revoked": _grant_revoked,
}
