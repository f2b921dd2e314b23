"""``guantong archive``: pack old records, or put packed ones back: --restore WRITER START."""

import argparse
import os
from collections.abc import Sequence

import django

from guantong.kit import clock
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Pack now what is older than the setting says; ``--days N`` says otherwise; ``--check`` reads all that is packed."""
    parser = argparse.ArgumentParser(prog="guantong archive", description="归档凭证 / archive old records")
    parser.add_argument("--days", type=int, help="早于若干天 / older than so many days")
    parser.add_argument(
        "--check", action="store_true", help="核对归档 / compare all that is packed with its digests"
    )
    parser.add_argument(
        "--restore", nargs=2, metavar=("WRITER", "START"), help="放回待存区 / put back into the spool"
    )
    asked = parser.parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    django.setup()
    # They need the applications loaded.
    from guantong.site.archiving import archive_of, archive_old  # noqa: PLC0415

    settings = node_settings()
    archive = archive_of(settings)
    if asked.restore:
        segments = archive.restore(settings.spool_folder, asked.restore[0], int(asked.restore[1]))
    elif asked.check:
        segments = [segment for writer in archive.writers() for segment in archive.segments(writer)]
        for segment in segments:
            archive.data(segment)
    else:
        days = settings.archive_after_days if asked.days is None else asked.days
        segments = archive_old(settings, days=days, at=clock.now())
    for segment in segments:
        print(f"{segment.writer} {segment.start}–{segment.end} {segment.records} {segment.packed_bytes} B")  # noqa: T201
    return 0
