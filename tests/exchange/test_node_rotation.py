"""Nodes change their keys between and amid batches: what is on its way arrives, and the edge follows by itself."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.exchange.test_mail import a_way
from tests.exchange.tree import CITY, EDGE, NATION, PROVINCE, Tree

from guantong.bundle.types import FormerKey, Node
from guantong.evidence import successions
from guantong.evidence.successions import own_keys
from guantong.exchange.edge.home import NodeRing
from guantong.kit import clock
from guantong.kit.suites import INTERNATIONAL


class Knowing(Tree):
    """A tree whose bundles tell of every node's keys what its own files say."""

    def _node(self, code: str, *, seen_from: str) -> Node:
        keys = own_keys(self.home(code) / "keys")
        return msgspec.structs.replace(
            super()._node(code, seen_from=seen_from),
            key=keys.present.to_text(),
            coming=keys.coming.to_text() if keys.coming else "",
            former=[FormerKey(key=each.key.to_text(), until=each.until) for each in keys.former],
        )

    def rotate(self, code: str, *, overlap: timedelta = timedelta(hours=1)) -> None:
        """Both steps, with the bundles that follow from them."""
        folder = self.home(code) / "keys"
        successions.announce(folder)
        self.publish(*self.ways)
        now = clock.now()
        self.keys[code] = successions.promote(folder, until=now + overlap, at=now)
        self.publish(*self.ways)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Knowing]:
    tree = Knowing(tmp_path / "tree")
    yield tree
    tree.stop()


def test_batches_go_on_through_every_nodes_change(tree: Knowing, tmp_path: Path) -> None:
    ways = [
        a_way(tmp_path, "up", EDGE, NATION, writing="upsert"),
        a_way(tmp_path, "down", NATION, EDGE, writing="replace"),
    ]
    tree.publish(*ways)
    tree.start()
    runs = {}
    for way in ways:
        tree.order(way)
        runs[way.job] = tree.until_done(way)["run"]
    for code in (CITY, PROVINCE, NATION):
        tree.rotate(code)
        for way in ways:
            way.source.fill(range(9_000 + tree.sequence, 9_001 + tree.sequence))
            tree.order(way)
            runs[way.job] = tree.until_done(way, after=runs[way.job])["run"]
            assert way.target.rows() == way.source.rows(), (code, way.job)
    told = json.loads((tree.home(EDGE) / "edge.json").read_text())
    assert told["node_key"] == tree.keys[CITY].public.to_text()
    assert set(NodeRing(tree.home(EDGE))) == set(own_keys(tree.home(CITY) / "keys").now())


def test_what_was_sealed_for_the_former_key_is_opened(tree: Knowing, tmp_path: Path) -> None:
    way = a_way(tmp_path, "up", CITY, NATION, writing="upsert")
    tree.publish(way)
    tree.start(CITY, PROVINCE)  # the consumer is away
    tree.order(way)
    staged = tree.home(PROVINCE) / "exchange" / "staging"
    tree.until(lambda: list(staged.rglob("*.chunk")), about="a chunk half way")
    tree.rotate(NATION)
    tree.start(NATION)
    tree.until_done(way)
    assert way.target.rows() == way.source.rows()


def test_an_edge_follows_statements_and_nothing_else(tree: Knowing) -> None:
    ring = NodeRing(tree.home(EDGE))
    folder = tree.home(CITY) / "keys"
    assert not ring.learn(msgspec.json.encode(successions.telling(folder)))  # nothing new
    stranger = INTERNATIONAL.generate(tree.keys[CITY].name)
    forged = [
        successions.TellingKeys(stranger.public.to_text(), []),
        successions.TellingKeys(
            stranger.public.to_text(),
            [successions.introduce(stranger, INTERNATIONAL.generate(stranger.name), clock.now())],
        ),
    ]
    for told in forged:
        assert not ring.learn(msgspec.json.encode(told))
    assert not ring.learn(b"nonsense")
    former = tree.keys[CITY].public
    tree.rotate(CITY, overlap=timedelta(0))
    assert ring.learn(msgspec.json.encode(successions.telling(folder)))
    assert list(ring) == [tree.keys[CITY].public.ref]
    assert former.ref not in NodeRing(tree.home(EDGE))
