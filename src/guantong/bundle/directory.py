"""Public keys as the bundle lists them, ready to verify with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from guantong.bundle.types import Application, Bundle, Node
from guantong.kit.http_signatures import Verifier
from guantong.kit.keyrings import Former, NodeKeys
from guantong.kit.suites import VerifyKey

# The same few texts stand in every bundle; the point decoding behind them is what costs.
verify_key = lru_cache(maxsize=8192)(VerifyKey.from_text)


@dataclass(slots=True)
class AnyOf:
    """Several keys of one holder, of whom any may have signed (keys overlap while they are renewed)."""

    keys: tuple[VerifyKey, ...]
    algorithm: str

    def verify(self, data: bytes, signature: bytes, /) -> bool:
        """Whether ``signature`` is one of the keys' over ``data``."""
        return any(key.verify(data, signature) for key in self.keys)


def application_key(application: Application) -> Verifier | None:
    """What verifies an application's signatures, or None if it has no key."""
    keys = tuple(verify_key(text) for text in application.keys)
    if len(keys) < 2:
        return keys[0] if keys else None
    return AnyOf(keys, keys[0].algorithm)


def keys_of(node: Node) -> NodeKeys:
    """What verifies a node's signatures."""
    coming = verify_key(node.coming) if node.coming else None
    former = tuple(Former(verify_key(each.key), each.until) for each in node.former)
    return NodeKeys(verify_key(node.key), coming, former)


def node_ring(bundle: Bundle, code: str) -> Mapping[str, VerifyKey]:
    """The keys by which a node may sign now, by reference; none if there is no such node."""
    node = bundle.nodes.get(code)
    return keys_of(node).now() if node else {}


def door_key(node: Node) -> Verifier:
    """What verifies the requests and answers of ``node`` now."""
    if not node.coming and not node.former:
        return verify_key(node.key)
    return any_of(keys_of(node))


def any_of(keys: NodeKeys) -> Verifier:
    """What verifies the requests and answers of the node that has ``keys``, now."""
    return AnyOf(tuple(keys.now().values()), keys.present.algorithm)


def neighbour_key(bundle: Bundle, code: str) -> Verifier | None:
    """What verifies a node that stands next to this one: only those may hand calls over."""
    node = bundle.nodes.get(code)
    return door_key(node) if node and node.gateway_url and code != bundle.node else None
