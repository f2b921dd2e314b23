"""Towns of three real nodes, for the journeys and the browser: the departments' tables, and one told story."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.guangan import people
from examples.guangan.story import Story
from examples.guangan.town import Town


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The departments' synthetic tables, made once."""
    folder = tmp_path_factory.mktemp("tables")
    people.build(folder)
    return folder


def in_folder(folder: Path, tables: Path) -> Path:
    """``folder`` with the tables in it, ready for a town."""
    (folder / "tables").symlink_to(tables)
    return folder


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[Story]:
    """The story in a running town on SQLite; the town stays for what comes after."""
    folder = in_folder(tmp_path_factory.mktemp("town"), tables)
    with Town.on_free_ports(folder) as town:
        story = Story(town, folder / "story", seed=11)
        story.tell()
        yield story
