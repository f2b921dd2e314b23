"""``guantong gateway``: the data plane, in as many processes as the node's settings say."""

from collections.abc import Sequence

from guantong.gateway.process import run_gateway
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Serve calls until told to stop; no arguments."""
    del argv
    run_gateway(node_settings())
    return 0
