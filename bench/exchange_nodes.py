"""Batches between two nodes: the provider's process reads, judges and seals, the consumer's fetches and applies.

Two processes as in production, with their signed requests over loopback between them. Time runs from the order to
the closing of the run in the target.
"""

import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tests.exchange.tree import CITY, PROVINCE, Tree, Way


@dataclass
class Table:
    """A table that is there already."""

    dialect: str
    url: str
    table: str


def measured(urls: dict[str, str], rows: int, **terms: Any) -> dict[str, float]:
    """Rows a second from a city's table to its province's, and the larger peak memory of the two processes."""
    grant = terms.pop("grant", {})
    with tempfile.TemporaryDirectory(dir=urls["folder"]) as folder:
        tree = Tree(Path(folder))
        source, target = (Table("postgresql", urls["postgresql"], name) for name in ("person", "pupil"))
        way = Way("bench", source, target, CITY, PROVINCE, terms)  # type: ignore[arg-type]
        tree.publish(way, **grant)
        tree.start(PROVINCE, CITY)
        try:
            tree.until(lambda: all(_answers(tree, code) for code in (PROVINCE, CITY)), about="the start")
            began = time.perf_counter()
            tree.order(way)
            told = tree.until_done(way, for_s=3600)
            took = time.perf_counter() - began
            peak = max(_peak_mb(process.pid) for process in tree.running.values())
        finally:
            tree.stop()
    with psycopg.connect(urls["postgresql"]) as db:
        row = db.execute("SELECT count(*) FROM pupil").fetchone()
    assert row, told
    assert row[0] + told["refused"] >= told["applied"] > 0, told
    print(f"{'two nodes':<12} {rows / took:>10,.0f} rows/s  {peak:>5.0f} MB", file=sys.stderr)
    return {"rate": rows / took, "seconds": took, "peak_mb": peak}


def _answers(tree: Tree, code: str) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", tree.ports[code])) == 0


def _peak_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
