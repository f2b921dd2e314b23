"""``guantong backup FOLDER``: copy this node while it runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from guantong.kit import clock
from guantong.site.backups import back_up
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Copy to an empty folder; ``--with-keys`` copies the private keys, too."""
    parser = argparse.ArgumentParser(prog="guantong backup", description="备份节点 / back this node up")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--with-keys", action="store_true", help="连同私钥 / the private keys, too")
    asked = parser.parse_args(argv)
    settings = node_settings()
    manifest = back_up(settings, asked.folder, has_keys=asked.with_keys, at=clock.now())
    lines = [f"{manifest.at} {len(manifest.files)} → {asked.folder}"]
    if settings.database_url:
        lines.append("控制库在 PostgreSQL 上，不在备份内：须先用 pg_dump 转储。")
        lines.append(
            "The control database is on PostgreSQL and not in the backup: dump it with pg_dump before."
        )
    if not asked.with_keys:
        lines.append("私钥不在备份内。 / The private keys are not in the backup.")
    print("\n".join(lines))  # noqa: T201 - this is a command line
    return 0
