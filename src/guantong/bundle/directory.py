"""Public keys as the bundle lists them, ready to verify with."""

from collections.abc import Mapping, Sequence
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

    @property
    def algorithm(self) -> str:
        """The algorithms of all of them, apart by spaces: a key may be followed by one of the other suite."""
        return " ".join(dict.fromkeys(key.algorithm for key in self.keys))

    def verify(self, data: bytes, signature: bytes, /) -> bool:
        """Whether ``signature`` is one of the keys' over ``data``."""
        return any(key.verify(data, signature) for key in self.keys)


def application_key(application: Application) -> Verifier | None:
    """What verifies an application's signatures, or None if it has no key."""
    return one_of(application.keys)


def one_of(keys: Sequence[str]) -> Verifier | None:
    """What verifies signatures by any of ``keys`` (vkeys), or None if there are none."""
    known = tuple(verify_key(text) for text in keys)
    if len(known) < 2:
        return known[0] if known else None
    return AnyOf(known)


def application_named(bundle: Bundle, keyid: str) -> Application | None:
    """The application that a signature names: by its identifier, or one of its keys by ``<identifier>+<key id>``."""
    for name in holders_named(keyid):
        application = bundle.applications.get(name)
        if application is not None and application.id == name:
            return application
    return None


def holders_named(keyid: str) -> tuple[str, str]:
    """Whom a signature's ``keyid`` may name: all of it an identifier, or what stands before the id of a key."""
    return keyid, keyid.rpartition("+")[0]


def key_named(keys: Sequence[str], holder: str, keyid: str) -> Verifier | None:
    """The very key of ``holder`` that ``keyid`` names, or, where that names the holder alone, any of ``keys``."""
    if keyid == holder:
        return one_of(keys)
    named = keyid.removeprefix(holder + "+")
    return next((key for key in map(verify_key, keys) if key.key_id == named), None)


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
    return AnyOf(tuple(keys.now().values()))


def neighbour_key(bundle: Bundle, code: str) -> Verifier | None:
    """What verifies a node that stands next to this one: only those may hand calls over."""
    node = bundle.nodes.get(code)
    return door_key(node) if node and node.gateway_url and code != bundle.node else None
