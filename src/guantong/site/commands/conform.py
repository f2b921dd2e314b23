"""``guantong conform SOURCE``: whether a database of ``sources.json`` does what batch exchange needs, line by line."""

import argparse
import sys
from collections.abc import Sequence

from guantong.bundle.addresses import read_secrets
from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """0 if everything works; 1 if something does not, or the extra ``databases`` is not installed."""
    parser = argparse.ArgumentParser(prog="guantong conform")
    parser.add_argument(
        "source", help="a name in sources.json whose address SQLAlchemy knows (dialect+driver://…)"
    )
    name = parser.parse_args(argv).source
    address = read_secrets(node_settings().home / "sources.json").get(name, "")
    if "://" not in address:
        sys.stderr.write(f"sources.json 中没有 {name}。\nThere is no {name} in sources.json.\n")
        return 1
    try:
        from guantong.exchange.conformance import conform  # noqa: PLC0415 - an extra, only needed here
    except ModuleNotFoundError:
        sys.stderr.write("请安装附加组件 databases。\nInstall the extra databases.\n")
        return 1
    is_good = True
    for line in conform(name, address):
        is_good = is_good and line.is_good
        mark = "✓" if line.is_good else "✗"
        sys.stdout.write(f"{mark} {line.zh} / {line.en}\n" + (f"    {line.why}\n" if line.why else ""))
    told = ("全部通过。", "Everything works.") if is_good else ("有不通过的项目。", "Not everything works.")
    sys.stdout.write(f"{told[0]} {told[1]}\n")
    return 0 if is_good else 1
