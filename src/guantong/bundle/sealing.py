"""Sign a bundle; open one and believe it only if everything fits."""

from collections.abc import Mapping
from typing import Any

import msgspec

from guantong.bundle.errors import BundleForAnotherNode, BundleOlder, BundleTampered
from guantong.bundle.types import Bundle
from guantong.kit import envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

KIND = "guantong/bundle@v1"


def seal(bundle: Bundle, key: SigningKey) -> bytes:
    """The bundle as a signed statement."""
    body: dict[str, Any] = msgspec.to_builtins(bundle)
    return envelope.seal(KIND, body, key)


def open_bundle(
    raw: bytes, keyring: Mapping[str, VerifyKey], *, node: str, floor: int, edge: str = ""
) -> Bundle:
    """The bundle in ``raw``, if a key of ``keyring`` signed it for ``node`` and it is newer than ``floor``.

    ``edge`` names the edge of that node for which it must be made; empty: the node itself.

    Raises BundleTampered, BundleForAnotherNode, BundleOlder.
    """
    bundle = _believed(raw, keyring)
    if (bundle.node, bundle.edge) != (node, edge):
        raise BundleForAnotherNode(found=bundle.edge or bundle.node, node=edge or node)
    if bundle.sequence <= floor:
        raise BundleOlder(sequence=bundle.sequence, floor=floor)
    return bundle


def _believed(raw: bytes, keyring: Mapping[str, VerifyKey]) -> Bundle:
    try:
        statement = envelope.read(raw)
        statement.check(keyring)
        bundle = msgspec.convert(statement.body, Bundle)
    except (GuantongError, msgspec.ValidationError):
        raise BundleTampered from None
    if statement.kind != KIND:
        raise BundleTampered
    return bundle
