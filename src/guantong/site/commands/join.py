"""``guantong join --parent URL``: announce this node to the one above, once its fingerprint has been compared."""

import argparse
import os
import sys
from collections.abc import Sequence

import django

from guantong.kit import clock
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Join the tree below ``--parent``; prints the parent's fingerprint for the operator to compare."""
    parser = argparse.ArgumentParser(prog="guantong join")
    parser.add_argument("--parent", required=True, metavar="URL")
    parser.add_argument("--fingerprint", default="", metavar="TEXT", help="refuse any other parent")
    arguments = parser.parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    django.setup()
    # These need the applications loaded.
    from guantong.federation.actions.joining import join  # noqa: PLC0415
    from guantong.federation.cards import fingerprint  # noqa: PLC0415
    from guantong.journal.types import SYSTEM  # noqa: PLC0415

    card = join(node_settings(), arguments.parent, expected=arguments.fingerprint, by=SYSTEM, at=clock.now())
    sys.stdout.write(f"上级 {card.code} {card.title}，指纹 {fingerprint(card)}\n")
    return 0
