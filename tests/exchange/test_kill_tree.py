"""Each process of the way is killed fifty times at random moments; then the target equals the source, by digest.

Edge, city, province and nation run at once; whoever is killed is started again and killed again, while rows are
changed, sent up and sent down. What matters is the end: tables, ledger and receipts say the same.
"""

import hashlib
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.exchange.test_mail import a_way
from tests.exchange.test_pairs import Place
from tests.exchange.tree import CITY, EDGE, NATION, PROVINCE, Tree, Way

from guantong.bundle.jobs import Limits

KILLS = int(os.environ.get("GUANTONG_TEST_KILLS", "50"))
LONGEST_LIFE_S = 1.6
ROWS = 400
UPSERT = {"writing": "upsert", "limits": Limits(chunk_rows=20)}
REPLACE = {"writing": "replace", "limits": Limits(chunk_rows=20)}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path / "tree")
    yield tree
    tree.stop()


def digest(place: Place) -> str:
    """One digest of all rows in order of their key."""
    rows = sorted(map(repr, place.rows()))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


class Killer:
    """Kills one place again and again, ``KILLS`` times, at moments that its seed names."""

    def __init__(self, tree: Tree, place: str, seed: int) -> None:
        self.deaths = 0
        self._tree = tree
        self._place = place
        self._random = random.Random(seed)
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while self.deaths < KILLS:
            time.sleep(self._random.uniform(0, LONGEST_LIFE_S))
            self._tree.kill(self._place)
            self.deaths += 1
            self._tree.start(self._place)


def keep_busy(tree: Tree, ways: list[Way], killers: list[Killer]) -> None:
    """Change rows and ask for runs until the last kill."""
    number = ROWS
    while any(killer.thread.is_alive() for killer in killers):
        for way in ways:
            number += 1
            way.source.fill(range(number, number + 1))
            tree.order(way)
        time.sleep(1)


def test_fifty_kills_of_each(tree: Tree, tmp_path: Path) -> None:
    ways = [
        a_way(tmp_path, "up-new", EDGE, NATION, **UPSERT),
        a_way(tmp_path, "up-all", CITY, NATION, **REPLACE),
        a_way(tmp_path, "down-all", NATION, EDGE, **REPLACE),
    ]
    tree.publish(*ways)
    tree.start()
    seed = int(os.environ.get("GUANTONG_TEST_SEED", "20261122"))
    killers = [Killer(tree, place, seed + n) for n, place in enumerate((EDGE, CITY, PROVINCE, NATION))]
    keep_busy(tree, ways, killers)
    assert [killer.deaths for killer in killers] == [KILLS] * 4
    for way in ways:
        settle(tree, way)
        assert digest(way.target) == digest(way.source), way.job
    check_receipts(tree, ways)


def settle(tree: Tree, way: Way) -> None:
    """One more run that nobody disturbs, begun after everything before it has come to its end."""
    tree.order(way, "replay")
    wanted = way.source.rows()
    tree.until(lambda: way.target.rows() == wanted, for_s=120, about=way.job)


def check_receipts(tree: Tree, ways: list[Way]) -> None:
    """Of every run that the ledger calls whole there is one receipt of the consumer's, with its rows."""
    whole = "SELECT run, rows FROM guantong_ledger WHERE chunk = 0"
    for way in ways:

        def signed(way: Way = way) -> bool:
            found: dict[str, list[Any]] = {}
            for receipt in tree.receipts(way.consumer):
                if receipt["role"] == "consumer" and receipt["batch"]["job"] == way.job:
                    found.setdefault(receipt["batch"]["run"], []).append(receipt["rows"])
            closed = {str(run): [int(str(rows))] for run, rows in way.target.do(whole)}
            return bool(closed) and found == closed

        tree.until(signed, for_s=30, about=f"receipts of {way.job}")
