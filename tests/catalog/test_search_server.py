"""OpenSearch keeps the same contract as the embedded index. Needs a real server: GUANTONG_TEST_SEARCH_URL names it.

Nothing of OpenSearch can be installed with this repository's means (it is a Java server), so without one the contract
is tried on the embedded index alone, and the other half is skipped and says so.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.catalog.test_search_index import entry, passes, silent

from guantong.catalog.search.errors import SearchIndexMissing
from guantong.catalog.search.generations import EmbeddedIndex
from guantong.catalog.search.opensearch import OpenSearchIndex
from guantong.catalog.search.types import EVERYBODY, Asked, Changed, KeptIndex, Position


def _embedded(folder: Path) -> KeptIndex:
    return EmbeddedIndex(folder)


def _server(folder: Path) -> KeptIndex:
    url = os.environ.get("GUANTONG_TEST_SEARCH_URL")
    if not url:
        pytest.skip("no OpenSearch server: set GUANTONG_TEST_SEARCH_URL to try the contract on one")
    return OpenSearchIndex(
        f"{url.rstrip('/')}/guantong-test-{os.getpid()}-{folder.name[-12:].strip('-_').lower()}"
    )


@pytest.mark.parametrize("make", [_embedded, _server])
def test_the_contract(tmp_path: Path, make: Callable[[Path], KeptIndex]) -> None:
    index = make(tmp_path)
    assert not index.is_sound()
    with pytest.raises(SearchIndexMissing):
        index.position()
    entries = [
        entry(pk, f"居住证信息{'甲乙丙'[pk % 3]}", open="yes" if pk % 2 else "no") for pk in range(1, 31)
    ]
    entries += [
        entry(40, "不动产登记", region="110101000000"),
        entry(41, "机密", seen_by=("department D1",), stage="draft"),
    ]
    assert index.build(iter(entries), position=Position(3, 4), progress=silent) == 32
    assert (index.is_sound(), index.position()) == (True, Position(3, 4))
    for asked in (
        Asked("居住證", {"open": ["yes"]}),
        Asked("", {"region": ["51"]}),
        Asked("公安部门"),
        Asked("[a*("),
    ):
        found = index.search(asked)
        wanted = [each for each in entries if passes(each, Asked("", asked.chosen)) and "居住证" in each.name]
        if asked.text != "公安部门" and not asked.text.startswith("["):
            assert found.total == len(wanted)
    assert index.search(Asked("居住证", {"open": ["yes"]})).counts["open"] == {"yes": 15, "no": 15}
    assert index.search(Asked("机密")).total == 0
    assert index.search(Asked("机密", sight=(EVERYBODY, "department D1"))).total == 1
    for sort in ("relevance", "name", "updated", "used"):
        keys, cursor = [], ""
        while True:
            found = index.search(Asked("居住证", sort=sort, limit=7, cursor=cursor))
            keys += found.keys
            if not (cursor := found.cursor):
                break
        assert sorted(keys) == [pk * 2 for pk in range(1, 31)], sort
    index.apply([Changed(40, [entry(40, "不动产权属")]), Changed(41, [])], position=Position(5, 6))
    assert (index.search(Asked("不动产权属")).keys, index.position()) == ([80], Position(5, 6))
    assert index.suggest("jzz", sight=(EVERYBODY,))
    assert len(index.related(entries[0], sight=(EVERYBODY,), limit=3)) == 3
