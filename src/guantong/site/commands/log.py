"""``guantong log``: the transparency log's integrator, its reading side, and the witness for others' logs."""

from collections.abc import Sequence

from guantong.evidence.process import run_log
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Serve until told to stop; no arguments."""
    del argv
    run_log(node_settings())
    return 0
