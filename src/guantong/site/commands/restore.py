"""``guantong restore FOLDER``: put a backup back, while no process of the node runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from guantong.site.backups import restore
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Restore into the node's folder, which must have no log and no records."""
    parser = argparse.ArgumentParser(prog="guantong restore", description="恢复备份 / restore a backup")
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args(argv)
    manifest = restore(node_settings(), asked.folder)
    lines = [
        f"{manifest.at} {len(manifest.files)}",
        "日志将先问见证方，再继续签署；凭证另起新链。",
        "The log will ask its witnesses before it signs; receipts begin new chains.",
    ]
    if not manifest.has_keys:
        lines.append("私钥须另行放回 keys 目录。 / Put the private keys back into the folder keys.")
    print("\n".join(lines))  # noqa: T201 - this is a command line
    return 0
