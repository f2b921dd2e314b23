"""A node's card (名片): who it is, by which keys it signs, where it is reached. Signed by its own key."""

from datetime import datetime

import msgspec

from guantong.federation.errors import CardWrong
from guantong.federation.keys import load_key, node_key
from guantong.kit import canonical, clock, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.kit.suites import VerifyKey

KIND = "guantong/node-card@v1"


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node says of itself. Keys are vkeys; ``parent`` is empty for the root of the tree."""

    code: str
    name: str
    title: str
    parent: str
    node_key: str
    log_key: str
    witness_key: str
    web_url: str
    gateway_url: str
    log_url: str
    issued_at: str


def own_card(settings: Settings, *, parent: str, at: datetime) -> bytes:
    """This node's card, signed."""
    card = Card(
        code=settings.node,
        name=settings.name,
        title=settings.title,
        parent=parent,
        node_key=node_key(settings).public.to_text(),
        log_key=load_key(settings.key_folder / "log.key").public.to_text(),
        witness_key=load_key(settings.key_folder / "witness.key").public.to_text(),
        web_url=settings.web_url,
        gateway_url=settings.gateway_url,
        log_url=settings.log_url,
        issued_at=clock.rfc3339(at),
    )
    return envelope.seal(KIND, msgspec.to_builtins(card), node_key(settings))


def read_card(raw: bytes) -> Card:
    """The card in ``raw``, whose signature by the key it names holds; or :class:`CardWrong`."""
    try:
        sealed = envelope.read(raw)
        card = msgspec.convert(sealed.body, Card)
        key = VerifyKey.from_text(card.node_key)
        sealed.check({f"{key.name}+{key.key_id}": key})
    except (GuantongError, msgspec.ValidationError) as error:
        raise CardWrong(why_zh="格式或签名有误", why_en="its form or signature is wrong") from error
    if sealed.kind != KIND:
        raise CardWrong(why_zh="不是节点名片", why_en="it is not a node card")
    if key.name != f"{card.name}/node":
        raise CardWrong(why_zh="密钥名称与节点不符", why_en="the key's name is not the node's")
    return card


def fingerprint(card: Card) -> str:
    """Eight groups of four that two operators compare by telephone before they confirm each other."""
    text = envelope.digest(canonical.dumps([card.node_key, card.log_key, card.witness_key])).partition(":")[
        2
    ][:32]
    return " ".join(text[i : i + 4] for i in range(0, 32, 4))
