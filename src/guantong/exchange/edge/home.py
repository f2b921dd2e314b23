"""An edge's folder: whose edge it is, by which key it signs, and how it came to be told so.

``edge.json`` names edge, node, the node's key and its exchange's address; ``keys/edge.key`` is the edge's own key and
never leaves; ``sources.json`` (mode 0600) holds the addresses and passwords of the department's databases.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import msgspec

from guantong.bundle import enrolment
from guantong.courier.client import SyncCourier
from guantong.evidence.successions import Succession, TellingKeys, follow
from guantong.exchange.errors import EdgeNotEnrolled, EnrolmentFailed
from guantong.kit import durable
from guantong.kit.errors import GuantongError
from guantong.kit.keyrings import PresentRing
from guantong.kit.suites import SigningKey, VerifyKey, suite

DOOR = "/exchange/edges/enrol"
TIMEOUT_S = 30.0


class EdgeHome(msgspec.Struct, frozen=True):
    """What an edge was told when it enrolled."""

    edge: str
    name: str
    node: str
    node_title: str
    node_key: str
    suite: str
    exchange_url: str
    successions: list[Succession] = []
    """How the node's key came to be ``node_key``, since it was changed."""


class NodeRing(PresentRing):
    """The keys of the edge's node, by which bundles, orders and answers are believed; kept in ``edge.json``."""

    def __init__(self, home: Path) -> None:
        """EdgeNotEnrolled."""
        self._home = home
        facts = read_home(home)
        self._keys = follow(facts.successions, VerifyKey.from_text(facts.node_key))
        self.algorithm = self._keys.present.algorithm

    def verify(self, data: bytes, signature: bytes, /) -> bool:
        """Whether one of the keys signed ``data``."""
        return any(key.verify(data, signature) for key in self.values())

    def learn(self, told: bytes) -> bool:
        """Take over what the node tells of its keys, if the one that we know leads there; whether there was news."""
        try:
            said = msgspec.json.decode(told, type=TellingKeys)
            keys = follow(said.successions, VerifyKey.from_text(said.key))
        except (msgspec.MsgspecError, GuantongError):
            return False  # nothing is learnt of what cannot be read or does not follow; the caller refuses as before
        if keys == self._keys or self._keys.present not in {
            keys.present,
            *(each.key for each in keys.former),
        }:
            return False
        facts = msgspec.structs.replace(
            read_home(self._home), node_key=said.key, successions=said.successions
        )
        keep_home(self._home, facts)
        self._keys = keys
        return True


def keep_home(home: Path, facts: EdgeHome) -> None:
    """Write what the edge was told to its folder."""
    durable.replace(home / "edge.json", msgspec.json.format(msgspec.json.encode(facts), indent=2))


def read_home(home: Path) -> EdgeHome:
    """The edge that lives in ``home``. EdgeNotEnrolled."""
    try:
        return msgspec.json.decode((home / "edge.json").read_bytes(), type=EdgeHome)
    except (FileNotFoundError, msgspec.MsgspecError) as fault:
        raise EdgeNotEnrolled(home=str(home)) from fault


def read_key(home: Path) -> SigningKey:
    """The edge's own key. EdgeNotEnrolled."""
    try:
        return SigningKey.from_text((home / "keys" / "edge.key").read_text("utf-8").strip())
    except FileNotFoundError as fault:
        raise EdgeNotEnrolled(home=str(home)) from fault


def join(home: Path, node_url: str, *, edge: str, token: str, suite_name: str = "international") -> EdgeHome:
    """Enrol with the node at ``node_url`` (its pages' address), by the token that was read off there, once.

    The key is made here and only its public half is sent. EnrolmentFailed says what the node said; the courier's
    errors that it could not be reached.
    """
    key = _own_key(home, edge, suite_name)
    said = {
        "code": edge,
        "token": token,
        "key": key.public.to_text(),
        "proof": enrolment.prove(edge, token, key),
    }
    with SyncCourier([node_url], timeout_s=TIMEOUT_S) as courier:
        reply = courier.send(
            "POST", urljoin(node_url, DOOR), headers={"content-type": "application/json"},
            body=json.dumps(said).encode(),
        )  # fmt: skip
    if reply.status != 200:
        raise EnrolmentFailed(**_said(reply.body))
    try:
        told = msgspec.json.decode(reply.body, type=EdgeHome)
        VerifyKey.from_text(told.node_key)
    except (msgspec.MsgspecError, GuantongError) as fault:
        raise EnrolmentFailed(
            why_zh="节点的答复无法读取", why_en="the node's answer cannot be read"
        ) from fault
    keep_home(home, told)
    if not (home / "sources.json").exists():
        durable.replace(home / "sources.json", b"{}\n")
    return told


def _own_key(home: Path, edge: str, suite_name: str) -> SigningKey:
    path = home / "keys" / "edge.key"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.replace(
            path, suite(suite_name).generate(f"{edge.lower()}.edge/node").to_text().encode() + b"\n"
        )
    return read_key(home)


def _said(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
        said = told.get("error", told)["message"]
        return {"why_zh": str(said["zh"])[:300], "why_en": str(said["en"])[:300]}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {"why_zh": "节点拒绝接入", "why_en": "the node refused"}
