"""``guantong edge join URL``: take part as an edge; ``guantong edge run``: read, write and carry until told to stop."""

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from guantong.exchange.edge.home import join
from guantong.exchange.edge.process import EdgeProcess

HOME = "GUANTONG_EDGE_HOME"


def main(argv: Sequence[str]) -> int:
    """0; refusals are told in words by the caller. Needs neither a node's settings nor its database."""
    parser = argparse.ArgumentParser(prog="guantong edge")
    home = os.environ.get(HOME, "guantong-edge")
    parser.add_argument("--home", type=Path, default=Path(home), help=f"the edge's folder, also by {HOME}")
    words = parser.add_subparsers(dest="word", required=True)
    joining = words.add_parser(
        "join", help="enrol with a node, by the code and the token that its page shows"
    )
    joining.add_argument("url", help="the address of the node's pages")
    joining.add_argument("--code", help="the edge's code; asked for if it is not given")
    words.add_parser("run", help="work until told to stop")
    arguments = parser.parse_args(argv)
    if arguments.word == "join":
        return _join(arguments.home, arguments.url, arguments.code)
    EdgeProcess(arguments.home).watch()
    return 0


def _join(home: Path, url: str, code: str | None) -> int:
    edge = code or _asked("边缘代理编号 | code of the edge: ")
    # Typed or piped, never an argument: arguments can be read by everybody on the machine.
    token = getpass.getpass("接入口令 | token: ") if sys.stdin.isatty() else sys.stdin.readline()
    told = join(home, url, edge=edge.strip(), token=token.strip())
    sources = home / "sources.json"
    sys.stderr.write(
        f"已接入 {told.node_title}（{told.node}），请在 {sources} 中登记数据源地址，然后运行 guantong edge run。\n"
        f"Joined {told.node}; put the addresses of the sources into {sources}, then run: guantong edge run\n"
    )
    return 0


def _asked(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()
