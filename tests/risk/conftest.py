"""What the tests of this room begin with."""

from collections.abc import Iterator

import pytest
from tests.cast import NOON
from tests.risk.cast import Desk, month_of_use

from guantong.kit import clock


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    """The cast at its work, at noon."""
    with clock.frozen(NOON):
        yield Desk()


@pytest.fixture
def month(desk: Desk) -> None:
    """A month of ordinary use before that noon."""
    month_of_use(desk, until=NOON)
