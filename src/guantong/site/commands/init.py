"""``guantong init``: make this node's keys, database and own row. Running it again changes nothing."""

import os
from collections.abc import Sequence

import django
from django.core.management import call_command

from guantong.kit import clock
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Prepare the node's folder; no arguments."""
    del argv
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    settings = node_settings()
    for folder in (settings.home, settings.bundle_folder, settings.spool_folder, settings.log_folder):
        folder.mkdir(parents=True, exist_ok=True)
    django.setup()
    # These need the applications loaded.
    from guantong.federation.actions.joining import establish  # noqa: PLC0415
    from guantong.federation.keys import make_keys  # noqa: PLC0415
    from guantong.journal.types import SYSTEM  # noqa: PLC0415

    make_keys(settings)
    call_command("migrate", verbosity=0)
    establish(settings, by=SYSTEM, at=clock.now())
    return 0
