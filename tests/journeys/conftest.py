"""A town of three real nodes for the journeys, and one in which the story has been told."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from examples.guangan import people
from examples.guangan.places import PLACES
from examples.guangan.story import Story
from examples.guangan.town import Town

from tests.journeys.departments import into_mariadb, into_postgresql


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The departments' synthetic tables, made once."""
    folder = tmp_path_factory.mktemp("tables")
    people.build(folder)
    return folder


def in_folder(folder: Path, tables: Path) -> Path:
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


@pytest.fixture
def town_on_servers(tmp_path: Path, tables: Path, postgresql_url: str, mariadb_url: str) -> Iterator[Town]:
    """A town on PostgreSQL, whose city departments keep PostgreSQL, MariaDB and SQLite."""
    server, _, _ = postgresql_url.rpartition("/")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        for code in PLACES:
            connection.execute(f"CREATE DATABASE node_{code}")  # type: ignore[call-overload]
    into_postgresql(tables / "residence.sqlite3", "residence_permit", postgresql_url)
    into_mariadb(tables / "insurance.sqlite3", "social_insurance", mariadb_url)
    town = Town.on_free_ports(
        in_folder(tmp_path, tables),
        database_urls={code: f"{server}/node_{code}" for code in PLACES},
        extra_environment={
            "TOWN_SOURCE_RESIDENCE_PERMIT": postgresql_url,
            "TOWN_DIALECT_RESIDENCE_PERMIT": "postgresql",
            "TOWN_SOURCE_SOCIAL_INSURANCE": mariadb_url,
            "TOWN_DIALECT_SOCIAL_INSURANCE": "mysql",
        },
    )
    with town:
        yield town
