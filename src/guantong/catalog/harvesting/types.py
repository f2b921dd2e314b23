"""What is read of a source: its tables, their columns, and what a sample of values looked like (never the values)."""

from dataclasses import dataclass, field

MOST_TABLES = 500
MOST_COLUMNS = 500
SAMPLE = 200
SECONDS = 20


@dataclass(frozen=True)
class FoundColumn:
    """A column: its type as the database has it, its comment, what share of a sample looks like which kind."""

    name: str
    type: str
    comment: str = ""
    length: int = 0
    is_key: bool = False
    looks: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FoundTable:
    """A table or view: ``rows`` is the database's own estimate, or a count where that is cheap; -1 unknown."""

    name: str
    comment: str
    rows: int
    columns: tuple[FoundColumn, ...]
