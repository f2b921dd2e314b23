"""``guantong work``: what happens behind the pages."""

import os
from collections.abc import Sequence

import django

from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Work until told to stop; no arguments."""
    del argv
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    django.setup()
    from guantong.site.worker import Worker  # noqa: PLC0415 - needs the applications loaded

    Worker(node_settings()).run()
    return 0
