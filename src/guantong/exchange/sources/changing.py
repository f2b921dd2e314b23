"""变更日志: what a database's own log of changes is asked for, and what every such log promises.

The log only tells *which* rows were touched; how they stand now is read from the table, through the same gate as
always. So values never have to be guessed from a log's own notation, and a row that was touched again meanwhile is
simply told again by a later entry.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

Key = tuple[int | str | None, ...]

KEYS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Touched:
    """Keys of rows that were added, changed or deleted, no order, none twice.

    ``is_all``: the log does not say which (the table was emptied, or rebuilt): all of it has to be looked at.
    """

    keys: tuple[Key, ...]
    is_all: bool = False


class ChangeLog(Protocol):
    """The log of one table, for one job. All methods raise the errors of :mod:`exchange.errors`."""

    def begin(self) -> None:
        """See to it that from now on nothing is missed. ChangeLogUnusable says what the administrator must do."""

    def position(self) -> str:
        """Where the log ends at this moment."""

    def touched(self, since: str, until: str) -> Iterator[Touched]:
        """What happened between two positions. ChangesLost if the log no longer goes back so far."""

    def is_far(self, since: str, until: str) -> bool:
        """Whether a position is worth noting although nothing has happened to the table between the two."""

    def settle(self, position: str) -> None:
        """Everything up to ``position`` has arrived: the log need not keep it for us."""
