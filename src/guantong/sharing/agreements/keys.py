"""机构密钥: the key pair of an organisation of this node, held by the node like its own; made when it first signs."""

import hashlib
import re
from collections.abc import Mapping

from django.conf import settings

from guantong.evidence.successions import own_keys
from guantong.kit import clock
from guantong.kit.key_files import load_key, write_secret
from guantong.kit.suites import SigningKey, VerifyKey, suite

_PLAIN = re.compile(r"[A-Za-z0-9-]{1,40}")


def node_key() -> SigningKey:
    """The key of this node, which vouches for its organisations' keys."""
    return load_key(settings.NODE.key_folder / "node.key")


def own_ring(claimed: str) -> Mapping[str, VerifyKey]:
    """The keys by which this node may have signed what claims the moment ``claimed`` (RFC 3339)."""
    return own_keys(settings.NODE.key_folder).at(clock.parse(claimed))


def organisation_key(code: str) -> SigningKey:
    """The key by which the organisation ``code`` of this node signs. KeyExposed."""
    node = settings.NODE
    name = code if _PLAIN.fullmatch(code) else hashlib.sha256(code.encode()).hexdigest()[:32]
    folder = node.key_folder / "organisations"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{name}.key"
    write_secret(path, lambda: suite(node.suite).generate(f"{node.name}/organisation/{name}").to_text())
    return load_key(path)
