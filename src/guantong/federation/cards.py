"""A node's card (名片): who it is, by which keys it signs, where it is reached. Signed by its own key."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from guantong.evidence.rotation import further_keys
from guantong.evidence.successions import MOST, Succession, follow, own_successions
from guantong.federation.errors import CardWrong
from guantong.federation.keys import node_key
from guantong.kit import canonical, clock, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.key_files import load_key
from guantong.kit.keyrings import NodeKeys
from guantong.kit.settings import Settings
from guantong.kit.suites import VerifyKey

KIND = "guantong/node-card@v1"
LARGEST_CARD = 24_000

# What stands on a card ends up in policy files, in requests and on pages: one line, no spaces in addresses.
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, msgspec.Meta(max_length=60, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]
Key = Annotated[str, msgspec.Meta(max_length=240, pattern=r"^[!-~]+$")]
Address = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?$")]


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node says of itself. Keys are vkeys; ``parent`` is empty for the root of the tree."""

    code: Code
    name: Name
    title: Line
    parent: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{6})?$")]
    node_key: Key
    log_key: Key
    witness_key: Key
    web_url: Address
    gateway_url: Address
    log_url: Address
    issued_at: str
    exchange_url: Annotated[
        str, msgspec.Meta(max_length=200, pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?)?$")
    ] = ""
    """Where children and edges reach its batch exchange; empty: it has none."""
    further_keys: Annotated[list[Key], msgspec.Meta(max_length=12)] = []
    """Keys by which its log and its witness will sign next, or have signed: what they signed still holds."""
    successions: Annotated[list[Succession], msgspec.Meta(max_length=MOST)] = []
    """How the node's own key came to be the present one, and which one comes next."""

    def node_keys(self) -> NodeKeys:
        """What verifies the node's signatures. SuccessionWrong."""
        return follow(self.successions, VerifyKey.from_text(self.node_key))

    def keys(self, part: Literal["log", "witness"]) -> list[str]:
        """The key of the log or the witness, and then its further ones."""
        now = self.log_key if part == "log" else self.witness_key
        return [now, *(key for key in self.further_keys if key.startswith(f"{self.name}/{part}+"))]


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
        exchange_url=settings.exchange_url,
        further_keys=further_keys(settings.key_folder),
        successions=own_successions(settings.key_folder, at=at),
        issued_at=clock.rfc3339(at),
    )
    return envelope.seal(KIND, msgspec.to_builtins(card), node_key(settings))


def read_card(raw: bytes) -> Card:
    """The card in ``raw``, whose signature by the key it names holds; or :class:`CardWrong`."""
    if len(raw) > LARGEST_CARD:
        raise CardWrong(why_zh="过长", why_en="it is too long")
    try:
        sealed = envelope.read(raw)
        card = msgspec.convert(sealed.body, Card)
        clock.parse(card.issued_at)
        key = VerifyKey.from_text(card.node_key)
        sealed.check({key.ref: key})
        keys = [key, VerifyKey.from_text(card.log_key), VerifyKey.from_text(card.witness_key)]
        further = [VerifyKey.from_text(each) for each in card.further_keys]
        ring = card.node_keys()
        further += [each.key for each in ring.former]
        further += [ring.coming] if ring.coming else []
    except (GuantongError, ValueError) as error:
        raise CardWrong(why_zh="格式或签名有误", why_en="its form or signature is wrong") from error
    if sealed.kind != KIND:
        raise CardWrong(why_zh="不是节点名片", why_en="it is not a node card")
    parts = {(f"{card.name}/log", False), (f"{card.name}/witness", True)}
    own = {ring.coming, *(each.key for each in ring.former)}
    if any((each.name, each.is_cosigner) not in parts for each in further if each not in own):
        raise CardWrong(
            why_zh="其他密钥的名称与节点不符", why_en="the further keys' names are not the node's"
        )
    if len({each.public_bytes for each in (*keys, *further)}) < len(keys) + len(further):
        raise CardWrong(why_zh="同一密钥列了两次", why_en="a key is listed twice")
    wanted = [(f"{card.name}/node", False), (f"{card.name}/log", False), (f"{card.name}/witness", True)]
    if [(each.name, each.is_cosigner) for each in keys] != wanted:
        raise CardWrong(why_zh="密钥名称与节点不符", why_en="the keys' names are not the node's")
    return card


def fingerprint(card: Card) -> str:
    """Eight groups of four that two operators compare by telephone before they confirm each other."""
    text = envelope.digest(canonical.dumps([card.node_key, card.log_key, card.witness_key])).partition(":")[
        2
    ][:32]
    return " ".join(text[i : i + 4] for i in range(0, 32, 4))
