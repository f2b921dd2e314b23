"""``guantong index``: build the catalogue's search index anew, beside the one in use, and swap it in."""

import os
from collections.abc import Sequence

import django


def main(argv: Sequence[str]) -> int:
    """Build; no arguments."""
    del argv
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    django.setup()
    # They need the applications loaded.
    from guantong.catalog.search.finding import own_index  # noqa: PLC0415
    from guantong.catalog.search.keeping import build_now  # noqa: PLC0415
    from guantong.sharing.queries import uses  # noqa: PLC0415

    count = build_now(own_index(), uses)
    print(f"{count} entries")  # noqa: T201 - this is a command line
    return 0
