"""Public keys as the bundle lists them, ready to verify with."""

from dataclasses import dataclass
from functools import lru_cache

from guantong.bundle.types import Application, Bundle
from guantong.kit.http_signatures import Verifier
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


def node_key(bundle: Bundle, code: str) -> VerifyKey | None:
    """The key of a node, or None if there is no such node."""
    node = bundle.nodes.get(code)
    return verify_key(node.key) if node else None


def neighbour_key(bundle: Bundle, code: str) -> VerifyKey | None:
    """The key of a node that stands next to this one: only those may hand calls over."""
    node = bundle.nodes.get(code)
    return verify_key(node.key) if node and node.gateway_url and code != bundle.node else None
