"""``guantong gateway``: the data plane, in as many processes as the node's settings say."""

from collections.abc import Sequence

from guantong.gateway.supervising import run_gateway
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Serve calls until told to stop; no arguments."""
    del argv
    run_gateway(node_settings(), node_settings.__wrapped__)
    return 0
