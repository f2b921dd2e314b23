"""A town on real database servers, for the journeys."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from examples.guangan.places import PLACES
from examples.guangan.town import Town

from tests.journeys.departments import into_mariadb, into_postgresql
from tests.towns import in_folder


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
