"""From a city's department to the nation's base and back down, through a province, with real processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.exchange.test_pairs import Place
from tests.exchange.tree import CITY, EDGE, NATION, PROVINCE, Tree, Way

from guantong.bundle.jobs import Limits

ROWS = 300
SMALL = {"limits": Limits(chunk_rows=50), "key": ["person_no"]}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path / "tree")
    yield tree
    tree.stop()


def a_way(folder: Path, job: str, reader: str, writer: str, **terms: Any) -> Way:
    places = []
    for end, table in (("from", "person"), ("to", "pupil")):
        path = folder / f"{job}-{end}.db"
        path.touch()
        places.append(Place("sqlite", f"sqlite://{path}", table))
    way = Way(job, places[0], places[1], reader, writer, {**SMALL, **terms})
    way.source.fill(range(1, ROWS + 1))
    return way


def test_up_to_the_nation_and_down_again(tree: Tree, tmp_path: Path) -> None:
    up = a_way(tmp_path, "up", CITY, NATION)
    down = a_way(tmp_path, "down", NATION, CITY)
    tree.publish(up, down)
    tree.start(NATION, PROVINCE, CITY)
    for way in (up, down):
        tree.order(way)
        told = tree.until_done(way)
        # What came in several goes is counted anew in each.
        assert (told["applied"] + told["resumed_rows"], told["chunk"]) == (ROWS, 6)
        assert way.target.rows() == way.source.rows()
    sent = [r for r in tree.receipts(CITY) if r["role"] == "provider"]
    got = [r for r in tree.receipts(NATION) if r["role"] == "consumer"]
    assert sum(r["rows"] for r in sent) == got[0]["rows"] == ROWS
    # The province carried it and could not read it.
    assert tree.receipts(PROVINCE) == []
    tree.until(lambda: not list((tree.home(PROVINCE) / "exchange" / "staging").rglob("*.chunk")))


def test_what_is_sent_while_a_node_is_down_arrives_later(tree: Tree, tmp_path: Path) -> None:
    way = a_way(tmp_path, "up", CITY, NATION)
    tree.publish(way)
    tree.start(CITY)
    tree.order(way)
    tree.until(lambda: tree.progress(way, CITY, is_sending=True).get("state") == "done")
    tree.start(PROVINCE)
    tree.until(lambda: len(list((tree.home(PROVINCE) / "exchange").rglob("*.chunk"))) == 6)
    tree.start(NATION)
    tree.until_done(way)
    assert way.target.rows() == way.source.rows()


def test_an_edge_reads_and_an_edge_writes(tree: Tree, tmp_path: Path) -> None:
    out = a_way(tmp_path, "out", EDGE, NATION)
    into = a_way(tmp_path, "into", NATION, EDGE)
    inside = a_way(tmp_path, "inside", EDGE, EDGE, staged=False)
    home = a_way(tmp_path, "home", EDGE, CITY)
    tree.publish(out, into, inside, home)
    tree.start()
    for way in (out, into, inside, home):
        tree.order(way)
        tree.until_done(way)
        assert way.target.rows() == way.source.rows(), way.job
    # The edge has no log of its own: its node signs for what it sent and for what it got.
    tree.until(lambda: {"out", "into", "home"} <= {r["batch"]["job"] for r in tree.receipts(CITY)})
    receipts = {(r["batch"]["job"], r["role"]): r["rows"] for r in tree.receipts(CITY)}
    assert receipts["into", "consumer"] == ROWS
    assert receipts["home", "consumer"] == ROWS
    told = tree.until((tree.home(CITY) / "exchange" / "edges" / f"{EDGE}.json").read_text)
    assert '"version": "' in told


def test_a_revoked_grant_passes_nobody(tree: Tree, tmp_path: Path) -> None:
    way = a_way(tmp_path, "up", CITY, NATION)
    tree.publish(way)
    tree.start(CITY)
    tree.order(way)
    tree.until(lambda: tree.progress(way, CITY, is_sending=True).get("state") == "done")
    tree.publish(way, state="revoked")
    tree.start(PROVINCE, NATION)
    tree.until(lambda: b"grant_revoked" in (tree.home(CITY) / "out").read_bytes())
    assert way.target.rows() == []


def test_increments_go_on_from_what_was_sent(tree: Tree, tmp_path: Path) -> None:
    terms = {"writing": "upsert", "reading": "watermark", "watermark": "updated_at"}
    way = a_way(tmp_path, "up", CITY, NATION, **terms)
    tree.publish(way)
    tree.start(NATION, PROVINCE, CITY)
    tree.order(way)
    first = tree.until_done(way)
    way.source.fill(range(ROWS + 1, ROWS + 21))
    tree.order(way)
    second = tree.until_done(way, after=first["run"])
    assert way.target.rows() == way.source.rows()
    assert second["applied"] < ROWS


def test_a_run_given_up_leaves_no_trace(tree: Tree, tmp_path: Path) -> None:
    way = a_way(tmp_path, "up", CITY, NATION)
    tree.publish(way)
    tree.start(CITY, PROVINCE)
    tree.order(way)
    tree.until(lambda: len(list((tree.home(PROVINCE) / "exchange").rglob("*.chunk"))) == 6)
    tree.order(way, "cancel")
    tree.order(way, "cancel", at=NATION)
    tree.start(NATION)
    tree.order(way, "replay")
    tree.until_done(way)
    assert way.target.rows() == way.source.rows()
