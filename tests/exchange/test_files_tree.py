"""Files and events on their way through the tree: three nodes and an edge, real processes, killed on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.exchange import cast
from tests.exchange.delivery import FIELDS
from tests.exchange.delivery import tree as tree_of
from tests.exchange.listening import numbers
from tests.exchange.test_folder import some
from tests.exchange.test_listeners import Hall
from tests.exchange.test_pairs import Place
from tests.exchange.tree import CITY, EDGE, NATION, PROVINCE, Tree, Way

from guantong.bundle.files import NAMES, file_items
from guantong.bundle.jobs import Limits, Target
from guantong.bundle.types import Binding, Resource
from guantong.exchange.files import PIECE

FILES: dict[str, Any] = {
    "fields": list(NAMES),
    "key": ["file", "offset"],
    "writing": "upsert",
    "limits": Limits(chunk_bytes=2 * PIECE),
}


@dataclass
class Folder:
    """One end of a delivery."""

    path: Path
    dialect: str = "folder"
    table: str = "."

    @property
    def url(self) -> str:
        return f"file://{self.path}"


@dataclass
class Hook:
    """Who listens."""

    url: str
    dialect: str = "events"
    table: str = "persons"


class FileTree(Tree):
    """The tree, with folders where it has tables."""

    def _resource(self, way: Way) -> Resource:
        made = super()._resource(way)
        return msgspec.structs.replace(made, items=file_items()) if is_of_files(way) else made

    def _binding(self, way: Way) -> Binding:
        made = super()._binding(way)
        return msgspec.structs.replace(made, columns=FIELDS) if is_of_files(way) else made

    def _target(self, way: Way) -> Target:
        made = super()._target(way)
        return msgspec.structs.replace(made, columns=FIELDS) if is_of_files(way) else made

    def _grant(self, way: Way) -> Any:
        made = super()._grant(way)
        return msgspec.structs.replace(made, fields=list(NAMES)) if is_of_files(way) else made


def is_of_files(way: Way) -> bool:
    return way.source.dialect == "folder"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[FileTree]:
    tree = FileTree(tmp_path / "tree")
    yield tree
    tree.stop()


def delivery(home: Path, job: str, reader: str, writer: str, **terms: Any) -> Way:
    ends: list[Any] = []
    for name in ("发出", "收到"):
        path = home / f"{job}-{name}"
        path.mkdir()
        ends.append(Folder(path))
    folder = ends[0].path
    (folder / "卷宗 一").mkdir()
    (folder / "卷宗 一" / "a.bin").write_bytes(some(5 * PIECE + 3))
    (folder / "卷宗 一" / "空.txt").write_bytes(b"")
    (folder / "b.bin").write_bytes(some(3 * PIECE, 2))
    return Way(job, ends[0], ends[1], reader, writer, FILES | terms)


def arrived(way: Way) -> dict[str, bytes]:
    return tree_of(way.target.path)  # type: ignore[attr-defined]


def sent(way: Way) -> dict[str, bytes]:
    return tree_of(way.source.path)  # type: ignore[attr-defined]


def test_files_go_from_an_edge_to_the_nation_and_back(tree: FileTree, tmp_path: Path) -> None:
    up = delivery(tmp_path, "up", EDGE, NATION)
    down = delivery(tmp_path, "down", NATION, EDGE, writing="replace")
    tree.publish(up, down)
    tree.start()
    for way in (up, down):
        tree.order(way)
        tree.until_done(way)
        assert arrived(way) == sent(way)
    tree.until(lambda: not list((tree.home(PROVINCE) / "exchange" / "staging").rglob("*.chunk")))


def test_every_place_is_killed_on_the_way(tree: FileTree, tmp_path: Path) -> None:
    way = delivery(tmp_path, "up", CITY, NATION)
    (way.source.path / "large.bin").write_bytes(some(40 * PIECE, 3))  # type: ignore[attr-defined]
    tree.publish(way)
    tree.start(NATION, PROVINCE, CITY)
    tree.order(way)
    tree.until(lambda: tree.progress(way, CITY, is_sending=True).get("chunk", 0) >= 2)
    for place in (CITY, PROVINCE, NATION):
        tree.kill(place)
        tree.start(place)
        tree.until(lambda: tree.progress(way, NATION).get("state"))
    tree.until_done(way, for_s=120)
    assert arrived(way) == sent(way)


@pytest.mark.parametrize("place", [CITY, EDGE])
def test_a_city_listens_to_the_nations_register(tree: FileTree, tmp_path: Path, place: str) -> None:
    hall = Hall()
    path = tmp_path / "register.db"
    path.touch()
    source = Place("sqlite", f"sqlite://{path}", "person")
    source.fill(range(1, 101))
    terms = {"writing": "append", "key": ["person_no"], "limits": Limits(chunk_rows=20)}
    way = Way("hear", source, Hook(f"webhook+{hall.url}"), NATION, place, terms)  # type: ignore[arg-type]
    tree.publish(way)
    tree.start()
    tree.order(way)
    tree.until(lambda: len(hall.taken) >= 30)
    tree.kill(place)
    tree.start(place)
    tree.until(lambda: any(one["type"] == "guantong.batch.arrived" for one in hall.events()))
    once = list({one["id"]: one for one in hall.events()}.values())
    assert numbers(once) == list(range(1, 101))
    assert {one["source"] for one in once} == {f"urn:guantong:{NATION}:R-hear"}
    assert all(f'keyid="{place}"' in headers["signature-input"] for headers, _ in hall.taken)
    assert cast.PURPOSE in {one["purpose"] for one in once}
    hall.shutdown()
    hall.server_close()
