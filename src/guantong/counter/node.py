"""What the counter needs of its node: settings, the node's key, its own key, the client of the gateway."""

from functools import cache
from pathlib import Path

from django.conf import settings as django_settings

from guantong.counter.gateway_client import GatewayClient
from guantong.evidence.successions import own_keys
from guantong.kit.keyrings import NodeKeys
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey

_MARGIN_S = 2.0
"""The gateway answers within its budget; the counter listens a little longer, so as to hear its words."""


def node() -> Settings:
    """This node's settings."""
    return django_settings.NODE


def node_key() -> SigningKey:
    """The node's signing key; it signs certificates."""
    return _key(node().key_folder / "node.key")


def node_keys() -> NodeKeys:
    """What verifies this node's signatures, those of its former keys among them."""
    return own_keys(node().key_folder)


def application_key() -> SigningKey:
    """The counter's own key as an application; its name is the application's code."""
    return _key(node().key_folder / "counter.key")


def gateway() -> GatewayClient:
    """The client of this node's gateway, one a process."""
    here = node()
    return _gateway(here.gateway_url, here.home, here.node, here.call_budget_s + _MARGIN_S)


def patience_s() -> float:
    """How long one attempt may take at most; a claim on a look-up lasts a little longer."""
    return node().call_budget_s + _MARGIN_S


def _key(path: Path) -> SigningKey:
    return SigningKey.from_text(path.read_text(encoding="ascii").strip())


@cache
def _gateway(url: str, home: Path, code: str, timeout_s: float) -> GatewayClient:
    del home  # part of the cache's key: another folder, other keys
    return GatewayClient(url, application_key(), node_keys, node=code, timeout_s=timeout_s)
