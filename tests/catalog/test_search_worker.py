"""A real worker: it builds the missing index in a process of its own, follows changes, and mends what is damaged."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.catalog.searching import PUBLISH, run, searching_node

from guantong.catalog.search.errors import SearchIndexMissing
from guantong.catalog.search.generations import EmbeddedIndex
from guantong.catalog.search.types import Asked


@pytest.fixture
def node(tmp_path: Path) -> Iterator[dict[str, str]]:
    with searching_node(tmp_path, "work") as environment:
        yield environment


def _until(condition: Callable[[], bool]) -> float:
    """Wait for a condition; how many seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 120, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def test_the_worker_builds_follows_and_mends(node: dict[str, str], tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path / "search")

    def finds(text: str) -> bool:
        try:
            return index.search(Asked(text)).total == 1
        except SearchIndexMissing:
            return False

    _until(lambda: finds("居住证信息"))
    generation = index.generation()
    run(node, "-c", PUBLISH, "不动产登记信息")
    print(f"visible {_until(lambda: finds('不动产登记')):.2f} s after the publishing process ended")
    assert index.generation() == generation, "a change is no reason to build anew"
    for path in (tmp_path / "search" / generation).glob("*.term"):
        path.write_bytes(b"damaged")
    _until(lambda: not finds("没有的词") and _notices(tmp_path) and index.generation() != generation)
    _until(lambda: finds("不动产登记"))


def _notices(folder: Path) -> bool:
    """Ask as a web process that starts now would, which is what meets the damage."""
    with contextlib.suppress(SearchIndexMissing):
        EmbeddedIndex(folder / "search").search(Asked("居住证"))
    return True
