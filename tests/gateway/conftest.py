"""The town, for tests that need it running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.gateway.town import Town, running


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with running(tmp_path) as town:
        yield town
