"""What all tests share: private database servers, and the control database on SQLite or PostgreSQL."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.db import connections

pytest_plugins = ["tests.databases", "tests.towns"]

_IS_POSTGRESQL = os.environ.get("GUANTONG_TEST_DATABASE") == "postgresql"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever touches the control database is a ``control`` test, and so runs on both databases."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "db" in fixtures or "transactional_db" in fixtures or item.get_closest_marker("django_db"):
            item.add_marker("control")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Point the control database at the private PostgreSQL server when that is what is being tested."""
    if _IS_POSTGRESQL:
        parts = urlsplit(request.getfixturevalue("postgresql_url"))
        connections["default"].settings_dict.update(
            {"HOST": parts.hostname, "PORT": str(parts.port), "USER": parts.username, "CONN_MAX_AGE": 0}
        )
    yield
    connections.close_all()
