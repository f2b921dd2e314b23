"""``guantong exchange``: run due batch jobs; ``guantong exchange --run JOB`` runs one now and shows how it gets on."""

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from guantong.exchange.process import Exchange, run_exchange
from guantong.exchange.progress import progress_path, told
from guantong.exchange.run import run
from guantong.kit.errors import GuantongError
from guantong.site.node import node_settings

EVERY_S = 0.5


def main(argv: Sequence[str]) -> int:
    """Serve until told to stop; or run ``--run JOB`` to its end: 0, or 1 with the sentence that says why."""
    parser = argparse.ArgumentParser(prog="guantong exchange")
    parser.add_argument("--run", metavar="JOB", help="run this job now and show its progress")
    arguments = parser.parse_args(argv)
    if arguments.run is None:
        run_exchange(node_settings())
        return 0
    return _run(arguments.run)


def _run(job: str) -> int:
    done = threading.Event()
    try:
        exchange = Exchange(node_settings())
        exchange.refresh()
        path = progress_path(exchange.node.folder / "progress", job)
        threading.Thread(target=_show, args=(path, done), daemon=True).start()
        try:
            outcome = run(exchange.node, exchange.bundle, job)
        finally:
            done.set()
            exchange.close()
    except GuantongError as fault:
        sys.stderr.write(f"\n{fault.sentence('zh')}\n{fault.sentence('en')}\n")
        return 1
    if outcome is None:
        sys.stderr.write(
            "\n已写入全部到达的数据，等待提供方继续发送。\nAll that has come is applied; the provider has more to send.\n"
        )
        return 0
    sys.stderr.write(f"\n{outcome.run}: {outcome.rows:,} / {outcome.read:,}\n")
    return 0


def _show(path: Path, done: threading.Event) -> None:
    """One line that is written over and over, on a terminal."""
    while not done.wait(EVERY_S):
        facts = told(path)
        if facts and sys.stderr.isatty():
            left = facts["seconds_left"]
            more = "" if left is None else f"  {left // 60}:{left % 60:02d}"
            sys.stderr.write(f"\r{facts['read']:>12,} {facts['rate']:>9,}/s{more}\x1b[K")
            sys.stderr.flush()
